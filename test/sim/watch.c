/* SPDX-License-Identifier: Apache-2.0 */
/* What the checkers see of a packet worker: each grant that it gets, each packet that it lets in or
 * seals, each report. It feeds I1, I2 and I7, and checks what the engine's header promises: nothing
 * passes after a revocation, or in an epoch other than the one that accepted it; marks are told
 * before their epoch ends; nothing is deferred or kept waiting for an SA whose grant is over; a packet
 * is forwarded to the owner that the state knows, once; and a session moves only for a packet newer
 * than all before (I8). */
#include "test/sim/node.h"
#include "test/sim/radius.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NO_GRANT INT64_MIN

/* ---- SAs ---- */

static struct watched_sa *find(const struct worker *w, uint32_t spi_in)
{
	struct watched_sa *s;

	HASH_FIND(hh, w->watched, &spi_in, sizeof(spi_in), s);
	return s;
}

void watch_put(struct worker *w, uint32_t spi_in)
{
	struct watched_sa *s = calloc(1, sizeof(*s));

	assert(s && !find(w, spi_in));
	s->spi_in = spi_in;
	s->newest = s->granted = NO_GRANT;
	HASH_ADD(hh, w->watched, spi_in, sizeof(s->spi_in), s);
}

void watch_del(struct worker *w, uint32_t spi_in)
{
	struct watched_sa *s = find(w, spi_in);

	HASH_DELETE(hh, w->watched, s);
	free(s);
}

void watch_fini(struct worker *w)
{
	while (w->watched)
		watch_del(w, w->watched->spi_in);
}

/* ---- Updates ---- */

static void granted(struct node *n, struct watched_sa *s, const struct update *x)
{
	const struct seq_grant *g = &x->update.grant;

	i7_granted(&n->full->checkers.i7, n->host->index, n->incarnation, s->spi_in, g->epoch);
	i1_granted(&n->full->checkers.i1, n->host->index, s->spi_in, g->epoch, g->start, g->end);
	if (g->epoch < s->newest)
		return;
	if (g->epoch > s->newest)
		memcpy(s->heard, x->heard, sizeof(s->heard));
	s->newest = s->granted = g->epoch;
}

void watch_update(struct node *n, const struct update *x)
{
	struct watched_sa *s = find(&n->worker, x->update.spi_in);

	if (!s)
		return;
	if (x->update.kind == SA_UPDATE_GRANT)
		granted(n, s, x);
	else if (x->update.kind == SA_UPDATE_REVOKE)
		s->granted = NO_GRANT;
	else if (x->update.kind == SA_UPDATE_FLOOR && x->update.mark > s->told)
		s->told = x->update.mark;
}

void watch_updated(struct node *n, uint32_t spi_in)
{
	const struct watched_sa *s = find(&n->worker, spi_in);
	const struct sa *sa = spi_table_find(&n->worker.engine.spis, spi_in);

	if (!s)
		return;
	if (s->granted != s->epoch && s->let_in > s->told)
		world_fail(n->host->world,
			   "I2: n%u has let number %llu of SA %08x in; epoch %lld ends with mark %llu",
			   n->host->index + 1, (unsigned long long)s->let_in, spi_in,
			   (long long)s->epoch, (unsigned long long)s->told);
	if (s->granted == NO_GRANT && sa->waiting)
		world_fail(n->host->world, "I2: n%u keeps packets of SA %08x waiting without a grant",
			   n->host->index + 1, spi_in);
}

/* ---- Packets ---- */

static void check_grant(struct node *n, const struct watched_sa *s, int64_t epoch, const char *what)
{
	if (epoch != s->granted)
		world_fail(n->host->world, "I7: n%u %s SA %08x in epoch %lld; its grant is %s, the last of %lld",
			   n->host->index + 1, what, s->spi_in, (long long)epoch,
			   s->granted == NO_GRANT ? "over" : "another", (long long)s->newest);
	i7_used(&n->full->checkers.i7, n->host->index, s->spi_in, epoch);
}

/* Packets of exact SAs that wait for a majority already are safe: the next owner has their mark. */
static void check_stop(struct node *n, const struct packet *p)
{
	const struct host *h = n->host;
	uint64_t detection = n->config.timing.heartbeat_ms * n->config.timing.heartbeats_missed * MS;

	if (p->sa->e.horizon == 0 && n->config.n_nodes > 1 && n->worker.contact_us < h->paused_until_us &&
	    h->paused_until_us - h->paused_from_us > detection)
		world_fail(h->world,
			   "I7: n%u was stopped, and lets number %llu of SA %08x in before a majority has answered",
			   h->index + 1, (unsigned long long)p->seq, p->sa->e.child.spi_in);
}

