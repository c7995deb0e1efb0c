/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's orders: now and then he ends one or all sessions of a client, revokes its
 * identity, or allows it again; at any node, while other faults go on. He gives one order about a
 * client at a time, and waits for the answer. If none comes, because the node that he asked is
 * gone, neither he nor the checkers know what became of it: it may still commit.
 *
 * He has his own source of random numbers, so a seed without orders runs as it would without
 * him. */
#include "test/sim/client.h"

#include <stdlib.h>
#include <string.h>

#define SPEAKS_FROM_US (3 * SECOND)
#define PATIENCE_US (8 * SECOND) /* The core's own is shorter. */

static struct host *some_host(struct full *f)
{
	struct host *h = &f->world.host[random_below(&f->orders.random, f->world.n_hosts)];

	return host_runs(h) && !h->paused ? h : NULL;
}

/* That node's id for the session that the client believes it has; 0: none. */
static uint64_t session_of(struct full *f, const struct host *h, unsigned client)
{
	const struct ike_sa *sa = &f->client[client].ike.ike[0];
	const struct session *s =
		state_session_by_ike(core_state(node_core(h)), sa->spi_i, sa->spi_r);

	return s ? s->id : 0;
}

static void say(struct full *f, struct host *h, unsigned client, enum control_verb verb)
{
	static const char *const name[] = { [CONTROL_END] = "end its session",
					    [CONTROL_END_IDENTITY] = "end it", [CONTROL_REVOKE] = "revoke",
					    [CONTROL_ALLOW] = "allow" };
	struct order *w = &f->orders.of[client];
	struct control_request r = { .verb = verb, .id = f->secret[client].id };

	r.session = verb == CONTROL_END ? session_of(f, h, client) : 0;
	if (verb == CONTROL_END && r.session == 0)
		return;
	w->from = r.from = ++f->orders.last;
	w->asked_us = f->world.now_us;
	w->verb = verb;
	w->touched |= verb != CONTROL_ALLOW;
	if (verb == CONTROL_REVOKE)
		w->maybe = true;
	else if (verb == CONTROL_ALLOW)
		w->revoked = false;
	f->faults.count[FAULT_ORDER]++;
	world_say(&f->world, "client %u: %s, says the operator to n%u", client, name[verb],
		  h->index + 1);
	node_control(h, &r);
}

static enum control_verb choose(struct full *f, const struct order *w)
{
	switch (random_below(&f->orders.random, 4)) {
	case 0:
		return CONTROL_END;
	case 1:
		return CONTROL_END_IDENTITY;
	default:
		return w->maybe ? CONTROL_ALLOW : CONTROL_REVOKE;
	}
}

static void on_order(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	unsigned client = (unsigned)random_below(&f->orders.random, f->n_clients);
	struct order *x = &f->orders.of[client];
	struct host *h = some_host(f);

	(void)a;
	(void)data;
	if (f->calm)
		return;
	if (x->from && w->now_us - x->asked_us > PATIENCE_US) {
		x->from = 0;
		x->lost = true;
	}
	if (h && !x->from)
		say(f, h, client, choose(f, x));
	world_at(w, random_between(&f->orders.random, 50, 600) * MS, on_order, f, 0, NULL);
}

/* Nobody knows whether it was carried out. */
static bool is_unsure(const char *text)
{
	return strstr(text, "not committed") || strstr(text, "does not know what became of");
}

static void answered(struct full *f, struct order *w, bool done, const char *text)
{
	w->from = 0;
	if (!done && is_unsure(text)) {
		w->lost = true;
	} else if (w->verb == CONTROL_REVOKE) {
		w->revoked = done && !w->lost;
		w->since_us = f->world.now_us;
	} else if (w->verb == CONTROL_ALLOW) {
		w->maybe = w->lost;
	}
}

void operator_answered(struct full *f, const struct action *a)
{
	for (unsigned i = 0; i < f->n_clients; i++) {
		if (f->orders.of[i].from != a->control.from)
			continue;
		world_say(&f->world, "client %u: the operator hears: %s", i, a->control.text);
		answered(f, &f->orders.of[i], a->control.done, a->control.text);
		return;
	}
}

void orders_begin(struct full *f)
{
	if (f->plan.orders)
		world_at(&f->world, SPEAKS_FROM_US, on_order, f, 0, NULL);
}

/* Half of the revoked may come again, and then they must (I5). */
void orders_calm(struct full *f)
{
	for (unsigned i = 0; i < f->n_clients; i++) {
		struct order *w = &f->orders.of[i];
		struct host *h = some_host(f);

		if (h && w->revoked && !w->from && random_chance(&f->orders.random, 500))
			say(f, h, i, CONTROL_ALLOW);
	}
}

bool word_is_out(const struct full *f, unsigned client)
{
	const struct order *w = &f->orders.of[client];

	return w->maybe || w->lost || w->from;
}

bool word_has_ended_sa(const struct full *f, unsigned client, uint64_t spi_i, uint64_t spi_r)
{
	for (unsigned i = 0; i < f->world.n_hosts && f->orders.of[client].touched; i++) {
		const struct core *c = node_core(&f->world.host[i]);
		const struct session *s = c ? state_session_by_ike(core_state(c), spi_i, spi_r) : NULL;

		if (c && (!s || session_ends(s)))
			return true;
	}
	return false;
}

bool word_has_ended(const struct full *f, unsigned client)
{
	const struct client *c = &f->client[client];

	return !c->leaving && c->ike.state == INITIATOR_ESTABLISHED &&
	       word_has_ended_sa(f, client, c->ike.ike[0].spi_i, c->ike.ike[0].spi_r);
}
