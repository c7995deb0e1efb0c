/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms of a node's core and the doors between them. Each room is one file
 * with one struct below; none reaches into another's struct.
 *
 *   core.c        events to rooms, what follows a commit, status
 *   view.c        what every room may ask: who leads, who is who
 *   bootstrap.c   who we are: HELLO, founding, joining, refusing old copies
 *   proposals.c   commands to the leader, into the log, out of it into the state
 *   snapshot.c    the state, sealed, a slice at a time
 *   membership.c  nodes up and down, the holder, elections, cluster time
 *   refusals.c    what clients were refused: counters, and a line now and then
 *   fitness.c     hosts that do not let their node serve
 *   half_open.c   IKE SAs between IKE_SA_INIT and IKE_AUTH
 *   relay.c       IKE messages at a node that does not lead
 *   exchange.c    IKE messages at the leader: respond, commit, answer
 *   requests*.c   requests of our own: notices, DPD, rekeys, deletions, retransmission
 *   grants.c      the applied state, told to the packet workers
 *   takeover.c    what becomes ours: whose marks are awaited, how old they were
 *   sequence*.c   marks: what was accepted, here and elsewhere, by epoch
 *   owned_sa.c    one entry an SA, with the part that each of the others keeps of it
 *   quorum.c      exact SAs: what a majority holds is delivered
 *   collect.c     exact SAs: who has forgotten what, and what an heir does
 *   lease_requests.c what owners ask of the log: leases, horizons, marks
 *   news.c        what owners tell the leader of their clients
 *   control.c     what an operator asks for
 *   policy.c      sessions of what is configured no longer */
#ifndef CLUSTER_CORE_CORE_INTERNAL_H
#define CLUSTER_CORE_CORE_INTERNAL_H

#include "cluster/core/core.h"
#include "cluster/core/control_room.h"
#include "cluster/link/frame.h"
#include "cluster/core/refusals.h"
#include "cluster/core/seal.h"
#include "cluster/core/sequence.h"
#include "cluster/core/owed.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/takeover.h"
#include "proto/ike/ike.h"

#include <openssl/mem.h>

#define UTHASH_NO_STRICT_ALIASING 1
#include <uthash.h>

#define MS UINT64_C(1000)
#define NEVER UINT64_MAX
#define NODE_NONE CLUSTER_NODES_MAX
/* Who was asked for a cookie is asked again when it repeats the request without one: of two
 * answers to one IKE_SA_INIT a client takes the first for that to its latest. */
#define COOKIE_DEMAND_US (30000 * MS)

/* What we know of another node. */
struct peer {
	bool linked;         /* The link is up. */
	bool greeted;        /* Its HELLO came and was accepted. */
	bool refused;        /* It was not: frames from it are ignored. */
	bool refuses;        /* It will not work with us. */
	bool suspect;        /* By our failure detector. */
	bool leaving;        /* It said so, in this incarnation. */
	bool never_heard;    /* suspect since our start: not the detector's word yet. */
	bool differs;        /* Its configuration hash is not ours. */
	bool unfit;          /* FRAME_FITNESS: its host does not let it serve. */
	uint64_t raft_id, incarnation, cluster_id;
	uint64_t applied;    /* FRAME_APPLIED, for the leader. */
	uint64_t stored_id, stored_index; /* What the node of this name had acknowledged when the link came up. */
	uint64_t silent_us;  /* When it became suspect: since when nothing was heard. */
	uint64_t suspects_leader, suspects_term, suspects_last_index; /* FRAME_SUSPECT ... */
	uint64_t suspects_at_us;                                      /* ... and when it came. */
	uint64_t down_proposed_us, relieved_us, admitted_us;
	uint64_t done_index; /* FRAME_MARKS_DONE, which may come before our apply. */
};

struct identity { /* bootstrap.c */
	uint64_t cluster_id; /* 0 = none yet */
	struct consensus_member founder[CLUSTER_NODES_MAX];
	size_t n_founders;   /* 0 = joined later */
	uint64_t forget_at_us; /* Propose NodeGone again. */
	bool storing;        /* ACTION_STORE_IDENTITY is on its way. */
};

enum urgency { URGENT_NODE, URGENT_SEQUENCE, URGENT_HANDSHAKE, URGENT_REQUEST, URGENT_NOTICE, URGENCIES };

struct proposals { /* proposals.c */
	struct blob **waiting[URGENCIES]; /* Encoded commands of this step. */
	size_t n[URGENCIES], room[URGENCIES];
};

