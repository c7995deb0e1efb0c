/* SPDX-License-Identifier: Apache-2.0 */
/* Three fences; a fourth, the user id, is in user.c.
 *
 * Memory: no core dump, no ptrace by others, and the heap with its keys is not swapped out
 * (mlockall with MCL_ONFAULT: nothing is brought in before it is used). Shared maps of files are
 * unlocked again: LMDB's contains only sealed or authenticated records, and locking it would lock
 * every page that was ever read. If the limit on locked memory is finite and we have no
 * CAP_IPC_LOCK, locking future allocations would make them fail later, so then only the storage
 * key's pages are locked.
 *
 * Capabilities: each thread has dropped its own (xdp/thread/privilege.h); the control thread does
 * so here.
 *
 * System calls: syscalls.c. */
#include "node/process/guard.h"

#include "node/process/syscalls.h"
#include "xdp/thread/privilege.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Reads "from-to perms ..." of a shared map. */
static void unlock_shared(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512], perms[5];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, perms) == 3 && perms[3] == 's')
			munlock((void *)from, to - from);
	if (f)
		fclose(f);
}

static bool lock_all(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return false;
	return (limit.rlim_cur == RLIM_INFINITY || privilege_has(PRIVILEGE_IPC_LOCK)) &&
	       mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

void guard_memory(const struct node_config *c)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	if (mlock(c->cluster.storage_key, sizeof(c->cluster.storage_key)) ||
	    madvise((void *)((uintptr_t)c & ~UINT64_C(4095)), sizeof(*c), MADV_DONTDUMP))
		return; /* Cheap extras: without them it is as it would be anyway. */
}

void guard_reader(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	(void)lock_all();
	privilege_bound();
	(void)privilege_keep(PRIVILEGE_READ);
	(void)syscalls_confine();
}

void guard_started(struct events *events)
{
	bool locked = lock_all();
	int error;
	const char *why;

	if (locked)
		unlock_shared();
	error = privilege_keep(PRIVILEGE_BPF);
	why = syscalls_confine();
	events_add(events, CONFIG_LOG_INFO, "guard", "memory %s, capabilities %s%s, system calls %s%s",
		   locked ? "locked" : "not locked (it needs CAP_IPC_LOCK, or no limit)",
		   error ? "kept: " : "dropped", error ? strerror(-error) : "",
		   why ? "not filtered: " : "filtered", why ? why : "");
}
