/* SPDX-License-Identifier: Apache-2.0 */
/* What this node knows about one Child SA beside its record in the applied state. Every node has
 * one entry per SA, from the first report about it to its end, because the owner may change at any
 * time. Each part belongs to one room, which alone reads and writes it. */
#ifndef CLUSTER_CORE_OWNED_SA_H
#define CLUSTER_CORE_OWNED_SA_H

#include "proto/esp/sad.h"
#include "cluster/link/frame.h"
#include "cluster/cluster_config.h"
#include "cluster/spi_index.h"
#include "cluster/state/mark.h"

struct core;
struct owned_sa;

/* Lists of SAs, one room's each; oldest first. */
enum owned_sa_list {
	SAS_CHANGED,  /* sequence.c: marks of ours, not yet sent to the others. */
	SAS_FRESH,    /* ... that are newer than the log's, as far as we know. */
	SAS_PROPOSED, /* ... that were proposed lately: the proposal may be lost with the leader. */
	SAS_ASKED,    /* lease_requests.c: asked for and perhaps not there yet. */
	SAS_COUNTED,  /* volumes.c: carried more than is in the log, to be proposed ... */
	SAS_VOLUME_ASKED, /* ... and proposed lately. */
	SAS_WAITING,  /* quorum.c: more was accepted than a majority holds. */
	SAS_BELOW_HORIZON,    /* activity.c: clients that stay below the horizon. */
	SAS_LISTS
};

/* previous is NULL when it is not on that list. */
struct owned_sa_link {
	struct owned_sa *previous, *next;
};

struct sa_grant { /* grants.c: what the packet workers were told. */
	bool known;  /* They have the SA. */
	struct sad_path path;
	bool granted, deferred, exact;
	bool high;   /* Its lease ends above 75 % of the numbers. */
	int64_t epoch;
	uint64_t end, horizon;
	uint64_t logged; /* mark_floor() that its worker was told. */
	uint64_t since;  /* We had applied so much when we saw it. */
	bool heard;      /* A packet came in by it: the client uses it. */
	bool outbound;   /* It carries packets to the client. */
};

struct sa_mark { /* sequence.c */
	struct mark_memory known; /* By whomever. */
	struct mark own;     /* Accepted here: the last epoch's. */
	bool ended;          /* That epoch is over for us: `own` must reach the others. */
	uint8_t unknown;     /* Looked at so often without an SA for it ... */
	uint32_t told_by;    /* ... and told by these nodes: bits of config indices. */
	uint64_t commit_us;  /* On the list of the fresh: to be looked at then. */
	uint64_t again_us;   /* On the list of the proposed: to be looked at then. */
};

struct sa_lease { /* lease_requests.c */
	int64_t epoch; /* In which it was asked: the owner in the next epoch begins anew. */
	struct asked { /* When, and where it stood then: for the rate since. */
		uint64_t end, us, next;
	} lease, horizon;
	uint64_t again_us; /* On the list of those asked for: to be looked at then. */
};

struct sa_volume { /* volumes.c: of SAs that we own. */
	int64_t epoch;        /* In which it was counted last. */
	struct volume own;    /* Carried, as our worker says. */
	struct volume asked;  /* Proposed last. */
	uint64_t commit_us;   /* On the list of the counted: to be looked at then. */
	uint64_t again_us;    /* On the list of those asked for: to be looked at then. */
};

struct sa_quorum { /* quorum.c: of exact SAs that we own. */
	bool counted;
	int64_t epoch;
	uint64_t since; /* The index at which we saw the SA: an older acknowledgement is about another SA. */
	uint64_t acked[CLUSTER_NODES_MAX]; /* By node: the highest mark of this epoch. */
	uint64_t delivered;
};

struct sa_below_horizon { /* activity.c: its client stays below the horizon. */
	int64_t epoch;
	struct endpoint remote; /* Where the last of its packets came from. */
};

struct sa_rekey { /* requests_child.c: at the leader. */
	uint64_t term;     /* In which the rest was so. */
	bool wanted;       /* Another room asked for a replacement. */
	uint32_t tries;
	uint64_t again_us; /* Not (again) before. */
};

struct owned_sa {
	union { /* The key begins with the SPI. */
		struct spi_key key;
		uint32_t spi_in;
	};
	struct owned_sa_link link[SAS_LISTS];
	struct sa_grant grant;
	struct sa_mark mark;
	struct sa_lease lease;
	struct sa_volume volume;
	struct sa_quorum quorum;
	struct sa_below_horizon below_horizon;
	struct sa_rekey rekey;
};

struct owned_sa *owned_sa_find(const struct core *c, uint32_t spi_in); /* NULL: none. */
struct owned_sa *owned_sa_get(struct core *c, uint32_t spi_in);        /* Made if need be. */
uint32_t owned_sa_count(const struct core *c);
/* What we had applied when we saw it: the SA was not made after that index. */
uint64_t owned_sa_since(const struct core *c, const struct owned_sa *sa);
/* The SA is gone: it leaves all lists and is freed. */
void owned_sa_gone(struct core *c, struct owned_sa *sa);

struct owned_sa *owned_sa_first(const struct core *c, enum owned_sa_list list); /* NULL: none. */
void owned_sa_append(struct core *c, struct owned_sa *sa, enum owned_sa_list list); /* If not on it. */
void owned_sa_remove(struct core *c, struct owned_sa *sa, enum owned_sa_list list);
bool owned_sa_is_on(const struct owned_sa *sa, enum owned_sa_list list);

void owned_sa_init(struct core *c);
void owned_sa_fini(struct core *c);

#endif
