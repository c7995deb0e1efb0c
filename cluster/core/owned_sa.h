/* SPDX-License-Identifier: Apache-2.0 */
/* What this node knows of one Child SA beside its record in the applied state. There is one
 * entry an SA, from the first that is heard of it to its end, at every node: who owns it
 * may change at any time. Each part belongs to one room, which alone reads and writes it. */
#ifndef CLUSTER_CORE_OWNED_SA_H
#define CLUSTER_CORE_OWNED_SA_H

#include "proto/esp/sad.h"
#include "cluster/link/frame.h"
#include "cluster/cluster_config.h"
#include "cluster/state/mark.h"

#define UTHASH_NO_STRICT_ALIASING 1
#include <uthash.h>

struct core;
struct owned_sa;

/* On a list of its room; previous is NULL when it is on none. */
struct owned_sa_link {
	struct owned_sa *previous, *next;
};

struct sa_grant { /* grants.c: what the packet workers were told. */
	bool known;  /* They have the SA. */
	struct sad_path path;
	bool granted, held, exact;
	int64_t epoch;
	uint64_t end, horizon;
	uint64_t logged; /* mark_floor() that its worker was told. */
	uint64_t since;  /* We had applied so much when we saw it. */
	bool heard;      /* A packet came in by it: the client uses it. */
};

struct sa_mark { /* sequence.c */
	struct mark_memory known; /* By whomever. */
	struct mark own;     /* Accepted here: the last epoch's. */
	bool ended;          /* That epoch is over for us: `own` has to get around. */
	uint8_t unknown;     /* Looked at so often without an SA for it ... */
	uint32_t told_by;    /* ... and told by these nodes: bits of config indices. */
	uint64_t commit_us;  /* On the list of the fresh: to be looked at then. */
	uint64_t again_us;   /* On the list of the proposed: to be looked at then. */
	struct owned_sa_link changed, fresh, proposed;
};

struct sa_lease { /* lease_requests.c */
	int64_t epoch; /* In which it was asked: the next one's owner begins anew. */
	struct asked { /* When, and where it stood then: for the rate since. */
		uint64_t end, us, next;
	} lease, horizon;
	uint64_t again_us; /* On the list of those asked for: to be looked at then. */
	struct owned_sa_link asked;
};

struct sa_quorum { /* quorum.c: of exact SAs that we own. */
	bool counted;
	int64_t epoch;
	uint64_t since; /* The index at which we saw the SA: whose word is older means another. */
	uint64_t held[CLUSTER_NODES_MAX]; /* By node: the highest mark of this epoch. */
	uint64_t delivered;
	struct owned_sa_link waiting;
};

struct sa_below { /* news.c: its client stays below the horizon. */
	int64_t epoch;
	struct endpoint remote; /* Where the last of its packets came from. */
	struct owned_sa_link told;
};

struct owned_sa {
	uint32_t spi_in;
	struct sa_grant grant;
	struct sa_mark mark;
	struct sa_lease lease;
	struct sa_quorum quorum;
	struct sa_below below;
	UT_hash_handle hh;
};

struct owned_sa *owned_sa_find(const struct core *c, uint32_t spi_in); /* NULL: none. */
struct owned_sa *owned_sa_get(struct core *c, uint32_t spi_in);        /* Made if need be. */
uint32_t owned_sa_count(const struct core *c);
/* The SA is no more: every room lets go of its part. sa is freed. */
void owned_sa_gone(struct core *c, struct owned_sa *sa);
/* What the packet workers say of SAs, each to the room that it is for. */
void owned_sa_reports(struct core *c, const struct sa_report *reports, size_t n);
void owned_sa_fini(struct core *c);

#endif
