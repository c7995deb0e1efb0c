/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that follow themselves: see follow.c. */
#ifndef TEST_LIB_FOLLOW_H
#define TEST_LIB_FOLLOW_H

#include "cluster/state/state.h"

/* Some SessionPuts become those of a client that has a session, with its address or without. */
void follow_some(const struct state *s, struct command *c, uint64_t *random);
/* state_taken(), counted session by session; *pairs grows by the pairs of which one counts. */
struct room follow_taken(const struct state *s, unsigned *pairs);

#endif
