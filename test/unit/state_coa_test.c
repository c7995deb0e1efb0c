/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of RADIUS servers in the replicated state: carried out once each, remembered, bounded. */
#include "cluster/level.h"
#include "cluster/state/accounting_report.h"
#include "cluster/state/coa_done.h"
#include "proto/auth/radius_coa.h"
#include "test/lib/apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct apply_result ask(struct state *s, uint32_t name, uint64_t session, uint32_t timeout_s, uint16_t error)
{
	struct command c = {.type = COMMAND_COA};

	memcpy(c.coa.hash, &name, sizeof(name));
	c.coa.timeout_s = timeout_s;
	c.coa.error = error;
	c.coa.n = session ? 1 : 0;
	c.coa.session[0] = session;
	return apply_command(s, &c);
}

static int answer_to(const struct state *s, uint32_t name)
{
	uint8_t hash[IKE_HASH_LEN] = {0};
	uint16_t error;

	memcpy(hash, &name, sizeof(name));
	return state_coa(s, hash, &error) ? error : -1;
}

static void test_once(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t one = apply_put(s, 2).session, two = apply_put(s, 4).session;

	(void)unused;
	apply_time(s, 5000);
	assert_int_equal(answer_to(s, 1), -1);
	assert_int_equal(ask(s, 1, one, 0, 0).status, OK);
	assert_int_equal(answer_to(s, 1), 0);
	assert_true(session_ends(state_session(s, one)));
	assert_int_equal(state_report_of(s, one, RADIUS_STATUS_STOP)->cause, RADIUS_CAUSE_ADMIN_RESET);
	/* The same request again, now with another session: nothing happens. */
	assert_int_equal(ask(s, 1, two, 0, 0).status, ERR_EXISTS);
	assert_false(session_ends(state_session(s, two)));
	assert_int_equal(ask(s, 2, two, 60, 0).status, OK);
	assert_int_equal(state_session(s, two)->ike.ends_ms, 65000);
	assert_int_equal(state_session(s, two)->serial, 2);
	/* The session is gone meanwhile; and a refusal. */
	assert_int_equal(ask(s, 3, one, 0, 0).status, OK);
	assert_int_equal(answer_to(s, 3), RADIUS_ERROR_SESSION_NOT_FOUND);
	assert_int_equal(ask(s, 4, 0, 0, 401).status, OK);
	assert_int_equal(answer_to(s, 4), 401);
	state_free(s);
}

static void test_memory(void **unused)
{
	struct state *s = apply_three_nodes(), *read;
	struct blob *b, *again;

	(void)unused;
	for (uint32_t i = 0; i < STATE_COA_MAX; i++)
		assert_int_equal(ask(s, i, 0, 0, 401).status, OK);
	assert_int_equal(ask(s, STATE_COA_MAX, 0, 0, 401).status, ERR_FULL);
	b = state_encode(s);
	read = state_decode(b->data, b->len, LEVEL);
	assert_non_null(read);
	again = state_encode(read);
	assert_int_equal(again->len, b->len);
	assert_memory_equal(again->data, b->data, b->len);
	state_free(read);
	blob_unref(again);
	blob_unref(b);
	/* It is remembered as long as its time may be fresh, and longer. */
	apply_time(s, 2 * RADIUS_COA_WINDOW_S * 1000);
	assert_int_equal(answer_to(s, 0), 401);
	apply_time(s, RADIUS_COA_WINDOW_S * 1000);
	assert_int_equal(answer_to(s, 0), -1);
	assert_int_equal(ask(s, STATE_COA_MAX, 0, 0, 401).status, OK);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
