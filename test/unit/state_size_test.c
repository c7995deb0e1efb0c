/* SPDX-License-Identifier: Apache-2.0 */
/* The size of a full state: the longest records have the sizes in cluster/core/state_size.h, and a
 * state full of them is within its stated bounds. */
#include "cluster/raft/raft_message.h"
#include "cluster/core/state_size.h"
#include "cluster/state/accounting_report.h"
#include "cluster/state/state_internal.h"
#include "test/lib/apply.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- The longest of everything ---- */

static struct ike_datagrams *message(uint32_t len)
{
	struct blob *b[IKE_DATAGRAMS_MAX];
	uint8_t octets[IKE_DATAGRAMS_LEN_MAX] = {7};

	for (uint32_t i = 0; i < IKE_DATAGRAMS_MAX; i++)
		b[i] = blob_new(octets, len / IKE_DATAGRAMS_MAX + (i ? 0 : len % IKE_DATAGRAMS_MAX));
	return ike_datagrams_new(b, IKE_DATAGRAMS_MAX);
}

static struct address ipv6(uint32_t n)
{
	struct address a = {.family = 6, .octets = {0x20, 0x01, 0x0d, 0xb8}};

	memcpy(a.octets + 12, &n, 4);
	return a;
}

static void long_selectors(struct ts_set *set)
{
	set->n = TS_MAX;
	for (unsigned i = 0; i < TS_MAX; i++)
		set->ts[i] = (struct traffic_selector){.start = ipv6(i), .end = ipv6(i), .port_end = 65535};
}

static void long_child(struct child_sa *child, uint32_t spi_in)
{
	sample_child(child, spi_in, false);
	child->suite.encr = ENCR_AES_CTR; /* With its salt the longest keys there are. */
	child->suite.encr_key_bits = 256;
	child->suite.integ = AUTH_HMAC_SHA2_512_256;
	child->replaces = 0;
	long_selectors(&child->local);
	long_selectors(&child->remote);
}

static void long_keys(struct ike_keys *k)
{
	struct secret *each[] = {&k->d, &k->ai, &k->ar, &k->ei, &k->er, &k->pi, &k->pr};
	uint8_t octets[IKE_KEY_MAX] = {9};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		secret_set(each[i], octets, sizeof(octets));
}

/* A SessionPut of n_child Child SAs; the second IKE SA, of a rekey, comes with it. */
static struct command long_put(uint32_t seed, unsigned n_child)
{
	struct command c = {.type = COMMAND_SESSION_PUT};
	struct ike_session *s = &c.session_put.ike;
	uint8_t finish[IKE_REQUEST_MAX - 2048] = {3};

	_Static_assert(sizeof(finish) == IKE_ACCOUNT_MAX, "the longest, too");

	sample_session(s, seed);
	s->ike[1] = s->ike[0];
	s->ike[1].state = IKE_SA_REKEYED;
	s->ike[1].spi_i += 1u << 20;
	s->ike[1].window.outstanding = NULL;
	s->ike[1].purpose = 0;
	ike_datagrams_set(&s->ike[0].window.response, message(IKE_DATAGRAMS_LEN_MAX));
	s->ike[1].window.response = message(IKE_ANSWERS_MAX - IKE_DATAGRAMS_LEN_MAX);
	ike_datagrams_set(&s->ike[0].window.outstanding, message(2048));
	s->ike[0].purpose = IKE_PURPOSE_REKEY_CHILD;
	s->ike[0].finish = blob_new(finish, sizeof(finish));
	long_keys(&s->ike[0].keys);
	long_keys(&s->ike[1].keys);
	for (unsigned i = 0; i < n_child; i++)
		long_child(&s->child[i], 0x10000 + seed * 16 + i);
	s->n_child = (uint8_t)n_child;
	s->peer_id.len = IKE_ID_MAX;
	memset(s->connection, 'c', sizeof(s->connection) - 1);
	s->virtual_ip = ipv6(seed);
	s->local.address = s->remote.address = ipv6(1);
	s->ends_ms = UINT64_MAX;
	blob_unref(s->account.attributes);
	s->account = (struct ike_account){true, 60, blob_new(finish, sizeof(finish))};
	c.session_put.lease = APPLY_LEASE;
	c.session_put.horizon = 65537;
	return c;
}

