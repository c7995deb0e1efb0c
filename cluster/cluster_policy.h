/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect, what is offered, and how much of it: the settings that change from day to day, apart from the
 * facts of the cluster (cluster_config.h). A policy is made once and then only read, so one can be in force at a
 * node while another is handed to it (EVENT_POLICY). Reference-counted; control thread only. */
#ifndef CLUSTER_CLUSTER_POLICY_H
#define CLUSTER_CLUSTER_POLICY_H

#include "proto/ike/ike_config.h"

/* What the leader grants to peers that are not clients yet, and to clients that come and go. */
struct policy_limits {
	uint32_t half_open_max;           /* Half-open IKE SAs: 10000 */
	uint32_t cookie_above;            /* ... above which a COOKIE is demanded: 500 */
	uint32_t auth_ms;                 /* From the first IKE_AUTH to the last: 120000 */
	/* IKE SAs deleted lately above which no new one is made: */
	uint32_t tombstones_max;          /* 300000 of all, ... */
	uint32_t tombstones_per_identity; /* ... and of one identity: 1000 */
};

extern const struct policy_limits policy_limits_default;

struct cluster_policy {
	unsigned refs;
	uint64_t hash;         /* Hash of everything in it, keys too. */
	struct policy_limits limits;
	struct ike_config ike; /* Its lists are on the heap, and its own. */
};

struct cluster_policy *cluster_policy_new(void); /* Empty, but for defaults; with one reference. */
struct cluster_policy *cluster_policy_copy(const struct cluster_policy *p); /* Likewise. */
struct cluster_policy *cluster_policy_ref(struct cluster_policy *p);
void cluster_policy_unref(struct cluster_policy *p); /* NULL is fine. The last one cleanses the keys. */

#endif
