/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of two nodes of five that are lost within milliseconds, and of the one that inherits from
 * both: each takeover waits for the marks of the nodes that it asks, and for no others. */
#include "test/lib/story.h"

#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CLIENTS 16u
#define KEPT_MAX 16u
#define NOBODY STORY_NODES

static uint32_t mute; /* Its FRAME_MARKS_DONE are lost. */
static uint32_t late; /* Raft's frames for it come late, except the first: it stores entries, but
		       * does not know which are committed. */
static bool stores;   /* The first one has come. */
static struct {
	uint32_t from;
	struct blob *frame;
} kept[KEPT_MAX];
static unsigned n_kept;

static bool loses(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	if (f->data[0] == FRAME_RAFT && to == late && !stores) {
		stores = true;
		return false;
	}
	if (f->data[0] == FRAME_RAFT && to == late) {
		assert_true(n_kept < KEPT_MAX);
		kept[n_kept].from = from;
		kept[n_kept++].frame = blob_new(f->data, f->len);
		return true;
	}
	return f->data[0] == FRAME_MARKS_DONE && from == mute;
}

struct losses {
	struct story l;
	struct initiator client[CLIENTS];
	uint32_t first, second;      /* Nodes: the first loss, and the second, right after it. */
	uint32_t successor;          /* Inherits from both; it does not lead. */
	uint32_t of_first, of_second; /* spi_in of an SA that it gets from each. */
};

static void connect(struct losses *t, unsigned i)
{
	struct initiator_config c = t->l.client.config;
	struct blob *b;

	c.local.address.octets[3] = (uint8_t)(60 + i);
	story_client_other(&t->l, &t->client[i], &c);
	b = initiator_create_init(&t->client[i]);
	while (b) {
		b = story_say(&t->l, &t->client[i], b);
		story_swallow(&t->l);
	}
	assert_int_equal(t->client[i].n_child, 1);
}

static uint32_t spi_of(const struct losses *t, unsigned i)
{
	return t->client[i].child[0].spi_out;
}

static uint32_t owner_of(struct losses *t, uint32_t spi_in)
{
	uint32_t owner = NOBODY;

	for (uint32_t i = 0; i < t->l.n; i++)
		if (t->l.node[i].core && story_sad(&t->l, i, spi_in)->granted)
			owner = i;
	return owner;
}

static void lose(struct losses *t, uint32_t node)
{
	story_lose(&t->l, node);
	story_run(&t->l, 1);
	story_swallow(&t->l);
}

/* Five nodes behind a load balancer; all but one own sessions. */
static void serve(struct losses *t)
{
	struct story *l = &t->l;
	uint32_t holder;

	mute = late = NOBODY;
	stores = false;
	n_kept = 0;
	story_init(l, 5);
	for (uint32_t i = 0; i < 5; i++)
		l->config[i].mode = SERVICE_LB;
	story_start_all(l);
	story_run(l, 2000);
	for (unsigned i = 0; i < CLIENTS; i++)
		connect(t, i);
	/* It has owned everything: the others share it. */
	holder = story_holder(l);
	lose(t, holder);
	story_run(l, 500);
	story_start(l, holder);
	story_swallow(l);
	story_run(l, 1000);
	story_swallow(l);
	l->loses = loses;
}

static void end(struct losses *t)
{
	late = NOBODY;
	while (n_kept)
		blob_unref(kept[--n_kept].frame);
	for (unsigned i = 0; i < CLIENTS; i++)
		initiator_fini(&t->client[i]);
	story_fini(&t->l);
}

/* The first two that own sessions and do not lead. */
static void choose_lost(struct losses *t)
{
	uint32_t leader = story_leader(&t->l);

	t->first = t->second = NOBODY;
	for (unsigned i = 0; i < CLIENTS; i++) {
		uint32_t owner = owner_of(t, spi_of(t, i));

		if (owner == leader || owner == t->first)
			continue;
		if (t->first == NOBODY)
			t->first = owner;
		else if (t->second == NOBODY)
			t->second = owner;
	}
	assert_true(t->first != NOBODY && t->second != NOBODY);
}

/* A rehearsal tells which node inherits which SA: all that happens here happens again. */
static void choose_successor(struct losses *t)
{
	uint32_t owner[CLIENTS], successor;

	for (unsigned i = 0; i < CLIENTS; i++)
		owner[i] = owner_of(t, spi_of(t, i));
	lose(t, t->first);
	lose(t, t->second);
	for (successor = 0; successor < t->l.n; successor++) {
		t->of_first = t->of_second = 0;
		for (unsigned i = 0; i < CLIENTS; i++) {
			uint32_t spi = spi_of(t, i);

			if (owner_of(t, spi) != successor || successor == story_leader(&t->l))
				continue;
			if (owner[i] == t->first)
				t->of_first = spi;
			if (owner[i] == t->second)
				t->of_second = spi;
		}
		if (t->of_first && t->of_second)
			break;
	}
	assert_true(successor < t->l.n);
	t->successor = successor;
}

