/* SPDX-License-Identifier: Apache-2.0 */
/* EAP packets (RFC 3748 section 4, 5) as views of their bytes. */
#ifndef PROTO_AUTH_EAP_H
#define PROTO_AUTH_EAP_H

#include "proto/wire/blob.h"
#include "proto/wire/status.h"

#include <openssl/bytestring.h>

#include <stdbool.h>

enum {
	EAP_REQUEST = 1, /* The authenticator's, ... */
	EAP_RESPONSE = 2, /* ... answered by the peer. */
	EAP_SUCCESS = 3,
	EAP_FAILURE = 4
};

enum { /* Types of requests and responses */
	EAP_TYPE_IDENTITY = 1,
	EAP_TYPE_NOTIFICATION = 2,
	EAP_TYPE_NAK = 3, /* Response only: the types that the peer would rather have. */
	EAP_TYPE_MSCHAPV2 = 26,
	EAP_TYPE_EXPANDED = 254
};

#define EAP_HEADER_LEN 4u
#define EAP_LEN_MAX 2048u /* The longest that we send or accept. */

struct eap {
	uint8_t code, id;
	uint8_t type; /* 0: success and failure have none. */
	CBS data;     /* Type-Data */
};

/* ERR_MALFORMED unless packet is one whole EAP packet, without padding: in IKE its length is the
 * payload's (RFC 7296 3.16). ERR_TOO_LONG above EAP_LEN_MAX. */
enum status eap_parse(struct eap *e, CBS packet) must_check;

/* NULL: it would be longer than EAP_LEN_MAX. */
struct blob *eap_encode(const struct eap *e);

#endif
