/* SPDX-License-Identifier: Apache-2.0 */
/* An intruder inside a running node (LD_PRELOAD): on SIGURG, the thread that gets it tries what an
 * intruder would, and appends a line "THREAD ATTEMPT RESULT ERRNO" for each to the file that
 * INSIDE_OUT names. No attempt, even a successful one, harms the host. INSIDE_DIR is a folder that
 * the node may write to, with its own file "lock" in it; INSIDE_SECRET a file of root's.
 *
 * The workers of a node block all signals, so pthread_sigmask() leaves out this one. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

static int out = -1;
static char dir[512], own[600], fresh[600], secret[512], thread[32];

static void tell(const char *what, long rc)
{
	int error = rc < 0 ? errno : 0;

	dprintf(out, "%s %s %ld %s\n", thread, what, rc, error ? strerrorname_np(error) : "-");
	if (rc >= 0 && unlink(fresh))
		rmdir(fresh);
}

#ifdef __x86_64__
static bool has_i386; /* Else the kernel answers int 0x80 with SIGSEGV. */

static long call_i386(long number)
{
	int32_t rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(number) : "r8", "r9", "r10", "r11", "memory");
	return rc;
}

static void look_for_i386(void)
{
	int status = 1;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		_exit(call_i386(20) <= 0);
	}
	has_i386 = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		   WEXITSTATUS(status) == 0;
}
#else
static void look_for_i386(void)
{
}
#endif

#define TRY(what, call, ...) tell(what, syscall(SYS_##call, ##__VA_ARGS__))

/* A child ends at once. */
static void try_clone(const char *what, unsigned long flags)
{
	long rc = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (rc == 0)
		_exit(0);
	tell(what, rc);
}

static void try_clone3(void)
{
	uint64_t args[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
	long rc = syscall(SYS_clone3, args, sizeof(args));

	if (rc == 0)
		_exit(0);
	tell("clone3", rc);
}

static void try_open(const char *path, int flags)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0600);

	tell(path, fd);
	if (fd >= 0)
		close((int)fd);
}

static void files(void)
{
	try_open("/proc/sys/kernel/core_pattern", O_WRONLY);
	try_open("/proc/sys/kernel/randomize_va_space", O_WRONLY);
	try_open("/proc/sys/vm/drop_caches", O_WRONLY);
	try_open("/proc/1/mem", O_RDONLY);
	try_open("/etc/shadow", O_RDONLY);
	try_open("/etc/inside", O_WRONLY | O_CREAT);
	try_open(secret, O_RDONLY);
	TRY("fchmod", fchmod, out, 0600);
	TRY("fchmodat", fchmodat, AT_FDCWD, own, 0600);
	TRY("fchownat", fchownat, AT_FDCWD, own, geteuid(), getegid(), 0);
	TRY("linkat", linkat, AT_FDCWD, own, AT_FDCWD, fresh, 0);
	TRY("symlinkat", symlinkat, own, AT_FDCWD, fresh);
	TRY("mknodat", mknodat, AT_FDCWD, fresh, S_IFIFO | 0600, 0);
	TRY("mkdirat", mkdirat, AT_FDCWD, fresh, 0700);
	TRY("renameat2", renameat2, AT_FDCWD, own, AT_FDCWD, own, 0);
#ifdef __x86_64__
	TRY("chmod", chmod, own, 0600);
	TRY("chown", chown, own, geteuid(), getegid());
	TRY("link", link, own, fresh);
	TRY("symlink", symlink, own, fresh);
	TRY("mknod", mknod, fresh, S_IFIFO | 0600, 0);
	TRY("rename", rename, own, own);
#endif
	TRY("mount", mount, "none", dir, "tmpfs", 0, NULL);
	TRY("umount", umount2, "/nowhere", 0);
	TRY("open_tree", open_tree, AT_FDCWD, "/", 1);
	TRY("mount_setattr", mount_setattr, AT_FDCWD, "/", 0, (uint64_t[4]){0}, 32);
	TRY("fsopen", fsopen, "tmpfs", 0);
	TRY("chroot", chroot, "/");
	TRY("open_by_handle", open_by_handle_at, AT_FDCWD, (uint64_t[4]){0}, O_RDONLY);
	TRY("fanotify", fanotify_init, 0, 0);
}

static void processes(void)
{
	struct iovec v = {dir, 1};

	try_clone("clone_newuser", CLONE_NEWUSER);
	try_clone("clone_newnet", CLONE_NEWNET);
	try_clone("fork", 0);
	try_clone3();
	TRY("unshare_user", unshare, CLONE_NEWUSER);
	TRY("unshare_mount", unshare, CLONE_NEWNS);
	TRY("setns", setns, out, 0);
	TRY("ptrace", ptrace, PTRACE_TRACEME, 0, 0, 0);
	TRY("vm_readv", process_vm_readv, getpid(), &v, 1, &v, 1, 0);
	TRY("pidfd_open", pidfd_open, getpid(), 0);
	TRY("kcmp", kcmp, getpid(), getpid(), 1, 0, 0);
	TRY("kill_init", kill, 1, 0);
	TRY("kill_all", kill, -1, 0);
	TRY("kill_other", tgkill, getppid(), getppid(), 0);
}

