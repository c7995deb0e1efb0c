/* SPDX-License-Identifier: Apache-2.0 */
/* One history for all: at every index all nodes apply the same command or none, a command that one
 * node has applied is never lost, a term has one leader, and equal indexes have equal digests (half
 * of I7). */
#ifndef TEST_SIM_LOG_CHECKER_H
#define TEST_SIM_LOG_CHECKER_H

#include "test/sim/world.h"

struct log_record {
	uint64_t term, command; /* 0 = nothing was applied here. */
	uint64_t digest;        /* After it; 0 = not known. */
	bool known;
};

struct log_checker {
	struct world *world;
	struct log_record *record; /* By index. */
	size_t room;
	uint64_t last;             /* Highest index with a command. */
	struct {
		uint64_t term;
		unsigned host;
	} *leader;
	size_t n_leaders;
	uint64_t applied[HOSTS_MAX]; /* For the running process. */
};

void log_checker_init(struct log_checker *c, struct world *w);
void log_checker_fini(struct log_checker *c);
void log_checker_started(struct log_checker *c, unsigned host, uint64_t applied);
void log_checker_restored(struct log_checker *c, unsigned host, uint64_t index);
/* command: any value that names it, not 0. */
void log_checker_applied(struct log_checker *c, unsigned host, uint64_t index, uint64_t term,
			 uint64_t command);
void log_checker_digest(struct log_checker *c, unsigned host, uint64_t index, uint64_t digest);
void log_checker_leader(struct log_checker *c, unsigned host, uint64_t term);

#endif
