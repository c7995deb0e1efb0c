/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's state: SAs come and go by struct sa_update, reports leave by struct
 * sa_report. inbound.c and outbound.c hold the two directions.
 *
 * Every update is idempotent and may name an SA that is gone; the replicated state decides, not the
 * order in which updates arrive. */
#include "xdp/engine/engine.h"
#include "proto/mutant.h"
#include "xdp/engine/forwarding.h"
#include "xdp/engine/carried.h"
#include "xdp/engine/waiting.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum status engine_init(struct engine *e, const struct engine_config *config)
{
	assert(config->seed && config->face->report);
	memset(e, 0, sizeof(*e));
	e->iv_salt = config->iv_salt;
	e->mss_mtu = config->mss_mtu;
	e->replay_bits = config->replay_bits ? config->replay_bits : REPLAY_BITS_DEFAULT;
	e->face = *config->face;
	e->out = *config->out;
	e->unreported_us = UINT64_MAX;
	entropy_init(&e->entropy, config->seed);
	forwarding_init(e);
	e->deferred = calloc(DEFERRED_MAX, sizeof(*e->deferred));
	e->deferred_spare = calloc(DEFERRED_MAX, sizeof(*e->deferred_spare));
	if (!e->deferred || !e->deferred_spare || spi_table_init(&e->spis, config->sa_max) != OK ||
	    route_table_init(&e->routes, config->sa_max) != OK) {
		engine_fini(e);
		return ERR_FULL;
	}
	return OK;
}

static void free_visited(void *ctx, struct sa *sa)
{
	(void)ctx;
	engine_sa_free(sa);
}

void engine_fini(struct engine *e)
{
	spi_table_each(&e->spis, free_visited, NULL);
	spi_table_fini(&e->spis);
	route_table_fini(&e->routes);
	entropy_fini(&e->entropy);
	waiting_fini(e);
	free(e->deferred);
	free(e->deferred_spare);
	e->deferred = e->deferred_spare = NULL;
}

/* A peer that is followed keeps the ports from which its newest packet came. */
static void told_path(struct sa *sa, const struct sad_path *told)
{
	bool here = address_equal(&sa->e.path.remote.address, &told->remote.address);
	bool nat = told->udp_encap && !told->followed;

	sa->raw_seen = sa->raw_seen && here && !nat && !sa->told_nat;
	sa->told_udp = told->udp_encap;
	sa->told_nat = nat;
	if (here && told->followed && sa->follows_encap)
		return;
	sa->e.path = *told;
	sa->follows_encap = told->followed;
}

struct sa *engine_sa_new(const struct sa_update *put, uint32_t replay_bits)
{
	struct sa *sa;

	assert(put->kind == SA_UPDATE_PUT && put->child && put->slot < SAD_SLOTS_MAX);
	sa = calloc(1, sizeof(*sa));
	if (!sa)
		return NULL;
	if (sad_entry_init(&sa->e, put->session, put->child, &put->path,
			   replay_bits ? replay_bits : REPLAY_BITS_DEFAULT) != OK) {
		free(sa);
		return NULL;
	}
	sa->e.slot = put->slot;
	told_path(sa, &put->path);
	return sa;
}

void engine_sa_free(struct sa *sa)
{
	if (!sa)
		return;
	sad_entry_fini(&sa->e);
	free(sa);
}

static void mark_unlink(struct sa *sa);

/* A repeated PUT keeps the old entry. A new one that finds no room loses a client's traffic: that
 * must not go unnoticed. */
static void put(struct engine *e, struct sa *sa)
{
	const struct sa *old = spi_table_find(&e->spis, sa->e.child.spi_in);

	if (spi_table_put(&e->spis, sa) != OK) {
		if (!old || old->e.session != sa->e.session)
			counter_add(&e->counters.sas_refused, 1);
		engine_sa_free(sa);
		return;
	}
	__atomic_store_n(&e->counters.sas, e->spis.used, __ATOMIC_RELAXED);
	if (e->out.sa_put)
		e->out.sa_put(e->out.ctx, sa);
}

