/* SPDX-License-Identifier: Apache-2.0 */
/* What may be read of a core between two steps, by its rooms and from outside. */
#ifndef CLUSTER_CORE_FACTS_H
#define CLUSTER_CORE_FACTS_H

#include "cluster/link/detector.h"
#include "cluster/state/state.h"

struct core;
struct ike_half_open;

/* In memory, not in the state; NULL: it is not there. */
const struct ike_half_open *core_half_open(const struct core *core, uint64_t spi_i, uint64_t spi_r);
const struct state *core_state(const struct core *core);
uint64_t core_applied(const struct core *core);
struct cluster_policy *core_policy(const struct core *core); /* In force; borrowed. */
uint64_t core_last_index(const struct core *core); /* The log's. */
uint32_t core_voters(const struct core *core); /* In the configuration that was applied last. */
/* The nodes that count for contact, by the same configuration. */
void core_quorum(const struct core *core, struct detector_quorum *out);
/* Index in config.node of a Raft id; CLUSTER_NODES_MAX if unknown. */
uint32_t core_node_index(const struct core *core, uint64_t raft_id);
/* It is linked and we work with it: to any other node we send nothing, and from it we take
 * nothing. */
bool core_node_linked(const struct core *core, uint32_t node);
/* Its HELLO came over this link, and we will not work with it. */
bool core_node_refused(const struct core *core, uint32_t node);

/* The mark age of each of the last takeovers in which we are the successor, by the lost process: the
 * newest last. *changes: how often any of it has changed. Returns how many. */
#define TAKEOVERS_KEPT 16u
struct core_mark_age {
	uint64_t node, incarnation;
	uint64_t at_us, age_us; /* When it was taken over; by the clock of events. */
};
size_t core_mark_ages(const struct core *core, struct core_mark_age out[TAKEOVERS_KEPT],
		      uint64_t *changes);

#endif
