/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the replicated state machine: for cluster/state/ alone.
 *
 *   apply.c           apply, cluster time
 *   state.c           nodes, slots, reading
 *   slots.c           owner slots: who owns what, in which epoch
 *   sessions.c        put, step, delete
 *   tombstones.c      IKE SAs that are gone
 *   ending.c          sessions that are told to end
 *   revoked.c         identities that are not let in
 *   table.c           the table of sessions and its indexes
 *   seq_batch.c       leases, marks, the planned hand-over
 *   accounting_report.c  what is to be told to RADIUS
 *   coa_apply.c       requests of RADIUS servers; coa_done.c, the outcome of earlier ones
 *   pool.c            virtual IPs: in use, freed, free
 *   capacity.c            what all of it takes of struct room
 *   state_record.c    its records as octets, one by one
 *   state_snapshot.c  all of it as octets
 *   cut.c             the same, piece by piece
 *
 * What the snapshot writes is replicated. The indexes, the count of sessions in a slot and the pool
 * hints follow from it and are rebuilt. */
#ifndef CLUSTER_STATE_STATE_INTERNAL_H
#define CLUSTER_STATE_STATE_INTERNAL_H

#include "cluster/spi_index.h"
#include "cluster/state/record.h"
#include "cluster/state/state.h"

#include <uthash.h>

#define TOMBSTONE_MS 600000u  /* In cluster time; a half-open copy lives 30 s. */
#define FREED_MS 600000u      /* Until then the last user of an address is remembered. */
#define POOL_HINTS STATE_POOLS_MAX

struct session_entry;
struct peer_sessions;
struct accounting_report;
struct coa_done;

/* A key of the index by SPI pair ... */
struct pair_index {
	uint64_t pair[2]; /* spi_i, spi_r */
	struct session_entry *entry; /* NULL: this place is not in the index. */
	UT_hash_handle hh;
};

/* ... and of the one by inbound SPI. */
struct child_index {
	struct spi_key key;
	struct session_entry *entry;
};

/* Its place among sessions of its client, and among those of all clients who have its name. */
enum { PEER_CLIENT, PEER_NAMED, PEER_LISTS };
struct peer_link {
	struct peer_sessions *of;
	struct session_entry *previous, *next;
};

struct session_entry {
	struct session s;
	struct pair_index by_pair[IKE_SA_MAX];   /* For s.ike.ike[i]. */
	struct child_index by_spi[IKE_CHILD_MAX];  /* For s.ike.child[i]. */
	struct address virtual_ip;               /* Key: octets behind the address are zero. */
	UT_hash_handle by_ip;
	struct blob *row;                        /* For the cut: as it was when that began. */
	struct peer_link peer[PEER_LISTS];
	struct session_entry *before;            /* The entry whose s.followed_by this is, or NULL. */
};

/* Sessions whose keys may be reused, because they change or go in this command; and one. */
struct exempt {
	struct session_entry *entry[COMMAND_SUPERSEDES_MAX + 1];
	uint32_t n;
};

/* All sessions of one client, or of one name (realm 0), in ascending id. */
struct peer_sessions {
	struct peer_key { /* Octets behind the identity, and between these, are zero. */
		uint64_t realm;
		struct ike_id id;
	} key;
	struct session_entry *first, *last;
	UT_hash_handle hh;
};

/* Sessions in ascending id. Ids only grow, so a new one goes to the end; a deleted one
 * leaves a hole until half of the list is holes. */
struct session_list {
	struct session_item {
		uint64_t id;
		struct session_entry *entry; /* NULL: a hole. */
	} *item;
	size_t n, room, holes;
};

/* Pairs and addresses that were freed, in that order. */
struct tombstone {
	uint64_t pair[2];
	uint64_t peer;  /* Its client: tombstone_peer(). */
	uint64_t at_ms;
	struct ike_datagrams *final_response; /* See struct session_del. */
	uint8_t request_hash[IKE_HASH_LEN]; /* Zero without a final response. */
	UT_hash_handle hh;
};

/* How many tombstones a client has. */
struct peer_tombstones {
	uint64_t peer;
	uint32_t n;
	UT_hash_handle hh;
};

/* A request of a RADIUS server, and its outcome. */
struct coa_done {
	uint8_t hash[IKE_HASH_LEN];
	uint16_t error;  /* enum radius_error_cause */
	uint64_t at_ms;
	UT_hash_handle hh;
};

struct revoked {
	struct ike_id id; /* Key: ike_id_key(). */
	UT_hash_handle hh;
};

struct freed {
	struct address address;
	uint64_t peer;   /* Its last user: tombstone_peer(). */
	uint64_t at_ms;
	uint64_t serial; /* Grows along the list. */
	struct freed *older, *newer; /* The same peer's; the newest is in freed_by_peer. */
	UT_hash_handle hh, by_peer;
};

