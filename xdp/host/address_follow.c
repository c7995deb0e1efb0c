/* SPDX-License-Identifier: Apache-2.0 */
/* The host changes under us, and the address mover follows (its only capabilities are CAP_NET_ADMIN
 * and the one to lock memory):
 *
 *   another index, MAC        the packet socket is bound anew, addresses are announced again
 *   MTU of the outer side     the TUN device gets the one that leaves room for ESP
 *   TUN device down           up again, addresses and routes set again
 *   address, route or         set again, at most once in AGAIN_US: somebody may be at odds
 *   blackhole gone            with us
 *   gone, down, no carrier,   unfit by the name of the interface, until it has been well for
 *   without address           CALM_US: another node serves meanwhile
 *   XDP program, AF_XDP's     leave: new ones take capabilities that nobody here has
 *   device, TUN device gone
 *
 * The rules are in host.c; results are reported to the node. */
#include "xdp/host/address_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_US UINT64_C(500000)
#define CALM_US UINT64_C(1000000)

static const char *const reason_name[REASONS] = {
	[REASON_OUTER] = "outer_interface",
	[REASON_INNER] = "inner_interface",
	[REASON_ADDRESSES] = "service_addresses",
};

/* ---- Telling ---- */

static bool fit(const struct follower *f)
{
	for (unsigned i = 0; i < REASONS; i++)
		if (f->told[i])
			return false;
	return true;
}

static void tell(struct follower *f, enum host_event_kind kind, const char *name, const char *text)
{
	struct host_event event = {.kind = kind, .name = name, .text = text, .fit = fit(f)};

	if (f->tell)
		f->tell(f->ctx, &event);
}

static void __attribute__((format(printf, 2, 3)))
tell_event(struct follower *f, const char *format, ...)
{
	char text[2 * HOST_TEXT_LEN];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	tell(f, HOST_NEWS_EVENT, "host", text);
}

static void blame(struct follower *f, enum host_reason r, const char *why)
{
	f->good_us[r] = 0;
	if (f->told[r] && strcmp(f->why[r], why) == 0)
		return;
	f->told[r] = true;
	snprintf(f->why[r], sizeof(f->why[r]), "%s", why);
	tell(f, HOST_NEWS_UNFIT, reason_name[r], why);
}

static void absolve(struct follower *f, enum host_reason r, uint64_t now_us)
{
	if (!f->told[r])
		return;
	if (f->good_us[r] == 0)
		f->good_us[r] = now_us;
	if (now_us - f->good_us[r] < CALM_US)
		return;
	f->told[r] = false;
	tell(f, HOST_NEWS_OVER, reason_name[r], "");
}

static void leave(struct follower *f, const char *name, const char *why)
{
	if (f->leaving)
		return;
	f->leaving = true;
	if (f->wiring.program)
		*f->wiring.detached = true;
	tell(f, HOST_NEWS_LEAVE, name, why);
}

void follow_pools(struct address_mover *m)
{
	struct host_event event = {.kind = HOST_NEWS_POOLS, .name = "", .text = "", .pools = &m->pools};

	if (m->follower.tell)
		m->follower.tell(m->follower.ctx, &event);
}

void follow_tell(struct address_mover *m, const char *text)
{
	tell(&m->follower, HOST_NEWS_EVENT, "host", text);
}

/* ---- Addresses and routes ---- */

void follow_trouble(struct address_mover *m, const char *trouble, uint64_t now_us)
{
	struct follower *f = &m->follower;

	if (trouble[0] && strcmp(trouble, f->trouble) != 0)
		tell_event(f, "%s", trouble);
	snprintf(f->trouble, sizeof(f->trouble), "%s", trouble);
	if (trouble[0] && m->stands)
		blame(f, REASON_ADDRESSES, trouble);
	else
		absolve(f, REASON_ADDRESSES, now_us);
}

static void set_again(struct address_mover *m, uint64_t now_us)
{
	struct follower *f = &m->follower;
	char trouble[HOST_TEXT_LEN];

	if (!m->stands) {
		f->again = false;
		f->trouble[0] = '\0';
		absolve(f, REASON_ADDRESSES, now_us);
		return;
	}
	if (!(f->again || f->trouble[0] || f->told[REASON_ADDRESSES]) || now_us < f->again_at_us)
		return;
	f->again = false;
	f->again_at_us = now_us + AGAIN_US;
	address_stand(m, true, trouble);
	follow_trouble(m, trouble, now_us);
}

/* ---- Interfaces ---- */

static void bind_again(struct address_mover *m, struct side *side, const struct host_port *now,
		       const char *name)
{
	char err[DATAPATH_ERR_LEN] = "";
	int error;

	if (!side->open)
		return;
	if (side->nd >= 0) { /* Its groups are joined by index, with capabilities. */
		leave(&m->follower, name, "IPv6 addresses on another device need a restart");
		return;
	}
	if (address_prepare_port(now->name, err))
		tell_event(&m->follower, "%s", err);
	error = arp_port_bind(&side->port, now->ifindex);
	if (error)
		tell_event(&m->follower, "ARP on %s: %s", now->name, strerror(-error));
}

