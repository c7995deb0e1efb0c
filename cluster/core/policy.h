/* SPDX-License-Identifier: Apache-2.0 */
/* The policy in force, and sessions whose identity or connection it no longer contains. */
#ifndef CLUSTER_CORE_POLICY_H
#define CLUSTER_CORE_POLICY_H

#include "cluster/cluster_policy.h"
#include "cluster/state/state.h"

struct core;

/* A walk through all sessions, a few at a time: how many are configured, and how many are not. */
struct policy_walk {
	uint64_t after, seen, gone, astray;
	bool over;
	uint32_t n; /* The last ones that are not; the caller takes them. */
	uint64_t session[SESSIONS_END_MAX];
};

void policy_init(struct core *c);
void policy_set(struct core *c, struct cluster_policy *policy); /* In force from now on. */
bool policy_knows(const struct core *c, const struct ike_id *id); /* Has it a [[secret]], [[user]], [[client]]? */
/* Virtual IPs that are of one identity: its own, if it comes by a connection of the kind that the address was
 * given for (another may prove the same name by another method); and whether an address is anybody's. */
bool policy_address_of(const struct core *c, const struct ike_connection *connection, const struct ike_id *id,
		       struct address *out);
bool policy_is_reserved(const struct core *c, const struct address *a);
/* May somebody come by this name: do client_ids name it, or is there a connection whose CA or RADIUS servers alone say
 * who comes? */
bool policy_admits(const struct core *c, const struct ike_id *id);
bool policy_is_shown(const struct core *c); /* Has a majority of voters our facts and our policy? */
bool policy_ends_too_many(uint64_t gone, uint64_t seen); /* Too many to end unless an operator says so? */
void policy_walk(const struct core *c, struct policy_walk *w); /* Further; never if it is over. */
void policy_propose(struct core *c, struct policy_walk *w, uint64_t ticket);
void policy_look(struct core *c); /* Nodes changed. */
void policy_role(struct core *c);
void policy_tick(struct core *c);
void policy_fini(struct core *c);

#endif
