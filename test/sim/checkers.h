/* SPDX-License-Identifier: Apache-2.0 */
/* One checker for each invariant of DESIGN section 10, each in a file of its own that can be read
 * alone. They see what the world sees: packets, states, actions; none asks the product whether it
 * did right. Each ends the run if it sees a violation, and prints it. */
#ifndef TEST_SIM_CHECKERS_H
#define TEST_SIM_CHECKERS_H

#include "cluster/core/core.h"
#include "test/sim/seen.h"
#include "test/sim/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct full;

/* ---- I1: no (key, IV) for two packets ---- */
struct i1_nonce {
	struct full *full;
	struct seen numbers; /* (spi_in, number): its sealer. */
	struct seen esp;     /* (spi_in, first 8 octets of the IV) */
	struct seen ike;     /* (spi_i, spi_r, IV) */
	struct seen lease;   /* (spi_in): the newest epoch, its first number, one past its last. */
	bool rolled_back;    /* Every disk was put back: from now on only the salt tells IVs apart. */
	uint64_t n_sealed;
};
uint64_t i1_incarnation(struct i1_nonce *c); /* Of a process that starts. */
void i1_sealed(struct i1_nonce *c, unsigned host, uint32_t spi_in, uint64_t seq,
	       const uint8_t *packet, size_t len);
void i1_ike(struct i1_nonce *c, unsigned host, const uint8_t *message, size_t len);
/* A worker may use the numbers [start, end) in that epoch. */
void i1_granted(struct i1_nonce *c, unsigned host, uint32_t spi_in, int64_t epoch, uint64_t start,
		uint64_t end);

/* ---- I2: no packet is delivered twice, none outside its selectors ---- */
struct i2_delivery {
	struct full *full;
	struct seen delivered; /* (spi_in, number): time, process, epoch. */
	struct seen led;       /* (incarnation): see i2_led(). */
	struct i2_ages *ages;  /* i2_ages.c */
	uint64_t n_delivered, n_excused;
};
/* Up to when a process has told us what it let in. */
struct heard {
	uint64_t incarnation, sent_us;         /* The running process, and the one before. */
	uint64_t old_incarnation, old_sent_us;
};
struct acceptance {
	uint64_t at_us;
	unsigned host;
	uint64_t incarnation;
	int64_t epoch;
	const struct heard *heard; /* By host; all later ones have reached the worker. */
	bool exact;                /* The SA: nothing is excused. */
};
void i2_delivered(struct i2_delivery *c, uint32_t spi_in, uint64_t seq, const struct acceptance *a);
/* That process runs, and a leader of this term commits what it proposes; 0: there is none.
 * Called with each heartbeat. */
void i2_led(struct i2_delivery *c, uint64_t incarnation, uint64_t term);
/* After its step: which mark ages does it publish, and has it corrected any? */
void i2_stepped(struct i2_delivery *c, unsigned host, uint64_t incarnation, const struct core *core);
void i2_ended(struct i2_delivery *c, uint64_t incarnation); /* That process has ended. */
void i2_end(struct i2_delivery *c); /* A mark age covers all that was let in twice. */
/* i2_ages.c: a packet that process `lost` let in at that time was let in again; `successor` owned
 * the SA later. */
void i2_again(struct i2_delivery *c, uint64_t at_us, uint64_t lost, uint64_t successor, const char *what);
void i2_ages_fini(struct i2_delivery *c);
/* The inner packet reached the protected network. */
void i2_inside(struct i2_delivery *c, const uint8_t *inner);

/* ---- I3: no reply before its commit; same Message ID, same bytes ---- */
struct blob;
struct i3_reply {
	struct full *full;
	struct seen bytes; /* (spi_r, flags, Message ID) */
	struct seen asked;  /* (spi_i, Message ID) of IKE_AUTH: when the client first sent it. */
	struct seen rounds; /* (spi_r, Message ID) of its responses, except the last. */
	struct seen questions; /* (server, User-Name, EAP-Message and State) */
	uint64_t started_us[HOSTS_MAX];
	uint64_t n_checked, n_rounds, n_questions;
};
/* A client sends it. */
void i3_asked(struct i3_reply *c, const struct blob *message);
/* That host remembers nothing but its disk. */
void i3_started(struct i3_reply *c, unsigned host);
void i3_sent(struct i3_reply *c, unsigned host, const struct core *core, const uint8_t *message,
	     size_t len);
/* The core of that host sends that to RADIUS. */
void i3_asks_radius(struct i3_reply *c, unsigned host, const struct endpoint *server, const uint8_t *data, size_t len);
struct initiator;
/* A client is about to handle it. */
void i3_received(struct i3_reply *c, unsigned client, const struct initiator *i,
		 const struct blob *message);

/* ---- I4: what a client was told exists is there ---- */
struct i4_memory {
	struct full *full;
	uint64_t n_checked;
	struct seen there;         /* (spi_in) or (spi_i, spi_r): the last index at which it existed. */
	uint64_t index;            /* In this state: */
	const struct state *state;
};
void i4_ended(struct i4_memory *c, unsigned client, bool asked_for);
void i4_lost_child(struct i4_memory *c, unsigned client);
void i4_state(struct i4_memory *c, uint64_t index, const struct state *s); /* A node has it. */
void i4_end(struct i4_memory *c);

/* ---- I5: after faults end, all clients go on, with the SAs they had ---- */
struct i5_liveness {
	struct full *full;
	uint64_t longest_us; /* From the end of the faults until all were served. */
};
void i5_exchange(struct i5_liveness *c, unsigned client, uint8_t exchange);
void i5_wait(struct i5_liveness *c); /* Runs the world until all is well, or fails. */

