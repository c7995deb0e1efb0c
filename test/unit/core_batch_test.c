/* SPDX-License-Identifier: Apache-2.0 */
/* Events that come together: what they propose is one log entry. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CLIENTS 5u

struct clients {
	struct story story;
	struct initiator client[CLIENTS];
	struct blob *auth[CLIENTS];
};

/* All of them have their response to IKE_SA_INIT. */
static void begin(struct clients *x)
{
	struct story *l = &x->story;

	story_begin(l, 3);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct initiator_config c = l->client.config;

		c.local.port = (uint16_t)(4501 + i);
		story_client_other(l, &x->client[i], &c);
		x->auth[i] = story_say(l, &x->client[i], initiator_create_init(&x->client[i]));
		story_swallow(l);
		assert_non_null(x->auth[i]);
	}
}

static void end(struct clients *x)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		initiator_fini(&x->client[i]);
		blob_unref(x->auth[i]);
	}
	story_fini(&x->story);
}

static void send(struct clients *x, unsigned i, bool more)
{
	struct event e = { .type = EVENT_DATAGRAM, .more = more };

	e.datagram.local = x->client[i].config.remote;
	e.datagram.remote = x->client[i].config.local;
	e.datagram.data = x->auth[i]->data;
	e.datagram.len = x->auth[i]->len;
	story_event(&x->story, story_leader(&x->story), &e);
}

static void assert_served(struct clients *x)
{
	struct story *l = &x->story;

	story_run(l, 20);
	for (unsigned k = 0; k < l->n_to_client; k++)
		for (unsigned i = 0; i < CLIENTS; i++)
			blob_unref(initiator_consume(&x->client[i], l->to_client[k]->data, l->to_client[k]->len));
	for (unsigned i = 0; i < CLIENTS; i++)
		assert_int_equal(x->client[i].state, INITIATOR_ESTABLISHED);
	story_swallow(l);
	story_level(l);
}

static void what_comes_together_is_one_entry(void **unused)
{
	struct clients x;
	const struct core *leader;
	uint64_t last;

	(void)unused;
	begin(&x);
	leader = x.story.node[story_leader(&x.story)].core;
	last = core_last_index(leader);
	for (unsigned i = 0; i < CLIENTS; i++) {
		assert_int_equal(core_last_index(leader), last);
		send(&x, i, i + 1 < CLIENTS);
	}
	assert_int_equal(core_last_index(leader), last + 1);
	assert_served(&x);
	end(&x);
}

/* Who says that more follows, and gives nothing, is to tick at once: nothing waits for long. */
static void what_waits_for_more_is_due_at_once(void **unused)
{
	struct clients x;
	const struct core *leader;

	(void)unused;
	begin(&x);
	leader = x.story.node[story_leader(&x.story)].core;
	for (unsigned i = 0; i < CLIENTS; i++)
		send(&x, i, true);
	assert_true(core_deadline_us(leader) <= x.story.now_us);
	assert_served(&x);
	end(&x);
}

/* The leader is the leader no more when the last of them comes: all begin anew with the next one. */
static void what_waits_is_lost_with_the_leadership(void **unused)
{
	struct clients x;
	uint32_t leader;

	(void)unused;
	begin(&x);
	leader = story_leader(&x.story);
	for (unsigned i = 0; i < CLIENTS; i++)
		send(&x, i, true);
	story_lose_leader(&x.story);
	assert_int_not_equal(story_leader(&x.story), leader);
	story_swallow(&x.story);
	for (unsigned i = 0; i < CLIENTS; i++)
		send(&x, i, i + 1 < CLIENTS);
	assert_served(&x);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_together_is_one_entry),
		cmocka_unit_test(what_waits_for_more_is_due_at_once),
		cmocka_unit_test(what_waits_is_lost_with_the_leadership),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
