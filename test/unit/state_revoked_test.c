/* SPDX-License-Identifier: Apache-2.0 */
/* Ending sessions and revoked identities in the replicated state. */
#include "cluster/level.h"
#include "cluster/state/state.h"
#include "proto/ike/ike_config.h"
#include "test/lib/apply.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct apply_result say(struct state *s, enum identity_verdict verdict, const char *id)
{
	struct command c = {.type = COMMAND_IDENTITY, .identity = {.verdict = (uint8_t)verdict}};

	assert_int_equal(ike_id_parse(&c.identity.id, id), OK);
	return apply_command(s, &c);
}

static struct apply_result end(struct state *s, uint64_t a, uint64_t b)
{
	struct command c = {.type = COMMAND_SESSIONS_END, .sessions_end = {.reason = END_ASKED, .n = 2}};

	c.sessions_end.session[0] = a;
	c.sessions_end.session[1] = b;
	return apply_command(s, &c);
}

/* The state that a snapshot of this one gives. */
static struct state *through_snapshot(struct state *s)
{
	struct blob *b = state_encode(s);
	struct state *back = state_decode(b->data, b->len, LEVEL);
	uint8_t x[32], y[32];

	assert_non_null(back);
	state_digest(s, x);
	state_digest(back, y);
	assert_memory_equal(x, y, sizeof(x));
	blob_unref(b);
	state_free(s);
	return back;
}

static void an_end_takes_the_child_sas_at_once(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 1).session, serial = state_session(s, id)->serial;
	struct apply_result r;

	(void)unused;
	apply_put(s, 2);
	r = end(s, id, 99);
	assert_int_equal(r.status, OK);
	assert_int_equal(r.n_ended, 1);
	assert_true(session_ends(state_session(s, id)));
	assert_int_equal(state_session(s, id)->ike.n_child, 0);
	assert_int_equal(state_session(s, id)->serial, serial + 1);
	assert_null(state_session_by_spi(s, 0x1001, NULL));
	assert_int_equal(state_child_sas(s), 1);
	/* Its IKE SA and its address are its own until the client knows. */
	assert_ptr_equal(state_session_by_ike(s, 1, ~UINT64_C(1)), state_session(s, id));
	s = through_snapshot(s);
	assert_true(session_ends(state_session(s, id)));
	assert_int_equal(end(s, id, id).status, ERR_NOT_FOUND);
	assert_int_equal(end(s, 98, 99).status, ERR_NOT_FOUND);
	state_free(s);
}

static void what_ends_does_not_go_on(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 1).session;
	struct command late = apply_step_of(s, id), step;

	(void)unused;
	end(s, id, id);
	assert_int_equal(apply_command(s, &late).status, ERR_STALE);
	step = apply_step_of(s, id);
	step.session_step.ike.features &= ~(uint32_t)IKE_ENDS;
	assert_int_equal(apply_command(s, &step).status, ERR_STALE);
	step = apply_step_of(s, id);
	sample_child(&step.session_step.ike.child[0], 0x1001, false);
	step.session_step.ike.n_child = 1;
	assert_int_not_equal(apply_command(s, &step).status, OK);
	assert_int_equal(state_child_sas(s), 0);
	/* But it is told: the DELETE is a step. */
	step = apply_step_of(s, id);
	assert_int_equal(apply_command(s, &step).status, OK);
	assert_int_equal(apply_del(s, id).status, OK);
	state_free(s);
}

static void a_revoked_identity_is_kept_out(void **unused)
{
	struct state *s = apply_three_nodes();
	struct ike_id id;

	(void)unused;
	apply_put(s, 1);
	apply_put(s, 2);
	assert_int_equal(say(s, IDENTITY_REVOKE, "PEER-1").n_ended, 1);
	assert_int_equal(say(s, IDENTITY_REVOKE, "peer-1").n_ended, 0);
	assert_int_equal(say(s, IDENTITY_REVOKE, "peer-7").status, OK);
	assert_int_equal(state_revoked(s), 2);
	assert_int_equal(state_child_sas(s), 1);
	apply_del(s, 1);
	s = through_snapshot(s);
	assert_int_equal(ike_id_parse(&id, "peeR-1"), OK);
	assert_true(state_is_revoked(s, &id));
	assert_int_equal(ike_id_parse(&id, "keyid:peer-1"), OK);
	assert_false(state_is_revoked(s, &id));
	assert_int_equal(apply_put(s, 7).status, ERR_STALE);
	assert_int_equal(say(s, IDENTITY_ALLOW, "peer-8").status, ERR_NOT_FOUND);
	assert_int_equal(say(s, IDENTITY_ALLOW, "Peer-7").status, OK);
	assert_int_equal(apply_put(s, 7).status, OK);
	assert_int_equal(say(s, IDENTITY_END, "peer-7").n_ended, 1);
	assert_int_equal(say(s, IDENTITY_END, "peer-9").status, ERR_NOT_FOUND);
	assert_int_equal(state_revoked(s), 1);
	state_free(s);
}

static void there_is_a_bound(void **unused)
{
	struct state *s = apply_three_nodes();
	const struct ike_id *id = NULL;
	unsigned n = 0;
	char text[32];

	(void)unused;
	for (unsigned i = 0; i < STATE_REVOKED_MAX; i++) {
		snprintf(text, sizeof(text), "p%u", i);
		assert_int_equal(say(s, IDENTITY_REVOKE, text).status, OK);
	}
	apply_put(s, 1);
	assert_int_equal(say(s, IDENTITY_REVOKE, "peer-1").status, ERR_FULL);
	assert_int_equal(state_child_sas(s), 1);
	assert_int_equal(say(s, IDENTITY_REVOKE, "p3").status, OK); /* It is already. */
	s = through_snapshot(s);
	while ((id = state_next_revoked(s, id)) != NULL)
		n++;
	assert_int_equal(n, STATE_REVOKED_MAX);
	assert_int_equal(say(s, IDENTITY_ALLOW, "p3").status, OK);
	assert_int_equal(say(s, IDENTITY_REVOKE, "peer-1").n_ended, 1);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_takes_the_child_sas_at_once),
		cmocka_unit_test(what_ends_does_not_go_on),
		cmocka_unit_test(a_revoked_identity_is_kept_out),
		cmocka_unit_test(there_is_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