/* ---- I6: what is deleted stays so; an inner address has one session ---- */
struct i6_deleted {
	struct full *full;
	struct seen dead; /* (spi_i, spi_r): the client was told that it is gone. */
	struct seen pair; /* (spi_i, spi_r): its session. */
	struct seen user; /* (address): its session, when and at which index it was seen there. */
};
void i6_told(struct i6_deleted *c, uint64_t spi_i, uint64_t spi_r);
void i6_state(struct i6_deleted *c, unsigned host, uint64_t index, const struct state *s);
void i6_end(struct i6_deleted *c);

/* ---- I7: one owner for each epoch; equal index, equal digest ---- */
struct i7_owner {
	struct full *full;
	struct seen digest; /* (applied index) */
	struct seen owner;  /* (spi_in, epoch) */
	struct seen newest; /* (spi_in): epoch and when it was first granted. */
	struct {            /* Who holds the service addresses, by the newest state seen. */
		unsigned host;
		uint64_t index, since_us;
		int64_t epoch; /* Epoch of the slots, which go with them. */
	} holder;
	uint64_t n_digests;
};
void i7_stepped(struct i7_owner *c, unsigned host, const struct core *core, uint64_t applied_before);
void i7_granted(struct i7_owner *c, unsigned host, uint64_t incarnation, uint32_t spi_in,
		int64_t epoch);
/* A packet was let in or sealed in this epoch. */
void i7_used(struct i7_owner *c, unsigned host, uint32_t spi_in, int64_t epoch);
/* A node has just looked at its contact, and holds the service addresses. */
void i7_holds(struct i7_owner *c, unsigned host, const struct core *core);
void i7_end(struct i7_owner *c);

/* ---- I8: an attacker without keys changes nothing ---- */
struct node;
struct watched_sa;
struct sa;
struct i8_attack {
	struct full *full;
	uint64_t n_checked, most_half_open;
};
struct i8_before { /* A node, right before it handles what an attacker made. */
	uint64_t applied, last_index, digest;
	size_t pending, fragments;
	size_t radius_waiting;
	bool digested, radius; /* It came to the port of RADIUS. */
};
void i8_before(struct i8_attack *c, const struct node *n, const struct event *e, struct i8_before *b);
/* Its step is done, its actions are not yet performed. */
void i8_after(struct i8_attack *c, const struct node *n, const struct i8_before *b);
/* Everything in a SAD entry that a packet could change. */
uint64_t i8_entry(const struct sa *s);
/* A node sends to an address that never was a client's. */
void i8_sent(struct i8_attack *c, bool ike, const uint8_t *data, size_t len);

/* ---- I9: an ended session stays ended; a revoked identity stays out ---- */
struct i9_revoked {
	struct full *full;
	uint64_t n_checked;
};
/* A packet of an SA of this session is let in or sealed. */
void i9_passes(struct i9_revoked *c, const struct node *n, struct watched_sa *s, uint64_t session);
void i9_state(struct i9_revoked *c, unsigned host, const struct state *s);
void i9_end(struct i9_revoked *c);

/* ---- I10: a node that cannot serve is given nothing, and keeps nothing ---- */
#define I10_ENTRIES 4096u
struct i10_fitness {
	struct full *full;
	uint32_t told[HOSTS_MAX]; /* By host, bits: nodes that have told it that they are unfit. */
	struct i10_entry {        /* What its leader knew when it put this entry into its log. */
		uint64_t index;
		uint32_t told, available;
	} entry[HOSTS_MAX][I10_ENTRIES];
	struct i10_relief {
		uint64_t since_us, beat_us; /* Time since when it should be relieved; 0: it should not. */
	} relief[HOSTS_MAX];
	/* Before the current step: */
	bool leads;
	uint32_t available;
	uint64_t last, applied, holder;
	uint64_t slot[STATE_SLOTS_ALL]; /* Owner; 0: none, or empty. By the state ... */
	uint64_t slots_of, slots_at;    /* ... of this process, at this index. */
	uint64_t n_checked;
};
void i10_started(struct i10_fitness *c, unsigned host); /* It remembers nothing. */
void i10_told(struct i10_fitness *c, unsigned host, unsigned by, bool unfit);
void i10_before(struct i10_fitness *c, const struct node *n); /* A step. */
void i10_after(struct i10_fitness *c, const struct node *n);
void i10_beat(struct i10_fitness *c, const struct node *n);

/* ---- I11: no state says that an SA has carried more than it has ---- */
struct i11_volume {
	struct full *full;
	struct seen carried; /* (spi_in): octets and packets in, out. Octets out: only those sealed. */
	uint64_t n_checked;
};
void i11_passed(struct i11_volume *c, uint32_t spi_in, const struct volume *v);
void i11_state(struct i11_volume *c, unsigned host, const struct state *s);

/* ---- I12: no date is judged by a wrong clock ---- */
struct i12_clock {
	struct full *full;
	uint64_t n_checked, n_refused;
};
/* That host was asked to judge by that clock, and answers. */
void i12_asked(struct i12_clock *c, unsigned host, const struct auth_clock *clock, const struct blob *answer);
void i12_let_in(struct i12_clock *c, unsigned client);

struct checkers {
	struct i1_nonce i1;
	struct i2_delivery i2;
	struct i3_reply i3;
	struct i4_memory i4;
	struct i5_liveness i5;
	struct i6_deleted i6;
	struct i7_owner i7;
	struct i8_attack i8;
	struct i9_revoked i9;
	struct i10_fitness i10;
	struct i11_volume i11;
	struct i12_clock i12;
};
void checkers_init(struct checkers *c, struct full *f);
void checkers_fini(struct checkers *c);

#endif
