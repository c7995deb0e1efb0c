/* SPDX-License-Identifier: Apache-2.0 */
/* A node's whole control plane as one deterministic machine: events in, actions
 * out (DESIGN section 1). The same code runs on sockets and disks (node/) and,
 * many times over, in the simulator (test/sim/). */
#ifndef CLUSTER_CORE_CORE_H
#define CLUSTER_CORE_CORE_H

#include "cluster/core/action.h"
#include "cluster/core/core_start.h"
#include "cluster/cluster_config.h"
#include "cluster/raft/consensus.h"
#include "cluster/link/detector.h"
#include "cluster/core/event.h"
#include "cluster/core/facts.h"
#include "cluster/state/state.h"
#include "proto/ike/notify_text.h"

struct core;

/* config is borrowed for the core's life, its policy counted. NULL: *why says what is wrong with the
 * store (it belongs to another cluster, another key, is damaged). Actions may be
 * queued already. */
struct core *core_new(const struct cluster_config *config, const struct core_start *start,
		      struct actions *actions, const char **why);
void core_free(struct core *core);

/* Is our wall clock far from those of most nodes? Then dates are not to be judged by it. */
bool core_clock_is_wrong(const struct core *core);

/* If more follow at once, what this event proposes waits: all of them together make one log entry. What is
 * due by time is looked at after the last one. */
void cluster_step(struct core *core, const struct event *event, struct actions *actions);

/* When EVENT_TICK is due next, by the clock of event.now_us. */
uint64_t core_deadline_us(const struct core *core);

/* ---- For status, between steps ---- */
struct core_status {
	bool ready;                /* Applied state is current and shows this incarnation up. */
	enum consensus_role role;
	uint32_t leader;           /* Index in config.node; CLUSTER_NODES_MAX = unknown. */
	uint64_t term, commit_applied;
	bool isolated, holds_address, quorum_wiped;
	uint64_t takeovers, takeovers_acknowledged;
	uint64_t last_mark_age_us; /* The last takeover in which we were the successor. */
	uint64_t last_gap_us;      /* From the lost owner's last sign to its clients' first packet here. */
	uint64_t deferred_expired; /* Takeovers in which marks did not arrive in time. */
	uint64_t false_node_downs; /* NodeDown of a node that was alive. */
	size_t half_open, pending;
	size_t radius_waiting; /* Questions to RADIUS servers that are open. */
	size_t fragments; /* Octets of incomplete IKE messages. */
	uint64_t policy_hash;      /* Hash of the policy in force here; others' are in their node_record. */
	uint64_t revoked_refused;  /* IKE_AUTH of identities that are revoked, here as leader. */
	uint64_t drops[DROP_COUNT];
	uint64_t refusals[NOTIFY_ERRORS + 1]; /* Error NOTIFYs to clients, by notify_error_index(). */
};
void core_status(const struct core *core, struct core_status *out);

#endif
