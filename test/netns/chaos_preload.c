/* SPDX-License-Identifier: Apache-2.0 */
/* Clock and disk faults for one process (LD_PRELOAD), set from outside while it runs: its wall
 * clock is off by some milliseconds, its disk is slow to sync, or has no room left. And with
 * CHAOS_NO_XDP in its environment, its kernel knows no AF_XDP. The file that CHAOS_CONTROL names
 * holds three numbers in text, WIDTH octets in all: step of the wall clock in ms, delay of each
 * sync in ms, 1 = the disk is full. It is mapped, so it must be overwritten in place, never
 * truncated.
 *
 * A full disk is one that copies on write: old blocks cannot be written either. Only files on the
 * file system of CHAOS_DATA are concerned. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 40u

struct weather {
	int64_t step_ms, delay_ms, full;
};

static const volatile char *control;
static dev_t data_dev;
static int (*real_clock_gettime)(clockid_t, struct timespec *); /* The vDSO's; NULL early on. */

__attribute__((constructor)) static void weather_init(void)
{
	const char *path = getenv("CHAOS_CONTROL"), *data = getenv("CHAOS_DATA");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	void *at;

	real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if (fd < 0)
		return;
	at = mmap(NULL, WIDTH, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (data && stat(data, &st) == 0)
		data_dev = st.st_dev;
	if (at != MAP_FAILED)
		control = at;
}

static void read_once(char text[WIDTH + 1])
{
	for (size_t i = 0; i < WIDTH; i++)
		text[i] = control[i];
	text[WIDTH] = 0;
}

/* Read until two readings agree: the file may just be written. */
static struct weather weather_now(void)
{
	struct weather w = { 0 };
	char a[WIDTH + 1], b[WIDTH + 1], *end;

	if (!control)
		return w;
	do {
		read_once(a);
		read_once(b);
	} while (memcmp(a, b, sizeof(a)) != 0);
	w.step_ms = strtoll(a, &end, 10);
	w.delay_ms = strtoll(end, &end, 10);
	w.full = strtoll(end, &end, 10);
	return w;
}

/* ---- The wall clock ---- */

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = real_clock_gettime ? real_clock_gettime(id, t) : (int)syscall(SYS_clock_gettime, id, t);
	int64_t step, ns;

	if (rc != 0 || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return rc;
	step = weather_now().step_ms;
	ns = t->tv_nsec + step % 1000 * 1000000;
	t->tv_sec += step / 1000 + (ns < 0 ? -1 : ns >= 1000000000 ? 1 : 0);
	t->tv_nsec = ns < 0 ? ns + 1000000000 : ns >= 1000000000 ? ns - 1000000000 : ns;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	tv->tv_sec = t.tv_sec;
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}

/* ---- The disk ---- */

static void slow(void)
{
	int64_t ms = weather_now().delay_ms;

	if (ms > 0)
		usleep((useconds_t)ms * 1000);
}

int fsync(int fd)
{
	slow();
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	slow();
	return (int)syscall(SYS_fdatasync, fd);
}

static bool no_room(int fd)
{
	struct stat st;

	if (!weather_now().full || fstat(fd, &st) != 0 || st.st_dev != data_dev || !S_ISREG(st.st_mode))
		return false;
	errno = ENOSPC;
	return true;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	return no_room(fd) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return pwrite(fd, data, len, at);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return no_room(fd) ? -1 : (ssize_t)syscall(SYS_pwritev, fd, v, n, at, 0);
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
	return pwritev(fd, v, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	return no_room(fd) ? -1 : (ssize_t)syscall(SYS_writev, fd, v, n);
}

/* ---- The kernel ---- */

int socket(int domain, int type, int protocol)
{
	if (domain == AF_XDP && getenv("CHAOS_NO_XDP")) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return (int)syscall(SYS_socket, domain, type, protocol);
}
