/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a cluster, with real cores and a real IKE client: the promises of DESIGN sections 4 to
 * 6, one at a time. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t draw(struct sad_entry *e)
{
	uint64_t seq = 0;

	assert_int_equal(sad_entry_draw(e, &seq), DROP_NONE);
	return seq;
}

static void assert_noticed_epoch(struct story *l)
{
	const struct core *core = l->node[story_leader(l)].core;
	const struct session *s = state_next_session(core_state(core), 0);

	assert_non_null(s);
	assert_int_equal(s->acknowledged_epoch, session_epoch(core_state(core), s));
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
}

/* A session is told of its takeover and answers; nothing else is exchanged. */
static void assert_noticed(struct story *l)
{
	assert_noticed_epoch(l);
	assert_int_equal(l->client.counts.ignored, 1); /* Its last answer, sent again unasked. */
}

static void a_cluster_founds_itself_and_serves(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	assert_int_not_equal(story_leader(&l), STORY_NODES);
	assert_int_not_equal(story_holder(&l), STORY_NODES);
	assert_int_not_equal(story_holder(&l), story_leader(&l));
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(address_to_ipv4(&l.client.virtual_ip), 0x0a1e0001);
	for (uint32_t i = 0; i < 3; i++) {
		const struct sad_entry *e = story_entry(&l, i);

		assert_int_equal(e->granted, i == story_holder(&l));
		assert_int_equal(e->window.bits, 512); /* As its connection says. */
	}
	assert_int_equal(draw(story_owned(&l)), 1);
	story_fini(&l);
}

static void one_node_is_a_cluster(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 1);
	assert_int_equal(story_leader(&l), 0);
	assert_int_equal(story_holder(&l), 0);
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.responses, 1);
	story_fini(&l);
}

static void lose(struct story *l, uint32_t node)
{
	story_lose(l, node);
	story_run(l, 400);
	story_client_listen(l); /* The notice, and our answer. */
	story_run(l, 50);
}

static void the_owner_dies_and_another_goes_on(void **unused)
{
	struct story l;
	uint32_t old, successor;
	uint64_t last;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	old = story_holder(&l);
	for (int i = 0; i < 1000; i++)
		last = draw(story_entry(&l, old));
	lose(&l, old);
	successor = story_holder(&l);
	assert_int_not_equal(successor, STORY_NODES);
	assert_int_not_equal(successor, old);
	assert_true(draw(story_entry(&l, successor)) > last);
	assert_noticed(&l);
	assert_int_equal(l.client.counts.notices, 1);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.responses, 1);
	story_fini(&l);
}

/* The client rekeys its IKE SA while a notice is on its way: the notice belongs to the old
 * one and goes with it; the client is told again on the new one. */
static void a_notice_outlives_an_ike_rekey(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	old = story_holder(&l);
	story_lose(&l, old);
	story_run(&l, 100);
	story_swallow(&l); /* Lost on the way. */
	story_client_send(&l, initiator_create_ike_rekey(&l.client, 0));
	story_client_send(&l, initiator_create_ike_delete(&l.client, 1));
	story_run(&l, 100);
	story_client_send(&l, initiator_create_dpd(&l.client));
	story_run(&l, 100);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_true(l.client.counts.notices >= 1);
	assert_noticed_epoch(&l);
	story_fini(&l);
}

/* Besides, there is a takeover while the notice is outstanding on the old IKE SA: the next
 * leader repeats it there, bit for bit, and tells anew if the old IKE SA is gone before the
 * client has answered. */