/* What commands that were applied in this step ask us to look at. */
struct follow { /* core.c */
	struct follow_session {
		uint64_t session;      /* Its id, or 0 with a refused SessionPut. */
		uint64_t spi_i, spi_r; /* SessionPut: the pair that was half-open. */
		enum status status;
		bool deleted;
		bool step;             /* It was the command that the session's lane waits for. */
	} *sessions;
	size_t n, room;
	bool all;            /* Every session: slots changed, or a snapshot came. */
	bool slots, holder, nodes, role, members, sas;
	bool lost;           /* Commands of ours did not get into the log. */
	struct {
		struct node_down command;
		uint64_t index; /* In the log. */
		bool moved;     /* Slots have a new owner by it. */
	} down[CLUSTER_NODES_MAX];
	unsigned n_down;
};

#define SNAPSHOT_SERIES_LEN 16u
struct snapshots { /* snapshot.c */
	uint8_t series[SNAPSHOT_SERIES_LEN];
	struct blob **part;  /* Sealed. */
	size_t n, room, len; /* len: of all, with their lengths. */
	bool written;        /* There are no more. */
	struct blob *whole;  /* They are joined there, ... */
	size_t joined, joined_len; /* ... so many so far. */
};

struct membership { /* membership.c */
	uint64_t leader_since_us, led_term; /* Of the last term that we led. */
	uint64_t node_up_at_us;      /* Propose NodeUp again. */
	uint64_t time_at_us;         /* Next ClusterTime ... */
	uint64_t time_from_us;       /* ... counts from here. */
	uint64_t hold_proposed_us;
	uint64_t transfer_at_us;
	uint64_t election_since_us;  /* The leader is dead by a majority's word since; 0 = it is not. */
	uint64_t election_next_us;
	uint64_t suspect_sent_us;
	bool holding;                /* ACTION_HOLD(true) stands. */
	bool unfit;                  /* EVENT_FITNESS: our host does not let us serve. */
	bool shutdown;
	uint64_t shutdown_until_us;
	uint64_t false_downs;
};

struct half_open_entry;
struct half_open_host;
struct half_opens { /* half_open.c */
	struct half_open_entry *by_pair, *by_source;
	struct half_open_host *hosts;
	size_t n;
	uint64_t demand_until_us; /* Cookies are demanded of everybody. */
	uint64_t next_us; /* Earliest time a reply must leave unacknowledged; NEVER. */
};

struct tokens {
	uint64_t from_us; /* Earned up to then. */
	uint32_t n;
};

struct kept;
struct relay { /* relay.c */
	struct kept *kept; /* Without a leader: latest datagram of each SPI pair. */
	size_t n;
	struct tokens init, repeat, unknown;
	uint64_t demand_until_us; /* Cookies are demanded here. */
	uint64_t passed[1024];    /* By its last bits: who went on without one. */
};

struct lane;
struct exchange { /* exchange.c */
	struct lane *lanes, *by_address;
	size_t n_lanes;
	uint64_t next_us;
	struct iv_source iv;
	uint8_t cookie_key[32];
	uint64_t refused_from_us; /* Other versions: a span of counting answers began here ... */
	unsigned refused;         /* ... and there were so many in it. */
};


struct errand;
struct requests { /* requests*.c */
	struct errand *errands;
	uint64_t walk_from;     /* Whose turn is next. */
	bool scanning;          /* Sessions are looked through for notices to send ... */
	uint64_t scan_after;    /* ... from this id on, ... */
	uint64_t scan_next_us;  /* ... at this time. */
	uint64_t takeovers, acknowledged;
};

struct grant_shadow;
struct slot_seen {
	int64_t epoch;
	bool ours;
};
struct grants { /* grants.c */
	struct slot_seen slot[STATE_SLOTS_ALL]; /* As the grants follow from. */
	struct grant_shadow *shadow;
	uint64_t fallen;         /* Exact SAs that had to begin at their horizon. */
	bool isolated;
};


struct leases { /* lease_requests.c */
	struct owned_sa *asked;  /* Asked for and perhaps not there yet; oldest first. */
	struct seq_row *rows;       /* Waiting for the next SeqBatch. */
	uint32_t n_rows, room_rows;
	uint64_t batch_at_us, batch_last_us;
};

struct quorum { /* quorum.c */
	struct owned_sa *waiting; /* More was accepted than a majority holds. */
	uint64_t again_us;
};

struct collect_room; /* collect.c */

struct news { /* news.c */
	struct owned_sa *below; /* Child SAs whose clients stay below the horizon. */
	uint64_t again_us;
};


