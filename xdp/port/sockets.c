/* SPDX-License-Identifier: Apache-2.0 */
/* UDP and raw sockets, one burst per system call.
 *
 * Each socket is bound to its service address whether or not the address is here (IP_FREEBIND), and
 * may send from it (IP_TRANSPARENT): at a takeover nothing is opened, so nothing can fail. There is
 * no PMTU discovery on the outside: a packet that is too long for the path is fragmented, as RFC
 * 4301 8.1 allows for a gateway whose inner MTU is already small, by the kernel at our interface
 * and by routers further on. So over IPv4 the kernel ignores ICMP errors about our packets, which
 * anybody can forge (OMIT). IPv6 routers do not fragment; there the kernel believes errors that
 * quote a packet of this socket. */
#include "xdp/port/sockets.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_QUEUE (8 << 20) /* Octets that may wait in the kernel, per socket. */

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t to_socket_address(union socket_address *to, const struct address *a, uint16_t port)
{
	memset(to, 0, sizeof(*to));
	if (a->family == 4) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(port);
		memcpy(&to->v4.sin_addr, a->octets, 4);
		return sizeof(to->v4);
	}
	to->v6.sin6_family = AF_INET6;
	to->v6.sin6_port = htons(port);
	memcpy(&to->v6.sin6_addr, a->octets, 16);
	return sizeof(to->v6);
}

static void from_socket_address(struct endpoint *e, const union socket_address *from)
{
	memset(e, 0, sizeof(*e));
	if (from->any.sa_family == AF_INET) {
		e->address.family = 4;
		memcpy(e->address.octets, &from->v4.sin_addr, 4);
		e->port = ntohs(from->v4.sin_port);
	} else {
		e->address.family = 6;
		memcpy(e->address.octets, &from->v6.sin6_addr, 16);
		e->port = ntohs(from->v6.sin6_port);
	}
}

static uint16_t port_of(const struct sockets *s, size_t address, enum socket_kind kind)
{
	static const uint16_t ports[SOCKET_OTHER] = {UDP_PORT_IKE, UDP_PORT_ENCAP, 0};

	return kind == SOCKET_OTHER ? s->port[address] : ports[kind];
}

/* One of these has a datagram's own address with it, in and out. */
static bool is_any(const struct address *a)
{
	static const struct address zero;

	return memcmp(a->octets, zero.octets, address_len(a)) == 0;
}

static int set_options(int fd, bool v6)
{
	int on = 1, queue = SOCKET_QUEUE;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int dont = v6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_OMIT;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &queue, sizeof(queue));
	if (setsockopt(fd, level, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on, sizeof(on)) ||
	    setsockopt(fd, level, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &on, sizeof(on)) ||
	    setsockopt(fd, level, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, &on, sizeof(on)) ||
	    setsockopt(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &dont, sizeof(dont)))
		return -errno;
	return 0;
}

static int open_one(struct sockets *s, size_t address, enum socket_kind kind)
{
	const struct address *a = &s->addresses[address];
	union socket_address local;
	socklen_t len = to_socket_address(&local, a, port_of(s, address, kind));
	int *fd = &s->fds[address][kind], flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int error, on = 1;

	*fd = kind == SOCKET_ESP ? socket(local.any.sa_family, SOCK_RAW | flags, IPPROTO_ESP)
				 : socket(local.any.sa_family, SOCK_DGRAM | flags, 0);
	if (*fd < 0)
		return -errno;
	error = set_options(*fd, a->family == 6);
	if (!error && kind == SOCKET_OTHER && is_any(a) && a->family == 4 &&
	    setsockopt(*fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)))
		error = -errno;
	if (!error && bind(*fd, &local.any, len))
		error = -errno;
	return error;
}

int sockets_open(struct sockets *s, const struct prefix *addresses, size_t n,
		 char err[DATAPATH_ERR_LEN])
{
	static const char *const names[SOCKET_KINDS] = {"UDP port 500", "UDP port 4500", "ESP", ""};

	assert(n <= DATAPATH_ADDRESSES_MAX);
	memset(s, 0, sizeof(*s));
	memset(s->fds, 0xff, sizeof(s->fds));
	s->buffers = calloc(BURST, sizeof(*s->buffers));
	if (!s->buffers) {
		snprintf(err, DATAPATH_ERR_LEN, "sockets: out of memory");
		return -ENOMEM;
	}
	for (; s->n < n; s->n++) {
		s->addresses[s->n] = addresses[s->n].address;
		for (unsigned kind = 0; kind < SOCKET_OTHER; kind++) {
			char text[ADDRESS_TEXT_LEN];
			int error = open_one(s, s->n, kind);

			if (!error)
				continue;
			snprintf(err, DATAPATH_ERR_LEN, "%s on %s: %s", names[kind],
				 address_format(&s->addresses[s->n], text), strerror(-error));
			s->n++;
			sockets_close(s);
			return error;
		}
	}
	return 0;
}

