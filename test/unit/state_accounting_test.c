/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to RADIUS in the replicated state: what makes one, its content, and when it goes. */
#include "cluster/state/accounting_report.h"
#include "cluster/state/state_internal.h"
#include "cluster/level.h"
#include "test/lib/apply.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEPT 2u /* Seeds of sample_session(): account is kept of even ones, ... */
#define INTERIM 4u /* ... with an Interim-Update each minute of these. */

static void carried(struct state *s, uint64_t session, uint64_t octets)
{
	const struct session *x = state_session(s, session);
	struct command c = {.type = COMMAND_SEQ_BATCH};

	c.seq_batch.n = 1;
	c.seq_batch.rows = calloc(1, sizeof(*c.seq_batch.rows));
	c.seq_batch.rows[0] = (struct seq_row){.spi_in = x->ike.child[0].spi_in, .epoch = session_epoch(s, x),
					       .volume = {octets, 3, 7, 1}};
	assert_int_equal(apply_command(s, &c).status, OK);
}

static void report(struct state *s, enum accounting_verdict verdict, uint64_t id)
{
	struct command c = {.type = COMMAND_ACCOUNTING, .accounting = {(uint8_t)verdict, 1, {id}}};

	apply_command(s, &c);
}

static void ends(struct state *s, enum end_reason reason, uint64_t session)
{
	struct command c = {.type = COMMAND_SESSIONS_END, .sessions_end = {0, (uint8_t)reason, 1, {session}}};

	assert_int_equal(apply_command(s, &c).status, OK);
}

static void time_goes(struct state *s, uint64_t ms, uint64_t unix_s)
{
	struct command c = {.type = COMMAND_CLUSTER_TIME, .cluster_time = {.delta_ms = ms, .unix_s = unix_s}};

	assert_int_equal(apply_command(s, &c).status, OK);
}

static void test_start_and_stop(void **unused)
{
	struct state *s = apply_three_nodes();
	const struct accounting_report *r;
	uint64_t id;

	(void)unused;
	time_goes(s, 5000, 1700000000);
	assert_true(apply_put(s, KEPT + 1).session != 0);
	assert_int_equal(state_reports(s), 0); /* That session has no accounting. */
	id = apply_put(s, KEPT).session;
	r = state_report_of(s, id, RADIUS_STATUS_START);
	assert_int_equal(state_reports(s), 1);
	assert_non_null(r);
	assert_int_equal(r->spi, state_session(s, id)->ike.ike[0].spi_r);
	assert_int_equal(r->unix_s, 1700000000);
	assert_int_equal(r->made_ms, 5000);
	assert_true(address_equal(&r->framed, &state_session(s, id)->ike.virtual_ip));
	assert_int_equal(r->attributes->len, 7);
	report(s, ACCOUNTING_DONE, r->id);
	assert_int_equal(state_reports(s), 0);
	carried(s, id, UINT64_C(5) << 32);
	time_goes(s, 10000, 1700000010);
	assert_int_equal(apply_del(s, id).status, OK);
	r = state_report_of(s, id, RADIUS_STATUS_STOP);
	assert_non_null(r);
	assert_int_equal(r->cause, RADIUS_CAUSE_USER_REQUEST);
	assert_int_equal(r->unix_s, 1700000010);
	assert_int_equal(r->session_s, 13); /* Since 1,002 ms. */
	assert_true(r->volume.octets_in == UINT64_C(5) << 32);
	assert_int_equal(r->volume.packets_out, 1);
	report(s, ACCOUNTING_DONE, r->id);
	report(s, ACCOUNTING_DONE, 99);
	assert_int_equal(state_reports(s), 0);
	state_free(s);
}

