/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clocks of a run in which dates are judged (clocks.c). */
#ifndef TEST_SIM_CLOCKS_H
#define TEST_SIM_CLOCKS_H

#include "test/sim/node.h"

void clocks_begin(struct full *f);
void clocks_calm(struct full *f); /* Faults are over, except at one clock, perhaps ... */
void clocks_end(struct full *f);  /* ... and all clients are served: it may not lead. */
int64_t clocks_right(const struct full *f); /* What a right one shows. */

/* ---- For nodes ---- */
void clocks_start(struct node *n, struct core_start *start);
void clocks_look(struct node *n); /* At n->clock_us. */

#endif