void watch_inner(struct node *n, const struct packet *p)
{
	struct watched_sa *s = find(&n->worker, p->sa->e.child.spi_in);
	struct acceptance a = { n->host->world->now_us, n->host->index, n->incarnation, p->epoch,
				n->worker.updates ? s->heard : n->heard, p->sa->e.horizon != 0 };

	i2_delivered(&n->full->checkers.i2, s->spi_in, p->seq, &a);
	check_grant(n, s, p->epoch, "lets packets in of");
	check_stop(n, p);
	i9_passes(&n->full->checkers.i9, n, s, p->sa->e.session);
	i11_passed(&n->full->checkers.i11, s->spi_in,
		   &(struct volume){ .octets_in = p->len, .packets_in = 1 });
	accounts_passed(n->full, p->sa->e.session, &(struct volume){ .octets_in = p->len, .packets_in = 1 });
	s->epoch = p->epoch;
	if (p->seq > s->let_in)
		s->let_in = p->seq;
}

void watch_outer(struct node *n, const struct packet *p)
{
	uint32_t spi_in = p->sa->e.child.spi_in;
	struct watched_sa *s = find(&n->worker, spi_in);

	check_grant(n, s, p->sa->e.epoch, "seals for");
	i9_passes(&n->full->checkers.i9, n, s, p->sa->e.session);
	i11_passed(&n->full->checkers.i11, spi_in,
		   &(struct volume){ .octets_out = p->len, .packets_out = 1 });
	accounts_passed(n->full, p->sa->e.session, &(struct volume){ .octets_out = p->len, .packets_out = 1 });
	i1_sealed(&n->full->checkers.i1, n->host->index, spi_in, p->seq, p->data, p->len);
}

/* The other node that owns a session, as the applied state has it. */
static uint8_t other_owner(const struct node *n, const struct session *x)
{
	uint32_t i = core_node_index(n->core, session_slot(core_state(n->core), x)->node);

	return i < n->config.n_nodes && i != n->host->index ? (uint8_t)i : SAD_OWNER_NONE;
}

void watch_forward(struct node *n, const struct datapath_forward *f)
{
	const struct session *x = state_session(core_state(n->core), f->session);

	if (x && !n->worker.updates && f->node != other_owner(n, x))
		world_fail(n->host->world,
			   "I7: n%u forwards a packet of SA %08x to n%u, which does not own it",
			   n->host->index + 1, f->spi, f->node + 1);
	if (n->worker.injects ||
	    (f->direction == DATAPATH_INBOUND && f->path.local.port == CAME_BY_LINK))
		world_fail(n->host->world, "I7: n%u forwards again what was forwarded to it",
			   n->host->index + 1);
}

void watch_report(struct node *n, const struct sa_report *r)
{
	struct watched_sa *s = find(&n->worker, r->spi_in);

	n->worker.n_told += r->kind != SA_REPORT_MARK && r->kind != SA_REPORT_VOLUME;
	if (!s)
		return; /* It was deleted in the same series of updates. */
	if (r->kind == SA_REPORT_MARK && r->seq > s->told)
		s->told = r->seq;
	if (r->kind == SA_REPORT_LEASE_LOW)
		s->lease_told = n->worker.n_told;
	if (r->kind == SA_REPORT_PEER && r->seq <= s->before)
		world_fail(n->host->world,
			   "I8: n%u moves SA %08x by number %llu; it has let %llu in before",
			   n->host->index + 1, r->spi_in, (unsigned long long)r->seq,
			   (unsigned long long)s->before);
}

/* ---- Hostile packets change nothing ---- */

/* The leader that was told may be gone: each burst that finds a lease empty tells it again. */
static void check_leases(struct node *n, const struct packet *burst, size_t k, size_t told)
{
	for (size_t i = 0; i < k; i++)
		if (burst[i].drop == DROP_LEASE &&
		    find(&n->worker, burst[i].sa->e.child.spi_in)->lease_told <= told)
			world_fail(n->host->world, "I5: n%u finds the lease of SA %08x empty and keeps silent",
				   n->host->index + 1, burst[i].sa->e.child.spi_in);
}

static void process(struct node *n, enum datapath_direction direction, struct packet *burst, size_t k)
{
	struct engine *e = &n->worker.engine;
	size_t told = n->worker.n_told;

	n->worker.injects = burst[0].injected;
	if (direction == DATAPATH_INBOUND)
		engine_inbound(e, burst, k);
	else
		engine_outbound(e, burst, k);
	if (direction == DATAPATH_OUTBOUND)
		check_leases(n, burst, k, told);
	n->worker.injects = false;
}

