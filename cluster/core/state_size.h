/* SPDX-License-Identifier: Apache-2.0 */
/* How many octets a full state takes: see state_size.c. */
#ifndef CLUSTER_CORE_STATE_SIZE_H
#define CLUSTER_CORE_STATE_SIZE_H

#include "cluster/cluster_config.h"

/* Records of a snapshot at their longest. */
#define STATE_HEAD_OCTETS_MAX (512u << 10) /* Nodes, slots, revoked identities, counts. */
#define STATE_TOMBSTONE_OCTETS_MAX 657u
#define STATE_FREED_OCTETS_MAX 33u
#define STATE_REPORT_OCTETS_MAX 704u       /* To RADIUS: ACCOUNTING_MAX of them. */
#define STATE_SESSION_OCTETS_MAX 14848u    /* Without its Child SAs. */
#define STATE_CHILD_OCTETS_MAX 980u        /* With its sequence record. */

/* The state that these bounds admit: sessions_max, child_sas_max, tombstones_max of c->policy. */
uint64_t state_full_octets(const struct cluster_config *c);
/* ... sealed, part by part; and the most it may be, on the links and in the store. */
uint64_t state_full_snapshot(const struct cluster_config *c);
uint64_t state_snapshot_max(void);
/* The greatest sessions_max that would do, child_sas_max following it if that is not set; 0: none. */
uint32_t state_sessions_that_fit(const struct cluster_config *c);

#endif
