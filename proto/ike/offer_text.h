/* SPDX-License-Identifier: Apache-2.0 */
/* The offer and what we would accept, in strongSwan's spelling: for the log line that tells an
 * operator why the two have nothing in common. */
#ifndef PROTO_IKE_OFFER_TEXT_H
#define PROTO_IKE_OFFER_TEXT_H

#include "proto/crypto/suite.h"

#include <openssl/bytestring.h>

/* Proposals of a well-formed SA payload, "aes128-sha256-modp1024, aes128gcm16-..."; what
 * does not fit is "...". room: at least 4. */
const char *offer_format(const CBS *sa, char *text, size_t room);
/* The same of what we are configured with; appends to text. */
const char *proposals_format(const struct proposal *p, size_t n, char *text, size_t room);
/* "offers ...; accepted would be ...", both sides of a refusal. */
#define REFUSAL_TEXT_LEN 320u
const char *refusal_format(const CBS *sa, const struct proposal *p, size_t n, char text[REFUSAL_TEXT_LEN]);

#endif
