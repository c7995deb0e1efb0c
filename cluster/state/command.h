/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: what the Raft log holds. One log entry is one batch of commands,
 * sealed. Everything random or timed in a command was drawn by its proposer. */
#ifndef CLUSTER_STATE_COMMAND_H
#define CLUSTER_STATE_COMMAND_H

#include "proto/esp/volume.h"
#include "proto/ike/ike_sa.h"
#include "proto/wire/prefix_list.h"
#include "proto/wire/status.h"

#define COMMAND_SUPERSEDES_MAX 4u
#define COMMAND_BATCH_MAX 65536u /* Octets of a sealed batch at most. */
#define COMMAND_NODES_MAX 16u

enum command_type {
	COMMAND_SESSION_PUT = 1, /* A client was authenticated. */
	COMMAND_SESSION_STEP,    /* An exchange changed a session. */
	COMMAND_SESSION_DEL,
	COMMAND_SEQ_BATCH,       /* Lease renewals and marks. */
	COMMAND_NODE_UP,
	COMMAND_NODE_DOWN,
	COMMAND_OWNER_MOVE,      /* One session, planned, exact numbers. */
	COMMAND_ADDRESS_HOLD,    /* The service addresses (mode vip: and all slots) go to a node. */
	COMMAND_CLUSTER_TIME,
	COMMAND_NODE_GONE,       /* A node id was removed from the cluster for good. */
	COMMAND_SESSIONS_END,    /* These sessions shall end. */
	COMMAND_IDENTITY,        /* What an operator says of a peer identity. */
	COMMAND_ACCOUNTING,      /* How far reports to RADIUS have come. */
	COMMAND_COA              /* A RADIUS server's request about sessions. */
};

/* What the tables of every node are sized for, as the proposer sees it: apply() reads no
 * configuration. A command that would exceed that is refused with ERR_FULL, unless it takes no more
 * than before. 0: no limit. */
struct room {
	uint32_t sessions;
	uint32_t places; /* Places of Child SAs: ike_session_places() of all sessions. See capacity.c. */
};

/* apply gives the session its id. Refused: ERR_STALE when the IKE SPI pair has a tombstone or belongs to a session;
 * ERR_EXISTS when an inbound SPI or the virtual IP is in use (after the superseded sessions are gone, and not by
 * takes_from); ERR_FULL when there is no room, or its identity would have too many. */
struct session_put {
	struct ike_session ike;
	uint32_t slot;  /* < STATE_SLOTS */
	uint64_t lease; /* L of its Child SAs */
	uint64_t horizon; /* ... and their first one; 0: they are not exact. */
	uint64_t supersedes[COMMAND_SUPERSEDES_MAX]; /* INITIAL_CONTACT: deleted by the same command. */
	uint32_t n_supersedes;
	/* It follows this session, of the same identity: make-before-break. It takes the virtual IP
	 * of that session, which from now on only receives; only the greater of the two counts for
	 * struct room. 0: it follows none, the address is free. */
	uint64_t takes_from;
	struct room room;
	uint32_t identity_max; /* How many sessions its identity may have then; 0: any number. */
};

/* The whole new session: a few hundred octets more than a patch, and nothing that can be put
 * together wrongly. Refused with ERR_STALE unless serial is the session's, with ERR_FULL if there
 * is no room for its new Child SAs. Child SAs that were not there get their first lease in the
 * session's epoch at apply; sequence records of the others stay as they are. */
struct session_step {
	uint64_t session, serial;
	struct ike_session ike;
	uint64_t lease;    /* L of new Child SAs */
	uint64_t horizon;  /* ... and their first one; 0: they are not exact. */
	bool noticed;      /* The step commits a takeover notice for `epoch` ... */
	bool acknowledged; /* ... or the answer to it. */
	int64_t epoch;
	struct room room;
};

/* The session's IKE SA becomes a tombstone. If the client asked for the deletion, the tombstone
 * keeps the answer, of at most COMMAND_FINAL_RESPONSE_MAX octets: a client that lost the answer
 * asks again, for minutes, whichever node leads by then. */
#define COMMAND_FINAL_RESPONSE_MAX 512u
struct session_del {
	uint64_t session, serial;
	uint8_t request_hash[IKE_HASH_LEN]; /* The DELETE that final_response answers. */
	struct ike_datagrams *final_response;    /* NULL: nobody asked. */
	bool lost; /* It did not ask to go: nobody has heard of it. */
};

struct seq_row {
	uint32_t spi_in;
	int64_t epoch; /* For a lease or a horizon it must be the session's current one. */
	uint64_t end;  /* Lease wanted up to here; 0 = no lease in this row. */
	uint64_t mark; /* 0 = no mark. From the current epoch or an earlier one; only rises. */
	uint64_t horizon; /* 0 = none. An exact SA's: wanted up to here; only rises. */
	struct volume volume; /* In all epochs so far, by the owner of the current one; only rises. */
};
#define SEQ_ROWS_MAX 850u /* In one command, to stay within COMMAND_BATCH_MAX. */

struct seq_batch {
	struct seq_row *rows; /* heap */
	uint32_t n;
};

/* A node runs, with a new incarnation. Slots it owned in an older incarnation get the next epoch
 * and the new incarnation: it forgot where it stood. When the state shows this incarnation
 * already, only its policy and its routes may be others. Refused with ERR_UNSUPPORTED if it cannot
 * read what the cluster writes. */
struct node_up {
	uint64_t id;
	char name[32];
	uint64_t incarnation;
	uint64_t config_hash; /* Facts ... */
	uint64_t policy_hash; /* ... and policy: cluster_config.h */
	uint8_t level; /* What it can read: cluster/level.h */
	struct prefix_list routes; /* Pools whose addresses it lets nobody send elsewhere: core/routes.h */
};

