/* SPDX-License-Identifier: Apache-2.0 */
/* The packet worker's entry for an SA, and the two ways to find it: by SPI when a packet comes in
 * (RFC 4301 4.1: for unicast, the SPI alone suffices), by inner destination when one goes out.
 * Nothing here allocates after *_init(). */
#ifndef XDP_ENGINE_SA_H
#define XDP_ENGINE_SA_H

#include "proto/esp/sad.h"
#include "xdp/engine/outer.h"

struct sa;

struct sa_route { /* One remote selector, linked into a table of routes. */
	struct sa_route *next;
	struct sa_route **link; /* What points here; NULL: not linked. */
	struct sa *sa;
};

struct sa {
	struct sad_entry e;
	struct sa_route routes[TS_MAX];
	/* What was told to the control plane and need not be told again. */
	struct endpoint reported_peer;
	bool reported_peer_encap;
	bool follows_encap;    /* e.path is raw ESP, but is in UDP as long as what comes is. */
	bool told_udp;         /* e.path's form, as the control plane has it ... */
	bool told_nat;         /* ... and because of a NAT. */
	bool raw_seen;         /* The peer has sent raw ESP since it is at this address. */
	uint32_t peer_repeat;  /* Packets until the report is repeated ... */
	uint64_t peer_at_us;   /* ... or some time after this. */
	bool first_in;         /* FIRST_IN was reported for first_in_epoch. */
	int64_t first_in_epoch;
	bool touched;          /* In this burst's list. */
	struct sa *mark_next, **mark_link; /* In the list of marks to report; link NULL: not. */
	struct volume volume_told;
	struct sa *volume_next, **volume_link; /* In the list of volumes to report; link NULL: not. */
	struct waiting_packet *waiting, *waiting_last; /* Exact: until a majority has their marks. */
	bool in_xdp;           /* The XDP program knows the SPI; its slot there. */
	uint32_t xdp_slot;
	/* Link layer of the newest authenticated frame, for answers past the kernel. */
	uint8_t l2[OUTER_L2_MAX];
	uint8_t l2_len;        /* 0: none. */
	struct endpoint l2_remote;
	uint64_t l2_at_us;
};

/* ---- By SPI: open addressing, linear probing, no tombstones ---- */

struct spi_slot {
	uint32_t spi; /* 0: empty (RFC 4303 2.1: "MUST NOT be sent on the wire"). */
	struct sa *sa;
};

struct spi_table {
	struct spi_slot *slots;
	uint32_t mask;
	uint32_t used, max;
};

enum status spi_table_init(struct spi_table *t, uint32_t max) must_check; /* ERR_FULL: no memory. */
void spi_table_fini(struct spi_table *t); /* Not the SAs. */
struct sa *spi_table_find(const struct spi_table *t, uint32_t spi);
enum status spi_table_put(struct spi_table *t, struct sa *sa) must_check; /* ERR_EXISTS, ERR_FULL */
struct sa *spi_table_take(struct spi_table *t, uint32_t spi); /* Removes; NULL if not there. */
/* Calls visit for each; it may not change the table. */
void spi_table_each(const struct spi_table *t, void (*visit)(void *ctx, struct sa *sa), void *ctx);

/* ---- By inner destination ---- */

/* Selectors of one address (virtual IPs) go into a hash, wider ones into a list
 * that is walked. Newest first: a rekeyed SA covers what its predecessor did. */
struct route_table {
	struct sa_route **buckets;
	uint32_t mask;
	struct sa_route *wide;
};

enum status route_table_init(struct route_table *t, uint32_t max) must_check;
void route_table_fini(struct route_table *t);
void route_table_put(struct route_table *t, struct sa *sa); /* Anew: moves it to the front. */
void route_table_take(struct route_table *t, struct sa *sa);

struct inner_packet;
/* The newest SA whose selectors cover the packet. DROP_NONE, DROP_POLICY (the
 * destination is a client's, the packet is outside its selectors) or
 * DROP_NO_SESSION. */
enum drop route_table_find(const struct route_table *t, const struct inner_packet *p,
			   struct sa **sa);

/* Takes out what sa supersedes: the SA it rekeyed, and older ones of its session
 * with the same selectors. */
void route_table_supersede(struct route_table *t, struct sa *sa, struct sa *replaced);

#endif
