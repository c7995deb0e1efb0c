/* SPDX-License-Identifier: Apache-2.0 */
/* Grants, as numbered rows: what one node may send and let in, epoch by epoch. */
#include "proto/esp/sad.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define T32 (UINT64_C(1) << 32)

static struct child_sa child_of(uint16_t esn)
{
	struct child_sa c = {.spi_in = 0x1111, .spi_out = 0x2222};

	c.suite = (struct suite){.encr = ENCR_AES_GCM_16, .encr_key_bits = 128, .esn = esn};
	memset(&c.in, 0x11, sizeof(c.in));
	memset(&c.out, 0x22, sizeof(c.out));
	return c;
}

static void entry_init(struct sad_entry *e, uint16_t esn)
{
	const struct child_sa c = child_of(esn);
	const struct sad_path path = {.udp_encap = true};

	assert_int_equal(sad_entry_init(e, 77, &c, &path, 64), OK);
}

static void grant(struct sad_entry *e, int64_t epoch, uint64_t start, uint64_t end, uint64_t floor)
{
	const struct seq_grant g = {.epoch = epoch, .start = start, .end = end, .floor = floor};

	sad_entry_grant(e, &g);
}

/* Verbs on one entry of each table, in order. GRANT: a = epoch, b..c the lease, d the
 * floor. DRAW: expects drop and, if none, number a. ACCEPT: number a in epoch b.
 * CHECK: low half a. FLOOR: a. LOW: expects a. */
enum verb { END, GRANT, HOLD, REVOKE, DRAW, ACCEPT, CHECK, FLOOR, LOW };
struct step {
	int row;
	enum verb verb;
	uint64_t a, b, c, d;
	enum drop drop;
};

/* Fields that a verb does not use are left out of its row. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct step outbound[] = {
	{1, DRAW, .drop = DROP_NOT_OWNER},
	{2, LOW, 0},
	{3, GRANT, 3, 1, 5, 0},
	{4, DRAW, 1},
	{5, LOW, 0},
	{6, DRAW, 2},
	{7, LOW, 1},                 /* 2 of 4 are used */
	{8, LOW, 0},                 /* Once for an end */
	{9, GRANT, 3, 1, 9, 0},      /* The same epoch: the end rises, the position stays */
	{10, LOW, 0},
	{11, DRAW, 3},
	{12, GRANT, 3, 1, 7, 0},     /* ... and never falls */
	{13, DRAW, 4},
	{14, LOW, 0},                /* 2 of the 6 that the extension left are used */
	{15, DRAW, 5},
	{16, LOW, 1},                /* 3 of them */
	{17, DRAW, 6},
	{18, DRAW, 7},
	{19, DRAW, 8},
	{20, DRAW, .drop = DROP_LEASE},
	{21, GRANT, 2, 1, 100, 0},   /* An older epoch is ignored */
	{22, DRAW, .drop = DROP_LEASE},
	{23, GRANT, 5, 65537, 65540, 0},
	{24, DRAW, 65537},           /* A new epoch begins at its lease's start */
	{25, REVOKE},
	{26, DRAW, .drop = DROP_NOT_OWNER},
	{27, LOW, 0},
	{28, GRANT, 4, 9, 30, 0},    /* Older, after a revocation: still ignored */
	{29, DRAW, .drop = DROP_NOT_OWNER},
	{30, GRANT, 5, 65537, 65540, 0}, /* The same again: goes on where it stood */
	{31, DRAW, 65538},
	{32, GRANT, 6, 65537, 70000, 0}, /* A lease that begins below what was drawn here */
	{33, DRAW, 65539},
	{34, GRANT, 7, 80000, 80000, 0}, /* An empty one */
	{35, DRAW, .drop = DROP_LEASE},
	{36, LOW, 1},
	{37, LOW, 0},
	{38, GRANT, 8, T32 - 2, T32 + 10, 0}, /* 2^32 - 1 is the last number */
	{39, LOW, 0},
	{40, DRAW, T32 - 2},
	{41, DRAW, T32 - 1},
	{42, LOW, 0},                /* There is no more to ask for */
	{43, DRAW, .drop = DROP_SEQUENCE_END},
	{44, GRANT, 9, T32, T32, 0}, /* Clamped to the end of the space */
	{45, DRAW, .drop = DROP_SEQUENCE_END},
	{0},
};

