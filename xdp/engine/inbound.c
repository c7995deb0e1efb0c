/* SPDX-License-Identifier: Apache-2.0 */
/* Inbound: ESP from clients, RFC 4303 3.4 and RFC 4301 5.2, one stage at a time
 * over the whole burst, so that each stage's code and data stay in cache:
 *
 *   parse -> look up -> replay check -> open -> accept -> policy -> [wait] -> inner out
 *
 * The replay check is a filter that keeps replays from costing a decryption; accept is the
 * test-and-set that decides, after authentication and just before delivery (DESIGN section 5).
 * Nothing before accept changes an SA: unauthenticated input changes only counters. */
#include "xdp/engine/engine.h"
#include "proto/mutant.h"
#include "xdp/engine/delivery.h"
#include "xdp/engine/ecn.h"
#include "xdp/engine/forwarding.h"
#include "xdp/engine/icmp_error.h"
#include "xdp/engine/mss.h"
#include "xdp/engine/waiting.h"

#include <assert.h>
#include <string.h>

#define PEER_REPEAT 256u /* Packets after which an address change is told again ... */
#define PEER_AGAIN_US 200000u /* ... or the time: a client without answers sends little. */

static void look_up(struct engine *e, struct packet *packets, size_t n)
{
	uint32_t unknown = 0;

	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		struct esp_packet esp;

		p->drop = esp_parse(&esp, p->data, p->len);
		if (p->drop != DROP_NONE)
			continue;
		p->sa = spi_table_find(&e->spis, esp.spi);
		p->seq = esp.seq_low;
		if (!p->sa) {
			p->drop = DROP_UNKNOWN_SPI;
			unknown = esp.spi;
		}
	}
	if (unknown && e->face.unknown_spi)
		e->face.unknown_spi(e->face.ctx, unknown);
}

/* Waits for marks of the owner before us, or, after a stop, of the owner after us. */
static bool must_defer(const struct engine *e, const struct packet *p)
{
	if (MUTANT(MUTANT_STOP_IGNORED))
		return p->sa->e.defer;
	return p->sa->e.defer || e->stopped;
}

static void defer(struct engine *e, struct packet *p)
{
	struct deferred_packet *h;
	bool exact = p->sa->e.defer && p->sa->e.horizon != 0;

	if (e->n_deferred == DEFERRED_MAX || p->len > DATAPATH_PACKET_MAX ||
	    (exact && e->n_deferred_exact == DEFERRED_EXACT_MAX)) {
		p->drop = p->sa->e.defer ? DROP_DEFERRED_EXPIRED : DROP_STOPPED;
		return;
	}
	e->n_deferred_exact += exact;
	h = &e->deferred[e->n_deferred++];
	assert(e->n_deferred <= DEFERRED_MAX && e->n_deferred_exact <= e->n_deferred);
	h->spi = p->sa->e.child.spi_in;
	h->injected = p->injected;
	h->path = p->path;
	h->len = p->len;
	memcpy(h->data, p->data, p->len);
	p->done = true;
	counter_add(&e->counters.deferred, 1);
}

static void check(struct engine *e, struct packet *packets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];

		if (!packet_alive(p))
			continue;
		if (e->isolated) {
			p->drop = DROP_ISOLATED;
			continue;
		}
		if (!p->sa->e.granted) {
			engine_forward(e, p, DATAPATH_INBOUND);
			continue;
		}
		p->drop = sad_entry_check(&p->sa->e, (uint32_t)p->seq, &p->seq, &p->epoch);
		assert(p->epoch == p->sa->e.epoch);
		if (p->drop == DROP_NONE && must_defer(e, p))
			defer(e, p);
	}
}

static void open_burst(struct packet *packets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];

		if (packet_alive(p))
			p->drop = esp_open(&p->sa->e.in, p->seq, p->data, p->len, &p->data, &p->len,
					   &p->next_header);
	}
}

static bool same_peer(const struct sad_path *a, const struct endpoint *remote, bool udp_encap)
{
	return a->udp_encap == udp_encap && endpoint_equal(&a->remote, remote);
}

