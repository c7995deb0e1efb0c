/* SPDX-License-Identifier: Apache-2.0 */
/* The address mover: one thread, two packet sockets, one netlink socket.
 *
 *        hold()                  isolated, or release()
 *   away ------> held: addresses and pool route on TUN, ARP/ND answered ------> away
 *                announced at 0, 50, 200, 1000 ms and 1.5 x isolation
 *
 * What is wanted (by the control plane) and what stands (on the device) are kept apart: isolation
 * takes the addresses down without changing what is wanted, and contact brings them back. The check
 * for isolation comes first in every pass, so a process that was stopped gives its addresses up
 * before it answers again.
 *
 * None of this depends on the interfaces' names: address_follow.c reports when they are other
 * devices, and restores what others have removed.
 *
 * The last announcement comes after an isolated former holder must have given up, and corrects
 * every host that it misled until then. */
#include "xdp/host/address_internal.h"
#include "xdp/thread/clock.h"
#include "xdp/thread/isolation.h"
#include "xdp/host/nd.h"
#include "xdp/thread/privilege.h"
#include "xdp/thread/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANNOUNCEMENTS 5u
#define ISOLATION_CHECK_MS 20

/* ---- Before the first packet ---- */

static int sysctl_refused(const char *interface, const char *key, int value, int error, char *err)
{
	snprintf(err, DATAPATH_ERR_LEN,
		 "sysctl net.ipv4.conf.%s.%s is %d and must be %d: %s; set it before baton starts",
		 interface, key, sysctl_get("ipv4", interface, key), value, strerror(-error));
	return error;
}

int address_prepare_port(const char *interface, char *err)
{
	/* The kernel must not answer for addresses of another device, nor name them. */
	static const struct {
		const char *key;
		int value;
		bool by_all; /* What "all" has counts if it is more. */
	} wanted[] = {{"arp_ignore", 1, true}, {"arp_announce", 2, true}, {"send_redirects", 0, false}};
	int error;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		error = sysctl_set("ipv4", interface, wanted[i].key, wanted[i].value);
		if (error && wanted[i].by_all && sysctl_get("ipv4", "all", wanted[i].key) == wanted[i].value)
			error = 0;
		if (error)
			return sysctl_refused(interface, wanted[i].key, wanted[i].value, error, err);
	}
	/* Strict filtering drops clients that another way leads back to. */
	if (sysctl_get("ipv4", interface, "rp_filter") == 1 ||
	    sysctl_get("ipv4", "all", "rp_filter") == 1) {
		error = sysctl_rp_filter(interface, 2);
		if (error)
			return sysctl_refused(interface, "rp_filter", 2, error, err);
	}
	return 0;
}

/* Does all of them even if some fail: returns 0, or the first error, with its text if err is not
 * NULL. */
static int lay_blackholes(struct netlink *nl, const struct blackholes *b, char *err)
{
	int first = 0;

	for (size_t i = 0; i < b->n; i++) {
		char text[ADDRESS_TEXT_LEN];
		int error = netlink_blackhole_add(nl, &b->list[i]);

		if (!error || first)
			continue;
		first = error;
		if (err)
			snprintf(err, DATAPATH_ERR_LEN, "blackhole route for %s/%u: %s",
				 address_format(&b->list[i].address, text), b->list[i].bits,
				 strerror(-error));
	}
	return first;
}

static bool any_ipv6(const struct prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].address.family == 6)
			return true;
	return false;
}