/* Where a search begins: below low no address of the pool is free, and no earlier freed address is
 * in the pool. */
struct pool_hint {
	struct prefix pool;
	struct address low;
	const struct freed *oldest; /* NULL: none is. */
	uint64_t used; /* Addresses of it that sessions have. */
	bool valid, full; /* full: none at all is free. */
};
struct pool_hints {
	struct pool_hint hint[POOL_HINTS];
	unsigned next; /* To be replaced. */
};

struct state {
	uint8_t level;
	uint64_t time_ms;
	uint64_t unix_s;       /* What a wall clock said with that time; 0: unknown. */
	uint64_t last_session; /* The id given last. */
	struct node_record node[STATE_NODES_MAX];
	uint64_t holder, holder_incarnation;
	struct slot slot[STATE_SLOTS_ALL];
	struct tombstone *tombstones;
	struct revoked *revoked; /* In the order of their revocation. */
	struct freed *freed, *freed_by_peer;
	uint64_t freed_serial; /* The next one's. */
	struct accounting_report *reports, *reports_by_key; /* In ascending id. */
	struct coa_done *coa; /* In the order of their time. */
	uint64_t last_report, reports_lost; /* The id given last; how many found no room. */
	size_t n_exact;        /* Child SAs with a horizon. */
	struct state_cut *cut; /* NULL: none is being written. */

	uint32_t slot_sessions[STATE_SLOTS_ALL];
	struct session_list list;
	size_t n_child, n_places;
	struct room shared;    /* By pairs of sessions: counted twice in n_places and list. */
	struct peer_tombstones *peer_tombstones;
	struct pair_index *by_pair;
	struct spi_index by_spi;
	struct session_entry *by_ip;
	struct peer_sessions *peers;
	struct pool_hints *hints; /* Not part of the value: reading may improve it. */
};

/* ---- state.c ---- */
struct node_record *state_find_node(struct state *s, uint64_t id);
/* The node if it is up in that incarnation (0 = whichever is current), else NULL. */
const struct node_record *state_node_up(const struct state *s, uint64_t id, uint64_t incarnation);
uint32_t state_node_index(const struct state *s, const struct node_record *n);

/* ---- slots.c ---- */
void apply_node_up(struct state *s, const struct node_up *c, struct apply_result *r);
void apply_node_down(struct state *s, const struct node_down *c, struct apply_result *r);
void apply_node_gone(struct state *s, const struct node_gone *c, struct apply_result *r);
void apply_address_hold(struct state *s, const struct address_hold *c, struct apply_result *r);
/* A slot of the node for one session: its private one, unless others' sessions are in
 * it under a successor; else any that it owns. STATE_SLOTS_ALL: it has none. */
uint32_t slot_for_session(struct state *s, const struct session *session,
			  const struct node_record *n, struct apply_result *r);

/* ---- sessions.c ---- */
void apply_session_put(struct state *s, const struct session_put *c, struct apply_result *r);
void apply_session_step(struct state *s, const struct session_step *c, struct apply_result *r);
void apply_session_del(struct state *s, const struct session_del *c, struct apply_result *r);

/* ---- capacity.c ---- */
bool exempt_contains(const struct exempt *x, const struct session_entry *e);
struct exempt exempt_of(const struct state *s, const struct session_put *c); /* What it supersedes. */
/* Call before and after the places of e, or of the session that it is paired with, change, or the
 * pair itself. False: it was in none. */
bool capacity_pair_breaks(struct state *s, struct session_entry *e);
void capacity_pair_forms(struct state *s, struct session_entry *e);
/* The session that the new one follows: pool_pass() from it; NULL: none. */
struct session_entry *capacity_followed(const struct state *s, const struct session_put *c,
				    const struct ike_session *next, const struct exempt *gone);
struct room capacity_after_step(const struct state *s, struct session_entry *e, const struct ike_session *next);

/* ---- tombstones.c ---- */
uint64_t tombstone_peer(struct ike_client client);
/* NULL: the pair has a tombstone already. */
struct tombstone *tombstone_add(struct state *s, uint64_t spi_i, uint64_t spi_r, uint64_t peer,
				uint64_t at_ms);
/* The tombstone, if there is one, keeps the answer, if there is one (a new reference). */
void tombstone_say(struct state *s, uint64_t spi_i, uint64_t spi_r, struct ike_datagrams *final_response,
		   const uint8_t request_hash[IKE_HASH_LEN]);
void tombstones_sweep(struct state *s);
void tombstones_fini(struct state *s);

/* ---- ending.c ---- */
bool session_end(struct state *s, struct session_entry *e, uint8_t cause); /* False: it ends already. */
void apply_sessions_end(struct state *s, const struct sessions_end *c, struct apply_result *r);
void apply_identity(struct state *s, const struct identity_command *c, struct apply_result *r);