/* RFC 7296 2.23 lets each side choose whether its ESP goes in UDP. But Linux takes ESP only in the form
 * in which it sends it, and goes on sending in UDP when it has moved to where no NAT is (Libreswan), or
 * when its operator wants that. So where no NAT is known, ESP from the peer's address is answered in
 * the form in which it came. The control plane is told, for the next owner's first packets.
 *
 * The ICV does not cover the outer header: somebody on the way could put a packet into UDP and be first,
 * and a client that then has nothing to send would stay lost. An SA of Linux has one form for life, so
 * whoever has sent raw ESP on this path is not followed into UDP. */
static void follow_encap(struct sa *sa, const struct packet *p)
{
	struct sad_path *path = &sa->e.path;

	if ((p->path.udp_encap && sa->raw_seen) || (path->udp_encap && !sa->follows_encap) ||
	    !address_equal(&path->remote.address, &p->path.remote.address))
		return;
	path->udp_encap = sa->follows_encap = p->path.udp_encap;
	path->local.port = p->path.udp_encap ? p->path.local.port : 0;
	path->remote.port = p->path.udp_encap ? p->path.remote.port : 0;
}

/* RFC 7296 2.23: the peer is where its newest authenticated packet came from. Reported once per
 * change, and now and then again: the report may have been lost with the leader. */
static void learn_peer(struct engine *e, struct packet *p)
{
	enum sa_report_kind kind = SA_REPORT_PEER;
	struct sa *sa = p->sa;
	bool there = same_peer(&sa->e.path, &p->path.remote, p->path.udp_encap);

	assert(sa->e.granted);
	if (p->l2 && p->l2_len <= OUTER_L2_MAX) {
		memcpy(sa->l2, p->l2, p->l2_len);
		sa->l2_len = p->l2_len;
		sa->l2_remote = p->path.remote;
		sa->l2_at_us = e->now_us;
	}
	sa->raw_seen = sa->raw_seen || !p->path.udp_encap;
	if (!there) {
		follow_encap(sa, p);
		there = same_peer(&sa->e.path, &p->path.remote, p->path.udp_encap);
	}
	if (there) {
		if (sa->e.path.udp_encap == sa->told_udp) {
			sa->peer_repeat = 0;
			return;
		}
		kind = SA_REPORT_FORM;
	}
	if (sa->peer_repeat && --sa->peer_repeat && e->now_us - sa->peer_at_us < PEER_AGAIN_US &&
	    sa->reported_peer_encap == p->path.udp_encap &&
	    endpoint_equal(&sa->reported_peer, &p->path.remote))
		return;
	sa->reported_peer = p->path.remote;
	sa->reported_peer_encap = p->path.udp_encap;
	sa->peer_repeat = PEER_REPEAT;
	sa->peer_at_us = e->now_us;
	engine_report(e, sa, kind, p->seq);
}

static void touch(struct engine *e, struct sa *sa)
{
	if (sa->touched)
		return;
	assert(e->n_touched < BURST);
	sa->touched = true;
	e->touched[e->n_touched++] = sa;
}

/* RFC 4303 3.4.3 says nothing about an authentic packet that is refused. Here it may mean that the
 * horizon must rise, or that the SA is useless now. */
static void refused(struct engine *e, struct packet *p, const struct sa **told)
{
	struct sa *sa = p->sa;

	if (*told == sa)
		return;
	if (p->drop == DROP_HORIZON)
		engine_report(e, sa, SA_REPORT_HORIZON_LOW, p->seq);
	else if (p->drop == DROP_REPLAY && sad_entry_below_horizon(&sa->e, p->seq))
		engine_report_from(e, sa, SA_REPORT_BELOW_HORIZON, p->seq, &p->path.remote);
	else
		return;
	*told = sa;
}

