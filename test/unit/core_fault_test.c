/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of faults: what a dead, cut off or silent part of the cluster does to
 * the sessions of the rest. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A request is answered without waiting for a timer. */
static void assert_answered_at_once(struct story *l)
{
	uint32_t before = l->client.counts.responses;

	story_client_send(l, initiator_create_dpd(&l->client));
	assert_int_equal(l->client.counts.responses, before + 1);
}

/* libraft sends to a node that is out of step only with the next heartbeat. */
static void commits_do_not_wait_for_a_dead_node(void **unused)
{
	(void)unused;
	for (uint32_t lost = 0; lost < 3; lost++) {
		struct story l;

		story_begin(&l, 3);
		story_client_connect(&l);
		story_lose(&l, lost);
		story_run(&l, 400);
		story_client_listen(&l);
		for (unsigned i = 0; i < 30; i++) {
			story_run(&l, 7 + 13 * i);
			assert_answered_at_once(&l);
		}
		story_fini(&l);
	}
}

/* A client vanishes together with the node: its notice is never answered. With dead peer detection
 * the session ends at last; without it, it waits for the client. */
static void silent_for_good(uint32_t dpd_ms, size_t left)
{
	struct story l;

	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].policy->ike.connections->dpd_ms = dpd_ms;
		l.config[i].timing.retransmit_ms = 20;
	}
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	story_lose(&l, story_holder(&l));
	for (unsigned i = 0; i < 300; i++) {
		story_run(&l, 20);
		story_swallow(&l); /* Nobody there. */
	}
	assert_int_equal(state_sessions(core_state(l.node[story_leader(&l)].core)), left);
	story_fini(&l);
}

static void an_unanswered_notice_deletes_nothing(void **unused)
{
	(void)unused;
	silent_for_good(0, 1);
}

static void a_client_lost_with_its_owner_is_found_dead(void **unused)
{
	(void)unused;
	silent_for_good(1000, 0);
}

/* ---- Snapshots ---- */

static void start_small(struct story *l)
{
	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l->config[i].snapshot_bytes = 4000;
		l->config[i].snapshot_trailing = 4;
	}
	story_start_all(l);
	story_run(l, 2000);
}

static void assert_alike(struct story *l)
{
	story_level(l);
	for (uint32_t i = 0; i < 3; i++) {
		struct core_status s;

		core_status(l->node[i].core, &s);
		assert_true(s.ready);
	}
}

/* A node that was away while sessions came and went learns of both by a snapshot alone. */
static void a_snapshot_brings_sessions_and_takes_them(void **unused)
{
	struct story l;
	uint32_t away, gone, here;

	(void)unused;
	start_small(&l);
	story_client_connect(&l);
	gone = l.client.child[0].spi_out;
	away = story_third(&l);
	assert_non_null(story_sad(&l, away, gone));
	story_cut_off(&l, away);
	story_client_send(&l, initiator_create_ike_delete(&l.client, 0));
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	here = l.client.child[0].spi_out;
	for (unsigned i = 0; i < 30; i++) {
		story_client_send(&l, initiator_create_dpd(&l.client));
		story_run(&l, 100);
	}
	assert_non_null(l.node[story_leader(&l)].image.snapshot);
	assert_true(l.node[story_leader(&l)].image.entries[0].index > 1);
	story_rejoin(&l, away);
	story_run(&l, 1500);
	story_client_listen(&l);
	assert_null(story_sad(&l, away, gone));
	assert_non_null(story_sad(&l, away, here));
	assert_alike(&l);
	assert_answered_at_once(&l);
	story_fini(&l);
}

/* The client connects anew. What is drawn when its Child SA is made depends on `draws`. */
static void connect_drawing(struct story *l, uint32_t draws)
{
	struct blob *auth = story_say(l, &l->client, initiator_create_init(&l->client));

	story_swallow(l);
	l->draws = draws;
	story_client_send(l, auth);
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
}

/* A hundred thousand SPIs were deleted while it was away; some were drawn again. */
static void a_snapshot_may_give_a_deleted_sas_spi_to_another(void **unused)
{
	struct story l;
	struct sad_entry *e;
	uint32_t away, spi;
	uint64_t session;

	(void)unused;
	start_small(&l);
	connect_drawing(&l, 1000000);
	spi = l.client.child[0].spi_out;
	away = story_third(&l);
	session = story_sad(&l, away, spi)->session;
	story_cut_off(&l, away);
	for (uint32_t i = 0; i < 40; i++) {
		story_client_send(&l, initiator_create_ike_delete(&l.client, 0));
		connect_drawing(&l, 1000000 - 20 + i); /* As many events later, more or less. */
		if (l.client.child[0].spi_out == spi)
			break;
	}
	assert_int_equal(l.client.child[0].spi_out, spi);
	l.draws = 2000000;
	for (unsigned i = 0; i < 30; i++) {
		story_client_send(&l, initiator_create_dpd(&l.client));
		story_run(&l, 100);
	}
	assert_true(l.node[story_leader(&l)].image.entries[0].index > 1);
	story_rejoin(&l, away);
	story_run(&l, 1500);
	story_client_listen(&l);
	e = story_sad(&l, away, spi);
	assert_non_null(e);
	assert_true(e->session > session);
	assert_alike(&l);
	story_fini(&l);
}

