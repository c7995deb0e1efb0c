/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: a numbered table of the arithmetic in DESIGN section 5, and its purpose: no two epochs
 * ever share a number. */
#include "cluster/state/lease.h"
#include "proto/esp/esp.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define END32 (UINT64_C(1) << 32)

static void test_table(void **unused)
{
	static const struct {
		int row;
		struct seq_record r;
		int64_t epoch;
		uint64_t start, end;
	} rows[] = {
		/* e0, start, E0, L, limit */
		{1, {3, 1, 101, 100, END32, 0, 0, 0, 0, 0, {0}}, 3, 1, 101},     /* e = e0: [start, E0) */
		{2, {3, 1, 101, 100, END32, 0, 0, 0, 0, 0, {0}}, 4, 101, 201},   /* [E0, E0 + L) */
		{3, {3, 1, 101, 100, END32, 0, 0, 0, 0, 0, {0}}, 6, 301, 401},   /* [E0 + 2L, E0 + 3L) */
		{4, {3, 50, 60, 100, END32, 0, 0, 0, 0, 0, {0}}, 3, 50, 60},     /* A short lease is as written. */
		{5, {3, 50, 60, 100, END32, 0, 0, 0, 0, 0, {0}}, 4, 60, 160},
		{6, {-5, 1, 101, 100, END32, 0, 0, 0, 0, 0, {0}}, -3, 201, 301}, /* Epochs are signed. */
		{7, {-5, 1, 101, 100, END32, 0, 0, 0, 0, 0, {0}}, 2, 701, 801},
		{8, {0, 1, END32 - 10, 100, END32, 0, 0, 0, 0, 0, {0}}, 1, END32 - 10, END32}, /* Clamped. */
		{9, {0, 1, END32 - 10, 100, END32, 0, 0, 0, 0, 0, {0}}, 2, END32, END32},      /* Empty. */
		{10, {0, 1, END32, 100, END32, 0, 0, 0, 0, 0, {0}}, 1, END32, END32},
		{11, {0, 1, END32 - 50, 100, ESP_ESN_SEQ_END, 0, 0, 0, 0, 0, {0}}, 1, END32 - 50, END32 + 50},
		{12, {0, 1, 2, UINT64_C(1) << 40, ESP_ESN_SEQ_END, 0, 0, 0, 0, 0, {0}}, INT64_MAX, ESP_ESN_SEQ_END,
		 ESP_ESN_SEQ_END}, /* The product would not fit 64 bits. */
		{13, {INT64_MIN, 1, 2, 1, END32, 0, 0, 0, 0, 0, {0}}, INT64_MAX, END32, END32},
		{14, {INT64_MIN, 1, 2, 1, END32, 0, 0, 0, 0, 0, {0}}, INT64_MIN + 1, 2, 3},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seq_lease lease = lease_at(&rows[i].r, rows[i].epoch);

		if (lease.start != rows[i].start || lease.end != rows[i].end)
			fail_msg("row %d: [%llu, %llu)", rows[i].row,
				 (unsigned long long)lease.start, (unsigned long long)lease.end);
	}
}

static void test_init(void **unused)
{
	struct seq_record r;

	(void)unused;
	lease_init(&r, 9, 65536, false);
	assert_int_equal(r.start, 1); /* RFC 4303 2.2: "The first packet sent ... will contain 1" */
	assert_int_equal(r.end0, 65537);
	assert_int_equal(r.limit, END32);
	assert_int_equal(r.e0, 9);
	assert_int_equal(r.mark, 0);
	lease_init(&r, 9, UINT64_MAX, true);
	assert_int_equal(r.limit, ESP_ESN_SEQ_END);
	assert_int_equal(r.end0, ESP_ESN_SEQ_END);
	lease_init(&r, 9, 0, true); /* A lease is never without a number. */
	assert_int_equal(r.end0, 2);
}

