/* SPDX-License-Identifier: Apache-2.0 */
/* IKE messages at a node that does not lead. */
#ifndef CLUSTER_CORE_RELAY_H
#define CLUSTER_CORE_RELAY_H

#include "proto/ike/ike.h"

struct core;

bool relay_possible(const struct core *c, uint32_t leader);
/* Drops a datagram that another node relayed: it is never relayed again. */
void relay_forward(struct core *c, uint32_t via, const struct endpoint *local,
		   const struct endpoint *remote, const uint8_t *data, size_t len);
void relay_keep(struct core *c, uint32_t via, const struct ike_header *h,
		const struct endpoint *local, const struct endpoint *remote, struct blob *data);
/* What was kept, if somebody leads now. */
typedef void relay_deliver(struct core *c, uint32_t via, const struct endpoint *local,
			   const struct endpoint *remote, const uint8_t *data, size_t len);
void relay_resume(struct core *c, relay_deliver *deliver);
void relay_fini(struct core *c);
void relay_init(struct core *c);

#endif
