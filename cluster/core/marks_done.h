/* SPDX-License-Identifier: Apache-2.0 */
/* A node's answer that it has sent all marks that it knows: FRAME_MARKS_DONE. */
#ifndef CLUSTER_CORE_MARKS_DONE_H
#define CLUSTER_CORE_MARKS_DONE_H

#include <stdint.h>

struct core;
struct node_down;

void marks_done_down(struct core *c, const struct node_down *down); /* To the successor, or all. */
/* The node wants to know, once we have applied that index. */
void marks_done_asked(struct core *c, uint32_t node, uint64_t index);
void marks_done_tick(struct core *c);
void marks_done_init(struct core *c);
void marks_done_fini(struct core *c);

#endif
