/* SPDX-License-Identifier: Apache-2.0 */
/* What the pure part of a node is configured with. Filled from cluster.toml by node/, read-only
 * afterwards; the same on all nodes but for `self`. A changed fact needs a restart of the node; the
 * policy may change while it runs. */
#ifndef CLUSTER_CLUSTER_CONFIG_H
#define CLUSTER_CLUSTER_CONFIG_H

#include "cluster/cluster_policy.h"

#define CLUSTER_NODES_MAX 16u
#define CLUSTER_NAME_MAX 32u /* With the final NUL. */
#define STORAGE_KEY_LEN 32u
#define RADIUS_LOCAL_PORT 11812u /* UDP: our requests to RADIUS leave from it, on cluster_config.inside. */

enum service_mode { SERVICE_VIP, SERVICE_LB };

struct cluster_timing { /* Milliseconds, unless the name says otherwise. */
	uint32_t heartbeat_ms;       /* Failure detector: one heartbeat each (10) ... */
	uint32_t heartbeats_missed;  /* ... and at least so many missed mean "dead" (3). */
	uint32_t detection_max_ms;   /* Upper limit, where heartbeats have been late: 200. */
	uint32_t raft_heartbeat_ms;  /* 50 */
	uint32_t raft_election_ms;   /* 250: the fallback when the detector cannot tell. */
	uint32_t isolation_ms;       /* 1000 */
	uint32_t sequence_tick_ms;   /* 20: leases and marks travel together. */
	uint32_t mark_ms;            /* 2: marks to the nodes' memory. */
	uint32_t mark_commit_ms;     /* 1000: changed marks are committed. */
	uint32_t half_open_ms;       /* 30000: from IKE_SA_INIT to the first IKE_AUTH; then policy_limits.auth_ms. */
	uint32_t retransmit_ms;      /* 1000: first retransmission of our own requests; doubles. */
	uint32_t retransmit_tries;   /* 5 */
	uint32_t notice_interval_us; /* 200: pacing of takeover notices. */
};

struct cluster_config {
	char name[64];                                  /* [cluster] name */
	char node[CLUSTER_NODES_MAX][CLUSTER_NAME_MAX]; /* Names, in the order of the file. */
	uint32_t n_nodes;
	uint32_t self;                                  /* Index into node. */
	enum service_mode mode;
	struct address service[8];                      /* Outer service addresses. */
	uint32_t n_service;
	struct address inside[2];                       /* Our addresses towards RADIUS servers:
	                                                 * IPv4, IPv6; family 0: none. */
	struct endpoint coa;                            /* Where RADIUS servers may send requests
	                                                 * (RFC 5176); port 0: nowhere. */
	uint64_t lease;                                 /* L: 65536 */
	uint32_t sessions_max;                          /* 100000 */
	uint32_t child_sas_max;                         /* Places, see ike_session_places(); 0: 2 x sessions_max */
	uint8_t storage_key[STORAGE_KEY_LEN];
	uint8_t level;                                  /* What this program can read: LEVEL. Test hook: another. */
	bool leader_holds;                              /* Test hook: leader and holder are one node. */
	uint64_t snapshot_bytes;                        /* Log between two snapshots: 8 MiB. */
	uint32_t snapshot_slice;                        /* Octets of it that are written in a millisecond: 16 KiB */
	uint32_t snapshot_trailing;                     /* Entries kept behind one: 1024 */
	uint64_t hash;                                  /* Hash of the facts: everything that must
	                                                 * be equal on all nodes. */
	struct cluster_timing timing;
	struct cluster_policy *policy;                  /* What a node starts with. */
};

/* The defaults named above; names, keys and the policy stay zero. */
void cluster_config_defaults(struct cluster_config *c);
/* The one number that Child SAs are counted against; see child_sas_max. */
uint32_t cluster_config_child_sas(const struct cluster_config *c);
/* ... and what they are sized for: a client that re-authenticates has everything twice, and counts
 * once (cluster/state/capacity.c). */
uint32_t cluster_config_sa_tables(const struct cluster_config *c);

#endif