struct core {
	const struct cluster_config *config;
	uint64_t raft_id, incarnation;
	struct seal_key *seal;
	struct state *state;
	struct consensus *consensus;   /* NULL until we know which cluster we belong to. */
	bool stopped;                  /* ACTION_EXIT was given: nothing more happens. */
	uint64_t old_s, old_until_us;  /* Our store is old: until then somebody must lead us. */
	uint64_t applied_sent;
	uint64_t replay_until;         /* Last index that our store held when we started ... */
	uint64_t started_us, stored_age_us; /* ... and how old its newest record was then. */
	uint64_t housekeeping_us;
	/* This process stood still from then on; what comes until the other time may have been
	 * waiting all the while. */
	uint64_t slept_from_us, slept_until_us;

	/* Of the event being handled. */
	uint64_t now_us;
	struct entropy entropy;
	struct actions *actions;

	struct peer peer[CLUSTER_NODES_MAX];
	struct identity identity;
	struct proposals proposals;
	struct snapshots snapshots;
	struct follow follow;
	struct membership membership;
	struct half_opens half_opens;
	struct relay relay;
	struct exchange exchange;
	struct refusals refusals;
	struct requests requests;
	struct grants grants;
	struct owned_sa *owned_sas;
	struct takeovers takeovers;
	struct owed owed;
	struct sequence sequence;
	struct leases leases;
	struct quorum quorum;
	struct collect_room *collect;
	struct news news;
	struct policy policy;
	struct control control;
	uint64_t refused_revoked; /* IKE_AUTH of revoked identities. */
	uint64_t drops[DROP_COUNT];
};

/* ---- view.c ---- */
uint64_t core_now_ms(const struct core *c);
bool core_leads(const struct core *c);          /* Leader, and its state is current. */
uint32_t core_leader_index(const struct core *c); /* NODE_NONE: unknown or ourselves not ready. */
void core_drop(struct core *c, enum drop d);
void core_send(struct core *c, uint32_t node, const struct frame *f); /* If the link is up. */
void core_broadcast(struct core *c, const struct frame *f);
const char *core_node_name(const struct core *c, uint64_t raft_id);
bool core_quorum_wiped(const struct core *c); /* Most nodes answer with empty stores, we have ours. */
/* Is this node the owner of the session, in this incarnation, by applied state? */
bool core_owns(const struct core *c, const struct session *s);
/* The [[connection]] it came by; NULL: no longer configured. */
const struct ike_connection *core_connection(const struct core *c, const struct session *s);
bool core_has_successor(const struct session *s, uint32_t spi_in); /* Its Child SA was rekeyed. */
/* Of Child SAs that the session gets now; 0: they are not exact. */
uint64_t core_first_horizon(const struct core *c, const struct ike_session *ike);

/* ---- bootstrap.c ---- */
enum status bootstrap_begin(struct core *c, const struct core_start *start, const char **why);
void bootstrap_link(struct core *c, uint32_t node, bool up);
void bootstrap_hello(struct core *c, uint32_t node, const struct frame *f);
void bootstrap_refused(struct core *c, uint32_t node, const struct frame *f);
void bootstrap_identity(struct core *c, const uint8_t *data, size_t len);
void bootstrap_stored(struct core *c);
/* Raft's message, unless the store is too old for a cold start and nobody leads yet. */
void bootstrap_raft(struct core *c, uint64_t from, const uint8_t *data, size_t len);
void bootstrap_tick(struct core *c);
void bootstrap_admit(struct core *c); /* Leader: let new nodes in, wiped ones out. */

/* ---- proposals.c ---- */
enum status proposals_start(struct core *c, const struct store_image *image, const char **why);
/* Queues a command: into this step's log entry if we lead, else to the leader;
 * dropped when there is none. Takes c's content (command_fini). */
void proposals_add(struct core *c, enum urgency u, struct command *command);
void proposals_receive(struct core *c, uint32_t node, const uint8_t *data, size_t len);
void proposals_flush(struct core *c);
void proposals_fini(struct core *c);

/* ---- snapshot.c ---- */
/* Begins one of the state as it is now, or goes on; the whole, when that is done, else NULL. */
struct blob *snapshot_slice(struct core *c, bool begin);
void snapshot_forget(struct core *c); /* The one that is being made. */
/* A whole one of whichever version: the state, or why not, as seal_open() says;
 * ERR_MALFORMED also if it is none. */
enum status snapshot_open(const struct seal_key *k, const uint8_t *data, size_t len,
			  struct state **state) must_check;

