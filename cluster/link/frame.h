/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say to each other over a link. A frame is one octet of type and a
 * body; the link gives its length and its sender. Types below FRAME_EDGE belong
 * to the core; the edge handles the rest itself (heartbeats, forwarded packets, and the
 * proof with which a connection begins: proof.h). */
#ifndef CLUSTER_LINK_FRAME_H
#define CLUSTER_LINK_FRAME_H

#include "proto/wire/address.h"
#include "proto/wire/blob.h"
#include "proto/wire/status.h"

/* A type never changes its encoding, and a new one is sent only when the cluster's level has
 * reached it (cluster/level.h). Only HELLO grows, at its end: a node of a later level may say
 * more. */
#define FRAME_LEN_MAX (3585u << 20) /* A snapshot; all but Raft messages are below 128 KiB. */

enum frame_type {
	FRAME_HELLO = 1,     /* First behind the proof: who I am and what my store holds. */
	FRAME_IDENTITY,      /* Bootstrap or join: keep this, then start Raft. */
	FRAME_REFUSED,       /* Text: why the sender will not work with us. */
	FRAME_RAFT,          /* A Raft message. */
	FRAME_PROPOSE,       /* To the leader: commands (command.h), end to end. */
	FRAME_RELAY,         /* To the leader: an IKE datagram and where it came from and to. */
	FRAME_SEND,          /* From the leader: send this IKE datagram. */
	FRAME_HALF_OPEN,     /* From the leader: keep this half-open SA (sealed). */
	FRAME_HALF_OPEN_ACK, /* I keep it. SPI pair, step */
	FRAME_MARKS,         /* From an owner: highest accepted numbers. */
	FRAME_MARKS_DONE,    /* You have all my marks of your slots and of mine. */
	FRAME_SUSPECT,       /* I believe the leader of this term dead; my last index. */
	FRAME_APPLIED,       /* To the leader: I have applied up to here. */
	FRAME_SESSION,       /* To the leader: what an owner saw of a session (enum session_activity). */
	FRAME_MARKS_ACK,     /* To an owner: the marks of exact SAs that I hold, and what I applied. */
	FRAME_MARKS_ASK,     /* Once you have applied this index: your marks, then DONE. */
	FRAME_HALF_OPEN_END, /* From the leader, or to it: its IKE_AUTH was refused. SPI pair, as in ACK. */
	FRAME_LEAVING,       /* I was told to end: my NodeDown is no accident. */
	FRAME_FITNESS,       /* Whether my host lets me serve clients. If not said: it does. */
	FRAME_CLOCK,         /* What my wall clock says. */
	FRAME_EDGE = 64,
	FRAME_HEARTBEAT = 64,
	FRAME_FORWARD = 65,
	FRAME_PROOF = 66
};

struct frame_hello {
	uint8_t level; /* What it can read: cluster/level.h */
	uint64_t raft_id, incarnation;
	uint64_t cluster_id;  /* 0: the store is empty. */
	uint64_t term, last_index;
	uint64_t config_hash;
};

struct frame_mark {
	uint32_t spi_in;
	int64_t epoch;
	uint64_t seq;
};

/* What a node says about the marks of `count` neighbouring slots. */
struct frame_run {
	uint16_t first, count;
	uint8_t known; /* FRAME_INFORMED, FRAME_COMPLETE or 0 */
	int64_t epoch; /* The slots' epoch that it has applied: it acknowledges no older mark. */
};
#define FRAME_INFORMED 1u    /* It has forgotten none that its node ever acknowledged. */
#define FRAME_COMPLETE 2u /* It owns them, and knows all that were acknowledged to any owner. */

enum session_activity {
	ACTIVITY_SEQUENCE_END = 1, /* The Child SA has no numbers left. */
	ACTIVITY_PEER,             /* Its authenticated packets now come from `remote`. */
	ACTIVITY_ALIVE,            /* An authenticated packet arrived. */
	ACTIVITY_BELOW_HORIZON,    /* ... but it cannot be let in by this Child SA any more. */
	ACTIVITY_FORM              /* Where no NAT is known: its ESP comes in UDP, or raw (port 0). */
};

struct frame {
	enum frame_type type;
	union {
		struct frame_hello hello;
		struct {
			const uint8_t *data;
			size_t len;
		} bytes;               /* IDENTITY, REFUSED, RAFT, PROPOSE, HALF_OPEN */
		struct {
			struct endpoint local, remote;
			const uint8_t *data;
			size_t len;
		} datagram;            /* RELAY, SEND */
		struct {
			uint64_t spi_i, spi_r;
			uint32_t step;         /* ACK: of the copy. END: 0. */
		} half_open_ack;
		struct {
			uint64_t incarnation;  /* MARKS: of the sender; ACK: of the owner. */
			uint64_t index;        /* Applied by the sender; 0: it does not say. */
			uint64_t echo_us;      /* MARKS: see struct frame_marks_head. */
			const uint8_t *rows;   /* frame_mark_at() */
			size_t n;
		} marks;                       /* MARKS, MARKS_ACK */
		struct {
			uint64_t index;        /* Applied by the sender: marks there it did not send. */
			const uint8_t *rows;   /* frame_run_at() */
			size_t n;
		} marks_done;
		struct {
			uint64_t index;
		} marks_ask;
		struct {
			uint64_t leader, term, last_index;
		} suspect;
		struct {
			uint64_t index;
		} applied;
		struct {
			uint64_t unix_s;       /* Below 2^40 */
		} clock;
		struct {
			uint8_t fit;           /* 0 or 1 */
		} fitness;
		struct {
			uint8_t activity;      /* enum session_activity */
			uint32_t spi_in;
			int64_t epoch;
			struct endpoint remote;
		} session;
	};
};

enum status frame_parse(struct frame *f, const uint8_t *data, size_t len) must_check;
struct frame_mark frame_mark_at(const struct frame *f, size_t i); /* i < marks.n */
struct frame_run frame_run_at(const struct frame *f, size_t i);   /* i < marks_done.n */
struct blob *frame_create(const struct frame *f);
/* type: FRAME_MARKS or FRAME_MARKS_ACK */
struct blob *frame_create_marks(enum frame_type type, uint64_t incarnation,
				const struct frame_mark *rows, size_t n);
/* ... that says what its sender has applied (not 0); n < FRAME_MARKS_MAX */
struct frame_marks_head {
	uint64_t incarnation;
	uint64_t index;
	uint64_t echo_us; /* MARKS: by the receiver's clock: when the newest heartbeat that the
			   * sender had from it left; 0: none. */
};
struct blob *frame_create_marks_at(enum frame_type type, const struct frame_marks_head *head,
				   const struct frame_mark *rows, size_t n);
struct blob *frame_create_done(uint64_t index, const struct frame_run *runs, size_t n);
#define FRAME_MARKS_MAX 3000u /* Rows of one frame */
#define FRAME_RUNS_MAX 4200u

#endif
