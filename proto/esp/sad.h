/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of the Security Association Database (RFC 4301 4.4.2) as a node
 * holds it: keys, outer addresses, and what the applied state lets this node do
 * with it: its *grant*. This is the code that decides whether a sequence number
 * may be sent and whether a packet may be let in; the packet workers and the
 * simulator run the same.
 *
 * Every node holds every entry. Only the owner's has a grant. A grant belongs
 * to one epoch; a new epoch starts at the lease's start and with a window whose
 * floor is the mark (DESIGN section 5). Not thread-safe: one worker owns it.
 *
 * An *exact* SA has a horizon: no number at or above it is accepted. An accepted packet waits until
 * a majority holds its mark (`quorum`), and only then goes inward. */
#ifndef PROTO_ESP_SAD_H
#define PROTO_ESP_SAD_H

#include "proto/esp/esp.h"
#include "proto/esp/replay.h"
#include "proto/esp/volume.h"

#define SAD_SLOTS_MAX 8192u  /* Groups of SAs that have one owner (DESIGN section 5). */
#define SAD_OWNER_NONE 0xffu /* No other node, as far as is known. */

/* What applied state allows the owner of an SA in one epoch. */
struct seq_grant {
	int64_t epoch;
	uint64_t start; /* First number of this epoch's lease. */
	uint64_t end;   /* One past the last. */
	uint64_t floor; /* Mark: highest inbound number known to be accepted. */
	bool defer;     /* Defer inbound packets until SA_UPDATE_RESUME (marks are awaited). */
	bool quorum;    /* What is accepted waits for SA_UPDATE_DELIVER. */
	uint64_t horizon; /* Nothing from here on is accepted; 0: the SA is not exact. */
	struct volume volume; /* Carried in the epochs before, as far as it is committed. */
};

#define UDP_PORT_IKE 500u
#define UDP_PORT_ENCAP 4500u /* RFC 3948: IKE and ESP. */

/* Where the other end is, and how to reach it. */
struct sad_path {
	struct endpoint local, remote;
	bool udp_encap; /* RFC 3948 on port 4500; else raw ESP. */
	bool followed;  /* ... as long as the peer's comes so: there is no NAT that asks for it. */
	uint8_t class;  /* Inbound: the outer header's traffic class, DSCP and ECN. */
};

struct sad_entry {
	uint64_t session;      /* Session id, for reports. */
	struct child_sa child; /* SPIs, suite, selectors; keys are in the contexts. */
	struct esp_context in, out;
	struct sad_path path;
	uint16_t slot;         /* The slot whose owner is the SA's: needed when it is not granted here. */
	bool granted, defer;
	bool outbound;         /* Newest of its session: inner packets leave through it. */
	bool reported_low;     /* Lease-low was reported for this lease end. */
	int64_t epoch;
	uint64_t next, end;    /* Outbound lease: numbers [next, end) are ours. */
	uint64_t start;        /* Where the lease, or its last extension, began to be used. */
	struct replay_window window;
	uint64_t accepted;     /* Highest number accepted in this epoch, here; 0 = none yet. */
	uint64_t marked;       /* ... as far as it was reported as mark. */
	bool quorum;           /* From the grant. */
	uint64_t delivered;    /* ... then: what a majority holds the mark of. */
	uint64_t horizon;      /* From the grant. */
	uint64_t horizon_from; /* Where the window stood when it was last raised. */
	bool reported_horizon; /* Horizon-low was reported for this horizon. */
	uint64_t horizon_floor;       /* The floor, if it is what the horizon was; else 0. */
	uint32_t horizon_repeat; /* Packets below it until one is looked at again. */
	struct volume volume;  /* Carried, in all epochs that we know of. */
};

enum status sad_entry_init(struct sad_entry *e, uint64_t session, const struct child_sa *child,
			   const struct sad_path *path, uint32_t replay_bits) must_check;
void sad_entry_fini(struct sad_entry *e);

/* Same epoch: the end and the horizon may rise, nothing else (after a revocation it goes on where
 * it stood). New epoch (always greater): position = start, window empty above floor, but never
 * below what this node itself drew or accepted before. An older epoch is ignored. */
void sad_entry_grant(struct sad_entry *e, const struct seq_grant *g);
void sad_entry_revoke(struct sad_entry *e); /* Whatever its epoch. */
/* What another owner accepted. Our own mark does not change: it stays the highest number accepted
 * here. from_horizon: the mark is unknown, and this is the last number below the horizon. */
void sad_entry_raise_floor(struct sad_entry *e, uint64_t mark, bool from_horizon);

/* The mark: the highest number accepted here in this epoch. False: it was reported already; else it
 * counts as reported now. Call it before the epoch ends. */
bool sad_entry_mark(struct sad_entry *e, uint64_t *mark);

/* Draws the next number to seal with: DROP_NONE, DROP_NOT_OWNER, DROP_LEASE or
 * DROP_SEQUENCE_END. A drawn number is spent, whatever happens to the packet. */
enum drop sad_entry_draw(struct sad_entry *e, uint64_t *seq);

