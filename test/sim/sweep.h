/* SPDX-License-Identifier: Apache-2.0 */
/* One fault, at one datagram of IKE or RADIUS of one client's whole life: for every method of authentication,
 * every datagram and every fault there is a run. Other runs show what is likely; these are
 * complete: every message is lost once, and the leader dies once at every message. */
#ifndef TEST_SIM_SWEEP_H
#define TEST_SIM_SWEEP_H

#include "test/sim/full.h"

/* All of them; every `stride`th one (1: all), from the seed on. Ends the program if a run breaks an
 * invariant or the client has to begin anew. Returns how many runs there were. */
uint64_t sweep_run(uint64_t seed, uint64_t stride, bool verbose, const char *binary, struct totals *totals);
/* The one run that a failure names. */
bool sweep_run_one(uint64_t seed, const char *name, bool verbose, const char *binary, struct totals *totals);

/* ---- For the rest of the simulator ---- */
void sweep_plan(struct full *f);
bool sweep_is_of(const struct full *f, unsigned client); /* The client whose life it is. */
void sweep_connects(struct client *c);
struct blob *sweep_step(struct client *c); /* Its next message; NULL: none now. */
/* A datagram is about to leave for fn; true: it was adopted. */
bool sweep_takes(struct full *f, world_fn fn, uint64_t a, struct blob *data);

#endif
