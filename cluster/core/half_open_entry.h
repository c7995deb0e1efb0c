/* SPDX-License-Identifier: Apache-2.0 */
/* One half-open IKE SA of the table, for half_open.c and half_open_share.c alone. */
#ifndef CLUSTER_CORE_HALF_OPEN_ENTRY_H
#define CLUSTER_CORE_HALF_OPEN_ENTRY_H

#include "cluster/core/rooms.h"
#include "cluster/core/half_open.h"

struct half_open_entry;
struct half_open_host;
struct pair_key {
	uint64_t spi_i, spi_r;
};

struct half_opens {
	struct half_open_entry *by_pair, *by_source;
	struct half_open_entry *fresh;   /* No IKE_AUTH came; oldest first. */
	struct half_open_entry *stepped; /* The others; whose first IKE_AUTH is oldest comes first. */
	struct half_open_entry *waiting; /* For a majority to hold it, or for: */
	struct half_open_host *hosts;
	size_t n;
	uint64_t demand_until_us; /* Cookies are demanded of everybody. */
	struct pair_key *changed; /* In this step: gone, another or current. */
	size_t n_changed, changed_room;
	uint64_t next_us; /* Earliest time a reply must leave unacknowledged; NEVER. */
};

struct source_key { /* RFC 7296 2.1: the initiator's address, and the packet. */
	uint16_t port;
	uint8_t family, octets[16];
	uint8_t request_hash[IKE_HASH_LEN];
};

struct half_open_host { /* An address; for IPv6 its network part, all of which one host may have. */
	struct address address;
	uint32_t n;
	uint64_t demand_until_us; /* Cookies are demanded of it. */
	UT_hash_handle hh;
};

struct half_open_entry {
	struct pair_key pair;
	struct source_key source;
	struct half_open_host *host;
	struct ike_half_open h;
	uint64_t since_us;       /* When it came; once it has made a step: when it made the first. */
	uint64_t term;           /* The term of the leader that shared it as it is. */
	uint32_t via;            /* The node that the request came by; NODE_NONE: a copy. */
	uint32_t acks;           /* Bits: nodes that hold it as it is, ourselves included. */
	bool waiting;            /* Its response or question has not left yet, ... */
	uint64_t act_at_us;      /* ... but does so then. */
	uint64_t asked_term;     /* Its question was asked outside in this term of ours. */
	uint64_t led_term;       /* In this term of ours no other node had come further with it. */
	bool quiet;              /* It waits for that, and sends nothing yet. */
	struct half_open_entry *prev, *next;           /* By since_us: fresh, or stepped. */
	struct half_open_entry *wait_prev, *wait_next; /* By act_at_us. */
	UT_hash_handle hh, hh_source;
};

/* ---- half_open.c ---- */
struct half_open_entry *half_open_entry(const struct core *c, uint64_t spi_i, uint64_t spi_r);
/* Adopts h's content. NULL: it is none, or there already. In a full table another one makes
 * room. */
struct half_open_entry *half_open_add(struct core *c, struct ike_half_open *h, uint64_t term);
/* It has come further: adopts h's content. As far as we know no other node has it like this. */
void half_open_replace(struct core *c, struct half_open_entry *e, struct ike_half_open *h,
		       uint64_t term);
void half_open_changed(struct core *c, const struct half_open_entry *e); /* Noted: next_changed. */

/* ---- half_open_share.c ---- */
/* Lets its response or question leave, once a majority holds it, or after 5 ms. */
void half_open_settle(struct core *c, struct half_open_entry *e);
void half_open_stop_waiting(struct core *c, struct half_open_entry *e);

#endif
