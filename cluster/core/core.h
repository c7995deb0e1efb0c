/* SPDX-License-Identifier: Apache-2.0 */
/* A node's whole control plane as one deterministic machine: events in, actions
 * out (DESIGN section 1). The same code runs on sockets and disks (node/) and,
 * many times over, in the simulator (test/sim/). */
#ifndef CLUSTER_CORE_CORE_H
#define CLUSTER_CORE_CORE_H

#include "cluster/core/action.h"
#include "cluster/cluster_config.h"
#include "cluster/raft/consensus.h"
#include "cluster/link/detector.h"
#include "cluster/core/event.h"
#include "cluster/state/state.h"
#include "proto/ike/notify_text.h"

struct core;

/* What a node starts with. */
struct core_start {
	uint64_t raft_id;          /* Random, drawn when the data directory was made; non-zero. */
	uint64_t incarnation;      /* Random, drawn at this start; its upper half is the IV salt. */
	struct blob *identity;     /* What ACTION_STORE_IDENTITY stored last; NULL = empty store. */
	struct store_image image;  /* Borrowed. */
	/* The newest record of the store is that old, too old for a cold start: only a leader
	 * that others have elected may use it. 0: it is not. */
	uint64_t old_s;
	uint64_t stored_age_ms;    /* That record's age by the wall clock; 0: there is none. */
	uint64_t now_us;
	uint8_t seed[ENTROPY_SEED_LEN];
};

/* config is borrowed for the core's life. NULL: *why says what is wrong with the
 * store (it belongs to another cluster, another key, is damaged). Actions may be
 * queued already. */
struct core *core_new(const struct cluster_config *config, const struct core_start *start,
		      struct actions *actions, const char **why);
void core_free(struct core *core);

/* A node's clock: a heartbeat of its left at that time, by that clock, and came here. Its clock
 * is that of its core's events. */
void core_peer_clock(struct core *core, uint32_t node, uint64_t clock_us);

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
	uint64_t last_mark_age_us; /* The last takeover in which we were the heir. */
	uint64_t last_gap_us;      /* Lost owner last heard, until its clients' first packet here. */
	uint64_t held_expired;     /* Takeovers in which marks did not arrive in time. */
	uint64_t false_node_downs; /* NodeDown of a node that was alive. */
	size_t half_open, pending;
	uint64_t revoked_refused;  /* IKE_AUTH of identities that are revoked, here as leader. */
	uint64_t drops[DROP_COUNT];
	uint64_t refusals[NOTIFY_ERRORS + 1]; /* Error NOTIFYs to clients, by notify_error_index(). */
};
/* The mark age of each of the last takeovers of which we are the heir, by whose slots they were:
 * the last one last. *changes: how often any of it has changed. Gives how many. */
#define TAKEOVERS_KEPT 16u
struct core_mark_age {
	uint64_t node, incarnation;
	uint64_t at_us, age_us; /* When it was taken over; by the clock of events. */
};
size_t core_mark_ages(const struct core *core, struct core_mark_age out[TAKEOVERS_KEPT],
		      uint64_t *changes);
void core_status(const struct core *core, struct core_status *out);
/* In memory, not in the state; NULL: it is not there. */
const struct ike_half_open *core_half_open(const struct core *core, uint64_t spi_i, uint64_t spi_r);
const struct state *core_state(const struct core *core);
uint64_t core_applied(const struct core *core);
uint64_t core_last_index(const struct core *core); /* The log's. */
uint32_t core_voters(const struct core *core); /* In the configuration that was applied last. */
/* Who counts for contact, by the same configuration. */
void core_quorum(const struct core *core, struct detector_quorum *out);
/* Index in config.node of a Raft id; CLUSTER_NODES_MAX if unknown. */
uint32_t core_node_index(const struct core *core, uint64_t raft_id);
/* It is linked, and we work with it: whoever is not gets nothing and is heard in nothing. */
bool core_node_linked(const struct core *core, uint32_t node);
/* Its HELLO came over this link, and we will not work with it. */
bool core_node_refused(const struct core *core, uint32_t node);

#endif
