/* SPDX-License-Identifier: Apache-2.0 */
/* The replicated state machine (DESIGN section 7): what every node knows after the same committed
 * commands, and the only function that changes it. state_apply() reads nothing but the command and
 * the state: no clock, no configuration, no randomness. Equal index, equal digest. */
#ifndef CLUSTER_STATE_STATE_H
#define CLUSTER_STATE_STATE_H

#include "cluster/state/command.h"
#include "cluster/state/lease.h"

#define STATE_NODES_MAX 16u
#define STATE_SLOTS 4096u /* Shared owner slots; then each node's private one. */
#define STATE_SLOTS_ALL (STATE_SLOTS + STATE_NODES_MAX)
#define STATE_POOLS_MAX PREFIX_LIST_MAX /* Pools whose fill is known at any time. */
#define STATE_FREED_MAX 65536u /* Addresses whose last user is remembered for good. */
#define STATE_REVOKED_MAX 1024u /* Identities: each snapshot begins with them all. */

struct node_record {
	uint64_t id;           /* Raft id; 0 = empty place. */
	char name[32];
	uint64_t incarnation;  /* Drawn at each start of the process. */
	bool up;
	uint64_t config_hash, policy_hash;
	struct prefix_list routes; /* NodeUp's. */
	uint8_t level;         /* As it said, not below state_level(). */
	uint64_t stored_index; /* Highest index it is known to have stored (ClusterTime). */
};

/* An owner slot names the owner of the sessions in it. */
struct slot {
	uint64_t node;        /* Raft id; 0 = nobody yet. */
	uint64_t incarnation;
	int64_t epoch;        /* Only grows: by one with every change of owner or incarnation. */
	uint64_t previous_node, previous_incarnation; /* Late marks are taken from it too. */
};

struct session {
	uint64_t id;                /* Never reused: a counter in the state. */
	uint64_t serial;            /* Counts changes; a step names the one it was computed from. */
	uint32_t slot;
	int64_t epoch_base;         /* epoch = epoch_base + the slot's epoch */
	struct ike_session ike;
	struct seq_record seq[IKE_CHILD_MAX]; /* For ike.child[i]. */
	int64_t first_epoch;        /* The epoch it was made in: takeovers = epoch - first_epoch. */
	int64_t noticed_epoch;      /* The client was told (notice committed) of this epoch ... */
	int64_t acknowledged_epoch; /* ... and has answered it. */
	uint64_t followed_by;         /* The session that follows it, and has its virtual IP now, if
				     * there is one: this one then only receives. 0: none. */
	uint64_t spi;               /* Its first spi_r, for good: see accounting_report.h. */
	uint64_t reported_ms;       /* Cluster time of its last report, if account is kept. */
	struct volume gone;         /* What its Child SAs that are deleted had carried. */
	struct {                    /* By OwnerMove, last; or made: */
		int64_t epoch;      /* The first after it ... */
		uint64_t node, incarnation; /* ... and the owner before; 0: none. */
	} moved;
};

struct state;

struct state *state_new(void);
void state_free(struct state *s);

/* What applying one command did, for the node to follow. */
struct apply_result {
	enum status status;     /* OK, or why it was refused: ERR_STALE, ERR_EXISTS, ERR_NOT_FOUND,
				 * ERR_FULL; a refused command has changed nothing. */
	uint64_t session;       /* Which session was made, changed or deleted; 0 = none. */
	bool session_deleted;
	uint64_t superseded[COMMAND_SUPERSEDES_MAX]; /* Sessions that a SessionPut deleted. */
	uint32_t n_superseded;
	uint64_t passed[COMMAND_SUPERSEDES_MAX + 1]; /* Others that lost their address, or have it back. */
	uint32_t n_passed;
	uint32_t n_ended;       /* Sessions that a SessionsEnd or an Identity has begun to end. */
	bool slots_changed;     /* Ownership of slots changed: look at all sessions. */
	bool holder_changed;
	bool nodes_changed;
	bool sequence_changed;  /* SeqBatch: look at the sessions of its rows. */
};

void state_apply(struct state *s, const struct command *c, struct apply_result *r);

/* ---- Reading. Pointers are valid until the next apply. ---- */
uint64_t state_time_ms(const struct state *s);      /* Committed cluster time. */
uint8_t state_level(const struct state *s);         /* The level at which everything is written: cluster/level.h */
const struct node_record *state_node(const struct state *s, uint64_t id); /* NULL: unknown. */
const struct node_record *state_node_at(const struct state *s, uint32_t place); /* NULL: empty. */
const struct slot *state_slot(const struct state *s, uint32_t slot);
/* Who holds the service addresses: Raft id (0 = nobody) and incarnation. */
uint64_t state_holder(const struct state *s, uint64_t *incarnation);

const struct session *state_session(const struct state *s, uint64_t id);
const struct session *state_session_by_ike(const struct state *s, uint64_t spi_i, uint64_t spi_r);
/* *child (may be NULL): its index in ike.child. */
const struct session *state_session_by_spi(const struct state *s, uint32_t spi_in, unsigned *child);
bool state_tombstone(const struct state *s, uint64_t spi_i, uint64_t spi_r);
/* How many there are: of one client, or (id NULL) all. */
size_t state_tombstones(const struct state *s, struct ike_client client);
/* The answer to the DELETE that ended this IKE SA; NULL: there is none, or the request does
 * not have that hash. Without a hash: whichever was asked. Borrowed. */
