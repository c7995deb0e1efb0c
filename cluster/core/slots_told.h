/* SPDX-License-Identifier: Apache-2.0 */
/* Which other node owns a slot, as told to the packet workers: they forward its packets there. */
#ifndef CLUSTER_CORE_SLOTS_TOLD_H
#define CLUSTER_CORE_SLOTS_TOLD_H

struct core;

/* Slots may have changed, or the nodes' Raft ids. Call it before grants: packets that a revocation
 * releases go to the new owner. */
void slots_told_look(struct core *c);
void slots_told_init(struct core *c);
void slots_told_fini(struct core *c);

#endif
