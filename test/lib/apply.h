/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to a state in one line each. Sessions are those of sample_session(seed); every
 * Child SA's lease is APPLY_LEASE long. */
#ifndef TEST_LIB_APPLY_H
#define TEST_LIB_APPLY_H

#include "cluster/state/state.h"

#define APPLY_LEASE 65536u

/* Applies the command and frees it. */
struct apply_result apply_command(struct state *s, struct command *c);
struct apply_result apply_up(struct state *s, uint64_t id, uint64_t incarnation);
struct apply_result apply_down(struct state *s, uint64_t id, uint64_t incarnation, uint64_t successor);
struct apply_result apply_hold(struct state *s, uint64_t id, uint64_t incarnation, bool slots);
void apply_time(struct state *s, uint64_t delta_ms);
struct apply_result apply_put_at(struct state *s, uint32_t seed, uint32_t slot);
struct apply_result apply_put(struct state *s, uint32_t seed);
struct apply_result apply_del(struct state *s, uint64_t id);
/* A step that leaves the session as it is; for the caller to change, then to apply. */
struct command apply_step_of(const struct state *s, uint64_t id);
struct apply_result apply_row(struct state *s, uint32_t spi_in, int64_t epoch, uint64_t end,
			      uint64_t mark);
struct apply_result apply_move(struct state *s, uint64_t id, int64_t epoch, uint64_t to,
			       const struct seq_row *row);
int64_t epoch_of(const struct state *s, uint64_t id);
uint64_t owner_of(const struct state *s, uint64_t id);
/* Nodes 1, 2, 3 in incarnations 11, 12, 13; node 1 holds the addresses and all slots. */
struct state *apply_three_nodes(void);

#endif