struct ike_datagrams *state_final_response(const struct state *s, uint64_t spi_i, uint64_t spi_r,
				      const uint8_t *request_hash);
size_t state_sessions(const struct state *s);
size_t state_child_sas(const struct state *s);
bool state_all_exact(const struct state *s); /* Each Child SA has a horizon, or there is none. */
uint32_t state_slot_sessions(const struct state *s, uint32_t slot); /* Sessions in it. */
/* What all sessions take of struct room; and what they would take if this were put, as `next`
 * (c->ike is not looked at). */
struct room state_taken(const struct state *s);
struct room state_taken_with(const struct state *s, const struct session_put *c,
			     const struct ike_session *next);
/* How many sessions the client of next has then: those that end do not count, and of two of which
 * one follows the other, one counts. */
uint32_t state_identity_sessions(const struct state *s, const struct session_put *c,
				 const struct ike_session *next);
/* Is it too much? Never, if it takes no more than before. limit 0: there is none. */
bool capacity_lacks(uint32_t limit, uint32_t now, uint32_t then);
size_t state_places(const struct state *s); /* state_taken().places */
/* For c->takes_from: the session of the same client that `next` follows: the one whose address it
 * gets, or, without virtual IPs, the one with the same connection and client address. 0: none. */
uint64_t state_follows(const struct state *s, const struct session_put *c, const struct ike_session *next);
size_t state_sessions_owned(const struct state *s, uint64_t node); /* By its slots, of a node's id. */
/* Sessions in ascending id; start with after = 0; NULL at the end. */
const struct session *state_next_session(const struct state *s, uint64_t after);
/* The same, of one client (for INITIAL_CONTACT); and of all clients who have that name. */
const struct session *state_next_session_of(const struct state *s, struct ike_client client, uint64_t after);
const struct session *state_next_session_named(const struct state *s, const struct ike_id *name, uint64_t after);

/* Is it to end? It has no Child SA any more, and the client is to be told. */
bool session_ends(const struct session *session);

/* Identities that are not let in, whatever case they are spelled in. */
bool state_is_revoked(const struct state *s, const struct ike_id *id);
size_t state_revoked(const struct state *s); /* How many. */
/* In the order of their revocation; NULL at the end, or where `after` (NULL: from the
 * first on) is none. */
const struct ike_id *state_next_revoked(const struct state *s, const struct ike_id *after);

/* What the session has carried by all its Child SAs so far, as far as it is committed: up to a second
 * less than it has, never more. */
struct volume session_volume(const struct session *session);
int64_t session_epoch(const struct state *s, const struct session *session);
/* Who owned the session in that epoch, as far as the state remembers: the current one, and
 * those before the last change of its slot and before its last OwnerMove. False: it cannot say. */
bool session_owner_in(const struct state *s, const struct session *session, int64_t epoch,
		      uint64_t *node, uint64_t *incarnation);
const struct slot *session_slot(const struct state *s, const struct session *session);

/* The session that has this address once those are gone; 0: none. */
uint64_t state_address_user(const struct state *s, const struct address *a, const uint64_t *gone,
			    uint32_t n_gone);

struct pool_taken { /* Is it on its way to a client, or kept for one? */
	bool (*is)(const void *ctx, const struct address *a);
	const void *ctx;
	/* Kept: until state_pools_look_anew(), so that it need not be asked again. NULL: none is. */
	bool (*kept)(const void *ctx, const struct address *a);
};
struct pool_wish { /* May be NULL, and each of it. */
	const struct address *address; /* What it asks for. */
	struct ike_client client;
};
/* A free address of the pool that is not `taken` (NULL: none is): the requested one if it is free, else the one
 * that the same client freed last, else the lowest never used, else the one freed longest ago; never network,
 * broadcast, nor one that another client freed less than rest_ms ago. The last user of an address is forgotten
 * after ten minutes of cluster time at the earliest, so rest_ms must not be more; the last STATE_FREED_MAX are
 * never forgotten. */
bool state_pool_pick(const struct state *s, const struct prefix *pool, const struct pool_wish *wish,
		     uint64_t rest_ms, const struct pool_taken *taken, struct address *out);

void state_pools_look_anew(const struct state *s); /* Others are kept from now on. */

struct pool_use {
	uint64_t used, size; /* Addresses: those that sessions have, and all that can be given. */
};
struct pool_use state_pool_use(const struct state *s, const struct prefix *pool);

/* ---- Snapshots ---- */
struct blob *state_encode(const struct state *s); /* Plain: seal it. Canonical: equal states, equal bytes. */
/* NULL: malformed, or of a level above `own`. */
struct state *state_decode(const uint8_t *data, size_t len, uint8_t own);
uint8_t state_level_of(const uint8_t *data, size_t len); /* The level of such octets; 0: they have none. */
/* The same octets in pieces, while commands go on being applied: they are those of the state
 * as it was at state_cut_begin(). One cut at a time: another one forgets it. */
void state_cut_begin(struct state *s);
/* The next piece: `octets` of it, and what it takes to end a record, or less; NULL: nothing
 * was left. whole: it was the last one, the cut is over. */
struct blob *state_cut_next(struct state *s, size_t octets, bool *whole);
void state_cut_drop(struct state *s); /* If there is one. */
void state_digest(const struct state *s, uint8_t digest[32]); /* SHA-256 of state_encode(). */

#endif