static const struct step outbound_esn[] = {
	{1, GRANT, -3, 0, 2, 0},     /* Epochs are signed; number 0 is never sent */
	{2, DRAW, 1},
	{3, DRAW, .drop = DROP_LEASE},
	{4, GRANT, 0, T32 - 1, T32 + 2, 0},
	{5, DRAW, T32 - 1},
	{6, DRAW, T32},
	{7, GRANT, 1, ESP_ESN_SEQ_END - 1, ESP_ESN_SEQ_END + 5, 0},
	{8, DRAW, ESP_ESN_SEQ_END - 1},
	{9, DRAW, .drop = DROP_SEQUENCE_END},
	{0},
};

static const struct step inbound[] = {
	{1, CHECK, 1, .drop = DROP_NOT_OWNER},
	{2, ACCEPT, 1, 0, .drop = DROP_NOT_OWNER},
	{3, GRANT, 1, 1, 10, 0},
	{4, CHECK, 0, .drop = DROP_REPLAY},
	{5, CHECK, 7},
	{6, CHECK, 7},               /* Only a filter */
	{7, ACCEPT, 7, 1},
	{8, CHECK, 7, .drop = DROP_REPLAY},
	{9, ACCEPT, 7, 1, .drop = DROP_REPLAY}, /* Test-and-set: a second one that passed the filter */
	{10, ACCEPT, 6, 1},
	{11, ACCEPT, 8, 0, .drop = DROP_NOT_OWNER}, /* Checked in another epoch */
	{12, ACCEPT, 8, 2, .drop = DROP_NOT_OWNER},
	{13, GRANT, 1, 1, 20, 100},  /* The same epoch: the floor stays */
	{14, ACCEPT, 8, 1},
	{15, REVOKE},
	{16, CHECK, 9, .drop = DROP_NOT_OWNER},
	{17, ACCEPT, 9, 1, .drop = DROP_NOT_OWNER},
	{18, GRANT, 1, 1, 20, 100},
	{19, ACCEPT, 8, 1, .drop = DROP_REPLAY}, /* The window is still there */
	{20, ACCEPT, 9, 1},
	{21, GRANT, 2, 20, 30, 50},  /* A new epoch: empty above the mark */
	{22, ACCEPT, 51, 1, .drop = DROP_NOT_OWNER}, /* Checked before, too late */
	{23, ACCEPT, 50, 2, .drop = DROP_REPLAY},
	{24, ACCEPT, 51, 2},
	{25, FLOOR, 60},             /* A late mark */
	{26, ACCEPT, 55, 2, .drop = DROP_REPLAY},
	{27, ACCEPT, 61, 2},
	{28, FLOOR, 40},
	{29, ACCEPT, 45, 2, .drop = DROP_REPLAY},
	{30, ACCEPT, 90, 2},
	{31, ACCEPT, 70, 2},
	{32, GRANT, 3, 30, 40, 61},  /* The mark is older than what this node accepted itself */
	{33, ACCEPT, 70, 3, .drop = DROP_REPLAY},
	{34, ACCEPT, 90, 3, .drop = DROP_REPLAY},
	{35, ACCEPT, 91, 3},
	{36, REVOKE},
	{37, FLOOR, 500},            /* A mark of the next owner, before this node's next turn */
	{38, GRANT, 5, 50, 60, 300},
	{39, ACCEPT, 400, 5, .drop = DROP_REPLAY},
	{40, ACCEPT, 501, 5},
	{41, HOLD, 6, 60, 70, 600},  /* Marks are awaited */
	{42, CHECK, 601},
	{43, ACCEPT, 601, 6, .drop = DROP_DEFERRED_EXPIRED},
	{0},
};

