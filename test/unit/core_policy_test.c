/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a cluster.toml that loses a [[secret]] or a [[connection]]: its sessions end once most
 * voters run with it; one node's file ends none, and no file ends many unless the operator says
 * so. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 11u
#define CLIENTS (MANY + 1u)

static const struct state *state_of(const struct story *l)
{
	return core_state(l->node[story_leader(l)].core);
}

static struct ike_config *file(struct story *l, uint32_t node)
{
	return &l->config[node].policy->ike;
}

/* The node's next start uses a file that lacks these. */
static void changes(struct story *l, uint32_t node, bool secret, bool connection)
{
	if (secret)
		file(l, node)->n_secrets = 1;
	if (connection)
		snprintf(file(l, node)->connections->name, 64, "other");
	l->config[node].policy->hash = 2;
}

/* Time passes; the client takes its messages. */
static void passes(struct story *l, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		story_run(l, 1);
		if (story_holder(l) < l->n)
			story_client_listen(l);
		else
			story_swallow(l);
	}
}

static void restarts(struct story *l, uint32_t node)
{
	story_lose(l, node);
	passes(l, 500);
	story_start(l, node);
	passes(l, 1000);
}

static void joins(struct story *l, const char *id)
{
	initiator_fini(&l->client);
	story_client_new(l);
	assert_int_equal(ike_id_parse(&l->client.config.id, id), OK);
	story_client_connect(l);
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
}

/* `many` sessions of "cl", and then one of "gone". */
static void begin(struct story *l, unsigned many)
{
	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct ike_config *c = file(l, i);

		c->secrets = realloc(c->secrets, 2 * sizeof(*c->secrets));
		assert_non_null(c->secrets);
		c->secrets[1] = c->secrets[0];
		assert_int_equal(ike_id_parse(&c->secrets[1].id, "gone"), OK);
		c->n_secrets = 2;
		l->config[i].policy->hash = 1;
	}
	story_start_all(l);
	story_run(l, 2000);
	for (unsigned i = 0; i < many; i++)
		joins(l, "cl");
	joins(l, "gone");
	assert_int_equal(state_child_sas(state_of(l)), many + 1);
}

static unsigned said(const struct story *l, const char *kind)
{
	return story_happened(l, 0, kind) + story_happened(l, 1, kind) + story_happened(l, 2, kind);
}

static void what_most_files_lack_ends(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l, MANY);
	for (uint32_t i = 0; i < 2; i++) {
		changes(&l, i, true, false);
		restarts(&l, i);
	}
	/* If the last one leads, it must hand over: it has another file. */
	for (unsigned k = 0; k < 20 && state_child_sas(state_of(&l)) > MANY; k++) {
		if (story_leader(&l) == 2)
			restarts(&l, 2);
		passes(&l, 200);
	}
	story_client_listen(&l);
	assert_int_equal(state_child_sas(state_of(&l)), MANY);
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	assert_int_equal(said(&l, "policy"), 1);
	assert_int_equal(said(&l, "policy_withheld"), 0);
	story_level(&l);
	story_fini(&l);
}

static void one_file_ends_nobody(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l, MANY);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t n = story_leader(&l);

		/* Every leader has it once, also the next one. */
		changes(&l, n, true, true);
		restarts(&l, n);
		passes(&l, 2000);
		assert_int_equal(state_child_sas(state_of(&l)), CLIENTS);
		assert_int_equal(said(&l, "policy"), 0);
		/* Nor can it be asked to. */
		story_control(&l, n, CONTROL_PRUNE_YES, 0, NULL);
		passes(&l, 500);
		assert_string_equal(l.answer.text, "most voters have another policy in force than this node: "
						   "ask one of them");
		assert_int_equal(state_child_sas(state_of(&l)), CLIENTS);
		file(&l, n)->n_secrets = 2;
		snprintf(file(&l, n)->connections->name, 64, "road");
		l.config[n].policy->hash = 1;
		restarts(&l, n);
	}
	story_fini(&l);
}

static void all_restart(struct story *l, bool secret, bool connection)
{
	story_kill_all(l);
	for (uint32_t i = 0; i < 3; i++)
		changes(l, i, secret, connection);
	story_start_all(l);
	passes(l, 3000);
}

static void many_are_held_until_somebody_says_so(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l, MANY);
	all_restart(&l, false, true);
	passes(&l, 5000);
	assert_int_equal(state_child_sas(state_of(&l)), CLIENTS);
	assert_int_equal(said(&l, "policy_withheld"), 1);
	story_control(&l, story_third(&l), CONTROL_PRUNE, 0, NULL);
	passes(&l, 100);
	assert_string_equal(l.answer.text,
			    "12 of 12 sessions have an identity or a connection that is not "
			    "configured: `baton prune --yes` ends them");
	assert_int_equal(l.answer.sessions, CLIENTS);
	assert_int_equal(state_child_sas(state_of(&l)), CLIENTS);
	story_control(&l, story_third(&l), CONTROL_PRUNE_YES, 0, NULL);
	passes(&l, 10);
	assert_int_equal(l.answer.n, 2);
	assert_string_equal(l.answer.text, "12 sessions are ended");
	assert_int_equal(state_child_sas(state_of(&l)), 0);
	story_swallow(&l);
	story_fini(&l);
}

/* Held sessions do not end only because others came meanwhile. */
static void what_is_held_stays_held(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l, 2);
	all_restart(&l, true, false);
	assert_int_equal(said(&l, "policy_withheld"), 1);
	for (unsigned i = 0; i < MANY; i++)
		joins(&l, "cl");
	passes(&l, 70000);
	assert_int_equal(said(&l, "policy_withheld"), 1);
	assert_int_equal(said(&l, "policy"), 0);
	assert_int_equal(said(&l, "session_end"), 0);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_most_files_lack_ends),
		cmocka_unit_test(one_file_ends_nobody),
		cmocka_unit_test(many_are_held_until_somebody_says_so),
		cmocka_unit_test(what_is_held_stays_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
