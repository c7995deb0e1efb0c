/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that libseccomp allows once a node runs: its files are open, its threads
 * started, its BPF program attached. Any other call fails with EPERM and leaves a line in the
 * kernel's audit (or its log). It does not end the process: a new libc that uses another call for
 * an old purpose would then be an outage of all nodes at once, while the caller handles EPERM; to
 * an intruder both are a closed door.
 *
 * clone3(2) keeps its flags in memory, where no filter reads: ENOSYS sends glibc to clone(2), which
 * may make threads, but neither processes nor namespaces. kill and tgkill reach only this process;
 * no memory becomes executable; ioctls are those of sockets. No filter can check the names of files
 * to open: that is what the user id is for (user.h).
 *
 * Other ABIs of the same kernel (x32, i386) are refused altogether. */
#include "node/process/syscalls.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const int allowed[] = {
	/* Memory */
	SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(mlockall),
	SCMP_SYS(mremap), SCMP_SYS(msync), SCMP_SYS(munlock), SCMP_SYS(munlockall),
	SCMP_SYS(munmap),
	/* Threads, and what they are told */
	SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex),
	SCMP_SYS(get_robust_list), SCMP_SYS(getcpu), SCMP_SYS(getegid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getpid), SCMP_SYS(getpriority), SCMP_SYS(getrlimit),
	SCMP_SYS(getrusage), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(membarrier),
	SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address),
	SCMP_SYS(setpriority), SCMP_SYS(sigaltstack), SCMP_SYS(sysinfo), SCMP_SYS(uname),
	/* Time, chance */
	SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getrandom), SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(time),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_settime),
	/* Files: the store's, /proc */
	SCMP_SYS(access), SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(dup3), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(fadvise64), SCMP_SYS(fcntl), SCMP_SYS(fdatasync),
	SCMP_SYS(flock), SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(fsync), SCMP_SYS(ftruncate),
	SCMP_SYS(getdents64), SCMP_SYS(lseek), SCMP_SYS(newfstatat), SCMP_SYS(open),
	SCMP_SYS(openat), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev), SCMP_SYS(read), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(readv), SCMP_SYS(stat), SCMP_SYS(statx), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
	SCMP_SYS(write), SCMP_SYS(writev),
	/* Waiting */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2), SCMP_SYS(pipe2),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pselect6), SCMP_SYS(select),
	/* Sockets */
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect),
	SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(listen),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg),
	SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
};

/* One argument of a call must be one of a few. */
struct choice {
	int call;
	unsigned argument;
	const unsigned long *values;
	size_t n;
};

static const unsigned long families[] = {AF_UNIX, AF_INET, AF_INET6, AF_PACKET, AF_XDP};
static const unsigned long elements[] = {BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM,
					 BPF_MAP_DELETE_ELEM};
static const unsigned long requests[] = {FIONBIO, FIONREAD, FIOCLEX, TCGETS, SIOCGIFFLAGS,
					 SIOCGIFADDR, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX,
					 SIOCGIFNAME, SIOCETHTOOL};
static const unsigned long own_names[] = {PR_SET_NAME, PR_GET_NAME, PR_CAP_AMBIENT};
static const unsigned long nobody[] = {0}; /* prlimit64(0, ...): ourselves. */

static const struct choice choices[] = {
	{SCMP_SYS(socket), 0, families, COUNT(families)},
	{SCMP_SYS(socketpair), 0, families, 1},
	{SCMP_SYS(bpf), 0, elements, COUNT(elements)},
	{SCMP_SYS(ioctl), 1, requests, COUNT(requests)},
	{SCMP_SYS(prctl), 0, own_names, COUNT(own_names)},
	{SCMP_SYS(prlimit64), 0, nobody, 1},
};

static bool add_choices(scmp_filter_ctx filter)
{
	const unsigned long self = (unsigned long)getpid();
	const struct choice signals[] = {{SCMP_SYS(kill), 0, &self, 1},
					 {SCMP_SYS(tgkill), 0, &self, 1}};
	int error = 0;

	for (size_t i = 0; i < COUNT(choices) + COUNT(signals); i++) {
		const struct choice *c = i < COUNT(choices) ? &choices[i] : &signals[i - COUNT(choices)];

		for (size_t k = 0; k < c->n; k++)
			error |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, c->call, 1,
						  SCMP_CMP32(c->argument, SCMP_CMP_EQ,
							     (uint32_t)c->values[k]));
	}
	return error == 0;
}

/* What is decided by bits, or by two arguments. */
static bool add_others(scmp_filter_ctx filter)
{
	const uint32_t make = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWNS | CLONE_NEWCGROUP |
			      CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	const uint32_t thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
	const struct scmp_arg_cmp not_executable = SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	return !(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) ||
		 seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				  SCMP_A0_32(SCMP_CMP_MASKED_EQ, make, thread)) ||
		 seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable) ||
		 seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable) ||
		 seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				  SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK),
				  SCMP_A2_32(SCMP_CMP_EQ, 0))); /* NETLINK_ROUTE */
}

const char *syscalls_confine(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	const char *why = NULL;
	int error;

	if (!filter)
		return "no memory";
	/* The list is long: a tree, not a chain. What comes by another ABI: refused alike. */
	error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) |
		seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < COUNT(allowed); i++)
		error |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (error || !add_choices(filter) || !add_others(filter))
		why = "libseccomp refuses the list";
	else if ((error = seccomp_load(filter)) != 0)
		why = strerror(-error);
	seccomp_release(filter);
	return why;
}