/* ---- membership.c ---- */
void membership_suspect(struct core *c, const struct event *e);
void membership_suspect_frame(struct core *c, uint32_t node, const struct frame *f);
void membership_role(struct core *c);
void membership_applied(struct core *c);     /* Nodes, slots or the holder changed. */
/* NodeDown was applied: an event, unless it is of the past. */
void membership_tell_down(struct core *c, const struct node_down *down);
void membership_tick(struct core *c);
void membership_shutdown(struct core *c);
uint64_t membership_deadline_us(const struct core *c);
/* Heir for a node's slots: an up voter, not `lost`, not ourselves if there is another. */
uint64_t membership_heir(const struct core *c, uint64_t lost);
uint64_t membership_slots_heir(const struct core *c, uint64_t lost); /* 0: by rendezvous. */
/* The configuration that heirs should have, ours; 0: all that are up have it. */
uint64_t membership_slots_hash(const struct core *c);

/* ---- fitness.c ---- */
void fitness_set(struct core *c, bool fit);         /* Our own. */
void fitness_greet(struct core *c, uint32_t node);  /* Its HELLO came: who is unfit says so. */
void fitness_relieve(struct core *c);               /* Leader: of what unfit nodes own. */
/* Its configuration is ours (as the leader sees it), and its host lets it serve. */
bool fitness_ready(const struct core *c, uint32_t node);
bool fitness_lacks(const struct core *c);           /* Is anybody unfit? */

/* ---- half_open.c ---- */
void half_open_request(struct core *c, uint32_t via, const struct endpoint *local,
		       const struct endpoint *remote, const uint8_t *data, size_t len);
void half_open_share(struct core *c, uint32_t node, const uint8_t *sealed, size_t len);
void half_open_ack(struct core *c, uint32_t node, uint64_t spi_i, uint64_t spi_r);
const struct ike_half_open *half_open_find(const struct core *c, uint64_t spi_i, uint64_t spi_r);
void half_open_forget(struct core *c, uint64_t spi_i, uint64_t spi_r);
/* Its IKE_AUTH was refused, which is final: recorded, and sent again to the next leader, it
 * would be taken where there is room by then, and end what its client has made since. */
void half_open_refuse(struct core *c, uint64_t spi_i, uint64_t spi_r);
void half_open_tick(struct core *c);
void half_open_fini(struct core *c);

/* ---- relay.c ---- */
bool relay_possible(const struct core *c, uint32_t leader);
/* Drops what came by another node: that is never relayed again. */
void relay_forward(struct core *c, uint32_t via, const struct endpoint *local,
		   const struct endpoint *remote, const uint8_t *data, size_t len);
void relay_keep(struct core *c, uint32_t via, const struct ike_header *h,
		const struct endpoint *local, const struct endpoint *remote, struct blob *data);
void relay_release(struct core *c);
void relay_fini(struct core *c);

/* ---- exchange.c ---- */
void exchange_datagram(struct core *c, uint32_t via, const struct endpoint *local,
		       const struct endpoint *remote, const uint8_t *data, size_t len);
/* Sends through the node that the client's datagram came by. Borrows data. */
void exchange_send(struct core *c, uint32_t via, const struct endpoint *local,
		   const struct endpoint *remote, const struct ike_datagrams *message);
/* A command of this session (or half-open pair) was applied or refused. */
void exchange_applied(struct core *c, const struct follow_session *f);
/* Runs ike_env for a step of our own; see exchange_env(). */
struct ike_env exchange_env(struct core *c);
struct room exchange_room(const struct core *c); /* For a command that may take some. */
/* What of a SessionPut follows from the session and the state: supersedes, takes_from, room. */
void exchange_put_terms(const struct core *c, const struct ike_session *next, struct session_put *p);
/* Is a command of the session on its way? If not, marks it so: for requests*.c. */
bool exchange_reserve(struct core *c, uint64_t session);
/* Moves the next session out of an outcome; what it leaves is cleansed. */
void exchange_take_next(struct ike_session *to, struct ike_outcome *out);
/* Is a command on its way that takes this virtual IP? */
bool exchange_takes(const struct core *c, const struct address *a);
void exchange_owner_applied(struct core *c);
void exchange_lost(struct core *c);
void exchange_role(struct core *c);
void exchange_tick(struct core *c);
void exchange_fini(struct core *c);

/* ---- requests.c, requests_child.c ---- */
void requests_scan(struct core *c);       /* Ownership changed: look for notices to send. */
void requests_applied(struct core *c, const struct session *s);
void requests_forget(struct core *c, uint64_t session);
void requests_alive(struct core *c, const struct session *s); /* Authenticated sign of life. */
/* Its packets come, though perhaps replayed ones, from `seen`: what it did not answer is
 * sent again, there too if it is behind a NAT. */
