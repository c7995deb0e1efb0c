/* SPDX-License-Identifier: Apache-2.0 */
/* Three fences.
 *
 * Memory: no core dump, no ptrace by others, and the heap with its keys is not swapped out
 * (mlockall with MCL_ONFAULT: nothing is brought in before it is used). Shared maps of files
 * are let go again: LMDB's holds nothing that is not sealed, and pinning it would pin a page
 * for each that was ever read. Where the limit on locked memory is finite, and we have no
 * CAP_IPC_LOCK, locking what will be allocated would make allocations fail later, so then
 * it is the storage key's pages alone.
 *
 * Capabilities: each thread has dropped its own (xdp/privilege.h); the control thread here.
 *
 * System calls: a list of what is refused, with EPERM, on all threads. Not a list of what is
 * allowed: four libraries run here in versions we do not choose. The list has what an
 * intruder would want first: programs, other processes, modules, mounts, namespaces, clocks,
 * BPF programs, keys of the kernel, and the calls that have a history of holes. */
#include "node/guard.h"

#include "xdp/privilege.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define OTHER_ABI 0x40000000u /* x32 */
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define OTHER_ABI 0xffffffffu
#else
#define ARCHITECTURE 0u
#define OTHER_ABI 0xffffffffu
#endif

/* ---- Memory ---- */

/* Of "from-to perms ...", what is shared. */
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

/* ---- System calls ---- */

static const unsigned short refused[] = {
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
	SYS_pidfd_getfd, SYS_process_madvise, SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_kexec_file_load, SYS_reboot, SYS_mount, SYS_umount2, SYS_pivot_root,
	SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
	SYS_swapon, SYS_swapoff, SYS_setns, SYS_unshare, SYS_open_by_handle_at, SYS_perf_event_open,
	SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_settimeofday,
	SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_acct, SYS_quotactl, SYS_personality,
	SYS_sethostname, SYS_setdomainname, SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid,
	SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_io_uring_setup, SYS_syslog,
	SYS_fanotify_init, SYS_mknodat, SYS_fchmodat, SYS_fchownat, SYS_linkat, SYS_symlinkat,
};
#define REFUSED (sizeof(refused) / sizeof(refused[0]))

/* Every line: what is asked, how far on if so, how far on if not. The last two are
 * "allow" and "refuse". */
static size_t filter_build(struct sock_filter *f)
{
	const unsigned short end = (unsigned short)(9 + REFUSED); /* Allow; then refuse. */
	size_t n = 0;

#define LOAD(field)                                                                                \
	(f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                           \
					       offsetof(struct seccomp_data, field)))
#define JUMP(op, value, yes, no)                                                                   \
	(f[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | (op) | BPF_K, (value), (uint8_t)(yes),      \
					     (uint8_t)(no)),                                       \
	 n++)
	LOAD(arch);
	JUMP(BPF_JEQ, ARCHITECTURE, 0, end - n); /* Not: refuse. */
	LOAD(nr);
	JUMP(BPF_JGE, OTHER_ABI, end - n, 0);
	/* bpf(2): elements of maps, no more. */
	JUMP(BPF_JEQ, SYS_bpf, 0, 4);
	LOAD(args[0]); /* The low half: little-endian. */
	JUMP(BPF_JEQ, BPF_MAP_LOOKUP_ELEM, end - n - 1, 0);
	JUMP(BPF_JEQ, BPF_MAP_UPDATE_ELEM, end - n - 1, 0);
	JUMP(BPF_JEQ, BPF_MAP_DELETE_ELEM, end - n - 1, end - n);
	for (size_t i = 0; i < REFUSED; i++)
		JUMP(BPF_JEQ, refused[i], end - n, 0);
#undef LOAD
#undef JUMP
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	return n;
}

static const char *refuse_calls(void)
{
	struct sock_filter filter[REFUSED + 16];
	struct sock_fprog program = {.filter = filter};

	if (ARCHITECTURE == 0)
		return "no list for this architecture";
	program.len = (unsigned short)filter_build(filter);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		return strerror(errno);
	return NULL;
}

void guard_started(struct events *events)
{
	bool locked = lock_all();
	int error;
	const char *why;

	if (locked)
		unlock_shared();
	error = privilege_keep(PRIVILEGE_BPF);
	why = refuse_calls();
	events_add(events, CONFIG_LOG_INFO, "guard", "memory %s, capabilities %s%s, system calls %s%s",
		   locked ? "locked" : "not locked (it needs CAP_IPC_LOCK, or no limit)",
		   error ? "kept: " : "dropped", error ? strerror(-error) : "",
		   why ? "not filtered: " : "filtered", why ? why : "");
}