int address_prepare(const struct datapath_config *c, char err[DATAPATH_ERR_LEN])
{
	struct blackholes blackholes;
	struct netlink nl;
	int error = netlink_open(&nl);

	if (error) {
		snprintf(err, DATAPATH_ERR_LEN, "netlink: %s", strerror(-error));
		return error;
	}
	blackholes_init(&blackholes, c);
	if ((error = lay_blackholes(&nl, &blackholes, err)))
		goto out;
	if ((error = address_prepare_port(c->outer_interface, err)) ||
	    (error = address_prepare_port(c->inner_interface, err)))
		goto out;
	(void)sysctl_set("ipv4", "all", "send_redirects", 0); /* The kernel ORs the two. */
	if (sysctl_get("ipv4", "all", "forwarding") != 1)
		error = sysctl_set("ipv4", "all", "forwarding", 1);
	if (!error && any_ipv6(c->pools.at, c->pools.n))
		error = sysctl_set("ipv6", "all", "forwarding", 1);
	if (error)
		snprintf(err, DATAPATH_ERR_LEN, "ip forwarding: %s", strerror(-error));
out:
	netlink_close(&nl);
	return error;
}

/* ---- Holding and giving up ---- */

static void complain(char *trouble, const struct prefix *p, bool up, int error)
{
	char text[ADDRESS_TEXT_LEN];

	if (error && !trouble[0])
		snprintf(trouble, HOST_TEXT_LEN, "%s/%u cannot be %s: %s",
			 address_format(&p->address, text), p->bits, up ? "set" : "taken away",
			 strerror(-error));
}

static void stand(struct address_mover *m, const struct side *side, bool up, char *trouble)
{
	for (size_t i = 0; i < side->n; i++) {
		const struct address *a = &side->addresses[i];
		struct prefix host = prefix_host(a);

		complain(trouble, &host, up,
			 up ? netlink_address_add(&m->netlink, m->tun, a)
			    : netlink_address_del(&m->netlink, m->tun, a));
	}
}

int address_lay_blackholes(struct address_mover *m, char err[DATAPATH_ERR_LEN])
{
	return lay_blackholes(&m->netlink, &m->blackholes, err);
}

/* The kernel's own ICMP errors to clients must come from an inner address: a service address would
 * be outside the clients' selectors. */
const struct address *address_inner_source(const struct address_mover *m, uint8_t family)
{
	for (size_t i = 0; i < m->inner.n; i++)
		if (m->inner.addresses[i].family == family)
			return &m->inner.addresses[i];
	return NULL;
}

void address_stand(struct address_mover *m, bool up, char trouble[HOST_TEXT_LEN])
{
	trouble[0] = '\0';
	stand(m, &m->outer, up, trouble);
	stand(m, &m->inner, up, trouble);
	for (uint32_t i = 0; i < m->pools.n; i++) {
		const struct prefix *p = &m->pools.at[i];

		complain(trouble, p, up,
			 up ? netlink_route_add(&m->netlink, m->tun, p, address_inner_source(m, p->address.family))
			    : netlink_route_del(&m->netlink, m->tun, p));
	}
}

void address_announce_again(struct address_mover *m, uint64_t now_us)
{
	m->held_at_us = now_us;
	m->announced = m->stands && m->announce ? 0 : ANNOUNCEMENTS;
}

static void move(struct address_mover *m, bool up, uint64_t now_us)
{
	char trouble[HOST_TEXT_LEN];

	address_stand(m, up, trouble);
	m->stands = up;
	address_announce_again(m, now_us);
	follow_trouble(m, trouble, now_us);
}

static void announce_side(struct address_mover *m, struct side *side)
{
	uint8_t arp[ARP_FRAME_LEN], nd[ND_FRAME_LEN];

	for (size_t i = 0; side->open && i < side->n; i++) {
		const struct address *a = &side->addresses[i];

		if (a->family == 6) {
			nd_build_announcement(nd, a, side->port.mac);
			m->announcements += arp_port_send(&side->port, nd, sizeof(nd));
			continue;
		}
		for (int reply = 0; reply < 2; reply++) {
			arp_build_announcement(arp, a, side->port.mac, reply);
			m->announcements += arp_port_send(&side->port, arp, sizeof(arp));
		}
	}
}

static uint64_t announcement_due(const struct address_mover *m)
{
	static const uint32_t at_ms[ANNOUNCEMENTS - 1] = {0, 50, 200, 1000};
	uint64_t delay = m->announced < ANNOUNCEMENTS - 1 ? at_ms[m->announced] * UINT64_C(1000)
							  : m->isolation_ms * UINT64_C(1500);

	return m->held_at_us + delay;
}