void requests_wake(struct core *c, const struct session *s, const struct endpoint *seen);
void requests_delete_child(struct core *c, uint32_t spi_in);
/* The Child SA wants a successor: its rekey is made at the session's next turn, and made
 * again, ever more slowly, until there is one or the SA is gone. Who wants it says so to
 * each new leader; what has used 75 % of its numbers needs nobody to say so. */
void requests_rekey_child(struct core *c, const struct session *s, uint32_t spi_in);
void requests_role(struct core *c);
void requests_tick(struct core *c);
uint64_t requests_deadline_us(const struct core *c);
void requests_fini(struct core *c);

/* ---- grants.c ---- */
void grants_session(struct core *c, const struct session *s);
void grants_gone(struct core *c, uint64_t session);
/* What is gone of it. First of all that changed: another one may have its SPI by now. */
void grants_drop_gone(struct core *c, uint64_t session);
void grants_slots(struct core *c);        /* Slots changed, nothing else. */
void grants_all(struct core *c);          /* Every session, and what is no longer there. */
void grants_release(struct core *c);      /* The heir waits no more, but for exact SAs. */
void grants_first_in(struct core *c, uint32_t spi_in);
/* The SA was not made after that index. */
uint64_t grants_since(const struct core *c, const struct owned_sa *sa);
/* It is ours, and that was accepted in another epoch. */
void grants_floor(struct core *c, uint32_t spi_in, struct mark mark);
/* Exact SAs: how[slot] is not 0 where waiting is over; `nothing`: too few could say. */
void grants_collected(struct core *c, const uint8_t *how, uint8_t nothing);
void grants_fini(struct core *c);

/* ---- news.c ---- */
void news_send(struct core *c, enum session_news what, const struct sa_report *r);
void news_receive(struct core *c, const struct frame *f); /* At the leader. */
/* A client stays below the horizon: told again until its Child SA has a successor. */
void news_below(struct core *c, const struct sa_report *r);
void news_gone(struct core *c, struct owned_sa *sa);
void news_tick(struct core *c);

/* ---- quorum.c ---- */
uint32_t quorum_majority(const struct core *c); /* Of all nodes. */
/* The applied state shows this process as up: it lags behind none that was here before. */
bool quorum_may_vote(const struct core *c);
void quorum_marked(struct core *c, const struct session *s, const struct sa_report *r);
void quorum_acknowledged(struct core *c, uint32_t node, const struct frame *f);
/* May we say that we hold this mark, which came from the node in that incarnation? */
bool quorum_acknowledges(const struct core *c, uint32_t node, uint64_t incarnation,
			 const struct frame_mark *row);
void quorum_gone(struct core *c, struct owned_sa *sa);
void quorum_tick(struct core *c);
uint64_t quorum_deadline_us(const struct core *c);

/* ---- collect.c ---- */
void collect_init(struct core *c);
void collect_slots(struct core *c); /* Slots changed, or a snapshot came. Before grants. */
void collect_down(struct core *c, const struct node_down *down);
void collect_asked(struct core *c, uint32_t node, uint64_t index);
void collect_done(struct core *c, uint32_t node, const struct frame *f);
/* A mark that these nodes told, of an SA that our state does not show yet, is not kept. */
void collect_forgot(struct core *c, uint32_t nodes);
/* Is the session ours, and do we not know yet what was accepted before? */
bool collect_awaits(const struct core *c, const struct session *s);
bool collect_is_open(const struct core *c); /* ... of any session that is ours? */
/* Are marks in that slot for the node to know: is it its owner's, or ours? */
bool collect_concerns(const struct core *c, const struct slot *slot, uint32_t node);
void collect_tell(struct core *c, uint32_t node);
void collect_tick(struct core *c);
uint64_t collect_deadline_us(const struct core *c);
void collect_fini(struct core *c);

/* ---- lease_requests.c ---- */
void leases_low(struct core *c, const struct sa_report *r);
void leases_horizon_low(struct core *c, const struct sa_report *r);
void leases_row(struct core *c, const struct seq_row *row); /* For the next batch. */
uint32_t leases_rows(const struct core *c);                 /* So many wait for it. */
void leases_gone(struct core *c, struct owned_sa *sa);
void leases_tick(struct core *c);
uint64_t leases_deadline_us(const struct core *c);
void leases_fini(struct core *c);

#endif
