/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of an operator who ends sessions and revokes identities, at any node: no node serves a
 * Child SA once that is applied, a DELETE that outlives the leader tells the client, and a revoked
 * identity does not come back until it is allowed. */
#include "proto/auth/method.h"
#include "cluster/link/frame.h"
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AUTHENTICATION_FAILED 24
#define TEMPORARY_FAILURE 43

static const struct state *state_at(const struct story *l, uint32_t node)
{
	return core_state(l->node[node].core);
}

/* The operator's answer, once it comes. */
static void told(struct story *l, bool done, uint32_t sessions, const char *text)
{
	unsigned n = l->answer.n;

	for (unsigned k = 0; k < 6000 && l->answer.n == n; k++)
		story_run(l, 1);
	assert_int_equal(l->answer.n, n + 1);
	assert_string_equal(l->answer.text, text);
	assert_int_equal(l->answer.done, done);
	assert_int_equal(l->answer.sessions, sessions);
}

static void asks(struct story *l, enum control_verb verb, const char *id, const char *text,
		 uint32_t sessions)
{
	story_control(l, story_third(l), verb, 0, id);
	if (l->answer.n == 0 || strcmp(l->answer.text, text) != 0)
		told(l, true, sessions, text);
}

static void is_served_by_nobody(struct story *l, uint32_t spi_in)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->node[i].core)
			assert_null(story_sad(l, i, spi_in));
}

static void begin(struct story *l)
{
	story_begin(l, 3);
	story_client_connect(l);
	assert_int_equal(l->client.n_child, 1);
	story_level(l);
}

static void comes_back(struct story *l, bool in)
{
	initiator_fini(&l->client);
	story_client_new(l);
	story_client_connect(l);
	if (in) {
		assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
		assert_int_equal(l->client.n_child, 1);
	} else {
		assert_int_equal(l->client.state, INITIATOR_FAILED);
		assert_int_equal(l->client.error, AUTHENTICATION_FAILED);
	}
}

static bool raft_to_third(const struct story *l, uint32_t from, uint32_t to, const struct blob *frame)
{
	(void)from;
	return to == story_third(l) && frame->data[0] == FRAME_RAFT;
}

static bool all_of_third(const struct story *l, uint32_t from, uint32_t to, const struct blob *frame)
{
	return raft_to_third(l, from, to, frame) || (from == story_third(l) && frame->data[0] == FRAME_RAFT);
}

static void ends_and_comes_back_when_allowed(void **unused)
{
	struct core_status s;
	struct story l;
	uint32_t spi_in;

	(void)unused;
	begin(&l);
	spi_in = story_spi(&l);
	asks(&l, CONTROL_REVOKE, "cl", "'cl' is revoked, 1 session is ended", 1);
	/* The client has not heard of it, and no node serves it. */
	story_level(&l);
	is_served_by_nobody(&l, spi_in);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(state_revoked(state_at(&l, 0)), 1);
	assert_int_equal(state_sessions(state_at(&l, 0)), 1);
	story_run(&l, 50);
	story_client_listen(&l);
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	story_run(&l, 100);
	story_level(&l);
	assert_int_equal(state_sessions(state_at(&l, 0)), 0);

	comes_back(&l, false);
	core_status(l.node[story_leader(&l)].core, &s);
	assert_int_equal(s.revoked_refused, 1);
	assert_int_equal(story_happened(&l, story_leader(&l), "refused"), 1);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(story_happened(&l, i, "revoked"), 1);

	asks(&l, CONTROL_ALLOW, "cl", "'cl' is allowed again", 0);
	comes_back(&l, true);
	story_level(&l);
	story_fini(&l);
}

/* The command comes to the node that was asked within a snapshot: nobody there knows what it did, and a second
 * one would find nothing to end. */
static void what_came_within_a_snapshot_is_not_denied(void **unused)
{
	struct story l;
	uint32_t away;

	(void)unused;
	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].snapshot_bytes = 4000;
		l.config[i].snapshot_trailing = 4;
	}
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	story_level(&l);
	away = story_third(&l);
	l.loses = raft_to_third;
	story_control(&l, away, CONTROL_END_IDENTITY, 0, "cl");
	story_run(&l, 100);
	assert_int_equal(l.answer.n, 0);
	story_client_listen(&l);
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	l.loses = all_of_third;
	for (unsigned i = 0; i < 30; i++) { /* Enough for a snapshot. */
		comes_back(&l, true);
		story_client_send(&l, initiator_create_ike_delete(&l.client, 0));
	}
	assert_true(l.node[story_leader(&l)].image.entries[0].index > core_applied(l.node[away].core) + 1);
	l.loses = NULL;
	told(&l, false, 0, "this node was far behind the others and does not know what became of this: it may have "
			   "been committed: check, or repeat it");
	assert_int_equal(l.node[away].exited, -1);
	story_level(&l);
	story_fini(&l);
}

