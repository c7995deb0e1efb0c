/* SPDX-License-Identifier: Apache-2.0 */
/* Two sockets: one listens to news about links, addresses and routes, the other asks. A message is
 * only a reason to look, so one that is lost or misunderstood costs at most a second. The
 * exceptions are addresses and routes on the TUN device, which are set again when somebody removes
 * them. */
#include "xdp/host/host_watch.h"
#include "xdp/host/blackhole.h"
#include "xdp/host/host_message.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_LEN 32768u
#define TORN_MAX 8 /* Lists that changed while they were given, one after another. */
#define READ_MAX 256 /* Datagrams of one pass: a router may have a million routes. */
#define LISTEN_QUEUE (1 << 20)
#define LOOPBACK 1u /* Blackholes of IPv6 name it, those of IPv4 no device at all. */

struct watched {
	const char *name; /* As configured; NULL: the index alone counts. */
	const char *port;
	uint32_t program;
	struct host_port was;
};

struct host_watch {
	struct watched port[HOST_PORTS];
	struct prefix address[2 * DATAPATH_ADDRESSES_MAX];
	size_t n_addresses;
	struct prefix_list pools;
	struct blackholes blackholes;
	char names[2][HOST_NAME_LEN];
	uint32_t own_port; /* The mover's socket's. */
	bool stirred;
	char what[HOST_TEXT_LEN];
	struct mnl_socket *events;
	struct netlink ask;
	uint8_t answer[ANSWER_LEN] __attribute__((aligned(8)));
};

/* ---- Asking ---- */

static bool take_link(void *ctx, const struct host_message *m)
{
	if (m->kind != HOST_MESSAGE_LINK)
		return false;
	*(struct host_port *)ctx = m->port;
	return true;
}

/* By index, or by name where that is 0. -ENODEV: there is none. */
static int ask_link(struct host_watch *w, unsigned ifindex, const char *name, struct host_port *p)
{
	struct netlink_request r;
	struct nlmsghdr *h = netlink_request_init(&r, RTM_GETLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_family = AF_UNSPEC;
	i->ifi_index = (int)ifindex;
	if (!ifindex)
		mnl_attr_put_strz(h, IFLA_IFNAME, name);
	mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return netlink_ask(&w->ask, &r, take_link, p);
}

static bool take_address(void *ctx, const struct host_message *m)
{
	struct host_port *now = ctx;

	for (unsigned i = 0; m->kind == HOST_MESSAGE_ADDRESS && i < HOST_TUN; i++)
		now[i].address |= now[i].there && m->port.ifindex == now[i].ifindex;
	return false;
}

static int ask_addresses(struct host_watch *w, struct host_port now[HOST_PORTS])
{
	int error = -EINTR;

	for (int tries = 0; error == -EINTR && tries < TORN_MAX; tries++) {
		struct netlink_request r;
		struct nlmsghdr *h = netlink_request_init(&r, RTM_GETADDR, NLM_F_DUMP);
		struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

		i->ifa_family = AF_INET;
		error = netlink_ask(&w->ask, &r, take_address, now);
	}
	return error;
}

static int ask_port(struct host_watch *w, const struct watched *p, struct host_port *now)
{
	int error = -ENODEV;

	memset(now, 0, sizeof(*now));
	if (p->was.ifindex)
		error = ask_link(w, p->was.ifindex, NULL, now);
	if (error == -ENODEV && p->name)
		error = ask_link(w, 0, p->name, now);
	return error == -ENODEV ? 0 : error;
}

static int ask_all(struct host_watch *w, struct host_port now[HOST_PORTS])
{
	int error = 0;

	for (unsigned i = 0; i < HOST_PORTS && !error; i++)
		error = ask_port(w, &w->port[i], &now[i]);
	return error ? error : ask_addresses(w, now);
}

bool host_watch_look(struct host_watch *w, struct host_look *look)
{
	memset(look, 0, sizeof(*look));
	if (ask_all(w, look->now))
		return false;
	for (unsigned i = 0; i < HOST_PORTS; i++) {
		struct watched *p = &w->port[i];
		const struct host_port *now = &look->now[i];
		bool had_address;

		look->verdict[i] = host_judge(&p->was, now, p->port, p->program, look->why[i]);
		look->change[i] = host_compare(&p->was, now);
		if (!now->there)
			continue;
		/* With the TUN device down its routes went, and nobody says so. */
		w->stirred |= i == HOST_TUN && now->up && !p->was.up;
		had_address = p->was.address;
		p->was = *now;
		p->was.address |= had_address; /* Once it had one it needs one. */
	}
	look->stirred = w->stirred;
	memcpy(look->what, w->what, sizeof(look->what));
	w->stirred = false;
	w->what[0] = '\0';
	return true;
}

/* ---- Listening ---- */

/* Is it an address (or a pool) that the mover sets on the TUN device? */
static bool is_ours(const struct host_watch *w, const struct prefix *p, bool pool)
{
	for (size_t i = 0; !pool && i < w->n_addresses; i++)
		if (address_equal(&w->address[i].address, &p->address) && w->address[i].bits == p->bits)
			return true;
	return pool && prefix_list_has(&w->pools, p);
}

static void stir(struct host_watch *w, const struct host_message *m, const char *what)
{
	char text[ADDRESS_TEXT_LEN];

	w->stirred = true;
	if (w->what[0]) /* An address takes its route along: the first is the cause. */
		return;
	snprintf(w->what, sizeof(w->what), "%s %s/%u %s", what, address_format(&m->prefix.address, text),
		 m->prefix.bits, m->kind == HOST_MESSAGE_ROUTE ? "was replaced" : "was removed");
}

/* Is it a reason to look? */
static bool concerns(struct host_watch *w, const struct host_message *m)
{
	unsigned tun = w->port[HOST_TUN].was.ifindex;
	bool on_tun = m->port.ifindex == tun;

	switch (m->kind) {
	case HOST_MESSAGE_LINK:
	case HOST_MESSAGE_LINK_GONE:
		return true;
	case HOST_MESSAGE_ADDRESS:
		return !on_tun;
	case HOST_MESSAGE_ADDRESS_GONE:
		if (on_tun && m->sender != w->own_port && is_ours(w, &m->prefix, false))
			stir(w, m, "address");
		return !on_tun || w->stirred;
	case HOST_MESSAGE_ROUTE:
	case HOST_MESSAGE_ROUTE_GONE:
		if (m->sender != w->own_port && m->kind == HOST_MESSAGE_ROUTE_GONE &&
		    m->port.ifindex <= LOOPBACK && blackholes_contain(&w->blackholes, &m->prefix))
			stir(w, m, "blackhole route to");
		if (m->sender != w->own_port && on_tun == (m->kind == HOST_MESSAGE_ROUTE_GONE) &&
		    is_ours(w, &m->prefix, true))
			stir(w, m, "route to");
		return w->stirred;
	case HOST_MESSAGE_OTHER:
	case HOST_MESSAGE_VERDICT:
	case HOST_MESSAGE_DONE:
		break;
	}
	return false;
}

bool host_watch_read(struct host_watch *w)
{
	bool look = false;

	for (int i = 0; i < READ_MAX; i++) {
		ssize_t got = mnl_socket_recvfrom(w->events, w->answer, sizeof(w->answer));
		const uint8_t *at = w->answer;
		size_t left = got > 0 ? (size_t)got : 0, used;
		struct host_message m;

		if (got < 0 && errno == ENOBUFS) { /* Something was not told. */
			w->stirred = look = true;
			continue;
		}
		if (got <= 0)
			break;
		for (; (used = host_message_parse(&m, at, left)) > 0; at += used, left -= used)
			look |= concerns(w, &m);
	}
	return look;
}

/* ---- Life ---- */

/* Hears all that is told of links, addresses and routes. 0 or a negative errno. */
static int open_events(struct host_watch *w)
{
	const unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
				RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
	int queue = LISTEN_QUEUE;

	w->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!w->events)
		return -errno;
	(void)setsockopt(mnl_socket_get_fd(w->events), SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue));
	return mnl_socket_bind(w->events, groups, MNL_SOCKET_AUTOPID) ? -errno : 0;
}