static void accept_burst(struct engine *e, struct packet *packets, size_t n)
{
	const struct sa *told = NULL; /* In this burst: once is enough. */

	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		struct sa *sa = p->sa;
		uint64_t top;

		if (MUTANT(MUTANT_MOVE_FORGED) && p->drop == DROP_ICV)
			learn_peer(e, p);
		if (MUTANT(MUTANT_MOVE_REPLAYED) && p->drop == DROP_REPLAY)
			learn_peer(e, p);
		if (!packet_alive(p) && p->drop != DROP_DUMMY)
			continue;
		/* A dummy packet (RFC 4303 2.6) is authentic: its number is spent. */
		top = sa->e.window.top;
		enum drop accepted = sad_entry_accept(&sa->e, p->seq, p->epoch);

		if (accepted != DROP_NONE) {
			p->drop = accepted;
			refused(e, p, &told);
			continue;
		}
		assert(sa->e.granted && p->seq != 0 && sa->e.window.top >= top && sa->e.window.top >= p->seq);
		if (sad_entry_horizon_low(&sa->e))
			engine_report(e, sa, SA_REPORT_HORIZON_LOW, sa->e.window.top);
		touch(e, sa);
		if (!sa->first_in || sa->first_in_epoch != p->epoch) {
			sa->first_in = true;
			sa->first_in_epoch = p->epoch;
			engine_report(e, sa, SA_REPORT_FIRST_IN, p->seq);
		}
		if (MUTANT(MUTANT_MOVE_OLDER))
			top = 0;
		if (p->seq > top)
			learn_peer(e, p);
	}
}

/* RFC 4301 6.2 again: a packet that an SA's selectors refuse may be an error about a packet that
 * the SA has carried to the client. Its sender must still be the client: the address is checked,
 * protocol and ports are not. */
static enum drop check_selectors(const struct inner_packet *inner, const struct packet *p)
{
	const struct child_sa *child = &p->sa->e.child;
	enum drop drop = inner_check_inbound(inner, &child->local, &child->remote);
	struct inner_packet back;

	if (drop == DROP_NONE || !icmp_error_return(&back, inner, p->data) ||
	    !ts_names(&child->remote, &inner->src))
		return drop;
	return inner_check_inbound(&back, &child->local, &child->remote);
}

static void check_policy(struct engine *e, struct packet *packets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		struct inner_packet inner;

		if (MUTANT(MUTANT_SELECTORS_UNCHECKED))
			continue;
		if (!packet_alive(p))
			continue;
		p->drop = inner_parse(&inner, p->data, p->len);
		if (p->drop != DROP_NONE)
			continue;
		assert(inner.next_header == p->next_header); /* esp_open() has compared them. */
		assert(inner.len <= p->len);
		p->len = inner.len; /* Without traffic flow padding, RFC 4303 2.7. */
		p->drop = check_selectors(&inner, p);
		if (p->drop == DROP_NONE)
			p->drop = ecn_decapsulate(p->data, p->len, p->path.class);
		if (p->drop == DROP_NONE && e->mss_mtu && mss_clamp(p->data, &inner, e->mss_mtu))
			counter_add(&e->counters.mss_clamped, 1);
	}
}

/* Exact: what a majority does not hold the mark of yet goes no further now. */
static void wait_for_majority(struct engine *e, struct packet *packets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (packet_alive(&packets[i]) && sad_entry_must_wait(&packets[i].sa->e, packets[i].seq))
			waiting_add(e, &packets[i]);
}

static void note_marks(struct engine *e)
{
	for (size_t i = 0; i < e->n_touched; i++) {
		struct sa *sa = e->touched[i];

		assert(sa->touched && sa->e.granted);
		sa->touched = false;
		if (e->out.sa_seen)
			e->out.sa_seen(e->out.ctx, sa);
		if (sa->e.quorum)
			engine_mark_now(e, sa);
		else
			engine_mark_later(e, sa);
	}
	e->n_touched = 0;
}

void engine_inbound(struct engine *e, struct packet *packets, size_t n)
{
	assert(n <= BURST && e->n_touched == 0);
	look_up(e, packets, n);
	check(e, packets, n);
	open_burst(packets, n);
	accept_burst(e, packets, n);
	check_policy(e, packets, n);
	wait_for_majority(e, packets, n);
	engine_deliver(e, packets, n);
	note_marks(e);
	assert(e->n_touched == 0);
	engine_report_flush(e);
	(void)engine_marks(e);
}