/* A revocation ignores case, as the secret does. */
static void is_found_in_any_case(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	assert_int_equal(ike_id_parse(&l.client.config.id, "CL"), OK);
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	asks(&l, CONTROL_REVOKE, "Cl", "'Cl' is revoked, 1 session is ended", 1);
	story_level(&l);
	comes_back(&l, false);
	story_fini(&l);
}

static void errors_name_what_is_wrong(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	story_control(&l, story_third(&l), CONTROL_REVOKE, 0, "nobody");
	assert_string_equal(l.answer.text,
			    "unknown identity 'nobody': no [[secret]], [[user]] or [[client]] has it, no \"client_ids\" "
			    "name it, and no session has it");
	assert_false(l.answer.done);
	story_control(&l, story_third(&l), CONTROL_REVOKE, 0, "*.example.org");
	assert_string_equal(l.answer.text, "'*.example.org': revoke takes one identity and no pattern: name each, or "
					   "change \"client_ids\"");
	assert_false(l.answer.done);
	story_control(&l, story_third(&l), CONTROL_END, 77, NULL);
	told(&l, false, 0, "there is no session 77");
	story_control(&l, story_third(&l), CONTROL_END_IDENTITY, 0, "nobody");
	told(&l, false, 0, "there is no session of 'nobody'");
	story_control(&l, story_third(&l), CONTROL_ALLOW, 0, "cl");
	told(&l, false, 0, "'cl' is not revoked");
	story_level(&l);
	assert_int_equal(state_child_sas(state_at(&l, 0)), 1);
	story_fini(&l);
}

/* A device is stolen while it is switched off: RADIUS servers alone know whose it is; or only a [[client]] has it. */
static void who_is_not_there_can_be_locked_out(void **unused)
{
	struct ike_reservation *bob = calloc(1, sizeof(*bob));
	struct cluster_policy *p;
	struct story l;

	(void)unused;
	begin(&l);
	assert_int_equal(ike_id_parse(&bob->id, "bob"), OK);
	bob->address.family = 4;
	p = story_policy_copy(&l, story_third(&l), 2);
	p->ike.reserved = bob;
	p->ike.n_reserved = 1;
	story_policy(&l, story_third(&l), p);
	asks(&l, CONTROL_REVOKE, "bob", "'bob' is revoked, 0 sessions are ended", 0);
	story_control(&l, story_third(&l), CONTROL_REVOKE, 0, "alice@example.org");
	assert_false(l.answer.done);
	p = story_policy_copy(&l, story_third(&l), 3);
	p->ike.connections->auth = &ike_auth_eap_radius;
	story_policy(&l, story_third(&l), p);
	asks(&l, CONTROL_REVOKE, "alice@example.org", "'alice@example.org' is revoked, 0 sessions are ended", 0);
	story_fini(&l);
}

static void an_ended_session_may_begin_anew(void **unused)
{
	const struct session *s;
	struct story l;
	uint32_t spi_in;

	(void)unused;
	begin(&l);
	spi_in = story_spi(&l);
	s = state_next_session(state_at(&l, 0), 0);
	story_control(&l, story_leader(&l), CONTROL_END, s->id, NULL);
	story_level(&l);
	assert_string_equal(l.answer.text, "session 1 is ended");
	is_served_by_nobody(&l, spi_in);
	/* A second time there is nothing to do. */
	story_control(&l, story_leader(&l), CONTROL_END, 1, NULL);
	assert_false(l.answer.done);
	comes_back(&l, true);
	story_fini(&l);
}

/* Until it has heard of its end, it gets nothing new. */
static void nothing_is_made_on_what_ends(void **unused)
{
	struct story l;
	uint32_t spi_in;

	(void)unused;
	begin(&l);
	spi_in = l.client.child[0].spi_in;
	asks(&l, CONTROL_END_IDENTITY, "cl", "'cl': 1 session is ended", 1);
	story_swallow(&l);
	story_client_send(&l, initiator_create_child_rekey(&l.client, spi_in, DH_NONE));
	assert_int_equal(l.client.error, TEMPORARY_FAILURE);
	story_client_send(&l, initiator_create_ike_rekey(&l.client, DH_CURVE25519));
	assert_int_equal(l.client.error, TEMPORARY_FAILURE);
	story_level(&l);
	assert_int_equal(state_child_sas(state_at(&l, 0)), 0);
	story_run(&l, 1200); /* The DELETE again. */
	story_client_listen(&l);
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	story_fini(&l);
}

/* The leader applied it and is gone; the next one tells the client, in the same words if
 * these were committed. */