static void a_notice_on_the_old_ike_sa_passes_on(void **unused)
{
	(void)unused;
	for (unsigned answers = 0; answers < 2; answers++) {
		const struct session *s;
		struct story l;
		uint32_t old;

		story_begin(&l, 3);
		story_client_connect(&l);
		old = story_holder(&l);
		story_lose(&l, old);
		story_run(&l, 100);
		story_swallow(&l); /* Lost on the way. */
		story_client_send(&l, initiator_create_ike_rekey(&l.client, 0));
		story_start(&l, old);
		story_run(&l, 1500);
		story_swallow(&l);
		story_lose_leader(&l);
		s = state_next_session(core_state(l.node[story_leader(&l)].core), 0);
		assert_non_null(s);
		assert_int_equal(s->ike.ike[1].purpose, IKE_PURPOSE_NOTICE);
		if (answers)
			story_client_listen(&l);
		assert_int_equal(l.client.counts.notices, answers);
		story_swallow(&l);
		story_client_send(&l, initiator_create_ike_delete(&l.client, 1));
		for (unsigned k = 0; k < 10; k++) {
			story_run(&l, 100);
			story_client_listen(&l);
		}
		assert_true(l.client.counts.notices >= 1);
		assert_noticed_epoch(&l);
		s = state_next_session(core_state(l.node[story_leader(&l)].core), 0);
		assert_null(s->ike.ike[0].window.outstanding);
		assert_null(s->ike.ike[1].window.outstanding);
		story_client_send(&l, initiator_create_dpd(&l.client));
		assert_null(initiator_retransmit(&l.client));
		story_fini(&l);
	}
}

static void the_leader_dies_and_nothing_is_interrupted(void **unused)
{
	struct story l;
	uint32_t owner;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	owner = story_holder(&l);
	assert_int_equal(draw(story_entry(&l, owner)), 1);
	lose(&l, story_leader(&l));
	assert_int_equal(draw(story_entry(&l, owner)), 2);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.responses, 1);
	story_fini(&l);
}

static void an_owner_restarts_before_anyone_missed_it(void **unused)
{
	struct story l;
	uint32_t owner;
	uint64_t last;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	owner = story_holder(&l);
	last = draw(story_entry(&l, owner));
	story_kill(&l, owner);
	story_start(&l, owner);
	story_run(&l, 500);
	assert_int_not_equal(story_holder(&l), STORY_NODES);
	assert_true(draw(story_owned(&l)) > last);
	story_fini(&l);
}

static void all_die_and_come_back(void **unused)
{
	struct story l;
	uint64_t last;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	last = draw(story_owned(&l));
	story_kill_all(&l);
	story_run(&l, 100);
	story_start_all(&l);
	story_run(&l, 3000);
	assert_int_not_equal(story_holder(&l), STORY_NODES);
	assert_true(draw(story_owned(&l)) > last);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_true(l.client.counts.responses >= 1);
	story_fini(&l);
}

static void a_client_rekeys_and_leaves(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	old = l.client.child[0].spi_in;
	story_client_send(&l, initiator_create_child_rekey(&l.client, old, 0));
	assert_int_equal(l.client.n_child, 2);
	story_client_send(&l, initiator_create_child_delete(&l.client, old));
	assert_int_equal(l.client.n_child, 1);
	story_owned(&l);
	story_client_send(&l, initiator_create_ike_rekey(&l.client, 0));
	story_client_send(&l, initiator_create_ike_delete(&l.client, 1));
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	story_client_send(&l, initiator_create_ike_delete(&l.client, 0));
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	story_run(&l, 100);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(state_sessions(core_state(l.node[i].core)), 0);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_node_is_a_cluster),
		cmocka_unit_test(a_cluster_founds_itself_and_serves),
		cmocka_unit_test(the_owner_dies_and_another_goes_on),
		cmocka_unit_test(a_notice_outlives_an_ike_rekey),
		cmocka_unit_test(a_notice_on_the_old_ike_sa_passes_on),
		cmocka_unit_test(the_leader_dies_and_nothing_is_interrupted),
		cmocka_unit_test(an_owner_restarts_before_anyone_missed_it),
		cmocka_unit_test(all_die_and_come_back),
		cmocka_unit_test(a_client_rekeys_and_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
