/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a node's core: the core itself, and its rooms. A room is a header with its interface and
 * one or a few files with its struct, which no other file sees. To use a room, include its header
 * and call it.
 *
 *   core.c            events to rooms, what is due, status
 *   frames.c          frames of other nodes, passed to their rooms
 *   follow.c          what follows from applied commands, in which order
 *   view.c            what every room may ask: who leads, who is who
 *   bootstrap.c       who we are: HELLO, founding, joining, refusing old copies
 *   proposals.c       commands to the leader, and into the log
 *   proposed.c        what other nodes propose
 *   committed.c       out of the log into the state: the interface to Raft
 *   snapshot.c        the state, sealed, a slice at a time; state_size.c, how long it may be
 *   membership.c      nodes up and down; unready.c, why one is not ready; upgrade.c, the cluster's level
 *   successor.c       who could take over
 *   holder.c          who holds the service addresses
 *   election.c        the leader is gone
 *   departure.c       leadership handed on, a node that ends
 *   cluster_time.c    the time that all agree on
 *   wall_clock.c      whose wall clock is wrong
 *   fitness.c         hosts that do not let their nodes serve; relief.c takes their sessions away
 *   refusals.c        refusals of clients: counters, and a log line now and then
 *   half_open*.c      IKE SAs between IKE_SA_INIT and the last IKE_AUTH
 *   refused_pairs.c   those whose IKE_AUTH was refused
 *   radius_client.c   RADIUS servers, asked by the leader; radius_port.c, where that leaves and comes
 *   accounting.c      what RADIUS is told of sessions; coa.c, what it wants of them
 *   fragments.c       fragments of IKE messages, until their messages are complete
 *   slow_dh.c         Diffie-Hellman values that are computed outside
 *   relay.c           IKE messages at a node that does not lead
 *   exchange*.c       IKE messages at the leader: respond, commit, answer; lane.c
 *   requests*.c       requests of our own: notices, DPD, rekeys, deletions, retransmission; tasks.c
 *   outgoing.c        IKE messages on their way out; lifetime.c, when an SA is to be replaced
 *   pools.c           pools that run dry
 *   routes.c          routes of pools, at every node before a client has an address of one
 *   unique.c          how many sessions an identity may have
 *   grants.c          the applied state, told to the packet workers
 *   slots_told.c      the owners of slots, told to the packet workers
 *   heard.c           when each process last sent its marks
 *   takeover.c        what this process takes over: whose marks it waits for, how old they were
 *   owed.c            mark ages that other owners have yet to publish
 *   logged.c          the time up to which all marks are in the log
 *   owned_sa.c        one entry per SA, with a part for each of the rooms below
 *   sa_reports.c      what the packet workers report about SAs
 *   sequence*.c       marks: what was accepted, here and elsewhere, by epoch
 *   quorum.c          exact SAs: what a majority holds is delivered; voter.c is the other end
 *   collect.c         exact SAs: who has forgotten what, and what a successor does
 *   marks_done.c      says that all marks were sent
 *   lease_requests.c  what owners ask the log for: leases, horizons, marks
 *   volumes.c         what SAs have carried, from their owners into the log
 *   activity.c        what owners report to the leader about their clients
 *   control.c         what an operator asks for
 *   policy.c          the policy in force; sessions whose identity or connection it lacks */
#ifndef CLUSTER_CORE_CORE_INTERNAL_H
#define CLUSTER_CORE_CORE_INTERNAL_H

#include "cluster/core/action.h"
#include "cluster/core/facts.h"
#include "cluster/core/known_node.h"
#include "cluster/core/seal.h"
#include "cluster/core/view.h"
#include "cluster/raft/consensus.h"
#include "proto/crypto/entropy.h"

#include <openssl/mem.h>

#define UTHASH_NO_STRICT_ALIASING 1
#include <uthash.h>

struct core {
	const struct cluster_config *config;
	struct cluster_policy *in_force; /* The policy: config's, or what EVENT_POLICY brought. */
	uint64_t raft_id, incarnation;
	struct seal_key *seal;
	struct state *state;
	struct consensus *consensus;   /* NULL until we know which cluster we belong to. */
	bool stopped;                  /* ACTION_EXIT was given: nothing more happens. */
	bool isolated;                 /* EVENT_ISOLATION: no contact with a quorum. */
	bool unfit;                    /* EVENT_FITNESS: our host does not let us serve. */
	bool leaving;                  /* EVENT_SHUTDOWN: we hand over, and end. */
	uint64_t old_s, old_until_us;  /* Our store is old: until then somebody must lead us. */
	uint64_t led_since_us;         /* When we last became the leader. */
	uint64_t applied_sent;
	uint64_t replay_until;         /* Last index that our store held when we started ... */
	uint64_t started_us, unlogged_us; /* core_start's; not less than the time within which marks are committed. */
	uint64_t housekeeping_us;
	bool unfinished;         /* An event said that more follow. */
	uint64_t slept_until_us; /* This process stood still, and has not caught up before this time. */

	/* The event being handled. */
	uint64_t now_us;
	struct entropy entropy;
	struct actions *actions;

	struct known_node known[CLUSTER_NODES_MAX];
	uint64_t refused_revoked; /* IKE_AUTH of revoked identities. */
	uint64_t drops[DROP_COUNT];

	/* The rooms. */
	struct identity *identity;
	struct proposals *proposals;
	struct proposed *proposed;
	struct snapshots *snapshots;
	struct follow *follow;
	struct membership *membership;
	struct holder *holder;
	struct election *election;
	struct departure *departure;
	struct cluster_clock *clock;
	struct wall_clocks *wall_clocks;
	struct relief *relief;
	struct fragments *fragments;
	struct half_opens *half_opens;
	struct refused_pairs *refused_pairs;
	struct slow_dh *slow_dh;
	struct radius_client *radius_client;
	struct radius_port *radius_port;
	struct accounting *accounting;
	struct coa *coa;
	struct relay *relay;
	struct exchange *exchange;
	struct refusals *refusals;
	struct requests *requests;
	struct grants *grants;
	struct slots_seen *slots_seen;
	struct slots_told *slots_told;
	struct heard *heard;
	struct node_clocks *node_clocks;
	struct takeovers *takeovers;
	struct owed *owed;
	struct logged *logged;
	struct owned_sas *owned_sas;
	struct sequence *sequence;
	struct leases *leases;
	struct quorum *quorum;
	struct collect_room *collect;
	struct marks_done *marks_done;
	struct activity *activity;
	struct policy *policy;
	struct control *control;
	struct pools *pools;
	struct routes *routes;
};

#endif
