/* SPDX-License-Identifier: Apache-2.0 */
/* The toy: consensus nodes whose state is a hash over all commands. It tests the consensus, the
 * simulated disk, links and faults before anything else uses them. */
#ifndef TEST_SIM_TOY_H
#define TEST_SIM_TOY_H

#include "test/sim/fault.h"
#include "test/sim/log_checker.h"

struct toy_world {
	struct world world;
	struct log_checker checker;
	struct faults faults;
	uint64_t next_command;
	uint64_t raft_id[HOSTS_MAX]; /* Changes when a host is wiped. */
	unsigned submitted, accepted, wipes, elections, snapshots, installs, transfers;
};

/* Runs one seed; ends the program if an invariant breaks. Returns the trace's hash. */
uint64_t toy_run(uint64_t seed, bool verbose, const char *command);

#endif