static const struct step inbound_esn[] = {
	{1, GRANT, 1, 1, 10, T32 - 10},
	{2, CHECK, 0xfffffff7},
	{3, ACCEPT, T32 - 9, 1},
	{4, CHECK, 3},               /* Inferred: 2^32 + 3 */
	{5, ACCEPT, T32 + 3, 1},
	{6, CHECK, 0xfffffff7, .drop = DROP_REPLAY},
	{7, CHECK, 0xfffffff8},
	{8, CHECK, 3, .drop = DROP_REPLAY},
	{0},
};

/* What a row of the ESN table must infer. */
static uint64_t inferred(const struct step *table, const struct step *s)
{
	if (table != inbound_esn)
		return s->a;
	return s->a < 100 ? T32 + s->a : s->a;
}

static void run(const struct step *table, uint16_t esn)
{
	struct sad_entry e;

	entry_init(&e, esn);
	for (const struct step *s = table; s->verb != END; s++) {
		enum drop d = s->drop;
		uint64_t seq = 0;
		int64_t epoch = 0;

		switch (s->verb) {
		case GRANT:
			grant(&e, (int64_t)s->a, s->b, s->c, s->d);
			break;
		case HOLD:
			sad_entry_grant(&e, &(struct seq_grant){(int64_t)s->a, s->b, s->c, s->d, true});
			break;
		case REVOKE:
			sad_entry_revoke(&e);
			break;
		case DRAW:
			d = sad_entry_draw(&e, &seq);
			if (d == DROP_NONE && seq != s->a)
				fail_msg("row %d: number %llu", s->row, (unsigned long long)seq);
			break;
		case ACCEPT:
			d = sad_entry_accept(&e, s->a, (int64_t)s->b);
			break;
		case CHECK:
			d = sad_entry_check(&e, (uint32_t)s->a, &seq, &epoch);
			if (d == DROP_NONE && (seq != inferred(table, s) || epoch != e.epoch))
				fail_msg("row %d: number %llu", s->row, (unsigned long long)seq);
			break;
		case FLOOR:
			sad_entry_raise_floor(&e, s->a, false);
			break;
		case LOW:
			if (sad_entry_lease_low(&e) != (s->a == 1))
				fail_msg("row %d: low", s->row);
			break;
		default:
			break;
		}
		if (d != s->drop)
			fail_msg("row %d: drop %s", s->row, drop_text(d));
	}
	sad_entry_fini(&e);
}

static void test_outbound(void **state)
{
	(void)state;
	run(outbound, ESN_NO);
}

static void test_outbound_esn(void **state)
{
	(void)state;
	run(outbound_esn, ESN_YES);
}

static void test_inbound(void **state)
{
	(void)state;
	run(inbound, ESN_NO);
}

static void test_inbound_esn(void **state)
{
	(void)state;
	run(inbound_esn, ESN_YES);
}

/* After the release a held number is let in, once. */
static void test_release(void **state)
{
	const struct seq_grant g = {.epoch = 1, .start = 1, .end = 9, .defer = true};
	struct sad_entry e;
	uint64_t seq;

	(void)state;
	entry_init(&e, ESN_NO);
	sad_entry_grant(&e, &g);
	assert_true(e.defer);
	assert_int_equal(sad_entry_draw(&e, &seq), DROP_NONE); /* Outward at once */
	assert_int_equal(sad_entry_accept(&e, 5, 1), DROP_DEFERRED_EXPIRED);
	sad_entry_raise_floor(&e, 4, false);
	e.defer = false;
	assert_int_equal(sad_entry_accept(&e, 4, 1), DROP_REPLAY);
	assert_int_equal(sad_entry_accept(&e, 5, 1), DROP_NONE);
	assert_int_equal(sad_entry_accept(&e, 5, 1), DROP_REPLAY);
	sad_entry_fini(&e);
}

/* A mark is what was accepted here, in this epoch; told once. A floor that others' marks raise
 * meanwhile is none, and hides none. */