/* Both nodes own an SA that the successor will have. */
static void begin(struct losses *t)
{
	serve(t);
	choose_lost(t);
	choose_successor(t);
	end(t);
	serve(t);
	mute = t->second;
	lose(t, t->first);
}

static bool holds(struct losses *t, uint32_t spi_in)
{
	struct sad_entry *e = story_sad(&t->l, t->successor, spi_in);

	assert_true(e->granted);
	return e->defer;
}

static uint64_t expired(const struct losses *t)
{
	struct core_status s;

	core_status(t->l.node[t->successor].core, &s);
	return s.deferred_expired;
}

/* The nodes that are asked about the second one say all that they know; the second one's own marks
 * of the first may still be on their way. */
static void the_second_loss_does_not_end_the_first_takeover(void **unused)
{
	struct losses t;

	(void)unused;
	begin(&t);
	assert_true(holds(&t, t.of_first));
	lose(&t, t.second);
	assert_true(holds(&t, t.of_first));
	assert_false(holds(&t, t.of_second));
	assert_int_equal(expired(&t), 0);
	story_run(&t.l, 5);
	assert_false(holds(&t, t.of_first));
	assert_int_equal(expired(&t), 1);
	end(&t);
}

/* ... and nothing else was missing. */
static void the_first_takeover_ends_by_its_own_answers(void **unused)
{
	struct losses t;

	(void)unused;
	begin(&t);
	assert_true(holds(&t, t.of_first));
	mute = NOBODY;
	story_frame(&t.l, t.second, t.successor,
		    frame_create_done(core_applied(t.l.node[t.successor].core), NULL, 0));
	assert_false(holds(&t, t.of_first));
	lose(&t, t.second);
	assert_false(holds(&t, t.of_second));
	assert_int_equal(expired(&t), 0);
	end(&t);
}

/* The successor applies the second loss last: all nodes that it could ask have answered. */
static void a_takeover_that_waits_for_nobody_does_not_forget_the_first(void **unused)
{
	struct losses t;

	(void)unused;
	begin(&t);
	late = t.successor;
	lose(&t, t.second);
	assert_false(story_sad(&t.l, t.successor, t.of_second)->granted);
	late = NOBODY;
	for (unsigned i = 0; i < n_kept; i++)
		story_frame(&t.l, kept[i].from, t.successor, blob_ref(kept[i].frame));
	assert_true(holds(&t, t.of_first));
	assert_false(holds(&t, t.of_second));
	story_run(&t.l, 5);
	assert_false(holds(&t, t.of_first));
	end(&t);
}

/* The other node that owns that slot, by this node's state. */
static uint8_t other_owner(const struct story *l, uint32_t node, uint32_t slot)
{
	const struct core *core = l->node[node].core;
	uint32_t owner = core_node_index(core, state_slot(core_state(core), slot)->node);

	return owner == node || owner >= l->n ? SAD_OWNER_NONE : (uint8_t)owner;
}

static unsigned check_workers(const struct story *l)
{
	unsigned others = 0;

	for (uint32_t i = 0; i < l->n; i++)
		for (uint32_t slot = 0; l->node[i].core && slot < STATE_SLOTS_ALL; slot++) {
			uint8_t owner = other_owner(l, i, slot);

			assert_int_equal(l->node[i].worker.engine.owner[slot], owner);
			others += owner != SAD_OWNER_NONE;
		}
	return others;
}

/* Nodes without traffic are told, too; and a node that was away, as soon as it knows the others. */
static void workers_know_who_owns_what(void **unused)
{
	struct losses t;

	(void)unused;
	serve(&t);
	assert_true(check_workers(&t.l) > 2 * STATE_SLOTS);
	choose_lost(&t);
	lose(&t, t.first);
	assert_true(check_workers(&t.l) > 2 * STATE_SLOTS);
	lose(&t, t.second);
	assert_true(check_workers(&t.l) > STATE_SLOTS);
	story_start(&t.l, t.first);
	story_run(&t.l, 500);
	story_swallow(&t.l);
	assert_true(check_workers(&t.l) > 2 * STATE_SLOTS);
	for (unsigned i = 0; i < CLIENTS; i++) {
		const struct session *s = state_session_by_spi(core_state(t.l.node[t.first].core),
							       spi_of(&t, i), NULL);

		assert_int_equal(story_sad(&t.l, t.first, spi_of(&t, i))->slot, s->slot);
	}
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_loss_does_not_end_the_first_takeover),
		cmocka_unit_test(the_first_takeover_ends_by_its_own_answers),
		cmocka_unit_test(a_takeover_that_waits_for_nobody_does_not_forget_the_first),
		cmocka_unit_test(workers_know_who_owns_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