static size_t octets(const struct state *s)
{
	struct blob *b = state_encode(s);
	size_t n = b->len;

	blob_unref(b);
	return n;
}

/* Within the bound, and not much below: a bound of twice that much would be another one. */
static void assert_close(size_t n, size_t bound)
{
	if (n > bound || n < bound - bound / 8)
		fail_msg("%zu octets, the bound is %zu", n, bound);
}

/* Each of its Child SAs has carried all that can be counted. */
static void carry(struct state *s, const struct session *x)
{
	struct command c = {.type = COMMAND_SEQ_BATCH};

	c.seq_batch.n = x->ike.n_child;
	c.seq_batch.rows = calloc(c.seq_batch.n, sizeof(*c.seq_batch.rows));
	for (unsigned i = 0; i < c.seq_batch.n; i++) {
		struct seq_row *row = &c.seq_batch.rows[i];

		row->spi_in = x->ike.child[i].spi_in;
		row->epoch = session_epoch(s, x);
		row->volume = (struct volume){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	}
	assert_int_equal(apply_command(s, &c).status, OK);
}

/* Its reports to RADIUS are answered. */
static void told(struct state *s)
{
	const struct accounting_report *r;

	while ((r = state_next_report(s, NULL)) != NULL) {
		struct command c = {.type = COMMAND_ACCOUNTING, .accounting = {ACCOUNTING_DONE, 1, {r->id}}};

		apply_command(s, &c);
	}
}

static size_t grows(struct state *s, struct command *c)
{
	size_t before = octets(s);
	struct apply_result r = apply_command(s, c);

	assert_int_equal(r.status, OK);
	carry(s, state_session(s, r.session));
	told(s);
	return octets(s) - before;
}

static bool add_long_report(struct state *s)
{
	struct accounting_report *r = calloc(1, sizeof(*r));
	uint8_t attributes[IKE_ACCOUNT_MAX] = {4};

	r->id = ++s->last_report;
	r->session = ++s->last_session;
	r->status = RADIUS_STATUS_STOP;
	r->volume = (struct volume){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	r->framed = r->called = r->calling = ipv6(1);
	r->attributes = blob_new(attributes, sizeof(attributes));
	return accounting_insert(s, r);
}

static void test_report(void **unused)
{
	struct state *s = apply_three_nodes();
	size_t before = octets(s);

	(void)unused;
	assert_true(add_long_report(s));
	assert_close(octets(s) - before, STATE_REPORT_OCTETS_MAX);
	state_free(s);
}

static void test_session(void **unused)
{
	struct state *s = apply_three_nodes();
	struct command one = long_put(1, 1), two = long_put(2, 1), nine = long_put(3, IKE_CHILD_MAX);
	size_t with_one, with_nine, child;

	(void)unused;
	grows(s, &one); /* The first exact one makes the head longer. */
	with_one = grows(s, &two);
	with_nine = grows(s, &nine);
	child = (with_nine - with_one) / (IKE_CHILD_MAX - 1);
	assert_close(child, STATE_CHILD_OCTETS_MAX);
	assert_close(with_one - child, STATE_SESSION_OCTETS_MAX);
	/* Longer ones are none. */
	one = long_put(4, 1);
	ike_datagrams_set(&one.session_put.ike.ike[1].window.response,
			  message(IKE_ANSWERS_MAX - IKE_DATAGRAMS_LEN_MAX + 20));
	assert_int_equal(apply_command(s, &one).status, ERR_MALFORMED);
	one = long_put(4, 1);
	ike_datagrams_set(&one.session_put.ike.ike[0].window.outstanding, message(2068));
	assert_int_equal(apply_command(s, &one).status, ERR_MALFORMED);
	state_free(s);
}

static struct command short_put(uint32_t seed)
{
	struct command c = {.type = COMMAND_SESSION_PUT};

	sample_session(&c.session_put.ike, seed);
	c.session_put.ike.virtual_ip = ipv6(seed);
	c.session_put.ike.account.kept = false;
	c.session_put.lease = APPLY_LEASE;
	return c;
}

static void end(struct state *s, uint64_t session)
{
	struct command del = {.type = COMMAND_SESSION_DEL};

	del.session_del.session = session;
	del.session_del.serial = 1;
	del.session_del.final_response = message(COMMAND_FINAL_RESPONSE_MAX);
	assert_int_equal(apply_command(s, &del).status, OK);
}

/* A session's end takes less than the session did. */
static void test_let_go(void **unused)
{
	struct state *s = apply_three_nodes();
	size_t before = octets(s), with;
	struct command c;

	(void)unused;
	for (uint32_t seed = 1; seed <= 20; seed++) {
		c = short_put(seed);
		assert_int_equal(apply_command(s, &c).status, OK);
	}
	with = octets(s);
	for (uint64_t id = 1; id <= 20; id++)
		end(s, id);
	assert_close((octets(s) - before) / 20, STATE_TOMBSTONE_OCTETS_MAX + STATE_FREED_OCTETS_MAX);
	assert_true(octets(s) < with);
	state_free(s);
}

/* Three sessions, each with one that follows it, all the tombstones that there may be, and all the
 * addresses of old whose users are known. */
static void test_full(void **unused)
{
	struct cluster_policy policy = { .limits.tombstones_max = 40 };
	struct cluster_config config;
	struct state *s = apply_three_nodes();
	struct apply_result r;
	uint64_t last = 0;
	struct command c;

	(void)unused;
	cluster_config_defaults(&config);
	config.sessions_max = 3;
	config.child_sas_max = 3 * (IKE_CHILD_MAX + 1);
	config.policy = &policy;
	for (uint32_t i = 0; i < STATE_FREED_MAX; i++) {
		struct address a = ipv6(0x100000 + i);

		assert_true(freed_add(s, &a, 1 + i, 0));
	}
	for (uint32_t i = 0; i < ACCOUNTING_MAX; i++)
		assert_true(add_long_report(s));
	for (uint32_t seed = 1; seed <= policy.limits.tombstones_max; seed++) {
		c = short_put(100 + seed);
		end(s, apply_command(s, &c).session);
	}
	for (uint32_t seed = 1; seed <= 6; seed++) {
		c = long_put(seed, IKE_CHILD_MAX);
		/* Each second one follows the one before it. */
		c.session_put.ike.virtual_ip = ipv6((seed + 1) / 2);
		memset(c.session_put.ike.peer_id.data, (int)(seed + 1) / 2, IKE_ID_MAX);
		c.session_put.takes_from = seed % 2 ? 0 : last;
		c.session_put.room = (struct room){config.sessions_max, config.child_sas_max};
		r = apply_command(s, &c);
		assert_int_equal(r.status, OK);
		last = r.session;
	}
	assert_int_equal(state_sessions(s), 2 * config.sessions_max);
	assert_int_equal(state_tombstones(s, (struct ike_client){0}), policy.limits.tombstones_max);
	assert_close(octets(s) + STATE_HEAD_OCTETS_MAX, state_full_octets(&config));
	state_free(s);
}

/* The defaults fit; a refused configuration is told what would fit. */
static void test_bound(void **unused)
{
	struct cluster_policy policy = { .limits = policy_limits_default };
	struct cluster_config c;

	(void)unused;
	cluster_config_defaults(&c);
	c.policy = &policy;
	assert_true(state_full_snapshot(&c) <= CONSENSUS_SNAPSHOT_MAX);
	assert_int_equal(state_sessions_that_fit(&c), c.sessions_max);
	c.sessions_max = 1000000;
	c.sessions_max = state_sessions_that_fit(&c);
	assert_true(c.sessions_max >= 100000 && c.sessions_max < 1000000);
	assert_true(state_full_snapshot(&c) <= CONSENSUS_SNAPSHOT_MAX);
	c.sessions_max++;
	assert_true(state_full_snapshot(&c) > CONSENSUS_SNAPSHOT_MAX);
	policy.limits.tombstones_max = 10000000;
	assert_int_equal(state_sessions_that_fit(&c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_let_go),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
