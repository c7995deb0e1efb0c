/* SPDX-License-Identifier: Apache-2.0 */
/* libraft behind one interface, which keeps raft_step()'s memory rules and traps inside. Pure: time
 * comes in as an argument, everything else leaves through consensus_face, from inside the call that
 * caused it. The face's functions must not call back into the consensus.
 *
 * Promises: a message that depends on stored state leaves only after the
 * transaction it depends on, and all earlier ones, are durable; `apply` gets
 * every committed command exactly once, in order; nothing is applied while a
 * snapshot installs. A leader's own submissions are applied like all others. */
#ifndef CLUSTER_RAFT_CONSENSUS_H
#define CLUSTER_RAFT_CONSENSUS_H

#include "cluster/raft/store.h"
#include "proto/wire/status.h"

enum consensus_role { CONSENSUS_FOLLOWER, CONSENSUS_CANDIDATE, CONSENSUS_LEADER };

struct consensus_face {
	void *ctx;
	/* Send message to the node with Raft id `to`; borrowed: keep with blob_ref(). */
	void (*send)(void *ctx, uint64_t to, struct blob *message);
	/* Make durable, then call consensus_stored(seq). The update is handed over. */
	void (*store)(void *ctx, struct store_update *update);
	/* A committed command. data is borrowed. */
	void (*apply)(void *ctx, uint64_t index, uint64_t term, struct blob *data);
	/* The state is replaced by a snapshot (install, or at start). */
	void (*restore)(void *ctx, uint64_t index, struct blob *snapshot);
	/* Give a snapshot of the state that is applied now (begin), sealed (the callee takes
	 * it); NULL = there is more to do, go on in a millisecond (not begin). Commands are
	 * applied meanwhile; when the state is restored, what was begun is forgotten. */
	struct blob *(*snapshot)(void *ctx, bool begin);
	/* Role, term or known leader (0 = none) changed. */
	void (*role)(void *ctx, enum consensus_role role, uint64_t term, uint64_t leader);
	/* The committed configuration changed. */
	void (*members)(void *ctx);
};

struct consensus_options {
	uint64_t id;                /* Our Raft id, non-zero. */
	uint32_t heartbeat_ms, election_ms;
	uint32_t seed;              /* For randomized election timeouts. */
	uint64_t snapshot_bytes;    /* Take a snapshot after so many octets of log (8 MiB). */
	uint32_t snapshot_trailing; /* Entries kept behind it (1024). */
};

struct consensus_member {
	uint64_t id;
	char address[64]; /* The node's name. */
	bool voter;       /* Else standby. */
};

struct consensus;

/* An image without term, snapshot and entries starts with the configuration
 * `members` (bootstrap: the same on all first voters), or, with n_members 0, as a
 * node that waits for a leader to add it. Members are ignored otherwise. Takes
 * over nothing of image. NULL: the image is inconsistent (*why says how).
 * May call the face already (restore, store, role). */
struct consensus *consensus_new(const struct consensus_options *options,
				const struct consensus_face *face, const struct store_image *image,
				const struct consensus_member *members, size_t n_members,
				uint64_t now_ms, const char **why);
void consensus_free(struct consensus *c);

/* Malformed messages are ignored and counted. */
void consensus_receive(struct consensus *c, uint64_t now_ms, uint64_t from, const uint8_t *message,
		       size_t len);
void consensus_stored(struct consensus *c, uint64_t now_ms, uint64_t seq);
void consensus_tick(struct consensus *c, uint64_t now_ms);
uint64_t consensus_deadline_ms(const struct consensus *c); /* When to tick. */

/* Leader only: append a command (adopts data). ERR_NOT_LEADER otherwise; then the
 * blob is dropped. Whether it commits is known only by apply. */
enum status consensus_submit(struct consensus *c, uint64_t now_ms, struct blob *data) must_check;
/* Followers learn at once what is committed, each as far as it has stored it. */
enum status consensus_tell(struct consensus *c, uint64_t now_ms) must_check;
/* Has this leader applied an entry of its own term? Before that it may not act as one. */
bool consensus_is_current(const struct consensus *c);

/* Is leadership being handed over? Until that is done, or has failed, nothing is accepted. */
bool consensus_is_leaving(const struct consensus *c);

/* Hand leadership to another voter. */
enum status consensus_transfer(struct consensus *c, uint64_t now_ms, uint64_t to) must_check;
/* A majority reports the leader dead: stand for election now. Repeat every few ms until the role
 * changes (it is ignored while writes are pending). */
void consensus_timeout_now(struct consensus *c, uint64_t now_ms);

/* Leader only, one at a time, else ERR_FULL. A new node becomes standby, then
 * voter when it has caught up. */
enum status consensus_add(struct consensus *c, uint64_t now_ms, uint64_t id,
			  const char *address) must_check;
enum status consensus_remove(struct consensus *c, uint64_t now_ms, uint64_t id) must_check;

enum consensus_role consensus_role(const struct consensus *c);
uint64_t consensus_leader(const struct consensus *c); /* Raft id; 0 = unknown. */
uint64_t consensus_term(const struct consensus *c);
uint64_t consensus_last_index(const struct consensus *c);
uint64_t consensus_applied(const struct consensus *c);
uint64_t consensus_match_index(const struct consensus *c, uint64_t id); /* Leader only. */
size_t consensus_members(const struct consensus *c, struct consensus_member *out, size_t room);
uint64_t consensus_malformed(const struct consensus *c); /* Messages ignored so far. */

#endif