/* ---- revoked.c ---- */
void revoked_add(struct state *s, const struct ike_id *id);    /* It is not there, and there is room. */
void revoked_remove(struct state *s, const struct ike_id *id); /* It is there. */
void codec_revoked(struct codec *c, struct state *s); /* All of them: for codec_head(). */
void revoked_fini(struct state *s);

/* ---- table.c ---- */
struct session_entry *session_find(const struct state *s, uint64_t id);
struct session_entry *session_last_of(const struct state *s, struct ike_client client);
struct session_entry *session_entry_of(struct session *s); /* Whose .s it is. */
struct pair_index *session_find_pair(const struct state *s, uint64_t spi_i, uint64_t spi_r);
struct child_index *session_find_spi(const struct state *s, uint32_t spi_in);
/* Can it be a session at all? ERR_MALFORMED; ERR_EXISTS: an inbound SPI twice. */
enum status session_check(const struct ike_session *ike);
/* Adopts entry (heap, s filled) when it is OK; its id must be greater than all before.
 * ERR_EXISTS: one of its keys is taken; or what session_check() says. */
enum status session_insert(struct state *s, struct session_entry *entry);
/* The session becomes ike, which was checked and whose keys are free, with seq. */
void session_replace(struct state *s, struct session_entry *entry, const struct ike_session *ike,
		     const struct seq_record seq[IKE_CHILD_MAX]);
/* Leaves tombstones and a freed address behind, unless that goes back to whom it came from:
 * then returns that session, else 0. */
uint64_t session_remove(struct state *s, struct session_entry *entry);
void session_entry_free(struct session_entry *entry); /* For one that was not adopted. */
void session_set_slot(struct state *s, struct session_entry *entry, uint32_t slot);
void sessions_fini(struct state *s);

/* ---- accounting_report.c: nothing happens for a session of which no account is kept ---- */
void accounting_start(struct state *s, struct session_entry *e);
void accounting_stop(struct state *s, struct session_entry *e, uint8_t cause); /* Before it ends. */
void apply_accounting(struct state *s, const struct accounting_command *c, struct apply_result *result);
void codec_report(struct codec *c, const struct state *s, struct accounting_report *r);
bool accounting_insert(struct state *s, struct accounting_report *r); /* Adopts r. False: it cannot be. */
void accounting_fini(struct state *s);

/* ---- coa_apply.c ---- */
void apply_coa(struct state *s, const struct coa_command *c, struct apply_result *r);

/* ---- coa_done.c ---- */
void coa_add(struct state *s, const struct coa_done *of); /* Of a hash that is not there. */
void codec_coa(struct codec *c, struct state *s); /* All of them: for codec_head(). */
void coa_sweep(struct state *s);
void coa_fini(struct state *s);

/* ---- state_record.c ---- */
void codec_tombstone(struct codec *c, struct tombstone *t);
void codec_freed(struct codec *c, struct freed *f);
void codec_session_record(struct codec *c, const struct state *s, struct session *x);
/* All before the tombstones. The form is that of the state's level; own: the highest that can be read. */
void codec_head(struct codec *c, struct state *s, uint8_t own);

/* ---- cut.c: to be called before it happens ---- */
void cut_before_tombstone_goes(struct state *s, struct tombstone *t);
void cut_before_freed_goes(struct state *s, struct freed *f);
void cut_before_report_goes(struct state *s, struct accounting_report *r);
void cut_before_session_changes(struct state *s, struct session_entry *e);
void cut_before_session_goes(struct state *s, struct session_entry *e);

/* ---- seq_batch.c ---- */
void apply_seq_batch(struct state *s, const struct seq_batch *c, struct apply_result *r);
void apply_owner_move(struct state *s, const struct owner_move *c, struct apply_result *r);

/* ---- pool.c ---- */
struct address address_key(const struct address *a); /* Octets behind the address zero. */
struct session_entry *pool_user(const struct state *s, const struct address *a);
void pool_take(struct state *s, struct session_entry *entry); /* entry->s.ike.virtual_ip */
void pool_free(struct state *s, struct session_entry *entry);
/* The address passes to a session that is not in the table yet ... */
void pool_pass(struct state *s, struct session_entry *from, struct session_entry *to);
/* ... and, when an entry goes, back, or on. Returns the session that has it again, or 0. */
uint64_t pool_return(struct state *s, struct session_entry *entry);
/* After reading: finds `before` for each; false: it cannot be. */
bool pool_link(struct state *s);
/* False: it is freed already. */
bool freed_add(struct state *s, const struct address *a, uint64_t peer, uint64_t at_ms);
bool freed_contains(const struct state *s, const struct address *a);
void freed_sweep(struct state *s);
void pool_fini(struct state *s);

#endif