static bool is_held(const struct address_mover *m, const struct side *side, const struct address *a)
{
	for (size_t i = 0; m->stands && m->announce && i < side->n; i++)
		if (address_equal(&side->addresses[i], a))
			return true;
	return false;
}

static void answer_arp(struct address_mover *m, const struct side *side, const uint8_t *frame,
		       size_t len)
{
	uint8_t reply[ARP_FRAME_LEN];
	struct arp_request r;

	if (!arp_parse_request(&r, frame, len) || !is_held(m, side, &r.target) ||
	    address_equal(&r.sender, &r.target)) /* An announcement. */
		return;
	arp_build_reply(reply, &r, side->port.mac);
	m->replies += arp_port_send(&side->port, reply, sizeof(reply));
}

static void answer_nd(struct address_mover *m, const struct side *side, const uint8_t *frame,
		      size_t len)
{
	uint8_t reply[ND_FRAME_LEN];
	struct nd_solicitation s;

	if (!nd_parse_solicitation(&s, frame, len) || !is_held(m, side, &s.target))
		return;
	nd_build_reply(reply, &s, side->port.mac);
	m->replies += arp_port_send(&side->port, reply, sizeof(reply));
}

static void answer(struct address_mover *m, const struct side *side, int fd)
{
	for (int i = 0; i < 64; i++) {
		uint8_t frame[256];
		ssize_t len = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);

		if (len <= 0)
			return;
		if (fd == side->nd)
			answer_nd(m, side, frame, (size_t)len);
		else
			answer_arp(m, side, frame, (size_t)len);
	}
}

/* Returns how long to sleep, in milliseconds. */
static int pass(struct address_mover *m)
{
	uint64_t now = boottime_us();
	bool isolated = m->isolation_ms &&
			isolation_reached(now, atomic_load(&m->contact->contact_us), m->isolation_ms);
	bool hold = m->wanted && !isolated;
	int sleep_ms = HOST_LOOK_MS;

	address_change_pools(m);
	if (hold != m->stands)
		move(m, hold, now);
	follow_pass(m, now);
	if (m->wanted && m->isolation_ms)
		sleep_ms = ISOLATION_CHECK_MS;
	if (!m->stands || m->announced >= ANNOUNCEMENTS)
		return sleep_ms;
	if (now >= announcement_due(m)) {
		announce_side(m, &m->outer);
		announce_side(m, &m->inner);
		m->announced++;
	}
	if (m->announced < ANNOUNCEMENTS) {
		uint64_t due = announcement_due(m);
		int wait_ms = due > now ? (int)((due - now + 999) / 1000) : 0;

		if (wait_ms < sleep_ms)
			sleep_ms = wait_ms;
	}
	return sleep_ms;
}

static void *mover_main(void *arg)
{
	struct address_mover *m = arg;
	struct pollfd fds[6] = {{.fd = m->wake, .events = POLLIN},
				{.fd = m->outer.port.fd, .events = POLLIN},
				{.fd = m->outer.nd, .events = POLLIN},
				{.fd = m->inner.port.fd, .events = POLLIN},
				{.fd = m->inner.nd, .events = POLLIN},
				{.fd = host_watch_fd(m->follower.watch), .events = POLLIN}};

	(void)privilege_keep(PRIVILEGE_NET_ADMIN);
	while (!m->stop) {
		uint64_t ignored;
		int sleep_ms = pass(m);

		if (poll(fds, 6, sleep_ms) <= 0)
			continue;
		if (fds[5].revents)
			follow_read(m);
		if (fds[0].revents && read(m->wake, &ignored, sizeof(ignored)) < 0)
			continue;
		(void)pass(m); /* Isolation may have been reached in our sleep. */
		for (int i = 1; i < 5; i++)
			if (fds[i].revents)
				answer(m, i < 3 ? &m->outer : &m->inner, fds[i].fd);
	}
	if (m->stands)
		move(m, false, boottime_us());
	return NULL;
}

