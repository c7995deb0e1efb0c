/* SPDX-License-Identifier: Apache-2.0 */
/* A packet worker of the simulator: the engine that runs on a gateway (xdp/engine/engine.h), with
 * queues instead of its ports and a seeded clock instead of its thread. */
#ifndef TEST_SIM_WORKER_H
#define TEST_SIM_WORKER_H

#include "test/sim/full.h"
#include "xdp/engine/engine.h"
#include "xdp/thread/stop_watch.h"

#include <uthash.h>

#define ARRIVALS_MAX 128u
#define REPORTS_ROOM 2048u
#define CAME_BY_LINK 1u /* Local port of packets that another node forwarded: for the checkers only. */

struct node;

struct arrival { /* A packet that was not examined yet. */
	struct blob *data;
	struct sad_path path;
	enum datapath_direction direction;
	bool injected, hostile;
};

struct arrivals {
	struct arrival list[ARRIVALS_MAX];
	size_t n;
};

struct update { /* On its way to the worker. */
	struct sa_update update;
	struct sa *sa;
	struct heard heard[HOSTS_MAX]; /* When it was sent. */
	struct update *next;
};

/* What the checkers remember of an SA of this process. */
struct watched_sa {
	uint32_t spi_in;
	struct heard heard[HOSTS_MAX]; /* See struct acceptance; of the newest epoch. */
	int64_t newest, granted;       /* Epochs: the newest grant's; INT64_MIN: none, revoked. */
	int64_t epoch;                 /* In which it let something in last ... */
	uint64_t let_in, before;       /* ... up to this number; before this burst. */
	uint64_t over_us;              /* I9: it passed a packet then though its session ended. */
	uint64_t told;                 /* Other nodes know its marks up to this one. */
	size_t lease_told;             /* w->n_told when its lease was last told to be low. */
	UT_hash_handle hh;
};

struct worker {
	struct engine engine;
	struct arrivals ring, injected;
	struct update *updates, **updates_tail;
	bool wakes, marks_due, volumes_due;
	struct sa_report reports[REPORTS_ROOM];
	size_t n_reports, n_told; /* Waiting; in all, without marks. */
	bool reports_due;
	uint64_t reports_us;      /* Nothing that was let in before then is in those that wait. */
	uint64_t preempt_us;      /* It will stand still for so long. */
	uint64_t still_from_us, still_until_us; /* The last time, by the world's clock. */
	uint64_t contact_us, alive_us, stopped_us; /* As the link thread publishes them. */
	struct stop_watch stop;
	struct watched_sa *watched;
	bool injects;             /* The burst at hand came from another node. */
	size_t hostile_deferred;      /* Hostile packets among those that the engine has deferred. */
};

/* ---- worker.c: the driver ---- */
void worker_init(struct node *n);
void worker_fini(struct node *n);
void worker_update(struct node *n, const struct sa_update *u); /* Queued; takes effect later. */
void worker_wake(struct node *n);
void worker_wake_later(struct node *n);
void worker_run_marks(struct node *n);
bool worker_stands_still(struct node *n, uint64_t what);
bool worker_is_preempted(struct node *n); /* Does it stand still from now on? (preempt.c) */

/* ---- arrivals.c: packets for it ---- */
/* n->hostile: the packet was made without keys. */
void worker_arrive(struct node *n, enum datapath_direction direction, const struct sad_path *path,
		   struct blob *packet);
void worker_inject(struct node *n, const struct datapath_forward *f);

/* ---- worker_face.c: what the engine says ---- */
void worker_face(struct node *n, struct datapath_face *face, struct engine_output *out);
void worker_run_reports(struct node *n);
uint64_t worker_unreported_us(const struct node *n); /* As engine_unreported_us(), for what has reached the core. */

/* ---- watch.c: what the checkers see of it ---- */
void watch_put(struct worker *w, uint32_t spi_in);
void watch_del(struct worker *w, uint32_t spi_in);
void watch_fini(struct worker *w);
void watch_update(struct node *n, const struct update *x); /* Right before it is applied. */
void watch_updated(struct node *n, uint32_t spi_in);       /* Its whole series is in effect. */
void watch_inner(struct node *n, const struct packet *p);
void watch_outer(struct node *n, const struct packet *p);
void watch_forward(struct node *n, const struct datapath_forward *f);
void watch_report(struct node *n, const struct sa_report *r);
/* Have the engine process a burst, or what it has deferred, and look at what that changes. */
void watch_burst(struct node *n, enum datapath_direction direction, struct packet *burst, size_t k);
void watch_resume(struct node *n, bool go_on); /* go_on: the end of a stop. */
const char *watch_differs(const struct node *n); /* See node_differs(). */

#endif