static void del(struct engine *e, uint32_t spi)
{
	struct sa *sa = spi_table_take(&e->spis, spi);

	if (!sa)
		return;
	if (e->out.sa_del)
		e->out.sa_del(e->out.ctx, sa);
	route_table_take(&e->routes, sa);
	mark_unlink(sa);
	carried_forget(sa);
	waiting_drop(e, sa);
	e->resume_due |= e->n_deferred > 0; /* What is deferred of it gives its place to others. */
	assert(!sa->mark_link && !sa->volume_link && !sa->waiting); /* Nobody points there any more. */
	__atomic_store_n(&e->counters.sas, e->spis.used, __ATOMIC_RELAXED);
	engine_sa_free(sa);
}

static void carry_outbound(struct engine *e, struct sa *sa)
{
	uint32_t replaces = sa->e.child.replaces;

	route_table_put(&e->routes, sa);
	sa->e.outbound = true;
	route_table_supersede(&e->routes, sa,
			      replaces ? spi_table_find(&e->spis, replaces) : NULL);
	assert(sa->e.outbound);
}

/* ---- An epoch ends ---- */

/* What was counted, too, belongs to it. */
static void tell_mark(struct engine *e, struct sa *sa)
{
	carried_now(e, sa);
	if (MUTANT(MUTANT_MARKS_NOT_TOLD))
		return;
	engine_mark_now(e, sa);
}

static void drop_waiting(struct engine *e, struct sa *sa)
{
	if (MUTANT(MUTANT_WAITING_KEPT))
		return;
	waiting_drop(e, sa);
}

void engine_update(struct engine *e, const struct sa_update *u, struct sa *sa)
{
	assert((u->kind == SA_UPDATE_PUT) == (sa != NULL));
	counter_add(&e->counters.updates, 1);
	if (u->kind == SA_UPDATE_PUT) {
		put(e, sa);
		return;
	}
	if (u->kind == SA_UPDATE_DEL) {
		del(e, u->spi_in);
		return;
	}
	if (u->kind == SA_UPDATE_OWNER) {
		forwarding_owner(e, u);
		return;
	}
	sa = spi_table_find(&e->spis, u->spi_in);
	if (!sa)
		return;
	switch (u->kind) {
	case SA_UPDATE_GRANT:
		tell_mark(e, sa);
		if (u->grant.epoch > sa->e.epoch)
			drop_waiting(e, sa);
		if (u->grant.quorum && !waiting_prepare(e))
			break; /* Without the grant it drops, and says so. */
		sad_entry_grant(&sa->e, &u->grant);
		e->resume_due |= !sa->e.defer;
		break;
	case SA_UPDATE_REVOKE:
		if (MUTANT(MUTANT_REVOKE_IGNORED))
			break;
		tell_mark(e, sa);
		drop_waiting(e, sa);
		sad_entry_revoke(&sa->e);
		if (MUTANT(MUTANT_DEFERRED_KEPT))
			break;
		e->resume_due = true; /* What is deferred goes to the new owner. */
		break;
	case SA_UPDATE_FLOOR:
		sad_entry_raise_floor(&sa->e, u->mark, u->from_horizon);
		break;
	case SA_UPDATE_DELIVER:
		sad_entry_raise_delivered(&sa->e, u->mark, u->epoch);
		waiting_deliver(e, sa);
		break;
	case SA_UPDATE_RESUME:
		sa->e.defer = false;
		e->resume_due = true;
		break;
	case SA_UPDATE_PATH:
		told_path(sa, &u->path);
		break;
	case SA_UPDATE_OUTBOUND:
		carry_outbound(e, sa);
		break;
	case SA_UPDATE_INBOUND:
		route_table_take(&e->routes, sa);
		sa->e.outbound = false;
		break;
	case SA_UPDATE_SLOT:
		assert(u->slot < SAD_SLOTS_MAX);
		sa->e.slot = u->slot;
		break;
	default:
		assert(false);
	}
}

/* Runs all deferred packets again. Those that must still wait are deferred again, in the second of two
 * arrays, so the order stays. */