/* The volume of its deleted Child SAs counts once. */
static void test_volume(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, KEPT).session;
	struct command c;

	(void)unused;
	carried(s, id, 1000);
	c = apply_step_of(s, id);
	sample_child(&c.session_step.ike.child[0], 0x9000, false);
	assert_int_equal(apply_command(s, &c).status, OK);
	carried(s, id, 10);
	assert_int_equal(apply_del(s, id).status, OK);
	assert_int_equal(state_report_of(s, id, RADIUS_STATUS_STOP)->volume.octets_in, 1010);
	assert_int_equal(state_report_of(s, id, RADIUS_STATUS_STOP)->volume.packets_in, 6);
	state_free(s);
}

/* However a session ends there is one Stop, by the command that takes its traffic from it, and it says why. */
static void test_causes(void **unused)
{
	static const struct {
		enum end_reason reason;
		enum radius_cause cause;
	} rows[] = {
		{END_ASKED, RADIUS_CAUSE_ADMIN_RESET},
		{END_POLICY, RADIUS_CAUSE_ADMIN_RESET},
		{END_LIFETIME, RADIUS_CAUSE_SESSION_TIMEOUT},
		{END_REPLACED, RADIUS_CAUSE_PORT_PREEMPTED},
	};
	struct state *s = apply_three_nodes();
	const struct accounting_report *r;
	struct command c = {.type = COMMAND_SESSION_PUT};
	struct apply_result put;
	uint64_t id;

	(void)unused;
	for (uint32_t i = 0; i < 4; i++) {
		id = apply_put(s, KEPT + 2 * i).session;
		ends(s, rows[i].reason, id);
		r = state_report_of(s, id, RADIUS_STATUS_STOP);
		assert_non_null(r);
		assert_int_equal(r->cause, rows[i].cause);
		report(s, ACCOUNTING_DONE, r->id);
		/* The client has answered the DELETE. */
		assert_int_equal(apply_del(s, id).status, OK);
		assert_null(state_report_of(s, id, RADIUS_STATUS_STOP));
	}
	/* No server has heard of it. */
	id = apply_put(s, 20).session;
	c = (struct command){.type = COMMAND_SESSION_DEL, .session_del = {.session = id, .serial = 1, .lost = true}};
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_report_of(s, id, RADIUS_STATUS_STOP)->cause, RADIUS_CAUSE_LOST_CARRIER);
	/* Its client began anew. */
	id = apply_put(s, 22).session;
	c = (struct command){.type = COMMAND_SESSION_PUT};
	sample_session(&c.session_put.ike, 24);
	c.session_put.lease = APPLY_LEASE;
	c.session_put.n_supersedes = 1;
	c.session_put.supersedes[0] = id;
	put = apply_command(s, &c);
	assert_int_equal(put.status, OK);
	assert_int_equal(state_report_of(s, id, RADIUS_STATUS_STOP)->cause, RADIUS_CAUSE_LOST_CARRIER);
	assert_non_null(state_report_of(s, put.session, RADIUS_STATUS_START));
	state_free(s);
}

static void test_interim(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, INTERIM).session;
	const struct session *x = state_session(s, id);
	const struct accounting_report *r;

	(void)unused;
	time_goes(s, 59999, 0);
	assert_false(state_report_is_due(s, x));
	report(s, ACCOUNTING_INTERIM, id);
	assert_null(state_report_of(s, id, RADIUS_STATUS_INTERIM));
	time_goes(s, 1, 0);
	assert_true(state_report_is_due(s, x));
	carried(s, id, 50);
	report(s, ACCOUNTING_INTERIM, id);
	r = state_report_of(s, id, RADIUS_STATUS_INTERIM);
	assert_non_null(r);
	assert_int_equal(r->volume.octets_in, 50);
	/* The next one waits until that is answered, and a Stop for none. */
	time_goes(s, 60000, 0);
	report(s, ACCOUNTING_INTERIM, id);
	assert_int_equal(state_report_of(s, id, RADIUS_STATUS_INTERIM)->made_ms, 60000);
	assert_int_equal(apply_del(s, id).status, OK);
	assert_null(state_report_of(s, id, RADIUS_STATUS_INTERIM));
	assert_non_null(state_report_of(s, id, RADIUS_STATUS_STOP));
	state_free(s);
}

