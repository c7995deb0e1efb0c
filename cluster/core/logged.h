/* SPDX-License-Identifier: Apache-2.0 */
/* The time up to which every accepted packet has its mark in the log: what a loss of all power
 * leaves. */
#ifndef CLUSTER_CORE_LOGGED_H
#define CLUSTER_CORE_LOGGED_H

#include <stdbool.h>

struct core;
struct store_update;

void logged_init(struct core *c); /* After started_us and unlogged_us. */
/* Slots may have changed. After owners were noted, before grants. */
void logged_slots(struct core *c, bool changed);
/* Raft stores something: notes it, and adds how far the marks in the log reach. */
void logged_store(struct core *c, struct store_update *u);
void logged_fini(struct core *c);

#endif