void engine_update_done(struct engine *e)
{
	struct deferred_packet *waiting = e->deferred;
	size_t n = e->n_deferred;

	assert(n <= DEFERRED_MAX);
	engine_report_flush(e);
	if (!e->resume_due)
		return;
	e->resume_due = false;
	e->deferred = e->deferred_spare;
	e->deferred_spare = waiting;
	e->n_deferred = e->n_deferred_exact = 0;
	for (size_t i = 0; i < n;) {
		struct packet burst[BURST];
		size_t k = 0;

		for (; k < BURST && i < n; k++, i++)
			burst[k] = (struct packet){.data = waiting[i].data,
						   .len = waiting[i].len,
						   .path = waiting[i].path,
						   .injected = waiting[i].injected};
		engine_inbound(e, burst, k);
		assert(e->n_deferred <= i); /* Of those that have run. */
	}
}

void engine_stop(struct engine *e)
{
	if (!e->stopped)
		counter_add(&e->counters.stops, 1);
	e->stopped = true;
}

void engine_go_on(struct engine *e)
{
	e->stopped = false;
	e->resume_due = true;
	engine_update_done(e);
}

/* ---- Marks ---- */

void engine_mark_later(struct engine *e, struct sa *sa)
{
	if (sa->mark_link || sa->e.accepted <= sa->e.marked)
		return;
	sa->mark_next = e->marks;
	sa->mark_link = &e->marks;
	if (sa->mark_next)
		sa->mark_next->mark_link = &sa->mark_next;
	e->marks = sa;
}

/* Takes it off the list, reported or not. */
static void mark_unlink(struct sa *sa)
{
	if (!sa->mark_link)
		return;
	*sa->mark_link = sa->mark_next;
	if (sa->mark_next)
		sa->mark_next->mark_link = sa->mark_link;
	sa->mark_next = NULL;
	sa->mark_link = NULL;
}

/* In the epoch that it belongs to: before the next one begins. */
void engine_mark_now(struct engine *e, struct sa *sa)
{
	uint64_t mark;

	mark_unlink(sa);
	if (!sad_entry_mark(&sa->e, &mark))
		return;
	assert(mark <= sa->e.window.top); /* What a new owner refuses, we have seen. */
	engine_report(e, sa, SA_REPORT_MARK, mark);
	carried_told(sa);
}

bool engine_marks(struct engine *e)
{
	if (!e->marks)
		return false;
	if (e->now_us - e->marks_at_us < MARKS_US)
		return true;
	while (e->marks)
		engine_mark_now(e, e->marks); /* Takes it off the list. */
	assert(e->now_us >= e->marks_at_us);
	e->marks_at_us = e->now_us;
	engine_report_flush(e);
	return false;
}

/* ---- Reports ---- */

/* Only while nothing waits: what was accepted in an earlier burst is not forgotten. A reader that
 * sees it sees the reports before it, too. */
static void all_reported_until(struct engine *e, uint64_t us)
{
	if (!e->marks && e->n_reports == 0)
		__atomic_store_n(&e->unreported_us, us, __ATOMIC_RELEASE);
}

void engine_begin(struct engine *e, uint64_t now_us)
{
	e->now_us = now_us;
	all_reported_until(e, now_us);
}

void engine_rest(struct engine *e)
{
	all_reported_until(e, UINT64_MAX);
}

uint64_t engine_unreported_us(const struct engine *e)
{
	return __atomic_load_n(&e->unreported_us, __ATOMIC_ACQUIRE);
}

void engine_report_flush(struct engine *e)
{
	if (e->n_reports)
		e->face.report(e->face.ctx, e->reports, e->n_reports);
	e->n_reports = 0;
}

void engine_report(struct engine *e, const struct sa *sa, enum sa_report_kind kind, uint64_t seq)
{
	engine_report_from(e, sa, kind, seq, &sa->reported_peer);
}

void engine_report_from(struct engine *e, const struct sa *sa, enum sa_report_kind kind,
			uint64_t seq, const struct endpoint *remote)
{
	assert(e->n_reports <= REPORTS_MAX);
	if (e->n_reports == REPORTS_MAX)
		engine_report_flush(e);
	e->reports[e->n_reports++] = (struct sa_report){
		.kind = kind,
		.spi_in = sa->e.child.spi_in,
		.session = sa->e.session,
		.epoch = sa->e.epoch,
		.seq = seq,
		.volume = sa->e.volume,
		.remote = *remote,
	};
}

void engine_drop(struct engine *e, enum drop d)
{
	assert(d > DROP_NONE && d < DROP_COUNT);
	counter_add(&e->counters.drops[d], 1);
}