static void test_renew(void **unused)
{
	struct seq_record r = {3, 1, 101, 100, END32, 7, 0, 0, 0, 0, {0}}, before;
	struct seq_lease lease;

	(void)unused;
	before = r;
	assert_false(lease_renew(&r, 3, 4, 1000)); /* Of an epoch that has passed, ... */
	assert_false(lease_renew(&r, 5, 4, 1000)); /* ... or is not there yet. */
	assert_memory_equal(&r, &before, sizeof(r));

	assert_true(lease_renew(&r, 5, 5, 1000)); /* First [201, 301) is written, then raised. */
	assert_int_equal(r.e0, 5);
	assert_int_equal(r.start, 201);
	assert_int_equal(r.end0, 1000);
	assert_int_equal(r.mark, 7);

	assert_true(lease_renew(&r, 5, 5, 400)); /* A late, lower one takes nothing back. */
	assert_int_equal(r.end0, 1000);
	assert_true(lease_renew(&r, 6, 6, 10)); /* Lower than what the epoch has by itself. */
	lease = lease_at(&r, 6);
	assert_int_equal(lease.start, 1000);
	assert_int_equal(lease.end, 1100);
	assert_true(lease_renew(&r, 6, 6, UINT64_MAX));
	assert_int_equal(r.end0, END32);
}

static void test_move(void **unused)
{
	struct seq_record r = {3, 1, 101, 100, END32, 0, 0, 0, 0, 0, {0}};

	(void)unused;
	lease_move(&r, 4, 42); /* The old owner stood at 42. */
	assert_int_equal(r.start, 42);
	assert_int_equal(r.end0, 142);
	assert_int_equal(r.e0, 4);
	lease_move(&r, 6, 141); /* Before 142: that is epoch 4's, not 5's: from the end of 5. */
	assert_int_equal(r.start, 242);
	lease_move(&r, 7, 0); /* Not known. */
	assert_int_equal(r.start, 342);
	lease_move(&r, 8, 442); /* Used up to the end. */
	assert_int_equal(r.start, 442);
	lease_move(&r, 9, 10000000);
	assert_int_equal(r.start, 542);
}

/* Owners that send, crash, lag and renew at random. Each number sent must be larger than
 * any number sent in an earlier epoch, and owners of past epochs, which compute from
 * the record as it was, may go on sending within their last known lease. */
static void run_property(uint64_t seed, bool esn)
{
	struct { /* What the owner of each epoch has applied. */
		struct seq_lease lease;
		uint64_t next;
		bool frozen;
	} owner[64];
	uint64_t r = seed;
	struct seq_record rec;
	int64_t base = (int64_t)(sample_random(&r) % 1000) - 500;
	unsigned epoch = 0;

	lease_init(&rec, base, 1 + sample_random(&r) % 1000, esn);
	if (seed % 3 == 0) /* Near the end of the space. */
		rec.start = rec.end0 = rec.limit - sample_random(&r) % 5000;
	memset(owner, 0, sizeof(owner));
	owner[0].lease = lease_at(&rec, base);
	owner[0].next = owner[0].lease.start;
	for (unsigned step = 0; step < 400; step++) {
		unsigned past = (unsigned)(sample_random(&r) % (epoch + 1));
		uint64_t *next = &owner[past].next;
		uint64_t what = sample_random(&r) % 8;

		if (what < 3 && !owner[past].frozen) { /* Any owner, past ones too, sends a few. */
			uint64_t n = 1 + sample_random(&r) % 300;

			while (n-- > 0 && *next < owner[past].lease.end)
				++*next;
		} else if (what < 6) { /* A renewal; of a past epoch it must be refused. */
			uint64_t end = rec.start + sample_random(&r) % 5000;

			assert_int_equal(lease_renew(&rec, base + past, base + epoch, end),
					 past == epoch);
			owner[epoch].lease = lease_at(&rec, base + epoch);
		} else if (epoch + 1 < 64) {
			if (what == 6) { /* Hand-over: the owner stops first. */
				owner[epoch].frozen = true;
				lease_move(&rec, base + epoch + 1, owner[epoch].next);
			} /* Else a loss: nothing is written. */
			epoch++;
			owner[epoch].lease = lease_at(&rec, base + epoch);
			owner[epoch].next = owner[epoch].lease.start;
		}
	}
	/* Numbers that an epoch sent or may still send come before those of the next. */
	for (unsigned e = 0; e < epoch; e++) {
		uint64_t end = owner[e].frozen ? owner[e].next : owner[e].lease.end;

		if (end > owner[e + 1].lease.start)
			fail_msg("seed %llu: epochs %u and %u share numbers",
				 (unsigned long long)seed, e, e + 1);
		assert_true(owner[e].lease.start <= owner[e].lease.end);
		assert_true(owner[e].lease.end <= rec.limit);
	}
	assert_int_equal(lease_at(&rec, base + epoch).start, owner[epoch].lease.start);
}

static void test_property(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 2000; seed++)
		run_property(seed, seed % 2 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_init), cmocka_unit_test(test_renew),
		cmocka_unit_test(test_move),  cmocka_unit_test(test_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