void watch_burst(struct node *n, enum datapath_direction direction, struct packet *burst, size_t k)
{
	struct worker *w = &n->worker;
	size_t told, n_deferred = w->engine.n_deferred;
	struct esp_packet esp;
	const struct sa *sa = NULL;
	uint64_t before;

	for (size_t i = 0; direction == DATAPATH_INBOUND && i < k; i++) {
		struct watched_sa *s;

		if (esp_parse(&esp, burst[i].data, burst[i].len) != DROP_NONE)
			continue;
		sa = spi_table_find(&w->engine.spis, esp.spi);
		s = find(w, esp.spi);
		if (s)
			s->before = s->let_in;
	}
	if (!n->hostile) {
		process(n, direction, burst, k);
		return;
	}
	(void)engine_marks(&w->engine); /* Due work comes first. */
	told = w->n_told;
	before = sa ? i8_entry(sa) : 0;
	process(n, direction, burst, k);
	n->full->checkers.i8.n_checked++;
	w->hostile_deferred += w->engine.n_deferred - n_deferred;
	if ((sa && i8_entry(sa) != before) || w->n_told != told)
		world_fail(n->host->world, "I8: a forged packet changes n%u's SA %08x",
			   n->host->index + 1, esp.spi);
}

static uint64_t entries(const struct engine *e, const uint32_t *spi_in, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		const struct sa *sa = spi_table_find(&e->spis, spi_in[i]);

		sum += sa ? i8_entry(sa) : 0;
	}
	return sum;
}

/* Held packets run through the engine again: in vain, if all are hostile. */
void watch_resume(struct node *n, bool go_on)
{
	struct worker *w = &n->worker;
	struct engine *e = &w->engine;
	size_t n_deferred = e->n_deferred, told = w->n_told;
	bool hostile = n_deferred > 0 && w->hostile_deferred == n_deferred;
	uint32_t spi_in[DEFERRED_MAX];
	uint64_t before;

	for (size_t i = 0; hostile && i < n_deferred; i++)
		spi_in[i] = e->deferred[i].spi;
	before = hostile ? entries(e, spi_in, n_deferred) : 0;
	if (go_on)
		engine_go_on(e);
	else
		engine_update_done(e);
	if (hostile && (entries(e, spi_in, n_deferred) != before || w->n_told != told))
		world_fail(n->host->world, "I8: forged packets that n%u has deferred change an SA",
			   n->host->index + 1);
	w->hostile_deferred = hostile ? e->n_deferred : e->n_deferred == n_deferred ? w->hostile_deferred : 0;
	for (size_t i = 0; i < e->n_deferred; i++) {
		const struct sa *sa = spi_table_find(&e->spis, e->deferred[i].spi);

		if (!sa || !sa->e.granted || (!sa->e.defer && !e->stopped))
			world_fail(n->host->world, "I7: n%u defers packets of SA %08x, which is %s",
				   n->host->index + 1, e->deferred[i].spi,
				   !sa ? "deleted" : !sa->e.granted ? "not its own" : "to go on");
	}
}

/* ---- At the end ---- */

struct comparison {
	const struct node *node;
	const char *differs;
};

static void compare(void *ctx, struct sa *sa)
{
	struct comparison *c = ctx;
	const struct node *n = c->node;
	const struct state *state = core_state(n->core);
	const struct session *x = state_session_by_spi(state, sa->e.child.spi_in, NULL);
	const struct slot *slot = x ? session_slot(state, x) : NULL;
	bool owns = slot && slot->node == n->full->raft_id[n->host->index] &&
		    slot->incarnation == n->incarnation;

	if (!x)
		c->differs = "an SA that is deleted";
	else if (owns != sa->e.granted)
		c->differs = owns ? "no grant of what it owns" : "a grant of what it does not own";
	else if (owns && sa->e.epoch != session_epoch(state, x))
		c->differs = "a grant of another epoch";
	else if (owns && sa->e.defer)
		c->differs = "packets that are deferred for good";
	else if (sa->e.slot != x->slot || n->worker.engine.owner[sa->e.slot] != other_owner(n, x))
		c->differs = "another owner to forward to";
}

const char *watch_differs(const struct node *n)
{
	const struct spi_table *spis = &n->worker.engine.spis;
	struct comparison c = { .node = n };

	spi_table_each(spis, compare, &c);
	if (c.differs)
		return c.differs;
	return spis->used == state_child_sas(core_state(n->core)) ? NULL : "fewer SAs than there are";
}

const char *node_differs(const struct host *h)
{
	return watch_differs(h->process);
}