/* The owner was away: by the snapshot it learns that it owns nothing any more. */
static void an_owner_that_comes_back_by_snapshot_sends_nothing(void **unused)
{
	struct sad_entry *e;
	struct story l;
	uint32_t old;
	uint64_t seq;

	(void)unused;
	start_small(&l);
	story_client_connect(&l);
	old = story_holder(&l);
	story_cut_off(&l, old);
	story_run(&l, 500);
	story_client_listen(&l);
	assert_int_not_equal(story_holder(&l), old);
	for (unsigned i = 0; i < 30; i++) {
		story_client_send(&l, initiator_create_dpd(&l.client));
		story_run(&l, 100);
	}
	assert_true(story_sad(&l, old, l.client.child[0].spi_out)->granted);
	assert_false(l.node[old].holds);
	story_rejoin(&l, old);
	story_run(&l, 1500);
	story_client_listen(&l);
	e = story_sad(&l, old, l.client.child[0].spi_out);
	assert_non_null(e);
	assert_int_equal(sad_entry_draw(e, &seq), DROP_NOT_OWNER);
	assert_alike(&l);
	story_fini(&l);
}

static void all_restart_from_snapshots(void **unused)
{
	struct story l;

	(void)unused;
	start_small(&l);
	story_client_connect(&l);
	for (unsigned i = 0; i < 30; i++)
		story_client_send(&l, initiator_create_dpd(&l.client));
	for (uint32_t i = 0; i < 3; i++) {
		assert_non_null(l.node[i].image.snapshot);
		story_kill(&l, i);
	}
	story_start_all(&l);
	story_run(&l, 3000);
	story_client_listen(&l);
	assert_alike(&l);
	assert_answered_at_once(&l);
	story_fini(&l);
}

/* ---- Restarts under load ---- */

/* Each node in turn, while the client goes on asking and rekeying. */
static void nodes_restart_in_turn_under_load(void **unused)
{
	struct story l;

	(void)unused;
	start_small(&l);
	story_client_connect(&l);
	for (unsigned i = 0; i < 12; i++) {
		uint32_t node = i % 3, spi = l.client.child[0].spi_in;
		struct blob *request = initiator_create_child_rekey(&l.client, spi, 0);

		story_client_send(&l, request);
		story_kill(&l, node);
		if (i % 2)
			story_suspect(&l, node);
		story_run(&l, 30 * i);
		story_start(&l, node);
		for (unsigned k = 0; k < 10; k++) {
			story_run(&l, 300);
			if (story_holder(&l) < l.n)
				story_client_send(&l, initiator_retransmit(&l.client));
			story_client_listen(&l);
		}
		assert_int_equal(l.client.n_child, 2);
		story_client_send(&l, initiator_create_child_delete(&l.client, spi));
		story_client_listen(&l);
		assert_int_equal(l.client.n_child, 1);
	}
	story_run(&l, 2000);
	story_client_listen(&l);
	assert_alike(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	story_fini(&l);
}

/* Heartbeats report the whole log: an owner whose end is logged but not yet applied must count that
 * entry as one it lacks. */
static void the_log_is_told_to_its_end(void **unused)
{
	struct story l;
	uint32_t leader;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	leader = story_leader(&l);
	story_stall_all(&l, STORY_NODES);
	story_client_send(&l, initiator_create_dpd(&l.client)); /* Logged; not committed. */
	assert_true(core_last_index(l.node[leader].core) > core_applied(l.node[leader].core));
	story_resume_all(&l);
	story_run(&l, 500);
	story_client_listen(&l);
	story_fini(&l);
}

/* A live node is taken for dead, then heard again. */
static void false_alarm(struct story *l, uint32_t node)
{
	uint32_t before = story_holder(l);

	story_suspect(l, node);
	story_run(l, 30);
	if (before == node)
		assert_int_not_equal(story_holder(l), node);
	for (uint32_t i = 0; i < l->n; i++) {
		struct event e = { .type = EVENT_SUSPECT, .suspect = { .node = node } };

		if (i != node)
			story_event(l, i, &e);
	}
	story_run(l, 250); /* It says that it is up. */
}

/* On a busy machine false alarms move owners. A client whose session went away and came back within
 * a second gets a notice of the first move, then of the present owner. */
static void a_client_hears_once_of_a_way_and_back(void **unused)
{
	struct story l;
	uint32_t owner, leader;
	unsigned sent;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	leader = story_leader(&l);
	owner = story_holder(&l);
	sent = story_happened(&l, leader, "notice_sent");
	false_alarm(&l, owner);
	story_client_listen(&l);
	assert_int_equal(story_happened(&l, leader, "notice_sent"), sent + 1);
	false_alarm(&l, story_holder(&l));
	false_alarm(&l, story_holder(&l));
	assert_int_equal(story_leader(&l), leader);
	story_client_listen(&l);
	assert_int_equal(story_happened(&l, leader, "notice_sent"), sent + 1);
	story_run(&l, 2000);
	story_client_listen(&l);
	assert_int_equal(story_happened(&l, leader, "notice_sent"), sent + 2);
	assert_int_equal(story_happened(&l, leader, "notice_acknowledged"), sent + 2);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_is_told_to_its_end),
		cmocka_unit_test(commits_do_not_wait_for_a_dead_node),
		cmocka_unit_test(an_unanswered_notice_deletes_nothing),
		cmocka_unit_test(a_client_lost_with_its_owner_is_found_dead),
		cmocka_unit_test(a_snapshot_brings_sessions_and_takes_them),
		cmocka_unit_test(a_snapshot_may_give_a_deleted_sas_spi_to_another),
		cmocka_unit_test(an_owner_that_comes_back_by_snapshot_sends_nothing),
		cmocka_unit_test(all_restart_from_snapshots),
		cmocka_unit_test(nodes_restart_in_turn_under_load),
		cmocka_unit_test(a_client_hears_once_of_a_way_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
