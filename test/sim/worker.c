/* SPDX-License-Identifier: Apache-2.0 */
/* The packet workers: the same SAD entries as xdp/, one packet at a time. Updates
 * from the control plane and reports to it take up to a fraction of a millisecond,
 * as over the rings between the threads. */
#include "test/sim/node.h"

#include "cluster/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define UPDATE_DELAY_US 200u
#define REPORT_DELAY_US 1000u
#define INNER_ROOM 256u

static struct sim_sa *sa_find(struct node *n, uint32_t spi_in)
{
	struct sim_sa *s = n->sas;

	while (s && s->spi_in != spi_in)
		s = s->next;
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

	for (struct sim_sa *s = n->sas; s && n->n_reports < REPORTS_MAX; s = s->next) {
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
	s->next = n->sas;
	n->sas = s;
}

static void drop_held(struct sim_sa *s)
{
	while (s->n_held)
		blob_unref(s->held[--s->n_held].data);
}

static void sa_del(struct node *n, uint32_t spi_in)
{
	struct sim_sa **p = &n->sas, *s;

	while (*p && (*p)->spi_in != spi_in)
		p = &(*p)->next;
	if (!*p)
		return;
	s = *p;
	*p = s->next;
	drop_held(s);
	sad_entry_fini(&s->entry);
	free(s);
}

static void sa_grant(struct node *n, struct sim_sa *s, const struct update *x)
{
	const struct sa_update *u = &x->update;

	if (u->grant.epoch > s->entry.epoch)
		memcpy(s->heard, x->heard, sizeof(s->heard));
	state_checker_granted(&n->full->state, n->host->index, n->incarnation, s->spi_in,
			      u->grant.epoch);
	sad_entry_grant(&s->entry, &u->grant);
}

static void release(struct node *n, struct sim_sa *s)
{
	struct held_packet held[HELD_MAX];
	unsigned k = s->n_held;

	memcpy(held, s->held, sizeof(held));
	s->n_held = 0;
	for (unsigned i = 0; i < k; i++) {
		worker_inbound(n, &held[i].remote, held[i].data, false);
		blob_unref(held[i].data);
	}
}

static void carry_outbound(struct node *n, struct sim_sa *s)
{
	for (struct sim_sa *x = n->sas; x; x = x->next)
		if (x->entry.session == s->entry.session)
			x->entry.outbound = x == s;
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
		sad_entry_revoke(&s->entry);
	else if (s && u->kind == SA_UPDATE_FLOOR)
		sad_entry_raise_floor(&s->entry, u->mark);
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

	for (const struct sim_sa *s = n->sas; s; s = s->next, count++) {
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
		sa_del(n, n->sas->spi_in);
	while (n->updates) {
		struct update *x = n->updates;

		n->updates = x->next;
		free(x);
	}
}

/* ---- Packets ---- */

/* DESIGN section 5: checked for each burst, by the clock. */
static bool isolated(const struct node *n)
{
	uint64_t now = n->host->world->now_us;
	uint64_t contact = detector_contact_us(&n->detector, now);

	return contact == 0 || now - contact > n->config.timing.isolation_ms * MS;
}

/* To the owner of the session, once. */
static void forward(struct node *n, const struct sim_sa *s, enum datagram_kind kind,
		    const struct blob *b)
{
	const struct state *state = core_state(n->core);
	const struct session *x = state_session(state, s->entry.session);
	uint32_t owner = x ? core_node_index(n->core, session_slot(state, x)->node)
			   : CLUSTER_NODES_MAX;
	uint8_t frame[2 + 2048] = { FRAME_FORWARD, (uint8_t)kind };

	if (owner >= n->config.n_nodes || owner == n->host->index || b->len > 2048)
		return;
	memcpy(frame + 2, b->data, b->len);
	node_send_frame(n, owner, frame, 2 + b->len);
}

static void accepted(struct node *n, struct sim_sa *s, uint64_t seq, uint64_t top,
		     const struct endpoint *remote)
{
	struct acceptance a = { n->host->world->now_us, n->host->index, n->incarnation,
				s->entry.epoch, s->heard };

	sequence_checker_delivered(&n->full->sequence, s->spi_in, seq, &a);
	state_checker_used(&n->full->state, n->host->index, s->spi_in, s->entry.epoch);
	if (!s->first_in || s->first_in_epoch != s->entry.epoch) {
		s->first_in = true;
		s->first_in_epoch = s->entry.epoch;
		report(n, s, SA_REPORT_FIRST_IN, seq, NULL);
	}
	if (seq > top && remote && s->entry.path.udp_encap &&
	    !endpoint_equal(&s->entry.path.remote, remote))
		report(n, s, SA_REPORT_PEER, seq, remote);
	if (s->entry.window.top > s->entry.marked)
		reports_later(n); /* Marks are read then. */
}

static void hold(struct sim_sa *s, const struct endpoint *remote, struct blob *packet)
{
	if (s->n_held == HELD_MAX)
		return;
	memset(&s->held[s->n_held].remote, 0, sizeof(s->held[0].remote));
	if (remote)
		s->held[s->n_held].remote = *remote;
	s->held[s->n_held++].data = blob_ref(packet);
}

void worker_inbound(struct node *n, const struct endpoint *remote, struct blob *packet,
		    bool forwarded)
{
	uint8_t copy[2048], *inner;
	struct esp_packet p;
	struct sim_sa *s;
	uint64_t seq, top;
	int64_t epoch;
	uint8_t next;
	size_t len;

	if (isolated(n) || packet->len > sizeof(copy) ||
	    esp_parse(&p, packet->data, packet->len) != DROP_NONE)
		return;
	s = sa_find(n, p.spi);
	if (!s)
		return;
	if (!s->entry.granted) {
		if (!forwarded)
			forward(n, s, DATAGRAM_ESP, packet);
		return;
	}
	if (sad_entry_check(&s->entry, p.seq_low, &seq, &epoch) != DROP_NONE)
		return;
	if (s->entry.hold) {
		hold(s, remote, packet);
		return;
	}
	memcpy(copy, packet->data, packet->len);
	if (esp_open(&s->entry.in, seq, copy, packet->len, &inner, &len, &next) != DROP_NONE)
		return;
	top = s->entry.window.top;
	if (sad_entry_accept(&s->entry, seq, epoch) != DROP_NONE)
		return;
	accepted(n, s, seq, top, remote && remote->address.family ? remote : NULL);
	full_to_server(n->full, inner, len);
}

/* The session whose client has this inner address; its newest outbound SA. */
static struct sim_sa *route(struct node *n, const uint8_t *inner)
{
	struct address to = { .family = 4 };

	memcpy(to.octets, inner + 16, 4);
	for (struct sim_sa *s = n->sas; s; s = s->next)
		if (s->entry.outbound && ts_covers(&s->entry.child.remote, &to, 0, 0))
			return s;
	return NULL;
}

static void seal(struct node *n, struct sim_sa *s, uint64_t seq, const struct blob *inner)
{
	uint8_t room[INNER_ROOM + 2 * ESP_OVERHEAD_MAX], *out;
	size_t head = esp_head_room(&s->entry.child.suite), len;

	assert(inner->len <= INNER_ROOM);
	memcpy(room + head, inner->data, inner->len);
	sequence_checker_sealed(&n->full->sequence, n->host->index, s->spi_in, seq);
	state_checker_used(&n->full->state, n->host->index, s->spi_in, s->entry.epoch);
	if (esp_seal(&s->entry.out, s->entry.child.spi_out, seq, (uint32_t)(n->incarnation >> 32),
		     NULL, 4, room + head, inner->len, &out, &len) != DROP_NONE)
		world_fail(n->host->world, "sealing fails");
	full_to_client(n->full, &s->entry.path.remote, DATAGRAM_ESP, blob_new(out, len));
}

void worker_outbound(struct node *n, struct blob *inner, bool forwarded)
{
	struct sim_sa *s = inner->len >= 20 ? route(n, inner->data) : NULL;
	uint64_t seq;
	enum drop d;

	if (!s || isolated(n))
		return;
	if (!s->entry.granted) {
		if (!forwarded)
			forward(n, s, DATAGRAM_INNER, inner);
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
