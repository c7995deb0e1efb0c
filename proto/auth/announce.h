/* SPDX-License-Identifier: Apache-2.0 */
/* What IKE_SA_INIT says about certificates, before either side has named itself. */
#ifndef PROTO_AUTH_ANNOUNCE_H
#define PROTO_AUTH_ANNOUNCE_H

#include "proto/ike/builder.h"
#include "proto/ike/ike_message.h"

/* The response: SIGNATURE_HASH_ALGORITHMS if the client has sent it, and CERTREQ for the CAs that
 * connections with this suite trust. */
void auth_announce(struct ike_builder *b, const struct ike_config *config, const struct suite *suite,
		   const struct ike_message *request);

#endif
