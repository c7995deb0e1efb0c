/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments of IKE messages (RFC 7383), at the leader, until their messages are complete. */
#ifndef CLUSTER_CORE_FRAGMENTS_H
#define CLUSTER_CORE_FRAGMENTS_H

#include "proto/ike/ike.h"

#include <stddef.h>

struct core;
struct session;

/* All incomplete messages, in octets with their overhead. Filling it takes that much authenticated
 * traffic within the time that one message may be under way. */
#define FRAGMENTS_OCTETS_MAX (8u << 20)

/* Takes a received datagram, with its header. Returns the message that it is or completes, as the
 * caller's reference. NULL: the rest of its message is missing, or it was dropped and counted. */
struct ike_datagrams *fragments_collect(struct core *c, const struct ike_header *h, struct blob *datagram);
/* The session has made a step: fragments that it can no longer use are forgotten. */
void fragments_settle(struct core *c, const struct session *s);
void fragments_forget(struct core *c, uint64_t spi_i, uint64_t spi_r); /* The IKE SA is gone. */
void fragments_clear(struct core *c);                                  /* We do not lead. */
size_t fragments_octets(const struct core *c);
void fragments_tick(struct core *c);
void fragments_init(struct core *c);
void fragments_fini(struct core *c);

#endif
