/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the consensus, for its own files only. */
#ifndef CLUSTER_RAFT_CONSENSUS_INTERNAL_H
#define CLUSTER_RAFT_CONSENSUS_INTERNAL_H

#include "cluster/raft/consensus.h"
#include "cluster/raft/log.h"
#include "cluster/raft/raft_message.h"

#include <raft.h>

/* For libraft's messages, which need a sender's address. Nobody reads it, and one from libraft's
 * configuration would not survive a step that changes it. */
#define CONSENSUS_NO_ADDRESS "-"

/* A message that waits for its transaction. */
struct consensus_outgoing {
	uint64_t to;
	uint64_t after; /* Store seq that must be durable first. */
	struct blob *message;
	struct consensus_outgoing *next;
};

/* A transaction on its way to the disk, and what to tell libraft afterwards. */
struct consensus_write {
	uint64_t seq;
	uint64_t first_index; /* The index of its first entry. */
	size_t n_entries;
	uint64_t *terms;
	struct store_snapshot *snapshot; /* NULL = none */
	bool installed;                  /* It came from the leader. */
	struct consensus_write *next;
};

/* Up to where a follower was told that entries are committed, and has stored them. */
struct consensus_told {
	uint64_t id, upto;
};

/* A snapshot on its way to a follower. */
struct consensus_sent {
	uint64_t id; /* 0 = none */
	uint64_t at_ms, until_ms;
};

struct consensus {
	struct raft raft;
	struct consensus_options options;
	struct consensus_face face;
	uint64_t now_ms;
	uint64_t ticked_ms; /* Time of the last RAFT_TIMEOUT. */
	uint64_t sent_ms;   /* Time of the last AppendEntries, to whomever. */

	struct consensus_log log;
	struct store_snapshot *snapshot; /* The newest that is durable: what we send. */
	struct blob *configuration;      /* The last applied one, ... */
	struct consensus_member member[CONSENSUS_MEMBERS_MAX]; /* ... and whom it names. */
	size_t n_members;
	uint64_t configuration_index;
	uint64_t applied;
	uint64_t debt;                   /* Octets applied since the last snapshot. */
	struct store_snapshot *making;   /* One of our own, as yet without data; NULL = none. */
	uint64_t sliced_ms;              /* Time of its last slice. */
	bool snapshotting;               /* One of our own is being stored. */
	bool installing;                 /* The leader's is being stored. */
	bool outdated;                   /* The message at hand is of an older term. */

	uint64_t seq, stored;            /* Transactions issued, durable. */
	uint64_t vote_seq;               /* The last one with a term or vote. */
	struct consensus_write *writes, **writes_tail;
	struct consensus_outgoing *outgoing, **outgoing_tail;

	uint64_t tell;                   /* Followers are to know at once that this is committed; 0 = nothing. */
	struct consensus_told told[CONSENSUS_MEMBERS_MAX];

	struct consensus_sent sent[CONSENSUS_MEMBERS_MAX];

	enum consensus_role role; /* As the face knows it. */
	uint64_t term, leader;
	uint64_t leader_first;    /* First entry of this leadership; 0 = not submitted. */

	uint64_t promotee;        /* Standby that catches up; 0 = none. */
	uint64_t promote_at_ms;   /* No new attempt before. */
	uint64_t malformed;
};

/* Steps libraft and takes over the update. Only for events that fail only for lack of memory or by
 * a broken invariant: asserts. */
void consensus_step(struct consensus *c, struct raft_event *event);
/* The same for events that may be refused: libraft's error, 0 = done. */
int consensus_try_step(struct consensus *c, struct raft_event *event);
/* After every event: messages, roles, committed entries, until nothing is left. */
void consensus_settle(struct consensus *c);
/* Appends one entry as leader; adopts data. libraft's error or 0. */
int consensus_append(struct consensus *c, enum raft_entry_type type, struct blob *data);
int consensus_append_barrier(struct consensus *c);

/* ---- queue.c: transactions and the messages behind them ---- */
void consensus_queue_init(struct consensus *c);
void consensus_queue_fini(struct consensus *c);
/* All of one libraft update that is to be stored, as one transaction. */
void consensus_queue_store(struct consensus *c, struct raft_update *u);
void consensus_queue_messages(struct consensus *c, const struct raft_message *m, unsigned n);
/* Sends what may leave. Order to each peer is kept. */
void consensus_queue_flush(struct consensus *c);
/* A transaction that holds only this snapshot of ours. Adopts s. */
void consensus_queue_snapshot(struct consensus *c, struct store_snapshot *s, uint64_t trim_to);
void consensus_queue_bootstrap(struct consensus *c, uint64_t term, struct blob *configuration);
/* Takes the next write with a seq up to this off the queue; NULL = none. */
struct consensus_write *consensus_queue_take(struct consensus *c, uint64_t seq);
void consensus_write_free(struct consensus_write *w);

/* ---- commit_notice.c ---- */
void consensus_notices(struct consensus *c); /* To whom one is due by now. */

/* ---- snapshot_sent.c ---- */
/* Is one on its way to that follower? Then it gets no other, and no entries. */
bool consensus_snapshot_awaited(struct consensus *c, uint64_t id);
void consensus_snapshot_sent(struct consensus *c, uint64_t id, size_t len);
/* Before libraft hears of it, and may send another one. */
void consensus_snapshot_answered(struct consensus *c, uint64_t id, const struct raft_append_entries_result *r);
void consensus_snapshot_forget_sent(struct consensus *c); /* We do not lead. */

/* ---- raft_snapshot.c ---- */
/* A copy that shares the blobs. */
struct store_snapshot *consensus_snapshot_share(const struct store_snapshot *s);
/* What libraft wants to be installed; frees its chunk and configuration. */
struct store_snapshot *consensus_snapshot_adopt(struct raft_update *u);
void consensus_snapshot_maybe(struct consensus *c); /* Begins one when it is time, or goes on. */
/* A snapshot is durable: ours or the leader's. */
void consensus_snapshot_taken(struct consensus *c, struct consensus_write *w);
void consensus_snapshot_installed(struct consensus *c, struct consensus_write *w);

/* ---- member.c ---- */
/* This configuration is applied now. */
void consensus_members_set(struct consensus *c, uint64_t index, struct blob *configuration);
void consensus_member_apply(struct consensus *c, uint64_t index, struct blob *configuration);
/* Leader: brings standbys to voters. True if something was done. */
bool consensus_member_promote(struct consensus *c);

#endif