int sockets_open_other(struct sockets *s, const struct endpoint *local, char err[DATAPATH_ERR_LEN])
{
	char text[ENDPOINT_TEXT_LEN];
	int error;

	assert(s->n < DATAPATH_ADDRESSES_MAX + DATAPATH_OTHERS_MAX);
	s->addresses[s->n] = local->address;
	s->port[s->n] = local->port;
	error = open_one(s, s->n++, SOCKET_OTHER);
	if (error)
		snprintf(err, DATAPATH_ERR_LEN, "UDP %s: %s", endpoint_format(local, text), strerror(-error));
	return error;
}

void sockets_close(struct sockets *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned kind = 0; kind < SOCKET_KINDS; kind++)
			if (s->fds[i][kind] >= 0)
				close(s->fds[i][kind]);
	free(s->buffers);
	memset(s, 0, sizeof(*s));
}

/* ---- In ---- */

static void sort_out(struct socket_message *m, enum socket_kind kind)
{
	size_t skip = 0;

	m->kind = ENCAP_IKE;
	if (kind == SOCKET_ENCAP) {
		m->path.udp_encap = true;
		m->kind = encap_demux(m->data, m->len, &skip);
	} else if (kind == SOCKET_ESP) {
		m->path.remote.port = 0;
		m->kind = ENCAP_ESP;
		if (m->path.local.address.family == 4) { /* A raw IPv4 socket keeps the header. */
			skip = m->len ? (m->data[0] & 0x0fu) * 4u : 0;
			if (skip < 20 || skip > m->len) {
				m->kind = ENCAP_SHORT;
				skip = 0;
			}
		}
	}
	m->data += skip;
	m->len -= skip;
}

/* DSCP and ECN of its IP header, as the kernel saw it: of fragments as RFC 3168 5.3 puts them together. */
static uint8_t class_of(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		int class = 0;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			return *CMSG_DATA(c);
		if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_TCLASS)
			continue;
		memcpy(&class, CMSG_DATA(c), sizeof(class));
		return (uint8_t)class;
	}
	return 0;
}

/* Where it came to. False: it does not say, for the socket has one address. */
static bool local_of(struct msghdr *h, struct address *local)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct in_pktinfo info;

		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		memset(local, 0, sizeof(*local));
		local->family = 4;
		memcpy(local->octets, &info.ipi_addr, 4);
		return true;
	}
	return false;
}

size_t sockets_read(struct sockets *s, size_t address, enum socket_kind kind,
		    struct socket_message out[BURST])
{
	struct mmsghdr messages[BURST];
	struct iovec parts[BURST];
	union socket_address from[BURST];
	uint8_t control[BURST][CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in_pktinfo))]
		__attribute__((aligned(8)));
	int n;

	for (size_t i = 0; i < BURST; i++) {
		parts[i] = (struct iovec){s->buffers[i], SOCKET_BUFFER};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
						      .msg_namelen = sizeof(from[i]),
						      .msg_iov = &parts[i],
						      .msg_iovlen = 1,
						      .msg_control = control[i],
						      .msg_controllen = sizeof(control[i])};
	}
	n = recvmmsg(s->fds[address][kind], messages, BURST, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		out[i] = (struct socket_message){.data = s->buffers[i],
						 .len = messages[i].msg_len};
		if (!local_of(&messages[i].msg_hdr, &out[i].path.local.address))
			out[i].path.local.address = s->addresses[address];
		out[i].path.local.port = port_of(s, address, kind);
		out[i].path.class = class_of(&messages[i].msg_hdr);
		from_socket_address(&out[i].path.remote, &from[i]);
		sort_out(&out[i], kind);
		if (messages[i].msg_hdr.msg_flags & MSG_TRUNC)
			out[i].kind = ENCAP_SHORT;
	}
	return n > 0 ? (size_t)n : 0;
}

uint64_t sockets_overflow(const struct sockets *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		for (unsigned kind = 0; kind < SOCKET_KINDS; kind++) {
			uint32_t info[SK_MEMINFO_VARS] = {0};
			socklen_t len = sizeof(info);

			if (getsockopt(s->fds[i][kind], SOL_SOCKET, SO_MEMINFO, info, &len) == 0)
				sum += info[SK_MEMINFO_DROPS];
		}
	return sum;
}

/* ---- Out ---- */

static int socket_for(const struct sockets *s, const struct address *local, enum socket_kind kind)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->fds[i][kind] >= 0 && address_equal(&s->addresses[i], local))
			return s->fds[i][kind];
	return -1;
}

