/* SPDX-License-Identifier: Apache-2.0 */
/* CP(CFG_REPLY), what a client that gets a virtual IP is told (RFC 7296 3.15, RFC 8598). */
#ifndef PROTO_IKE_CONFIG_REPLY_H
#define PROTO_IKE_CONFIG_REPLY_H

#include "proto/ike/builder.h"
#include "proto/ike/ike_config.h"
#include "proto/ike/payload.h"

/* Nothing if it gets none. */
void ike_add_config_reply(struct ike_builder *b, const struct ike_connection *c, const struct address *virtual_ip,
			  const struct ike_cp_request *asked);

#endif
