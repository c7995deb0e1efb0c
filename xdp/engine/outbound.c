/* SPDX-License-Identifier: Apache-2.0 */
/* Outbound: inner packets to clients, RFC 4303 3.3 and RFC 4301 5.1:
 *
 *   parse -> route and policy -> draw a number from the lease -> seal -> outer out
 *
 * A number that was drawn is spent, whatever happens to its packet: it is never
 * put back, so no (key, number) can be used for two packets. */
#include "xdp/engine/engine.h"
#include "proto/mutant.h"
#include "xdp/engine/ecn.h"
#include "xdp/engine/forwarding.h"
#include "xdp/engine/icmp_error.h"
#include "xdp/engine/mss.h"
#include "xdp/engine/carried.h"

#include <assert.h>

#define L2_FRESH_US UINT64_C(5000000) /* A router may have changed since. */
#define LEASE_REMIND 4096u /* Numbers after which a lease that runs low is told again. */

/* RFC 4301 6.2: an ICMP error that no SA would carry uses the SA that carries "the return traffic
 * associated with the packet that triggered" it: a router on the way may have an address outside
 * the selectors. */
static enum drop find_sa(const struct engine *e, const struct inner_packet *inner, struct packet *p)
{
	struct inner_packet back;
	enum drop drop = route_table_find(&e->routes, inner, &p->sa);

	if (drop == DROP_NONE || !icmp_error_return(&back, inner, p->data))
		return drop;
	return route_table_find(&e->routes, &back, &p->sa) == DROP_NONE ? DROP_NONE : drop;
}

static void route(struct engine *e, struct packet *packets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		struct inner_packet inner;

		p->drop = inner_parse(&inner, p->data, p->len);
		if (p->drop == DROP_NONE)
			p->drop = find_sa(e, &inner, p);
		if (p->drop != DROP_NONE)
			continue;
		p->len = inner.len;
		if (e->mss_mtu && mss_clamp(p->data, &inner, e->mss_mtu))
			counter_add(&e->counters.mss_clamped, 1);
		p->next_header = inner.next_header;
		p->tos = ecn_traffic_class(p->data);
		if (e->isolated)
			p->drop = DROP_ISOLATED;
		else if (!p->sa->e.granted)
			engine_forward(e, p, DATAPATH_OUTBOUND);
	}
}

/* The lease runs low or is empty, or the number space is used up: the leader must know. A report
 * can be lost with the leader, so it is repeated while nothing changes. */
static void report_lease(struct engine *e, struct sa *sa, enum drop d)
{
	uint64_t left = sa->e.end - sa->e.next;

	if (MUTANT(MUTANT_LEASE_TOLD_ONCE) && sa->e.reported_low)
		return;
	if (d == DROP_SEQUENCE_END)
		engine_report(e, sa, SA_REPORT_SEQUENCE_END, sa->e.next);
	else if (d == DROP_LEASE || sad_entry_lease_low(&sa->e) ||
		 (sa->e.reported_low && left && left % LEASE_REMIND == 0))
		engine_report(e, sa, SA_REPORT_LEASE_LOW, sa->e.next);
}

static void draw(struct engine *e, struct packet *packets, size_t n)
{
	const struct sa *told = NULL; /* Told in this burst that it is empty. */

	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];

		if (!packet_alive(p))
			continue;
		p->drop = sad_entry_draw(&p->sa->e, &p->seq);
		assert(p->drop != DROP_NONE || (p->seq != 0 && p->seq < p->sa->e.next && p->seq < p->sa->e.end));
		if (p->drop == DROP_NONE || told != p->sa)
			report_lease(e, p->sa, p->drop);
		if (p->drop != DROP_NONE)
			told = p->sa;
	}
}

static void address_packet(const struct engine *e, struct packet *p)
{
	const struct sa *sa = p->sa;

	p->path = sa->e.path;
	if (sa->l2_len && e->now_us - sa->l2_at_us < L2_FRESH_US &&
	    endpoint_equal(&sa->l2_remote, &p->path.remote)) {
		p->l2 = sa->l2;
		p->l2_len = sa->l2_len;
	}
}

static void seal_burst(struct engine *e, struct packet *packets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		size_t inner_len = p->len;

		if (!packet_alive(p))
			continue;
		assert(p->sa->e.granted && !e->isolated);
		address_packet(e, p);
		p->drop = esp_seal(&p->sa->e.out, p->sa->e.child.spi_out, p->seq, e->iv_salt,
				   &e->entropy, p->next_header, p->data, p->len, &p->data, &p->len);
		if (p->drop == DROP_NONE) {
			assert(p->len > inner_len);
			p->sa->e.volume.packets_out++;
			p->sa->e.volume.octets_out += inner_len;
			carried_later(e, p->sa);
		}
	}
}

static void send_burst(struct engine *e, struct packet *packets, size_t n)
{
	struct packet *ready[BURST];
	size_t n_ready = packets_alive(packets, n, ready);

	if (n_ready)
		e->out.outer(e->out.ctx, ready, n_ready);
	for (size_t i = 0; i < n; i++) {
		if (packets[i].done)
			continue;
		if (packets[i].drop != DROP_NONE) {
			engine_drop(e, packets[i].drop);
			continue;
		}
		counter_add(&e->counters.packets_out, 1);
		counter_add(&e->counters.octets_out, packets[i].len);
	}
}

void engine_outbound(struct engine *e, struct packet *packets, size_t n)
{
	assert(n <= BURST);
	route(e, packets, n);
	draw(e, packets, n);
	seal_burst(e, packets, n);
	send_burst(e, packets, n);
	engine_report_flush(e);
}