static void test_mark(void **state)
{
	struct sad_entry e;
	uint64_t mark;

	(void)state;
	entry_init(&e, ESN_NO);
	grant(&e, 1, 1, 9, 30);
	assert_int_equal(e.window.top, 30);
	assert_false(sad_entry_mark(&e, &mark));
	assert_int_equal(sad_entry_accept(&e, 31, 1), DROP_NONE);
	sad_entry_raise_floor(&e, 40, false);
	assert_int_equal(e.window.top, 40);
	assert_true(sad_entry_mark(&e, &mark));
	assert_int_equal(mark, 31);
	assert_false(sad_entry_mark(&e, &mark));
	assert_int_equal(sad_entry_accept(&e, 40, 1), DROP_REPLAY);
	assert_false(sad_entry_mark(&e, &mark));
	grant(&e, 2, 9, 19, 31);
	assert_false(sad_entry_mark(&e, &mark));
	assert_int_equal(sad_entry_accept(&e, 41, 2), DROP_NONE);
	assert_true(sad_entry_mark(&e, &mark));
	assert_int_equal(mark, 41);
	sad_entry_fini(&e);
}

/* The entry keeps no key in clear outside its contexts, and works: what one end
 * seals the other opens. */
static void test_contexts(void **state)
{
	static const uint8_t zero[sizeof(struct esp_keys)];
	uint8_t buffer[128] = {0}, *out, *inner, next_header;
	const struct child_sa c = child_of(ESN_NO);
	struct child_sa mirror = c;
	const struct sad_path path = {.udp_encap = true};
	struct sad_entry a, b;
	size_t len, inner_len;

	(void)state;
	mirror.in = c.out;
	mirror.out = c.in;
	assert_int_equal(sad_entry_init(&a, 1, &c, &path, 64), OK);
	assert_int_equal(sad_entry_init(&b, 2, &mirror, &path, 64), OK);
	assert_memory_equal(&a.child.in, zero, sizeof(zero));
	assert_memory_equal(&a.child.out, zero, sizeof(zero));
	assert_int_equal(a.child.spi_in, c.spi_in);
	assert_true(a.path.udp_encap && a.session == 1 && !a.granted);
	buffer[16] = 0x45;
	buffer[19] = 20;
	assert_int_equal(esp_seal(&a.out, 0x2222, 1, 9, NULL, 4, buffer + 16, 20, &out, &len),
			 DROP_NONE);
	assert_int_equal(esp_open(&b.in, 1, out, len, &inner, &inner_len, &next_header), DROP_NONE);
	assert_int_equal(inner_len, 20);
	sad_entry_fini(&a);
	sad_entry_fini(&b);
}

static void test_unsupported(void **state)
{
	struct child_sa c = child_of(ESN_NO);
	const struct sad_path path = {0};
	struct sad_entry e;

	(void)state;
	c.suite.encr = 3; /* 3DES */
	assert_int_equal(sad_entry_init(&e, 1, &c, &path, 64), ERR_UNSUPPORTED);
}

/* With ESN a client far above the horizon has the low half of one far below it. */
static void test_horizon_floor_esn(void **state)
{
	const struct seq_grant g = {.epoch = 1, .start = 1, .end = 9, .floor = 5 * T32 + 999,
				    .quorum = true, .horizon = 5 * T32 + 1000};
	struct sad_entry e;
	unsigned above = 0, below = 0;

	(void)state;
	entry_init(&e, ESN_YES);
	sad_entry_grant(&e, &g);
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t seq;
		int64_t epoch;

		assert_int_equal(sad_entry_check(&e, 2000000 + i, &seq, &epoch), DROP_NONE);
		above += seq == 5 * T32 + 2000000 + i;
		below += seq == 4 * T32 + 2000000 + i;
	}
	assert_int_equal(above, 2);
	assert_int_equal(below, 2);
	assert_int_equal(sad_entry_accept(&e, 5 * T32 + 2000000, 1), DROP_HORIZON);
	sad_entry_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_outbound_esn),
		cmocka_unit_test(test_inbound),
		cmocka_unit_test(test_inbound_esn),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_contexts),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_horizon_floor_esn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
