/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come, and what is offered to him: what changes from day to day, apart from the facts of
 * the cluster (cluster_config.h). It is made once and then only read, so one policy can be in
 * force at a node while another is handed to it (EVENT_POLICY). Counted; control thread only. */
#ifndef CLUSTER_CLUSTER_POLICY_H
#define CLUSTER_CLUSTER_POLICY_H

#include "proto/ike/ike_config.h"

struct cluster_policy {
	unsigned refs;
	uint64_t hash;         /* Of all that makes it, keys too. */
	struct ike_config ike; /* Its lists are on the heap, and its own. */
};

struct cluster_policy *cluster_policy_new(void); /* Empty, but for defaults; with one reference. */
struct cluster_policy *cluster_policy_copy(const struct cluster_policy *p); /* Likewise. */
struct cluster_policy *cluster_policy_ref(struct cluster_policy *p);
void cluster_policy_unref(struct cluster_policy *p); /* NULL is fine. The last one cleanses the keys. */

#endif
