/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of our own: notices, dead peer detection, rekeys, deletions, retransmission. */
#ifndef CLUSTER_CORE_REQUESTS_H
#define CLUSTER_CORE_REQUESTS_H

#include "cluster/state/state.h"

struct core;
struct endpoint;

void requests_scan(struct core *c);       /* Ownership changed: look for notices to send. */
void requests_applied(struct core *c, const struct session *s);
void requests_forget(struct core *c, uint64_t session);
void requests_alive(struct core *c, const struct session *s); /* Authenticated sign of life. */
/* Its packets, perhaps replayed ones, come from `seen`: an unanswered request is sent again, to
 * that address too if the client is behind a NAT. */
void requests_wake(struct core *c, const struct session *s, const struct endpoint *seen);
void requests_delete_child(struct core *c, uint32_t spi_in);
/* The Child SA needs a successor: its rekey is made at the session's next turn, and again, ever
 * more slowly, until there is one or the SA is gone. The room that wants it must tell each new
 * leader; for an SA that has used 75 % of its numbers nobody need do so. */
void requests_rekey_child(struct core *c, const struct session *s, uint32_t spi_in);
void requests_role(struct core *c);
void requests_policy(struct core *c); /* A new one is in force. */
void requests_tick(struct core *c);
uint64_t requests_deadline_us(const struct core *c);
void requests_fini(struct core *c);
/* Clients told of a takeover, and those that have acknowledged it. */
void requests_count(const struct core *c, uint64_t *takeovers, uint64_t *acknowledged);
void requests_init(struct core *c);

#endif
