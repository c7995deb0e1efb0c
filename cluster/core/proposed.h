/* SPDX-License-Identifier: Apache-2.0 */
/* What other nodes propose, at the leader. */
#ifndef CLUSTER_CORE_PROPOSED_H
#define CLUSTER_CORE_PROPOSED_H

#include <stddef.h>
#include <stdint.h>

struct core;

void proposed_receive(struct core *c, uint32_t node, const uint8_t *data, size_t len);
uint64_t proposed_false_downs(const struct core *c); /* Nodes that were declared down, and live. */
void proposed_init(struct core *c);
void proposed_fini(struct core *c);

#endif
