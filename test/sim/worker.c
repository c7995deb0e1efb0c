/* SPDX-License-Identifier: Apache-2.0 */
/* The packet workers: the same SAD entries as xdp/, one packet at a time. Updates
 * from the control plane and reports to it take up to a fraction of a millisecond,
 * as over the rings between the threads. */
#include "test/sim/node.h"

#include "cluster/frame.h"
#include "xdp/inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define UPDATE_DELAY_US 200u
#define REPORT_DELAY_US 1000u
#define INNER_ROOM 256u
#define PACKET_MAX 2048u

static struct sim_sa *sa_find(struct node *n, uint32_t spi_in)
{
	struct sim_sa *s;

	HASH_FIND(hh, n->sas, &spi_in, sizeof(spi_in), s);
	return s;
}

/* ---- Reports ---- */

static void reports_later(struct node *n)
{
	if (n->reports_due)
		return;
	n->reports_due = true;
	host_later(n->host, random_below(&n->host->world->random, REPORT_DELAY_US), OWN_REPORTS,
		   NULL);
}

static void report(struct node *n, const struct sim_sa *s, enum sa_report_kind kind, uint64_t seq,
		   const struct endpoint *remote)
{
	struct sa_report *r;

	if (n->n_reports == REPORTS_MAX)
		return; /* The ring is full. */
	r = &n->reports[n->n_reports++];
	*r = (struct sa_report){ .kind = kind, .spi_in = s->spi_in, .session = s->entry.session,
				 .epoch = s->entry.epoch, .seq = seq };
	if (remote)
		r->remote = *remote;
	reports_later(n);
}

void worker_run_reports(struct node *n)
{
	struct event e = { .type = EVENT_SA_REPORTS };
	struct sa_report reports[REPORTS_MAX];

	for (struct sim_sa *s = n->sas; s && n->n_reports < REPORTS_MAX; s = s->hh.next) {
		if (s->entry.window.top <= s->entry.marked)
			continue;
		s->entry.marked = s->entry.window.top;
		n->reports_due = true;
		report(n, s, SA_REPORT_MARK, s->entry.marked, NULL);
	}
	memcpy(reports, n->reports, sizeof(reports));
	e.sa_reports.reports = reports;
	e.sa_reports.n = n->n_reports;
	n->n_reports = 0;
	n->reports_due = false;
	node_event(n, &e);
}

/* ---- Updates ---- */

void worker_update(struct node *n, const struct sa_update *u)
{
	struct update *x = calloc(1, sizeof(*x));
	struct world *w = n->host->world;

	assert(x);
	x->update = *u;
	memcpy(x->heard, n->heard, sizeof(x->heard));
	if (u->child) {
		x->child = *u->child;
		x->update.child = &x->child;
	}
	*n->updates_tail = x;
	n->updates_tail = &x->next;
	host_later(n->host, random_below(&w->random, UPDATE_DELAY_US), OWN_UPDATE, NULL);
}

static void sa_put(struct node *n, const struct sa_update *u)
{
	struct sim_sa *s = calloc(1, sizeof(*s));

	assert(s);
	s->spi_in = u->spi_in;
	if (sad_entry_init(&s->entry, u->session, u->child, &u->path, 256) != OK)
		world_fail(n->host->world, "an SA's keys are refused");
	s->inner = address_to_ipv4(&s->entry.child.remote.ts[0].start);
	HASH_ADD(hh, n->sas, spi_in, sizeof(s->spi_in), s);
}

static void drop_held(struct sim_sa *s)
{
	while (s->n_held)
		blob_unref(s->held[--s->n_held].data);
}

static void drop_waiting(struct sim_sa *s)
{
	while (s->n_waiting)
		blob_unref(s->waiting[--s->n_waiting].inner);
}

static void sa_free(struct node *n, struct sim_sa *s)
{
	HASH_DELETE(hh, n->sas, s);
	if (s->entry.outbound)
		HASH_DELETE(hh_inner, n->by_inner, s);
	drop_held(s);
	drop_waiting(s);
	sad_entry_fini(&s->entry);
	free(s);
}

static void sa_del(struct node *n, uint32_t spi_in)
{
	struct sim_sa *s = sa_find(n, spi_in);

	if (s)
		sa_free(n, s);
}

