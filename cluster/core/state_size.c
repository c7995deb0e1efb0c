/* SPDX-License-Identifier: Apache-2.0 */
/* A state that no snapshot can hold would be the end of a cluster: a node that is behind could
 * never catch up, and the log could never be cut. So before a node starts, the bounds of the
 * configuration are compared with what one snapshot may hold, with each record at its longest.
 * Clients can make it that long, within the bounds of a message (IKE_ANSWERS_MAX, IKE_REQUEST_MAX,
 * TS_MAX, IKE_ID_MAX).
 *
 * There may be twice as many sessions and Child SAs as are counted (cluster/state/capacity.c).
 * What was deleted takes less than before: a session's record is longer than two tombstones and a
 * freed address. There are no more freed addresses than tombstones, plus STATE_FREED_MAX old ones.
 * A renewal at the limit of tombstones leaves one for each session (ike_may_renew()). */
#include "cluster/core/state_size.h"

#include "cluster/raft/raft_message.h"
#include "cluster/core/seal.h"
#include "cluster/state/accounting_report.h"
#include "cluster/state/coa_done.h"

#define PART_OVERHEAD (4u + 16u + 4u + 1u + SEAL_OVERHEAD) /* snapshot.c */

/* A slot is 44 octets at most, an identity 130, a node 80, a request of a RADIUS server 42. */
_Static_assert(STATE_HEAD_OCTETS_MAX >
		       STATE_SLOTS_ALL * 44u + STATE_REVOKED_MAX * 130u + STATE_COA_MAX * 42u +
			       STATE_NODES_MAX * (80u + PREFIX_LIST_MAX * sizeof(struct prefix)) +
			       1024u,
	       "a snapshot's head");

static uint64_t full_octets(const struct cluster_config *config, uint64_t sessions)
{
	uint64_t children = config->child_sas_max ? config->child_sas_max : 2 * sessions;

	return STATE_HEAD_OCTETS_MAX + STATE_FREED_MAX * (uint64_t)STATE_FREED_OCTETS_MAX +
	       ACCOUNTING_MAX * (uint64_t)STATE_REPORT_OCTETS_MAX +
	       config->policy->limits.tombstones_max *
		       (uint64_t)(STATE_TOMBSTONE_OCTETS_MAX + STATE_FREED_OCTETS_MAX) +
	       2 * sessions * (STATE_SESSION_OCTETS_MAX + STATE_TOMBSTONE_OCTETS_MAX) +
	       2 * children * STATE_CHILD_OCTETS_MAX;
}

/* A part is a slice or longer, but for the last one. */
static uint64_t sealed(const struct cluster_config *c, uint64_t octets)
{
	return octets + (octets / c->snapshot_slice + 1) * PART_OVERHEAD;
}

uint64_t state_full_octets(const struct cluster_config *c)
{
	return full_octets(c, c->sessions_max);
}

uint64_t state_full_snapshot(const struct cluster_config *c)
{
	return sealed(c, state_full_octets(c));
}

uint64_t state_snapshot_max(void)
{
	return CONSENSUS_SNAPSHOT_MAX;
}

uint32_t state_sessions_that_fit(const struct cluster_config *c)
{
	uint32_t low = 0, high = c->sessions_max;

	if (sealed(c, full_octets(c, high)) <= CONSENSUS_SNAPSHOT_MAX)
		return high;
	while (high - low > 1) { /* low fits, or is 0; high does not. */
		uint32_t middle = low + (high - low) / 2;

		if (sealed(c, full_octets(c, middle)) <= CONSENSUS_SNAPSHOT_MAX)
			low = middle;
		else
			high = middle;
	}
	return low;
}
