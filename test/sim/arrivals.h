/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that wait for a node's worker (worker.h). */
#ifndef TEST_SIM_ARRIVALS_H
#define TEST_SIM_ARRIVALS_H

#include "test/sim/node.h"

#define ARRIVALS_BURST_MAX 4u

/* How many of the n at the front are one burst: some that are alike; a hostile packet goes alone
 * (i8_attack.c). */
size_t arrivals_burst(struct random *r, const struct arrival *a, size_t n);

#endif
