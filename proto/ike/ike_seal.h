/* SPDX-License-Identifier: Apache-2.0 */
/* Between a message as it travels and its payloads: opening what the other side protected, sealing
 * what we send, the header of a response. */
#ifndef PROTO_IKE_IKE_SEAL_H
#define PROTO_IKE_IKE_SEAL_H

#include "proto/ike/builder.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/sk.h"

/* A protected message of the other side, opened. */
struct ike_opened {
	struct ike_message message; /* Views of plain. */
	enum status content;        /* OK, or why the authenticated content is refused: */
	uint8_t *plain;             /* ERR_MALFORMED or ERR_UNSUPPORTED. */
	size_t len;
};

/* A datagram, or all the fragments of a message in order. DROP_NONE: the message is theirs, and
 * o is to be ended with ike_opened_fini(). Otherwise nothing is known about who sent it. */
enum drop ike_open(struct ike_opened *o, const struct sk_direction *theirs,
		   const struct ike_datagrams *message) must_check;
/* DROP_NONE: this one datagram, a message or a fragment, is theirs. */
enum drop ike_authenticate(const struct sk_direction *theirs, const uint8_t *data,
			   size_t len) must_check;
void ike_opened_fini(struct ike_opened *o); /* Cleanses. */

/* The NOTIFY for o->content (RFC 7296 2.5, 2.21). */
void ike_add_content_error(struct ike_builder *b, const struct ike_opened *o);

/* The header of the response to a request. */
struct ike_header ike_reply_header(const struct ike_header *request);

/* What sealing takes. All pointers are borrowed. */
struct ike_sealer {
	struct sk_direction ours;
	struct iv_source *iv;
	struct entropy *entropy;
	uint32_t datagram_max; /* What is longer leaves in fragments (RFC 7383); 0: never. */
};

/* For the gateway: ours seals it; features are those that were agreed on with the client, which
 * is reached by this address family. */
struct ike_sealer ike_sealer_of(const struct ike_env *env, struct sk_direction ours,
				uint32_t features, uint8_t family);

/* Ends b, a whole message in clear, and seals it. ERR_TOO_LONG: it does not fit into
 * IKE_DATAGRAMS_MAX fragments, or into one datagram. */
enum status ike_seal(const struct ike_sealer *s, struct ike_builder *b,
		     struct ike_datagrams **out) must_check;

#endif
