/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of baton in one process: cores, failure detectors and models of the
 * packet workers on the hosts, strict clients outside, an echoing server inside,
 * somebody who records and repeats, and checkers for the invariants of DESIGN
 * section 10. */
#ifndef TEST_SIM_FULL_H
#define TEST_SIM_FULL_H

#include "cluster/core.h"
#include "cluster/detector.h"
#include "test/lib/initiator.h"
#include "test/sim/fault.h"
#include "test/sim/seen.h"

#define CLIENTS_MAX 12u
#define REPLAY_RING 256u

enum datagram_kind { DATAGRAM_IKE, DATAGRAM_ESP, DATAGRAM_INNER };

struct full;
struct client;

/* ---- Checkers: each ends the run with what it saw. ---- */

/* I1, I2: numbers sealed and numbers delivered. */
struct sequence_checker {
	struct full *full;
	struct seen sealed;    /* (spi_in, seq) */
	struct seen delivered; /* (spi_in, seq): when, by whom, in which epoch */
	uint64_t n_sealed, n_delivered, n_excused;
};
/* I3, and I1 for IKE: what leaves a leader. */
struct reply_checker {
	struct full *full;
	struct seen bytes; /* (spi_r, flags, message id) */
	struct seen iv;    /* (spi_i, spi_r, iv) */
	uint64_t n_checked;
};
/* I4, I6, I7: the replicated state. */
struct state_checker {
	struct full *full;
	struct seen digest; /* (applied index) */
	struct seen owner;  /* (spi_in, epoch) */
	struct seen newest; /* (spi_in): epoch and when it was first granted. */
	struct seen dead;   /* (spi_i, spi_r): the client was told that it is gone. */
	uint64_t n_digests;
};

struct full {
	struct world world;
	struct cluster_config config; /* self is set in each node's copy. */
	struct ike_connection connection;
	struct ike_peer_secret secret[CLIENTS_MAX];
	uint64_t raft_id[HOSTS_MAX];
	int holder;                   /* The host that the service address leads to; -1 = none. */
	int stale;                    /* The one before: neighbours may not have noticed. */
	uint64_t stale_until_us;
	struct client *client;
	unsigned n_clients;
	struct faults faults;
	uint64_t wiped_us;            /* When a disk was last replaced. */
	unsigned n_wipes, n_shutdowns;
	bool calm;                    /* Faults are over: nobody starts anything new. */
	struct {
		struct blob *data;
		unsigned client;
		enum datagram_kind kind;
	} ring[REPLAY_RING];
	unsigned ring_next;
	struct sequence_checker sequence;
	struct reply_checker reply;
	struct state_checker state;
};

uint64_t full_run(uint64_t seed, bool verbose, const char *command);

/* ---- Between the parts ---- */

/* A datagram from a client to the service address; adopts data. */
void full_to_gateway(struct full *f, unsigned client, enum datagram_kind kind, struct blob *data);
/* One from a node to wherever remote is; adopts data. */
void full_to_client(struct full *f, const struct endpoint *remote, enum datagram_kind kind,
		    struct blob *data);
/* An inner packet that a node let in: the server echoes it. Borrows data. */
void full_to_server(struct full *f, const uint8_t *data, size_t len);
struct endpoint full_service(void);

/* ---- Nodes ---- */
extern const struct program node_program;
const struct core *node_core(const struct host *h); /* NULL: it does not run. */
void node_shut_down(struct host *h); /* SIGTERM; it is started again later. */
/* Do its workers have just what its applied state gives it? NULL = yes. */
const char *node_differs(const struct host *h);

/* ---- Clients ---- */
void clients_init(struct full *f, unsigned n);
void clients_fini(struct full *f);
void client_receive(struct full *f, unsigned client, enum datagram_kind kind, struct blob *data);
/* Has every client that had a session when calm began had an echo since? NULL = yes. */
const char *clients_unhappy(struct full *f, char *text, size_t size);
void clients_calm(struct full *f);
/* What the client believes to have: calls fn for each IKE SA with a Child SA. */
void clients_believe(struct full *f, void (*fn)(struct full *f, unsigned client, uint64_t spi_i,
						 uint64_t spi_r, uint32_t spi_in));

/* ---- Checkers ---- */
/* Until when a process has told us of what it let in. */
struct heard {
	uint64_t incarnation, sent_us;         /* The one that runs, and the one before. */
	uint64_t old_incarnation, old_sent_us;
};
struct acceptance {
	uint64_t at_us;
	unsigned host;
	uint64_t incarnation;
	int64_t epoch;
	const struct heard *heard; /* By host; when the grant was made. */
};
void sequence_checker_init(struct sequence_checker *c, struct full *f);
void sequence_checker_fini(struct sequence_checker *c);
void sequence_checker_sealed(struct sequence_checker *c, unsigned host, uint32_t spi_in,
			     uint64_t seq);
void sequence_checker_delivered(struct sequence_checker *c, uint32_t spi_in, uint64_t seq,
				const struct acceptance *a);
void reply_checker_init(struct reply_checker *c, struct full *f);
void reply_checker_fini(struct reply_checker *c);
void reply_checker_sent(struct reply_checker *c, unsigned host, const struct core *core,
			const uint8_t *data, size_t len);
void state_checker_init(struct state_checker *c, struct full *f);
void state_checker_fini(struct state_checker *c);
void state_checker_stepped(struct state_checker *c, unsigned host, const struct core *core,
			   uint64_t applied_before);
void state_checker_granted(struct state_checker *c, unsigned host, uint64_t incarnation,
			   uint32_t spi_in, int64_t epoch);
/* A packet was let in or sealed in this epoch. */
void state_checker_used(struct state_checker *c, unsigned host, uint32_t spi_in, int64_t epoch);
void state_checker_deleted(struct state_checker *c, uint64_t spi_i, uint64_t spi_r);
void state_checker_end(struct state_checker *c);

#endif