/* Filter before opening: DROP_NONE, DROP_NOT_OWNER or DROP_REPLAY. *seq is the
 * inferred number, *epoch the one the packet was checked in. DROP_NONE also for a
 * packet that sad_entry_below_horizon() wants to see. */
enum drop sad_entry_check(struct sad_entry *e, uint32_t seq_low, uint64_t *seq, int64_t *epoch);

/* The test-and-set at delivery (DESIGN section 5): still granted, still that
 * epoch, still not received: DROP_NONE, DROP_NOT_OWNER, DROP_REPLAY or DROP_HORIZON;
 * and, as a last line of defence, DROP_DEFERRED_EXPIRED while the entry defers. Only then may
 * the packet go inward, unless it must wait. The volume is the caller's to count. */
enum drop sad_entry_accept(struct sad_entry *e, uint64_t seq, int64_t epoch);

/* Must an accepted number wait until sad_entry_deliver() says that it need not? */
bool sad_entry_must_wait(const struct sad_entry *e, uint64_t seq);
/* A majority holds the mark `seq` of that epoch. An older epoch is ignored. */
void sad_entry_raise_delivered(struct sad_entry *e, uint64_t seq, int64_t epoch);
/* The test when a waiting packet is delivered: DROP_NONE, or DROP_UNDELIVERED when the grant that
 * it was accepted under is over. Only for packets that need no longer wait. */
enum drop sad_entry_deliver(const struct sad_entry *e, uint64_t seq, int64_t epoch);

/* Half of the way to the horizon is gone and this one was not reported yet. */
bool sad_entry_horizon_low(struct sad_entry *e);
/* An authentic packet was refused: because the floor had to be set to the horizon? Such an SA needs
 * a rekey. */
bool sad_entry_below_horizon(struct sad_entry *e, uint64_t seq);

/* Half of the lease is used and this end was not reported yet: ask for more. */
bool sad_entry_lease_low(struct sad_entry *e);

/* ---- Between the control plane and the packet workers ---- */

enum sa_update_kind {
	SA_UPDATE_PUT,     /* child, path: a new entry, without a grant. */
	SA_UPDATE_DEL,
	SA_UPDATE_GRANT,   /* grant */
	SA_UPDATE_REVOKE,
	SA_UPDATE_FLOOR,   /* mark, from_horizon: a late mark raises the floor. */
	SA_UPDATE_RESUME,  /* Marks are in (or 5 ms are over): let deferred packets go. */
	SA_UPDATE_DELIVER, /* mark, epoch: a majority holds it. */
	SA_UPDATE_PATH,    /* path */
	SA_UPDATE_OUTBOUND, /* This entry now carries its session's outbound packets. */
	SA_UPDATE_INBOUND, /* It no longer carries any, and only receives. */
	SA_UPDATE_SLOT,    /* slot: its session was moved there. */
	SA_UPDATE_OWNER    /* slot, n_slots, owner: these slots are that node's. Names no SA. */
};

struct sa_update {
	enum sa_update_kind kind;
	uint32_t spi_in;
	uint64_t session;
	const struct child_sa *child; /* PUT; borrowed for the call that posts it. */
	struct sad_path path;         /* PUT, PATH */
	uint32_t replay_bits;         /* PUT: size of the window; 0 = REPLAY_BITS_DEFAULT. */
	struct seq_grant grant;       /* GRANT */
	uint64_t mark;                /* FLOOR, DELIVER */
	bool from_horizon;                  /* FLOOR */
	int64_t epoch;                /* DELIVER */
	uint16_t slot, n_slots;       /* PUT, SLOT; OWNER: the first of so many. < SAD_SLOTS_MAX */
	uint8_t owner;                /* OWNER: the node's index, or SAD_OWNER_NONE. */
};

enum sa_report_kind {
	SA_REPORT_MARK,         /* seq: highest accepted number of this burst. */
	SA_REPORT_LEASE_LOW,    /* seq: next; half of the lease is gone. */
	SA_REPORT_SEQUENCE_END, /* The sequence space is used up: delete the SA. */
	SA_REPORT_PEER,         /* remote: authenticated packets, newer than all before, come from here. */
	SA_REPORT_FIRST_IN,     /* First accepted packet of this epoch. */
	SA_REPORT_HORIZON_LOW,  /* seq: half of the way to the horizon is gone, or it is beyond. */
	SA_REPORT_VOLUME,       /* The volume rose, and perhaps no mark. */
	SA_REPORT_BELOW_HORIZON, /* remote: its client stays below the floor that the horizon became. */
	SA_REPORT_FORM          /* remote: ESP comes from here in UDP, or raw (port 0), and is answered so. */
};

struct sa_report {
	enum sa_report_kind kind;
	uint32_t spi_in;
	uint64_t session;
	int64_t epoch;
	uint64_t seq;
	struct volume volume;   /* Carried so far, in all epochs that the worker knows of. */
	struct endpoint remote; /* Where it came from; not where its client is, if it was replayed. */
};

#endif