/* Refused with ERR_STALE unless the node is up in that incarnation and successor, if not 0,
 * is another node that is up. Its slots, its private one included, and those of nobody
 * go to successor (vip), or by rendezvous over the nodes that are up (successor = 0): those with
 * those facts, if there are any, or all; the service addresses, if it held them, go
 * to successor. */
struct node_down {
	uint64_t id, incarnation;
	uint64_t successor;
	uint64_t config_hash; /* A node with other facts is unready; 0: they do not count. */
};

struct owner_move {
	uint64_t session;
	int64_t epoch; /* Must be current, else ERR_STALE. */
	uint64_t to;   /* Raft id of a node that is up. */
	/* spi_in; end = exact next number; mark = highest accepted. The old owner stopped
	 * before it said this, and may go on only in another epoch: the command can
	 * commit late. An exact SA without a mark here begins at its horizon. */
	struct seq_row rows[IKE_CHILD_MAX];
	uint32_t n;
};

/* Refused with ERR_STALE unless node is up with that incarnation. With `slots` every
 * slot of the old holder (or of nobody) moves to the new one along with the addresses;
 * private slots only if there are sessions in them. */
struct address_hold {
	uint64_t node, incarnation;
	bool slots;
};

struct cluster_time {
	uint64_t delta_ms; /* Since the last one of this leader, by its monotonic clock. */
	uint64_t unix_s;   /* What the leader's wall clock says, for reports to RADIUS alone; 0: it does not know. */
	uint8_t level;     /* What each member can read: the committed level rises to it, if each
			    * node of the state can. */
	struct {
		uint64_t id, stored_index;
	} stored[COMMAND_NODES_MAX];
	uint32_t n;
};

struct node_gone {
	uint64_t id;
	uint64_t config_hash; /* As in node_down. */
};

/* A ticket tells the asking node that the command was applied: that node drew it, and 0 is
 * nobody's. */

enum end_reason {
	END_ASKED = 1, /* By an operator. */
	END_POLICY,    /* Its identity or its connection is no longer configured. */
	END_LIFETIME,  /* Its IKE SA is past its hard lifetime. */
	END_REPLACED   /* Its identity has a newer one: unique_ids. */
};

/* Each of these sessions ends, as ike_session_end() says; unknown ids, and those of sessions that
 * already end, are ignored. ERR_NOT_FOUND: all are. */
#define SESSIONS_END_MAX 500u /* By one command: what an apply takes at once. */
struct sessions_end {
	uint64_t ticket;
	uint8_t reason; /* enum end_reason */
	uint32_t n;
	uint64_t session[SESSIONS_END_MAX];
};

enum identity_verdict {
	IDENTITY_END = 1, /* All its sessions end. ERR_NOT_FOUND: there are none. */
	IDENTITY_REVOKE,  /* The same, and it is no longer let in. ERR_FULL: STATE_REVOKED_MAX are revoked. */
	IDENTITY_ALLOW    /* It may connect again. ERR_NOT_FOUND: it was not revoked. */
};

struct identity_command {
	uint64_t ticket;
	uint8_t verdict; /* enum identity_verdict */
	struct ike_id id;
};

enum accounting_verdict {
	ACCOUNTING_DONE = 1, /* These reports have arrived, or nobody wants them. */
	ACCOUNTING_AGAIN,    /* Nobody has answered these: each is made anew, behind all others. */
	ACCOUNTING_INTERIM   /* It is time for one for these sessions. */
};

/* Ids that are of none count for nothing. ERR_NOT_FOUND: all of them are. */
#define ACCOUNTING_IDS_MAX 256u
struct accounting_command {
	uint8_t verdict; /* enum accounting_verdict */
	uint32_t n;
	uint64_t id[ACCOUNTING_IDS_MAX];
};

/* A Disconnect- or CoA-Request (RFC 5176). Refused: ERR_EXISTS: it was carried out already; ERR_FULL:
 * STATE_COA_MAX are remembered. */
struct coa_command {
	uint8_t hash[IKE_HASH_LEN]; /* Of the request. */
	uint16_t error;     /* The answer: enum radius_error_cause; if all sessions are gone, it is that. */
	uint32_t timeout_s; /* The sessions live so long from now on; 0: they end. */
	uint32_t n;
	uint64_t session[SESSIONS_END_MAX];
};

struct command {
	enum command_type type;
	union {
		struct session_put session_put;
		struct session_step session_step;
		struct session_del session_del;
		struct seq_batch seq_batch;
		struct node_up node_up;
		struct node_down node_down;
		struct owner_move owner_move;
		struct address_hold address_hold;
		struct cluster_time cluster_time;
		struct node_gone node_gone;
		struct sessions_end sessions_end;
		struct identity_command identity;
		struct accounting_command accounting;
		struct coa_command coa;
	};
};

void command_fini(struct command *c); /* Frees and cleanses what it holds. */

/* Plain bytes, length-prefixed: batches are these put end to end, then sealed. In the encoding of
 * that level (cluster/level.h). */
struct blob *command_encode(const struct command *c, uint8_t level);

/* Decodes one command off the front of *data / *len. On OK *c holds new references
 * (command_fini). ERR_UNSUPPORTED: of a level above `own`, or an unknown command. */
enum status command_decode(struct command *c, const uint8_t **data, size_t *len,
			   uint8_t own) must_check;

/* The same encoding serves half-open SAs between nodes, and sessions in snapshots. */
struct blob *half_open_encode(const struct ike_half_open *h, uint8_t level);
enum status half_open_decode(struct ike_half_open *h, const uint8_t *data, size_t len,
			     uint8_t own) must_check;

#endif