static void sa_grant(struct node *n, struct sim_sa *s, const struct update *x)
{
	const struct sa_update *u = &x->update;

	if (u->grant.epoch > s->entry.epoch) {
		memcpy(s->heard, x->heard, sizeof(s->heard));
		drop_waiting(s);
	}
	i7_granted(&n->full->checkers.i7, n->host->index, n->incarnation, s->spi_in,
		   u->grant.epoch);
	i1_granted(&n->full->checkers.i1, n->host->index, s->spi_in, u->grant.epoch,
		   u->grant.start, u->grant.end);
	sad_entry_grant(&s->entry, &u->grant);
}

static void release(struct node *n, struct sim_sa *s)
{
	struct held_packet held[HELD_MAX];
	unsigned k = s->n_held;

	memcpy(held, s->held, sizeof(held));
	s->n_held = 0;
	for (unsigned i = 0; i < k; i++) {
		n->hostile = held[i].hostile;
		worker_inbound(n, &held[i].remote, held[i].data, false);
		blob_unref(held[i].data);
	}
	n->hostile = false;
}

static void revoke(struct sim_sa *s)
{
	drop_waiting(s);
	sad_entry_revoke(&s->entry);
}

static struct sim_sa *route_find(struct node *n, uint32_t inner)
{
	struct sim_sa *s;

	HASH_FIND(hh_inner, n->by_inner, &inner, sizeof(inner), s);
	return s;
}

static void carry_outbound(struct node *n, struct sim_sa *s)
{
	struct sim_sa *before = route_find(n, s->inner);

	if (before == s)
		return;
	if (before) {
		HASH_DELETE(hh_inner, n->by_inner, before);
		before->entry.outbound = false;
	}
	HASH_ADD(hh_inner, n->by_inner, inner, sizeof(s->inner), s);
	s->entry.outbound = true;
}

/* DESIGN section 5: checked for each burst, by the clock. */
static bool isolated(const struct node *n)
{
	uint64_t now = host_now_us(n->host);
	uint64_t contact = detector_contact_us(&n->detector, now);

	return contact == 0 || now - contact > n->config.timing.isolation_ms * MS;
}

/* It goes inward, unless its SA's selectors forbid: as in xdp/, they come last. */
static void deliver(struct node *n, const struct sim_sa *s, uint64_t seq, const uint8_t *inner,
		    size_t len)
{
	struct acceptance a = { n->host->world->now_us, n->host->index, n->incarnation,
				s->entry.epoch, s->heard, s->entry.horizon != 0 };
	struct inner_packet p;

	i2_delivered(&n->full->checkers.i2, s->spi_in, seq, &a);
	i7_used(&n->full->checkers.i7, n->host->index, s->spi_in, s->entry.epoch);
	if (inner_parse(&p, inner, len) == DROP_NONE &&
	    inner_check_inbound(&p, &s->entry.child.local, &s->entry.child.remote) == DROP_NONE)
		outside_to_server(n->full, inner, len);
}

static void deliver_waiting(struct node *n, struct sim_sa *s, const struct sa_update *u)
{
	unsigned kept = 0;

	sad_entry_raise_delivered(&s->entry, u->mark, u->epoch);
	if (isolated(n))
		drop_waiting(s);
	for (unsigned i = 0; i < s->n_waiting; i++) {
		struct waiting_packet w = s->waiting[i];

		if (sad_entry_must_wait(&s->entry, w.seq)) {
			s->waiting[kept++] = w;
			continue;
		}
		if (sad_entry_deliver(&s->entry, w.seq, w.epoch) == DROP_NONE)
			deliver(n, s, w.seq, w.inner->data, w.inner->len);
		blob_unref(w.inner);
	}
	s->n_waiting = kept;
}

void worker_run_update(struct node *n)
{
	struct update *x = n->updates;
	const struct sa_update *u = &x->update;
	struct sim_sa *s = sa_find(n, u->spi_in);

	n->updates = x->next;
	if (!n->updates)
		n->updates_tail = &n->updates;
	if (u->kind == SA_UPDATE_PUT)
		sa_put(n, u);
	else if (u->kind == SA_UPDATE_DEL)
		sa_del(n, u->spi_in);
	else if (s && u->kind == SA_UPDATE_GRANT)
		sa_grant(n, s, x);
	else if (s && u->kind == SA_UPDATE_REVOKE)
		revoke(s);
	else if (s && u->kind == SA_UPDATE_FLOOR)
		sad_entry_raise_floor(&s->entry, u->mark, u->fallen);
	else if (s && u->kind == SA_UPDATE_DELIVER)
		deliver_waiting(n, s, u);
	else if (s && u->kind == SA_UPDATE_RELEASE)
		s->entry.hold = false;
	else if (s && u->kind == SA_UPDATE_PATH)
		s->entry.path = u->path;
	else if (s && u->kind == SA_UPDATE_OUTBOUND)
		carry_outbound(n, s);
	if (s && (u->kind == SA_UPDATE_RELEASE || u->kind == SA_UPDATE_GRANT) && !s->entry.hold)
		release(n, s);
	free(x);
}

