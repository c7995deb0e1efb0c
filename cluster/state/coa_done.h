/* SPDX-License-Identifier: Apache-2.0 */
/* The outcome of requests of RADIUS servers (RFC 5176). */
#ifndef CLUSTER_STATE_COA_DONE_H
#define CLUSTER_STATE_COA_DONE_H

#include "cluster/state/state.h"

#define STATE_COA_MAX 4096u /* Each snapshot begins with them all. */

/* *error: enum radius_error_cause. False: it was not carried out, or is forgotten. */
bool state_coa(const struct state *s, const uint8_t hash[IKE_HASH_LEN], uint16_t *error);
size_t state_coas(const struct state *s); /* How many are remembered. */

#endif
