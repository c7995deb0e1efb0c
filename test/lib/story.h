/* SPDX-License-Identifier: Apache-2.0 */
/* A few cores in one process, with only the faults that a story brings: frames and transactions
 * take no time, the clock moves by hand. For tests that tell a story; the simulator (test/sim)
 * finds what no story foresees. */
#ifndef TEST_LIB_CLUSTER_STORY_H
#define TEST_LIB_CLUSTER_STORY_H

#include "cluster/core/core.h"
#include "proto/ike/initiator.h"
#include "xdp/engine/engine.h"

#define STORY_NODES 5u /* At most. */
#define STORY_SAS 32u

struct story_frame { /* Something to happen next, in order. */
	uint32_t from, to;
	struct blob *data;   /* A frame; NULL: a transaction of `to` is durable. */
	struct blob *reports; /* Or what its workers report: struct sa_report. */
	uint64_t stored;     /* Its seq; 0: the identity. */
	uint64_t computed;   /* Or data is the value of this name (EVENT_DH). */
	bool lays;           /* Or data is what stands of routes (EVENT_ROUTES). */
	bool answers;        /* Or data is the answer to this question: */
	struct auth_question question;
	bool arrives;        /* Or data is a datagram: */
	struct endpoint local, remote;
	const void *life;    /* The core that waits for it. */
	struct story_frame *next;
};

struct story_node {
	struct core *core;
	bool linked[STORY_NODES];
	uint64_t raft_id;
	struct blob *identity;
	struct store_image image; /* What is stored. */
	struct story_worker {
		struct engine engine;
		struct story *story;
		uint32_t node;
	} worker;
	bool holds;
	struct prefix_list routes; /* That stand. */
	bool lays_none;           /* No more of them: the kernel refuses. */
	uint64_t old_s;           /* core_start's. */
	uint64_t start_waits_us;  /* Its start, for room on the disk. */
	int64_t logged_us;        /* The stored marks cover all that was accepted until then. */
	bool stalls;              /* Its disk does not answer. */
	uint64_t still_us;        /* Its last heartbeat left then; 0: they leave all the time. */
	uint64_t unreported_us;   /* Its worker has accepted since then, and its core does not know; 0: it does. */
	int exited;               /* -1 = runs */
	char exit_text[240];
};

struct story {
	struct cluster_config config[STORY_NODES];
	uint32_t n;
	struct story_node node[STORY_NODES];
	struct story_frame *first, **last;
	uint64_t now_us;
	uint32_t draws;
	struct initiator client;
	struct blob *to_client[64]; /* Datagrams that came out of the cluster. */
	unsigned n_to_client;
	bool verbose;
	bool outside_is_silent; /* Questions of methods get no answer. */
	unsigned n_asked, n_computed;
	bool computes_never; /* Long computations give no result. */
	struct blob *question; /* The last one. */
	bool has_wall_clocks; /* Dates are judged by them (EVENT_CLOCK); else it is PKI_NOW. */
	int64_t unix_least;   /* core_start's. */
	struct {
		uint32_t node;
		const char *kind;
		unsigned n;
		char text[480]; /* The last one's. */
	} happened[64]; /* ACTION_EVENTs, counted. */
	struct {
		unsigned n; /* How many there were. */
		bool done;
		uint32_t sessions;
		char text[ACTION_CONTROL_TEXT_LEN];
	} answer; /* To an operator, the last one. */
	/* True: this datagram was not for a client. NULL: none is. */
	bool (*serves)(struct story *l, uint32_t node, const struct endpoint *local,
		       const struct endpoint *remote, const struct blob *data);
	uint8_t lost_type; /* Frames of this type are lost; 0: none. */
	/* True: this frame is lost. NULL: none is. */
	bool (*loses)(const struct story *l, uint32_t from, uint32_t to, const struct blob *frame);
};

void story_init(struct story *l, uint32_t n);
void story_fini(struct story *l);
void story_start(struct story *l, uint32_t node);  /* With whatever its store holds. */
void story_kill(struct story *l, uint32_t node);   /* Links drop, memory is gone; the store stays. */
void story_suspect(struct story *l, uint32_t node); /* All others find it silent. */
void story_run(struct story *l, uint64_t ms);      /* Lets time pass. */
uint32_t story_leader(const struct story *l);      /* STORY_NODES: none */
uint32_t story_holder(const struct story *l);      /* The holder; STORY_NODES: none */