/* A report without an answer is made again: the same, later, after those present. */
static void test_again(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t one = apply_put(s, KEPT).session, two = apply_put(s, KEPT + 2).session;
	uint64_t id = state_report_of(s, one, RADIUS_STATUS_START)->id;
	const struct accounting_report *r;

	(void)unused;
	time_goes(s, 7000, 0);
	report(s, ACCOUNTING_AGAIN, id);
	assert_null(state_report(s, id));
	r = state_report_of(s, one, RADIUS_STATUS_START);
	assert_true(r->id > state_report_of(s, two, RADIUS_STATUS_START)->id);
	assert_int_equal(r->made_ms, 0);
	assert_int_equal(r->given_ms, 7000);
	assert_ptr_equal(state_next_report(s, state_report_of(s, two, RADIUS_STATUS_START)), r);
	/* Its waiting Stop goes with it: no report that cannot be sent stays in front. */
	assert_int_equal(apply_del(s, one).status, OK);
	assert_int_equal(apply_del(s, two).status, OK);
	report(s, ACCOUNTING_AGAIN, r->id);
	assert_int_equal(state_next_report(s, NULL)->session, two);
	r = state_report_of(s, two, RADIUS_STATUS_STOP);
	assert_ptr_equal(state_next_report(s, state_next_report(s, NULL)), r);
	r = state_report_of(s, one, RADIUS_STATUS_START);
	assert_ptr_equal(state_next_report(s, r), state_report_of(s, one, RADIUS_STATUS_STOP));
	state_free(s);
}

/* A server is away for ever: the oldest go, and are counted; no Interim-Update takes the place of another. */
static void test_bound(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = 0, last = 0;

	(void)unused;
	for (uint32_t i = 0; i < ACCOUNTING_MAX / 2 + 10; i++) {
		id = apply_put(s, 2 * i).session;
		assert_int_equal(apply_del(s, id).status, OK);
	}
	assert_int_equal(state_reports(s), ACCOUNTING_MAX);
	assert_int_equal(state_reports_lost(s), 20);
	assert_int_equal(state_next_report(s, NULL)->id, 21);
	assert_non_null(state_report_of(s, id, RADIUS_STATUS_STOP));
	last = apply_put(s, 200000).session;
	time_goes(s, 60000, 0);
	assert_false(state_report_is_due(s, state_session(s, last)));
	state_free(s);
}

/* A snapshot has them, whole or in pieces while they come and go. */
static void test_snapshot(void **unused)
{
	struct state *s = apply_three_nodes(), *read;
	struct blob *before, *piece;
	uint8_t *got = NULL;
	bool whole = false;
	size_t len = 0;

	(void)unused;
	for (uint32_t i = 1; i <= 40; i++)
		apply_put(s, KEPT * i);
	time_goes(s, 60000, 1700000000);
	before = state_encode(s);
	read = state_decode(before->data, before->len, LEVEL);
	assert_non_null(read);
	assert_int_equal(state_reports(read), 40);
	state_free(read);
	state_cut_begin(s);
	for (uint64_t i = 1; !whole; i++) {
		piece = state_cut_next(s, 100, &whole);
		got = realloc(got, len + (piece ? piece->len : 0) + 1);
		memcpy(got + len, piece ? piece->data : got, piece ? piece->len : 0);
		len += piece ? piece->len : 0;
		blob_unref(piece);
		report(s, i % 3 ? ACCOUNTING_DONE : ACCOUNTING_AGAIN, 41 - i % 41);
		report(s, ACCOUNTING_INTERIM, i % 40);
	}
	assert_int_equal(len, before->len);
	assert_memory_equal(got, before->data, len);
	free(got);
	blob_unref(before);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_and_stop),
		cmocka_unit_test(test_volume),
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_interim),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
