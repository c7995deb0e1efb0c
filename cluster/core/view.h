/* SPDX-License-Identifier: Apache-2.0 */
/* What every room of the core may ask: the time, who leads, who is who; and a frame to a node. */
#ifndef CLUSTER_CORE_VIEW_H
#define CLUSTER_CORE_VIEW_H

#include "cluster/cluster_config.h"
#include "cluster/link/frame.h"
#include "cluster/state/state.h"
#include "proto/wire/drop.h"

struct core;

#define MS UINT64_C(1000)
#define NEVER UINT64_MAX
#define NODE_NONE CLUSTER_NODES_MAX

uint64_t core_now_ms(const struct core *c);
bool core_leads(const struct core *c);          /* Leader, and its state is current. */
uint32_t core_leader_index(const struct core *c); /* NODE_NONE: unknown or ourselves not ready. */
void core_drop(struct core *c, enum drop d);
void core_send(struct core *c, uint32_t node, const struct frame *f); /* If the link is up. */
void core_broadcast(struct core *c, const struct frame *f);
const char *core_node_name(const struct core *c, uint64_t raft_id);
/* Is this node the owner of the session, in this incarnation, by applied state? */
bool core_owns(const struct core *c, const struct session *s);
/* The [[connection]] it came by; NULL: no longer configured. */
const struct ike_connection *core_connection(const struct core *c, const struct session *s);
bool core_has_replacement(const struct session *s, uint32_t spi_in); /* Its Child SA was rekeyed. */
/* Horizon of Child SAs that the session gets now; 0: they are not exact. */
uint64_t core_first_horizon(const struct core *c, const struct ike_session *ike);
/* What a SessionStep says of the session that it is computed from, and of Child SAs that it may make. */
void core_step_terms(const struct core *c, const struct session *s, struct session_step *p);
/* Does the applied state show that process as up? */
bool core_is_up(const struct core *c, uint64_t id, uint64_t incarnation);
/* The facts that successors should have, ours; 0: all that are up have it. */
uint64_t core_successors_hash(const struct core *c);
void *core_room(size_t size); /* For a room's struct: zeroed, freed by its _fini(). */

#endif