static void powers(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
	const struct rlimit one = {1, 1};

	TRY("setuid", setuid, 0);
	TRY("setresuid", setresuid, 0, 0, 0);
	TRY("setresgid", setresgid, 0, 0, 0);
	TRY("setgroups", setgroups, 0, NULL);
	TRY("capset", capset, &head, all);
	TRY("dumpable", prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
	TRY("core_limit", prlimit64, 0, RLIMIT_CORE, &one, NULL);
	TRY("personality", personality, 0xffffffffu);
	TRY("hostname", sethostname, "", -1);
	TRY("settimeofday", settimeofday, NULL, NULL);
	TRY("adjtimex", adjtimex, (char[512]){0});
	TRY("reboot", reboot, 0, 0, 0, NULL);
	TRY("kexec", kexec_load, 0, 0, NULL, 0);
	TRY("init_module", init_module, NULL, 0, "");
	TRY("finit_module", finit_module, out, "", 0);
	TRY("delete_module", delete_module, "nothing", 0);
	TRY("swapon", swapon, "/nowhere", 0);
	TRY("acct", acct, "/nowhere");
	TRY("syslog", syslog, 10, NULL, 0);
}

static void kernel(void)
{
	struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(perf)};
	union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	TRY("bpf_map", bpf, BPF_MAP_CREATE, &map, sizeof(map));
	TRY("bpf_program", bpf, BPF_PROG_LOAD, &map, sizeof(map));
	TRY("perf", perf_event_open, &perf, 0, -1, -1, 0);
	TRY("keyctl", keyctl, 0, -3, 0, 0, 0);
	TRY("add_key", add_key, "user", "inside", "x", 1, -2);
	TRY("request_key", request_key, "user", "inside", NULL, 0);
	TRY("userfaultfd", userfaultfd, 1);
	TRY("io_uring", io_uring_setup, 1, (char[512]){0});
	TRY("memfd", memfd_create, "inside", 0);
	TRY("mmap_exec", mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRY("mprotect_exec", mprotect, (uintptr_t)dir & ~4095ul, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	TRY("socket_vsock", socket, 40, SOCK_STREAM, 0);
	TRY("socket_alg", socket, 38, SOCK_SEQPACKET, 0);
	TRY("socket_netfilter", socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	TRY("socket_raw", socket, AF_INET, SOCK_RAW, 50);
	TRY("tty_input", ioctl, 2, TIOCSTI, "x");
#ifdef __x86_64__
	tell("abi_x32", syscall(0x40000000 | SYS_getpid));
	if (has_i386) {
		long rc = call_i386(20);

		errno = (int)-rc;
		tell("abi_i386", rc < 0 ? -1 : rc);
	}
#endif
}

static void attack(int signal)
{
	int error = errno;
	const char *const argv[] = {"true", NULL};

	(void)signal;
	prctl(PR_GET_NAME, thread);
	for (char *c = thread; *c; c++)
		if (*c == ' ')
			*c = '_';
	files();
	processes();
	powers();
	kernel();
	TRY("execveat", execveat, AT_FDCWD, "/bin/true", argv, argv + 1, 0);
	TRY("execve", execve, "/bin/true", argv, argv + 1);
	dprintf(out, "%s end 0 -\n", thread);
	errno = error;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	int (*real)(int, const sigset_t *, sigset_t *) =
		(int (*)(int, const sigset_t *, sigset_t *))dlsym(RTLD_NEXT, "pthread_sigmask");
	sigset_t without;

	if (set && how != SIG_UNBLOCK) {
		without = *set;
		sigdelset(&without, SIGURG);
		set = &without;
	}
	return real(how, set, old);
}

__attribute__((constructor)) static void inside_init(void)
{
	const char *path = getenv("INSIDE_OUT"), *folder = getenv("INSIDE_DIR"), *file = getenv("INSIDE_SECRET");
	struct sigaction action = {.sa_handler = attack, .sa_flags = SA_RESTART};

	if (!path || !folder || !file || strlen(folder) >= sizeof(dir) || strlen(file) >= sizeof(secret))
		return;
	out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	strcpy(dir, folder);
	strcpy(secret, file);
	snprintf(own, sizeof(own), "%s/lock", dir);
	snprintf(fresh, sizeof(fresh), "%s/fresh", dir);
	look_for_i386();
	sigfillset(&action.sa_mask);
	sigaction(SIGURG, &action, NULL);
}
