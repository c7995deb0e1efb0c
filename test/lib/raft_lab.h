/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of consensus nodes worked by hand: each with a disk that syncs when
 * the test says so and links that can be cut. Node i has Raft id i; 0 is not used. */
#ifndef TEST_LIB_RAFT_LAB_H
#define TEST_LIB_RAFT_LAB_H

#include "cluster/raft/consensus_internal.h"

#define LAB_NODES 4u

struct lab_node {
	uint64_t id;
	struct consensus *c;
	struct store_image image;           /* What is durable. */
	struct store_update *pending[1024]; /* What is not yet. */
	size_t n_pending;
	uint8_t state[512]; /* Applied commands, one octet each. */
	size_t n_state;
	uint64_t last_applied;
	unsigned restores, members_called;
	bool cut, no_disk;
	bool slow, deaf;         /* From a snapshot on, what is sent to it is on its way until lab_hear(). */
	unsigned snapshots_sent; /* To it. */
	uint64_t snapshot_bytes;
	unsigned slices, sliced; /* How many milliseconds a snapshot takes, and how many have passed. */
	struct blob *making;
};

extern struct lab_node lab_nodes[LAB_NODES + 1];
extern uint64_t lab_now_ms;
extern size_t lab_n_mail;
extern size_t lab_longest_held; /* The longest message that waits for a deaf one, snapshots apart. */

void lab_init(void);
void lab_fini(void);
void lab_start_node(struct lab_node *n, size_t bootstrap); /* bootstrap: how many first voters; 0 = none */
void lab_stop_node(struct lab_node *n);                    /* Loses what was pending. */
void lab_sync_one(struct lab_node *n);                     /* One transaction becomes durable. */
void lab_deliver(void);                                /* All mail that waits. */
void lab_hear(struct lab_node *n, bool lost);          /* Lost: its link was. */
void lab_pass(void);                                   /* Disks and mail until nothing moves. */
void lab_run(uint64_t ms);                             /* The same, with time. */
struct lab_node *lab_start_three(void);                    /* Returns the leader. */
struct lab_node *lab_leader(void);
struct lab_node *lab_follower(void);
enum status lab_submit(struct lab_node *n, char what);
void lab_receive(struct lab_node *n, uint64_t from, struct blob *b); /* Adopts b. */

struct blob *lab_append_entries(uint64_t term, uint64_t prev, uint64_t prev_term, uint64_t commit,
			    const struct log_entry *e, unsigned n);

#endif