const char *worker_differs(const struct node *n)
{
	const struct state *state = core_state(n->core);
	size_t count = 0;

	for (const struct sim_sa *s = n->sas; s; s = s->hh.next, count++) {
		const struct session *x = state_session_by_spi(state, s->spi_in, NULL);
		const struct slot *slot = x ? session_slot(state, x) : NULL;
		bool owns;

		if (!x)
			return "an SA that is deleted";
		owns = slot->node == n->full->raft_id[n->host->index] &&
		       slot->incarnation == n->incarnation;
		if (owns != s->entry.granted)
			return owns ? "no grant of what it owns" : "a grant of what it does not own";
		if (owns && s->entry.epoch != session_epoch(state, x))
			return "a grant of another epoch";
		if (owns && s->entry.hold)
			return "packets that are held for good";
	}
	return count == state_child_sas(state) ? NULL : "fewer SAs than there are";
}

void worker_fini(struct node *n)
{
	while (n->sas)
		sa_free(n, n->sas);
	while (n->updates) {
		struct update *x = n->updates;

		n->updates = x->next;
		free(x);
	}
}

/* ---- Packets ---- */

/* To the owner of the session, once: kind | where it came from | packet. */
static void forward(struct node *n, const struct sim_sa *s, enum datagram_kind kind,
		    const struct endpoint *remote, const struct blob *b)
{
	const struct state *state = core_state(n->core);
	const struct session *x = state_session(state, s->entry.session);
	uint32_t owner = x ? core_node_index(n->core, session_slot(state, x)->node)
			   : CLUSTER_NODES_MAX;
	uint8_t frame[FORWARD_HEADER + PACKET_MAX] = { FRAME_FORWARD, (uint8_t)kind };

	if (owner >= n->config.n_nodes || owner == n->host->index || b->len > PACKET_MAX)
		return;
	memcpy(frame + 2, remote, sizeof(*remote));
	memcpy(frame + FORWARD_HEADER, b->data, b->len);
	node_send_frame(n, owner, frame, FORWARD_HEADER + b->len);
}

static void accepted(struct node *n, struct sim_sa *s, uint64_t seq, uint64_t top,
		     const struct endpoint *remote)
{
	if (!s->first_in || s->first_in_epoch != s->entry.epoch) {
		s->first_in = true;
		s->first_in_epoch = s->entry.epoch;
		report(n, s, SA_REPORT_FIRST_IN, seq, NULL);
	}
	if (seq > top && s->entry.path.udp_encap &&
	    !endpoint_equal(&s->entry.path.remote, remote))
		report(n, s, SA_REPORT_PEER, seq, remote);
	if (sad_entry_horizon_low(&s->entry))
		report(n, s, SA_REPORT_HORIZON_LOW, s->entry.window.top, NULL);
	if (s->entry.window.top > s->entry.marked)
		reports_later(n); /* Marks are read then. */
}

/* Authentic, and not let in: does that call for something? */
static void refused(struct node *n, struct sim_sa *s, uint64_t seq, enum drop d,
		    const struct endpoint *remote)
{
	if (d == DROP_HORIZON)
		report(n, s, SA_REPORT_HORIZON_LOW, seq, NULL);
	else if (d == DROP_REPLAY && sad_entry_below_horizon(&s->entry, seq))
		report(n, s, SA_REPORT_BELOW_HORIZON, seq, remote);
}

static void hold(struct node *n, struct sim_sa *s, const struct endpoint *remote,
		 struct blob *packet)
{
	struct held_packet *h = &s->held[s->n_held];

	if (s->n_held == HELD_MAX)
		return;
	memset(h, 0, sizeof(*h));
	h->remote = *remote;
	h->hostile = n->hostile;
	h->data = blob_ref(packet);
	s->n_held++;
}