static void follow_mtu(struct address_mover *m, uint32_t mtu)
{
	struct follower *f = &m->follower;
	uint32_t inner = f->tun_mtu ? f->tun_mtu : datapath_tun_mtu((int)mtu, f->family);
	int error;

	*f->wiring.outer_mtu = mtu;
	error = netlink_link_up(&m->netlink, m->tun, inner);
	tell_event(f, "the outer interface's MTU is %u: the TUN device's is %u%s%s", mtu, inner,
		   error ? ": " : "", error ? strerror(-error) : "");
}

static void follow_side(struct address_mover *m, enum host_port_name i, const struct host_look *look,
			uint64_t now_us)
{
	struct side *side = i == HOST_OUTER ? &m->outer : &m->inner;
	const struct host_change *c = &look->change[i];
	const struct host_port *now = &look->now[i];
	const char *name = reason_name[i == HOST_OUTER ? REASON_OUTER : REASON_INNER];
	bool lasting = look->verdict[i] == HOST_LEAVE;

	if (c->index && !lasting) {
		tell_event(&m->follower, "%s '%s' is another device now", name, now->name);
		bind_again(m, side, now, name);
	}
	if (c->name && !c->index)
		tell_event(&m->follower, "%s is called '%s' now: the next start looks for the name in cluster.toml",
			   name, now->name);
	if (c->mac && side->open) {
		memcpy(side->port.mac, now->mac, sizeof(side->port.mac));
		address_announce_again(m, now_us);
	}
	if (c->mtu && i == HOST_OUTER)
		follow_mtu(m, now->mtu);
}

static void judge_side(struct follower *f, enum host_port_name i, const struct host_look *look,
		       uint64_t now_us)
{
	enum host_reason r = i == HOST_OUTER ? REASON_OUTER : REASON_INNER;

	if (look->verdict[i] == HOST_LEAVE)
		leave(f, reason_name[r], look->why[i]);
	else if (look->verdict[i] == HOST_UNFIT)
		blame(f, r, look->why[i]);
	else
		absolve(f, r, now_us);
}

static void follow_tun(struct address_mover *m, const struct host_look *look)
{
	const struct host_port *now = &look->now[HOST_TUN];
	struct follower *f = &m->follower;

	if (!now->there) {
		leave(f, "tun", "the TUN device is gone");
		return;
	}
	if (!now->up) {
		tell_event(f, "TUN device '%s' was taken down", now->name);
		(void)netlink_link_up(&m->netlink, m->tun, now->mtu);
		f->again = true;
	}
}

/* Blackhole routes stay whether or not addresses are held: without them packets for clients would
 * leave in clear. */
static void mend(struct address_mover *m, const char *what)
{
	char err[DATAPATH_ERR_LEN];
	int error = address_lay_blackholes(m, err);

	if (what[0])
		tell_event(&m->follower, "%s: set again", what);
	if (error)
		tell_event(&m->follower, "%s", err);
	m->follower.again = true;
}

static void look(struct address_mover *m, uint64_t now_us)
{
	struct follower *f = &m->follower;
	struct host_look seen;

	if (!host_watch_look(f->watch, &seen))
		return;
	for (enum host_port_name i = HOST_OUTER; i <= HOST_INNER; i++) {
		follow_side(m, i, &seen, now_us);
		judge_side(f, i, &seen, now_us);
	}
	follow_tun(m, &seen);
	if (seen.stirred)
		mend(m, seen.what);
}

void follow_read(struct address_mover *m)
{
	m->follower.look |= host_watch_read(m->follower.watch);
}

void follow_pass(struct address_mover *m, uint64_t now_us)
{
	struct follower *f = &m->follower;

	if (f->look || now_us >= f->look_at_us) {
		f->look = false;
		f->look_at_us = now_us + HOST_LOOK_MS * UINT64_C(1000);
		look(m, now_us);
	}
	set_again(m, now_us);
}

/* ---- Life ---- */

int follow_start(struct address_mover *m, const struct datapath_config *c,
		 const struct address_wiring *wiring, char err[DATAPATH_ERR_LEN])
{
	struct follower *f = &m->follower;

	f->tell = c->host_event;
	f->ctx = c->host_ctx;
	f->wiring = *wiring;
	f->tun_mtu = c->tun_mtu;
	f->family = 4;
	for (size_t i = 0; i < c->n_addresses; i++)
		f->family = c->addresses[i].address.family == 6 ? 6 : f->family;
	f->watch = host_watch_new(c, wiring->tun, wiring->program, err);
	if (!f->watch)
		return -EIO;
	host_watch_own(f->watch, &m->netlink);
	return 0;
}

void follow_stop(struct address_mover *m)
{
	host_watch_free(m->follower.watch);
}