unsigned story_happened(const struct story *l, uint32_t node, const char *kind);
const char *story_told(const struct story *l, uint32_t node, const char *kind); /* The last one's text; "": none was. */
/* One event for one node, then everything that follows. */
void story_event(struct story *l, uint32_t node, struct event *e);

void story_seed(struct story *l, uint8_t out[ENTROPY_SEED_LEN]); /* Another one each time. */

/* ---- story_sad.c: the packet workers ---- */
void story_worker_start(struct story *l, uint32_t node);
void story_worker_stop(struct story *l, uint32_t node);
void story_worker_update(struct story *l, uint32_t node, const struct sa_update *u);
void story_worker_done(struct story *l, uint32_t node); /* A series of updates ends. */
void story_read_clocks(const struct story *l, uint32_t node);
struct sad_entry *story_sad(struct story *l, uint32_t node, uint32_t spi_in); /* NULL: there is none. */
void story_later(struct story *l, struct story_frame what); /* Adopts its blobs. */
/* A copy of the node's policy with that hash, to be changed before its use. */
struct cluster_policy *story_policy_copy(const struct story *l, uint32_t node, uint64_t hash);
/* Puts policy in force at the node, also for later starts. Adopts policy. */
void story_policy(struct story *l, uint32_t node, struct cluster_policy *policy);
/* An operator asks a node; the answer may come later. id may be NULL. */
void story_control(struct story *l, uint32_t node, enum control_verb verb, uint64_t session,
		   const char *id);

/* ---- story_client.c: clients ---- */
/* Sends the client's datagram to the holder; the client then consumes the replies. Adopts data. */
void story_client_send(struct story *l, struct blob *data);
/* Handshake from nothing. */
void story_client_connect(struct story *l);
/* The client takes the cluster's messages since then, and answers. */
void story_client_listen(struct story *l);
void story_client_new(struct story *l); /* story_init's own. */
/* Beside the story's own one. The caller ends it. */
void story_client_other(struct story *l, struct initiator *i, const struct initiator_config *c);
/* Any client speaks to the holder: adopts data; NULL: it only listens. All messages from the
 * cluster are for it, and stay there. Returns its next message. */
struct blob *story_say(struct story *l, struct initiator *i, struct blob *data);
void story_swallow(struct story *l); /* All that has come out is lost. */
/* One datagram of a client to a node; no client consumes the replies. */
void story_datagram(struct story *l, uint32_t node, const struct initiator *from,
		    const struct blob *data);

/* ---- story_steps.c: the steps of many stories ---- */
void story_begin(struct story *l, uint32_t n); /* story_init(); within 2 s they serve. */
void story_start_all(struct story *l);
void story_kill_all(struct story *l);
void story_stall_all(struct story *l, uint32_t but); /* But one; STORY_NODES: all. */
void story_resume_all(struct story *l);
uint32_t story_third(const struct story *l);       /* With three nodes: it neither leads nor holds. */
void story_lose(struct story *l, uint32_t node);   /* Killed, and all others notice. */
void story_lose_leader(struct story *l);           /* A second later another leads. */
uint32_t story_spi(const struct story *l);         /* spi_in of the client's newest Child SA. */
struct sad_entry *story_entry(struct story *l, uint32_t node); /* That Child SA there. */
struct sad_entry *story_owned(struct story *l);                /* At the holder, who owns it. */
const struct seq_record *story_record(const struct story *l, uint32_t node);
/* All live nodes reach the same index, and have the same state (I7). */
void story_level(struct story *l);

/* ---- story_fault.c: what goes wrong ---- */
void story_link(struct story *l, uint32_t a, uint32_t b, bool up); /* The detectors know too. */
void story_cut_off(struct story *l, uint32_t node); /* All its links are gone; it is isolated. */
void story_rejoin(struct story *l, uint32_t node);
void story_stall(struct story *l, uint32_t node);   /* The disk takes writes, and is silent. */
void story_resume(struct story *l, uint32_t node);
void story_wipe(struct story *l, uint32_t node);    /* For a dead node: empty, with a new id. */
struct store_image story_image_copy(const struct story *l, uint32_t node);
/* For a dead node: what its store has from now on. Adopts image. */
void story_image_put(struct story *l, uint32_t node, struct store_image image);
/* A report of the node's packet workers about an SA. */
void story_report(struct story *l, uint32_t node, const struct sad_entry *e,
		  enum sa_report_kind kind, uint64_t seq);
/* A frame as if it had come over the link. Adopts data. */
void story_frame(struct story *l, uint32_t from, uint32_t to, struct blob *data);

#endif