/* Opens, and delivers now or when a majority has the mark. */
static void let_in(struct node *n, struct sim_sa *s, uint64_t seq, int64_t epoch,
		   const struct endpoint *remote, const struct blob *packet)
{
	uint8_t copy[PACKET_MAX], *inner, next;
	uint64_t top = s->entry.window.top;
	enum drop d;
	size_t len;

	memcpy(copy, packet->data, packet->len);
	if (esp_open(&s->entry.in, seq, copy, packet->len, &inner, &len, &next) != DROP_NONE)
		return;
	d = sad_entry_accept(&s->entry, seq, epoch);
	if (d != DROP_NONE) {
		refused(n, s, seq, d, remote);
		return;
	}
	accepted(n, s, seq, top, remote);
	if (!sad_entry_must_wait(&s->entry, seq))
		deliver(n, s, seq, inner, len);
	else if (s->n_waiting < WAITING_MAX)
		s->waiting[s->n_waiting++] =
			(struct waiting_packet){ seq, epoch, blob_new(inner, len) };
}

void worker_inbound(struct node *n, const struct endpoint *remote, struct blob *packet,
		    bool forwarded)
{
	struct esp_packet p;
	struct sim_sa *s;
	uint64_t seq, before;
	size_t reports = n->n_reports;
	int64_t epoch;

	if (isolated(n) || packet->len > PACKET_MAX ||
	    esp_parse(&p, packet->data, packet->len) != DROP_NONE)
		return;
	s = sa_find(n, p.spi);
	if (!s)
		return;
	if (!s->entry.granted) {
		if (!forwarded)
			forward(n, s, DATAGRAM_ESP, remote, packet);
		return;
	}
	before = n->hostile ? i8_entry(s) : 0;
	if (sad_entry_check(&s->entry, p.seq_low, &seq, &epoch) != DROP_NONE)
		return;
	if (s->entry.hold)
		hold(n, s, remote, packet);
	else
		let_in(n, s, seq, epoch, remote, packet);
	if (!n->hostile)
		return;
	n->full->checkers.i8.n_checked++;
	if (i8_entry(s) != before || n->n_reports != reports)
		world_fail(n->host->world, "I8: a forged packet changes n%u's SA %08x",
			   n->host->index + 1, s->spi_in);
}

/* The session whose client has this inner address; its newest outbound SA. */
static struct sim_sa *route(struct node *n, const struct blob *packet)
{
	struct inner_packet p;
	struct sim_sa *s;

	if (inner_parse(&p, packet->data, packet->len) != DROP_NONE || p.dst.family != 4)
		return NULL;
	s = route_find(n, address_to_ipv4(&p.dst));
	return s && inner_check_outbound(&p, &s->entry.child.local, &s->entry.child.remote) ==
				 DROP_NONE
		       ? s
		       : NULL;
}

static void seal(struct node *n, struct sim_sa *s, uint64_t seq, const struct blob *inner)
{
	uint8_t room[INNER_ROOM + 2 * ESP_OVERHEAD_MAX], *out;
	size_t head = esp_head_room(&s->entry.child.suite), len;
	struct entropy e;

	assert(inner->len <= INNER_ROOM);
	memcpy(room + head, inner->data, inner->len);
	full_entropy(n->full, &e);
	i7_used(&n->full->checkers.i7, n->host->index, s->spi_in, s->entry.epoch);
	if (esp_seal(&s->entry.out, s->entry.child.spi_out, seq, (uint32_t)(n->incarnation >> 32),
		     &e, 4, room + head, inner->len, &out, &len) != DROP_NONE)
		world_fail(n->host->world, "sealing fails");
	i1_sealed(&n->full->checkers.i1, n->host->index, s->spi_in, seq, out, len);
	outside_to_client(n->full, &s->entry.path.remote, DATAGRAM_ESP, blob_new(out, len));
}

void worker_outbound(struct node *n, struct blob *inner, bool forwarded)
{
	struct sim_sa *s = route(n, inner);
	uint64_t seq;
	enum drop d;

	if (!s || isolated(n))
		return;
	if (!s->entry.granted) {
		if (!forwarded)
			forward(n, s, DATAGRAM_INNER, &s->entry.path.remote, inner);
		return;
	}
	d = sad_entry_draw(&s->entry, &seq);
	if (d == DROP_SEQUENCE_END)
		report(n, s, SA_REPORT_SEQUENCE_END, s->entry.next, NULL);
	else if (d == DROP_LEASE || sad_entry_lease_low(&s->entry))
		report(n, s, SA_REPORT_LEASE_LOW, s->entry.next, NULL);
	if (d == DROP_NONE)
		seal(n, s, seq, inner);
}