/* That of IKE, or the other one that has its port; any: whichever address of ours it was. */
static int socket_at(const struct sockets *s, const struct endpoint *local, bool *any)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned kind = 0; kind < SOCKET_KINDS; kind++)
			if (kind != SOCKET_ESP && s->fds[i][kind] >= 0 && port_of(s, i, kind) == local->port &&
			    s->addresses[i].family == local->address.family) {
				*any = kind == SOCKET_OTHER && is_any(&s->addresses[i]);
				if (*any || address_equal(&s->addresses[i], &local->address))
					return s->fds[i][kind];
			}
	return -1;
}

/* IPv4: sent from there, whatever address the socket has. */
static void set_local(struct msghdr *h, void *control, size_t len, const struct address *local)
{
	struct in_pktinfo info = {.ipi_ifindex = 0};
	struct cmsghdr *c;

	memset(control, 0, len);
	h->msg_control = control;
	h->msg_controllen = len;
	c = CMSG_FIRSTHDR(h);
	c->cmsg_len = CMSG_LEN(sizeof(info));
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	memcpy(&info.ipi_spec_dst, local->octets, 4);
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

struct outgoing { /* One burst on its way into sendmmsg. */
	struct mmsghdr messages[BURST];
	struct iovec parts[BURST];
	union socket_address to[BURST];
	uint8_t control[BURST][CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
};

static void fill(struct outgoing *o, size_t i, const struct packet *p)
{
	const struct sad_path *path = &p->path;
	struct msghdr *h = &o->messages[i].msg_hdr;
	uint16_t port = path->udp_encap ? path->remote.port : 0;
	struct cmsghdr *c;
	int tos = p->tos;

	memset(h, 0, sizeof(*h));
	o->parts[i] = (struct iovec){p->data, p->len};
	h->msg_name = &o->to[i];
	h->msg_namelen = to_socket_address(&o->to[i], &path->remote.address, port);
	h->msg_iov = &o->parts[i];
	h->msg_iovlen = 1;
	if (!p->tos)
		return;
	h->msg_control = o->control[i];
	h->msg_controllen = sizeof(o->control[i]);
	c = CMSG_FIRSTHDR(h);
	c->cmsg_len = CMSG_LEN(sizeof(int));
	c->cmsg_level = path->remote.address.family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = path->remote.address.family == 4 ? IP_TOS : IPV6_TCLASS;
	memcpy(CMSG_DATA(c), &tos, sizeof(tos));
}

/* Sends packets[0..n) by one socket; what the kernel refuses is dropped alone. */
static void send_run(int fd, struct packet **packets, size_t n)
{
	struct outgoing o;
	size_t sent = 0;

	for (size_t i = 0; i < n; i++)
		fill(&o, i, packets[i]);
	while (sent < n) {
		int k = sendmmsg(fd, o.messages + sent, (unsigned)(n - sent), MSG_DONTWAIT);

		if (k < 0 && errno == EINTR)
			continue;
		if (k > 0) {
			sent += (size_t)k;
			continue;
		}
		packets[sent++]->drop = errno == EMSGSIZE ? DROP_TOO_BIG : DROP_OUTPUT;
	}
}

void sockets_write(void *ctx, struct packet **packets, size_t n)
{
	const struct sockets *s = ctx;
	size_t start = 0;

	assert(n <= BURST);
	while (start < n) {
		const struct sad_path *path = &packets[start]->path;
		enum socket_kind kind = path->udp_encap ? SOCKET_ENCAP : SOCKET_ESP;
		int fd = socket_for(s, &path->local.address, kind);
		size_t end = start + 1;

		while (end < n && packets[end]->path.udp_encap == path->udp_encap &&
		       address_equal(&packets[end]->path.local.address, &path->local.address))
			end++;
		if (fd >= 0)
			send_run(fd, packets + start, end - start);
		for (; start < end; start++)
			if (fd < 0)
				packets[start]->drop = DROP_OUTPUT;
	}
}

enum status sockets_send_ike(const struct sockets *s, const struct endpoint *local,
			     const struct endpoint *remote, const void *data, size_t len)
{
	static const uint8_t marker[NON_ESP_MARKER_LEN];
	bool encap = local->port == UDP_PORT_ENCAP;
	bool any = false;
	int fd = socket_at(s, local, &any);
	union socket_address to;
	struct iovec parts[2] = {{(void *)marker, encap ? sizeof(marker) : 0}, {(void *)data, len}};
	struct msghdr message = {.msg_name = &to, .msg_iov = parts, .msg_iovlen = 2};
	uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))] __attribute__((aligned(8)));
	ssize_t sent;

	if (fd < 0 || remote->address.family != local->address.family)
		return ERR_NOT_FOUND;
	message.msg_namelen = to_socket_address(&to, &remote->address, remote->port);
	if (any)
		set_local(&message, control, sizeof(control), &local->address);
	do
		sent = sendmsg(fd, &message, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return OK;
	return errno == EMSGSIZE ? ERR_TOO_LONG : ERR_IO;
}
