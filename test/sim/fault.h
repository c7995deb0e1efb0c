/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, and when: drawn from the world's seed, one fault every few
 * hundred milliseconds, each with its end. Faults overlap. */
#ifndef TEST_SIM_FAULT_H
#define TEST_SIM_FAULT_H

#include "test/sim/world.h"

enum fault_kind {
	FAULT_CRASH,     /* ... and restart. */
	FAULT_QUICK,     /* ... before any node missed it. */
	FAULT_PAUSE,
	FAULT_ISOLATE,   /* One host from all others, both ways. */
	FAULT_ONE_WAY,   /* One direction of one link. */
	FAULT_SPLIT,     /* The hosts fall into two halves. */
	FAULT_RESET,     /* A connection breaks. */
	FAULT_SLOW_LINK,
	FAULT_FULL_LINK, /* Something large is on its way: only urgent frames get past it. */
	FAULT_SLOW_DISK,
	FAULT_DATAGRAMS, /* Loss, duplicates, reordering outside. */
	FAULT_POWER,     /* One host goes dark. */
	FAULT_BLACKOUT,  /* All hosts lose power at once. */
	FAULT_CLOG,      /* All datagrams from outside wait, then come at once. */
	FAULT_FULL,      /* A disk: nothing can be written, so the process ends. */
	FAULT_CLOCK,     /* A boot-time clock jumps ahead or changes its rate. */
	FAULT_WALL,      /* One or all wall clocks are set to a random time. */
	/* Not drawn here, but counted with the rest: */
	FAULT_SHUTDOWN,  /* A node is told to end. */
	FAULT_TRANSFER,  /* The leader is to hand over, though it is healthy. */
	FAULT_WIPE,      /* ... gets a new disk: its id leaves the cluster, another joins. */
	FAULT_FLIP,      /* A bit flips in a stored record, or in the tip file. */
	FAULT_LOST_TAIL, /* Acknowledged transactions are gone from the disk. */
	FAULT_ROLLBACK,  /* An older copy is put in the disk's place. */
	FAULT_ALL_BACK,  /* ... in the place of all disks: no node can notice. */
	FAULT_STOP,      /* The owner is stopped for 20 to 200 ms (stop.c). */
	FAULT_PREEMPT,   /* The owner's worker stands still (preempt.c). */
	FAULT_UNFIT,     /* A host does not let its node serve (unfit.c). */
	FAULT_MOVE,      /* A client changes its address. */
	FAULT_CLIENT_DIES,
	FAULT_REAUTH,    /* It makes a session beside the one it has. */
	FAULT_ORDER,      /* The operator ends, revokes or allows. */
	FAULT_WRONG,      /* A wall clock is wrong (clocks.c). */
	FAULT_POLICY,     /* ... or changes the policy of a node that runs (policies.c). */
	FAULT_KINDS
};

struct faults {
	struct world *world;
	uint64_t until_us, mean_us;
	uint64_t spare_us; /* Until then not all may lose power: a node must remember. */
	unsigned weight[FAULT_KINDS];
	unsigned count[FAULT_KINDS];
};

extern const char *const fault_names[FAULT_KINDS];

void faults_init(struct faults *f, struct world *w, uint64_t until_us, uint64_t mean_us);
bool fault_crash(struct host *h, uint64_t for_us); /* False: it does not run. */
void faults_begin(struct faults *f);
/* Undoes all faults: every host runs and every link may come up. */
void faults_end(struct faults *f);

#endif
