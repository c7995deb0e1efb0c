/* SPDX-License-Identifier: Apache-2.0
 *
 * A kernel with IPsec for IKE daemons, where the machine's own has none. Loaded with LD_PRELOAD; to be
 * built as a shared object.
 *
 * A daemon gives its SAs and policies to the kernel by messages on a socket: XFRM's netlink or PF_KEY.
 * Such a socket becomes one to another process, at the path $IPSEC_KERNEL, which answers as a kernel
 * does (kernel.py). UNIX sockets of SOCK_SEQPACKET keep a message in one piece as netlink does. What
 * daemons do to these sockets besides is granted here: names, options, and the sender's name, which is
 * the kernel's. Everything else passes by.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FDS_MAX 4096

enum kind { OTHER, NETLINK, PFKEY };
static unsigned char kind_of[FDS_MAX]; /* For sockets that were replaced. */

static enum kind kind_at(int fd)
{
	return fd >= 0 && fd < FDS_MAX ? kind_of[fd] : OTHER;
}

static void *real(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found) {
		abort();
	}
	return found;
}

static int socket_real(int domain, int type, int protocol)
{
	int (*next)(int, int, int) = (int (*)(int, int, int))real("socket");

	return next(domain, type, protocol);
}

/* The socket to our kernel, or -1. */
static int kernel_open(enum kind kind, int type_flags)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = getenv("IPSEC_KERNEL");
	int fd;

	if (!path || strlen(path) >= sizeof(to.sun_path)) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	strcpy(to.sun_path, path);
	fd = socket_real(AF_UNIX, SOCK_SEQPACKET | type_flags, 0);
	if (fd < 0) {
		return -1;
	}
	if (fd >= FDS_MAX) {
		abort();
	}
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		return -1;
	}
	kind_of[fd] = kind;
	return fd;
}

int socket(int domain, int type, int protocol)
{
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC), fd;

	if (domain == AF_NETLINK && protocol == NETLINK_XFRM) {
		return kernel_open(NETLINK, flags);
	}
	if (domain == AF_KEY) {
		return kernel_open(PFKEY, flags);
	}
	fd = socket_real(domain, type, protocol);
	if (fd >= 0 && fd < FDS_MAX) {
		kind_of[fd] = OTHER;
	}
	return fd;
}

int bind(int fd, const struct sockaddr *to, socklen_t len)
{
	typedef int bind_call(int, const struct sockaddr *, socklen_t);
	bind_call *next = (bind_call *)real("bind");

	return kind_at(fd) == OTHER ? next(fd, to, len) : 0;
}

/* Our kernel looks at no packet before a socket does, so no socket need be let off its policies. */
static bool is_policy(int level, int name)
{
	return (level == IPPROTO_UDP && name == UDP_ENCAP) ||
	       (level == IPPROTO_IP && (name == IP_XFRM_POLICY || name == IP_IPSEC_POLICY)) ||
	       (level == IPPROTO_IPV6 && (name == IPV6_XFRM_POLICY || name == IPV6_IPSEC_POLICY));
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	int (*next)(int, int, int, const void *, socklen_t) =
		(int (*)(int, int, int, const void *, socklen_t))real("setsockopt");
	int rc = next(fd, level, name, value, len);

	return rc != 0 && (kind_at(fd) != OTHER || is_policy(level, name)) ? 0 : rc;
}

ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from, socklen_t *from_len)
{
	ssize_t (*next)(int, void *, size_t, int, struct sockaddr *, socklen_t *) =
		(ssize_t(*)(int, void *, size_t, int, struct sockaddr *, socklen_t *))real("recvfrom");
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n;

	if (kind_at(fd) != NETLINK || !from || *from_len < sizeof(kernel)) {
		return next(fd, data, size, flags, from, from_len);
	}
	memcpy(from, &kernel, sizeof(kernel));
	*from_len = sizeof(kernel);
	n = next(fd, data, size, flags, NULL, NULL);
	if (n == 0) {
		abort(); /* Our kernel is gone. A daemon would ask again and again. */
	}
	return n;
}

/* OpenIKED waits one millisecond for the kernel's answer, which is enough only for a real kernel. */
int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int (*next)(struct pollfd *, nfds_t, int) = (int (*)(struct pollfd *, nfds_t, int))real("poll");

	return next(fds, count, timeout_ms == 1 ? 5000 : timeout_ms);
}

/* Libreswan does not start without a helper at its place, which is missing where it is only unpacked. The
 * helper would read the configuration; the script that starts the daemon does that later. */
int access(const char *path, int mode)
{
	int (*next)(const char *, int) = (int (*)(const char *, int))real("access");

	return strcmp(path, "/usr/libexec/ipsec/addconn") == 0 ? 0 : next(path, mode);
}

/* OpenIKED has no user of its own here, and finds its keys in $IPSEC_ETC, the root directory of the
 * process that has them. */
struct passwd *getpwnam(const char *name)
{
	struct passwd *(*next)(const char *) = (struct passwd * (*)(const char *)) real("getpwnam");

	return next(strcmp(name, "_iked") == 0 ? "nobody" : name);
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *(*next)(const char *, const char *) = (FILE * (*)(const char *, const char *)) real("fopen");
	static const char etc[] = "/etc/iked/";
	const char *ours = getenv("IPSEC_ETC");
	char other[4096];

	if (!ours || strncmp(path, etc, sizeof(etc) - 1) != 0) {
		return next(path, mode);
	}
	snprintf(other, sizeof(other), "%s/%s", ours, path + sizeof(etc) - 1);
	return next(other, mode);
}

int chroot(const char *path)
{
	int (*next)(const char *) = (int (*)(const char *))real("chroot");
	const char *ours = getenv("IPSEC_ETC");

	return next(ours ? ours : path);
}
