/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that do not let their nodes serve. */
#ifndef CLUSTER_CORE_FITNESS_H
#define CLUSTER_CORE_FITNESS_H

#include <stdbool.h>
#include <stdint.h>

struct core;

void fitness_set(struct core *c, bool fit);         /* Our own. */
void fitness_greet(struct core *c, uint32_t node);  /* Its HELLO came: we tell it if we are unfit. */
/* Its facts are ours (as the leader sees it), and its host lets it serve. */
bool fitness_ready(const struct core *c, uint32_t node);
bool fitness_lacks(const struct core *c);           /* Is anybody unfit? */

#endif
