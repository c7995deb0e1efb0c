/* SPDX-License-Identifier: Apache-2.0 */
/* A world driven by one seed: a virtual clock, an event queue, and hosts, each with a process, a
 * disk and links. Everything that happens is an event at a microsecond; equal seeds give equal
 * runs, to the last event. The hosts run a struct program: the toy state machine, or the whole of
 * baton. */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include "proto/wire/address.h"
#include "proto/wire/blob.h"
#include "test/sim/disk.h"
#include "test/sim/random.h"

#define HOSTS_MAX 7u
#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)

struct world;

/* What reaches a process. data is borrowed. */
enum delivery_kind {
	DELIVER_TIMER,
	DELIVER_FRAME,     /* peer, data */
	DELIVER_LINK_UP,   /* peer */
	DELIVER_LINK_DOWN, /* peer; value: 1 = it refuses a new connection, its process is gone */
	DELIVER_STORED,    /* value: seq */
	DELIVER_IDENTITY_STORED,
	DELIVER_DATAGRAM,  /* local, remote, data; value: the program's */
	DELIVER_OWN        /* The process asked for it with host_later(): value, data */
};

struct delivery {
	enum delivery_kind kind;
	unsigned peer;
	uint64_t value;
	struct endpoint local, remote;
	struct blob *data;
};

struct host {
	struct world *world;
	unsigned index;
	void *process;       /* NULL: it does not run. */
	uint64_t generation; /* Counts starts. */
	bool paused;
	bool more; /* What waited while it was stopped comes at once; this is not the last of it. */
	uint64_t paused_from_us, paused_until_us; /* The last time, by its own clock ... */
	uint64_t pause_began_us, pause_ended_us;  /* ... and by the world's. */
	struct inbox *inbox; /* Deliveries that wait for the end of a pause. */
	uint64_t timer_us;   /* Time of the queued timer event; 0 = none. */
	/* Its clocks: the boot-time clock showed clock_us at clock_at_us, and runs fast by
	 * so many parts per million. */
	uint64_t clock_us, clock_at_us;
	int32_t clock_ppm;
	int64_t wall_us;     /* Wall clock minus the world's. */
	struct disk disk;
};

struct program {
	const char *name;
	void *(*start)(struct host *h);
	void (*stop)(struct host *h, void *process); /* It dies: it may send nothing any more. */
	void (*deliver)(struct host *h, void *process, const struct delivery *d);
	uint64_t (*deadline_us)(void *process);
};

struct event_slot;
struct link_pair;

struct world {
	uint64_t seed, now_us;
	struct random random;
	bool verbose;
	bool walls_set;      /* Wall clocks were set, somewhere, sometime. */
	bool walls_kept;     /* Nobody but clocks.c sets them. */
	const char *command; /* How to repeat this run. */
	unsigned n_hosts;
	struct host host[HOSTS_MAX];
	const struct program *program;
	void *context;       /* The program's own part of the world. */
	struct net *net;
	struct event_slot *heap;
	size_t n_events, room;
	uint64_t serial, trace, events_done;
};

typedef void (*world_fn)(struct world *w, void *ctx, uint64_t a, struct blob *data);

void world_init(struct world *w, uint64_t seed, unsigned n_hosts, const struct program *program,
		void *context);
void world_fini(struct world *w);
/* Calls fn after delay_us; adopts data. */
void world_at(struct world *w, uint64_t delay_us, world_fn fn, void *ctx, uint64_t a,
	      struct blob *data);
void world_run(struct world *w, uint64_t until_us);

/* One line of the story, with the time; also hashed, so that two runs can be compared. */
void world_say(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The run has failed: says why and how to repeat it, and ends the program. */
void world_fail(struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* ---- Hosts ---- */
void host_start(struct host *h);
void host_crash(struct host *h, bool power_lost); /* Process and unsynced writes are gone. */
void host_pause(struct host *h);
void host_resume(struct host *h);
static inline bool host_runs(const struct host *h)
{
	return h->process != NULL;
}
/* The time by its boot-time clock, which never goes back, and by its wall clock. */
uint64_t host_now_us(const struct host *h);
uint64_t host_wall_us(const struct host *h);
/* Its boot-time clock jumps ahead by that much and then runs at that rate. */
void host_set_clock(struct host *h, uint64_t jump_us, int32_t ppm);
/* Hands d to the process of this generation, now or when its pause ends. */
void host_deliver(struct host *h, uint64_t generation, const struct delivery *d);
/* A DELIVER_OWN to the running process after delay_us; adopts data. */
void host_later(struct host *h, uint64_t delay_us, uint64_t value, struct blob *data);
/* For calls into a process from outside of deliver: arms its timer afterwards. */
void host_rearm(struct host *h);

#endif