static void add_addresses(struct host_watch *w, const struct prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		w->address[w->n_addresses++] = prefix_host(&p[i].address);
}

struct host_watch *host_watch_new(const struct datapath_config *c, unsigned tun, uint32_t program,
				  char err[DATAPATH_ERR_LEN])
{
	struct host_watch *w = calloc(1, sizeof(*w));
	struct host_port now[HOST_PORTS];
	int error = -ENOMEM;

	if (!w)
		goto fail;
	blackholes_init(&w->blackholes, c);
	add_addresses(w, c->addresses, c->n_addresses);
	add_addresses(w, c->inner_addresses, c->n_inner_addresses);
	w->pools = c->pools;
	strncpy(w->names[0], c->outer_interface, HOST_NAME_LEN - 1);
	strncpy(w->names[1], c->inner_interface, HOST_NAME_LEN - 1);
	w->port[HOST_OUTER] = (struct watched){.name = w->names[0], .port = "outer", .program = program};
	w->port[HOST_INNER] = (struct watched){.name = w->names[1], .port = "inner"};
	w->port[HOST_TUN] = (struct watched){.port = "TUN", .was = {.ifindex = tun}};
	if ((error = open_events(w)) || (error = netlink_open(&w->ask)) || (error = ask_all(w, now)))
		goto fail;
	for (unsigned i = 0; i < HOST_PORTS; i++)
		w->port[i].was = now[i];
	return w;
fail:
	snprintf(err, DATAPATH_ERR_LEN, "rtnetlink: %s", strerror(-error));
	host_watch_free(w);
	return NULL;
}

void host_watch_free(struct host_watch *w)
{
	if (!w)
		return;
	if (w->events)
		mnl_socket_close(w->events);
	netlink_close(&w->ask);
	free(w);
}

int host_watch_fd(const struct host_watch *w)
{
	return mnl_socket_get_fd(w->events);
}

void host_watch_own(struct host_watch *w, const struct netlink *nl)
{
	w->own_port = mnl_socket_get_portid(nl->socket);
}

void host_watch_pools(struct host_watch *w, const struct prefix_list *pools, const struct blackholes *blackholes)
{
	w->pools = *pools;
	w->blackholes = *blackholes;
}