/* ---- Life ---- */

static int open_side(struct side *side, const char *interface, const struct prefix *p, size_t n)
{
	int error = arp_port_open(&side->port, interface);

	for (side->n = 0; side->n < n; side->n++)
		side->addresses[side->n] = p[side->n].address;
	side->open = error == 0;
	if (!error && any_ipv6(p, n)) {
		side->nd = nd_open(side->port.ifindex, side->addresses, side->n);
		error = side->nd < 0 ? side->nd : 0;
	}
	return error;
}

struct address_mover *address_mover_start(const struct datapath_config *c,
					  const struct address_wiring *wiring,
					  char err[DATAPATH_ERR_LEN])
{
	struct address_mover *m = calloc(1, sizeof(*m));
	struct datapath_config without_pools = *c;
	const char *what = "memory";
	int error = -ENOMEM;

	without_pools.pools.n = 0;
	if (!m)
		goto fail;
	m->wake = m->outer.port.fd = m->inner.port.fd = -1;
	m->outer.nd = m->inner.nd = -1;
	m->tun = wiring->tun;
	m->announce = c->announce;
	m->isolation_ms = c->isolation_ms;
	m->contact = c->contact;
	pthread_mutex_init(&m->asked.lock, NULL);
	blackholes_init(&m->fixed, &without_pools);
	blackholes_init(&m->blackholes, c);
	m->pools = c->pools;
	what = "netlink";
	if ((error = netlink_open(&m->netlink)))
		goto fail;
	what = c->outer_interface;
	error = open_side(&m->outer, c->outer_interface, c->addresses, c->n_addresses);
	if (error && c->announce)
		goto fail;
	what = c->inner_interface;
	error = open_side(&m->inner, c->inner_interface, c->inner_addresses, c->n_inner_addresses);
	if (error && c->announce)
		goto fail;
	what = "eventfd";
	m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->wake < 0) {
		error = -errno;
		goto fail;
	}
	if (follow_start(m, c, wiring, err)) {
		address_mover_stop(m);
		return NULL;
	}
	what = "thread";
	if ((error = thread_start(&m->thread, "baton-address", mover_main, m)))
		goto fail;
	m->started = true;
	return m;
fail:
	snprintf(err, DATAPATH_ERR_LEN, "service addresses: %s: %s", what, strerror(-error));
	address_mover_stop(m);
	return NULL;
}

static void wake(struct address_mover *m)
{
	uint64_t one = 1;

	if (write(m->wake, &one, sizeof(one)) < 0)
		return; /* The counter is full: it is awake. */
}

void address_mover_stop(struct address_mover *m)
{
	if (!m)
		return;
	if (m->started) {
		m->stop = true;
		wake(m);
		pthread_join(m->thread, NULL);
	}
	arp_port_close(&m->outer.port);
	arp_port_close(&m->inner.port);
	if (m->outer.nd >= 0)
		close(m->outer.nd);
	if (m->inner.nd >= 0)
		close(m->inner.nd);
	follow_stop(m);
	netlink_close(&m->netlink);
	if (m->wake >= 0)
		close(m->wake);
	pthread_mutex_destroy(&m->asked.lock);
	free(m);
}

void address_mover_hold(struct address_mover *m)
{
	m->wanted = true;
	wake(m);
}

void address_mover_release(struct address_mover *m)
{
	m->wanted = false;
	wake(m);
}

void address_mover_pools(struct address_mover *m, const struct prefix_list *pools)
{
	pthread_mutex_lock(&m->asked.lock);
	m->asked.pools = *pools;
	m->asked.calls++;
	pthread_mutex_unlock(&m->asked.lock);
	wake(m);
}

bool address_mover_holds(const struct address_mover *m)
{
	return m->stands;
}

void address_mover_count(const struct address_mover *m, struct datapath_counters *counters)
{
	counters->arp_replies += m->replies;
	counters->announcements += m->announcements;
}