static void the_next_leader_tells_the_client(void **unused)
{
	(void)unused;
	for (unsigned k = 0; k < 2; k++) {
		struct story l;
		uint32_t spi_in;

		begin(&l);
		spi_in = story_spi(&l);
		story_control(&l, story_leader(&l), CONTROL_REVOKE, 0, "cl");
		story_run(&l, k == 0 ? 1 : 50);
		story_swallow(&l);
		story_lose_leader(&l);
		is_served_by_nobody(&l, spi_in);
		story_client_listen(&l);
		assert_int_equal(l.client.state, INITIATOR_CLOSED);
		story_run(&l, 100);
		story_level(&l);
		assert_int_equal(state_sessions(state_at(&l, story_leader(&l))), 0);
		comes_back(&l, false);
		story_fini(&l);
	}
}

/* The leader was lost with the order: the node that the operator asked asks the next leader. */
static void what_was_lost_is_asked_again(void **unused)
{
	struct story l;
	uint32_t leader, asked;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	asked = story_third(&l);
	story_stall_all(&l, STORY_NODES);
	story_control(&l, asked, CONTROL_REVOKE, 0, "cl");
	story_run(&l, 10);
	assert_int_equal(l.answer.n, 0);
	story_kill(&l, leader);
	story_resume_all(&l);
	story_suspect(&l, leader);
	told(&l, true, 1, "'cl' is revoked, 1 session is ended");
	story_level(&l);
	assert_int_equal(state_child_sas(state_at(&l, asked)), 0);
	story_fini(&l);
}

static void without_a_leader_that_is_said(void **unused)
{
	struct story l;
	uint32_t third;

	(void)unused;
	begin(&l);
	third = story_third(&l);
	for (uint32_t i = 0; i < 3; i++)
		if (i != third)
			story_kill(&l, i);
	story_control(&l, third, CONTROL_REVOKE, 0, "cl");
	told(&l, false, 0,
	     "not committed within 5 s: is there a leader? It may still be committed: check, or repeat it");
	story_fini(&l);
}

/* Its IKE_AUTH is on the way into the log when the revocation gets there first. */
static void an_exchange_on_its_way_is_stopped(void **unused)
{
	struct story l;
	uint32_t leader;

	(void)unused;
	story_begin(&l, 3);
	leader = story_leader(&l);
	story_client_send(&l, NULL);
	{
		struct blob *auth = story_say(&l, &l.client, initiator_create_init(&l.client));

		assert_non_null(auth);
		story_swallow(&l);
		story_stall_all(&l, leader);
		story_control(&l, leader, CONTROL_REVOKE, 0, "cl");
		story_client_send(&l, auth);
	}
	assert_int_equal(l.client.state, INITIATOR_AUTH_SENT);
	story_resume_all(&l);
	story_run(&l, 100);
	story_client_listen(&l);
	assert_int_equal(l.client.state, INITIATOR_FAILED);
	assert_int_equal(l.client.error, AUTHENTICATION_FAILED);
	story_level(&l);
	assert_int_equal(state_sessions(state_at(&l, 0)), 0);
	story_fini(&l);
}

/* A client that answers nothing is forgotten all the same. */
static void who_never_answers_is_forgotten(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	story_lose(&l, story_holder(&l)); /* A notice is outstanding, and given up. */
	for (unsigned k = 0; k < 80; k++) {
		story_run(&l, 1000);
		story_swallow(&l);
	}
	story_control(&l, story_leader(&l), CONTROL_END_IDENTITY, 0, "cl");
	for (unsigned k = 0; k < 80 && state_sessions(state_at(&l, story_leader(&l))) > 0; k++) {
		story_run(&l, 1000);
		story_swallow(&l);
	}
	assert_int_equal(state_sessions(state_at(&l, story_leader(&l))), 0);
	story_fini(&l);
}

static void it_survives_a_power_loss(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	asks(&l, CONTROL_REVOKE, "cl", "'cl' is revoked, 1 session is ended", 1);
	story_swallow(&l);
	story_kill_all(&l);
	story_start_all(&l);
	story_run(&l, 2000);
	story_level(&l);
	assert_int_equal(state_revoked(state_at(&l, 0)), 1);
	/* Old words are not news. */
	assert_int_equal(story_happened(&l, 0, "revoked"), 1);
	story_client_listen(&l);
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	comes_back(&l, false);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_and_comes_back_when_allowed),
		cmocka_unit_test(what_came_within_a_snapshot_is_not_denied),
		cmocka_unit_test(is_found_in_any_case),
		cmocka_unit_test(errors_name_what_is_wrong),
		cmocka_unit_test(who_is_not_there_can_be_locked_out),
		cmocka_unit_test(an_ended_session_may_begin_anew),
		cmocka_unit_test(nothing_is_made_on_what_ends),
		cmocka_unit_test(the_next_leader_tells_the_client),
		cmocka_unit_test(what_was_lost_is_asked_again),
		cmocka_unit_test(without_a_leader_that_is_said),
		cmocka_unit_test(an_exchange_on_its_way_is_stopped),
		cmocka_unit_test(who_never_answers_is_forgotten),
		cmocka_unit_test(it_survives_a_power_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
