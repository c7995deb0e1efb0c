/* SPDX-License-Identifier: Apache-2.0 */
/* The window as numbered rows, inference of ESN as numbered rows, and a long walk
 * beside a model that remembers every number. */
#include "proto/esp/replay.h"

#include "proto/crypto/entropy.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define T32 (UINT64_C(1) << 32)

/* One window of 64 through all rows: mark (or raise the floor), expect. */
enum verb { MARK, FLOOR };
static const struct {
	int row;
	enum verb verb;
	uint64_t seq;
	enum drop expected;
} walk[] = {
	{1, MARK, 0, DROP_REPLAY},       /* Number 0 is never accepted */
	{2, MARK, 1, DROP_NONE},
	{3, MARK, 1, DROP_REPLAY},
	{4, MARK, 3, DROP_NONE},
	{5, MARK, 2, DROP_NONE},         /* Out of order */
	{6, MARK, 2, DROP_REPLAY},
	{7, MARK, 64, DROP_NONE},
	{8, MARK, 65, DROP_NONE},        /* Left edge is 2: already received */
	{9, MARK, 1, DROP_REPLAY},       /* Left of the window */
	{10, MARK, 2, DROP_REPLAY},      /* In it, received */
	{11, MARK, 4, DROP_NONE},
	{12, MARK, 67, DROP_NONE},       /* Left edge 4 */
	{13, MARK, 66, DROP_NONE},       /* Same bit as 2: must have been cleared */
	{14, MARK, 66, DROP_REPLAY},
	{15, MARK, 4, DROP_REPLAY},
	{16, MARK, 5, DROP_NONE},        /* Second last place */
	{17, MARK, 131, DROP_NONE},      /* Exactly one window further: all cleared */
	{18, MARK, 67, DROP_REPLAY},     /* Just outside */
	{19, MARK, 68, DROP_NONE},       /* Just inside */
	{20, MARK, 130, DROP_NONE},
	{21, MARK, 1000, DROP_NONE},     /* Far beyond */
	{22, MARK, 936, DROP_REPLAY},
	{23, MARK, 937, DROP_NONE},
	{24, FLOOR, 950, DROP_NONE},
	{25, MARK, 949, DROP_REPLAY},    /* Never seen, but below the floor */
	{26, MARK, 950, DROP_REPLAY},
	{27, MARK, 951, DROP_NONE},
	{28, FLOOR, 940, DROP_NONE},     /* A floor only rises */
	{29, MARK, 945, DROP_REPLAY},
	{30, FLOOR, 2000, DROP_NONE},    /* Beyond the top */
	{31, MARK, 1999, DROP_REPLAY},
	{32, MARK, 2000, DROP_REPLAY},
	{33, MARK, 2001, DROP_NONE},
	{34, MARK, 2001, DROP_REPLAY},
	{35, MARK, T32 - 1, DROP_NONE},
	{36, MARK, T32, DROP_NONE},      /* Across 2^32 */
	{37, MARK, T32 - 2, DROP_NONE},
	{38, MARK, T32 - 1, DROP_REPLAY},
	{39, MARK, T32 + 62, DROP_NONE},
	{40, MARK, T32 - 2, DROP_REPLAY},
	{41, MARK, UINT64_MAX, DROP_NONE},
	{42, MARK, UINT64_MAX, DROP_REPLAY},
	{43, MARK, UINT64_MAX - 63, DROP_NONE},
	{44, MARK, UINT64_MAX - 64, DROP_REPLAY},
	{45, MARK, 1, DROP_REPLAY},
};

static void test_walk(void **state)
{
	struct replay_window w;

	(void)state;
	replay_init(&w, 64, 0);
	for (size_t i = 0; i < sizeof(walk) / sizeof(*walk); i++) {
		enum drop check, mark;

		if (walk[i].verb == FLOOR) {
			replay_raise_floor(&w, walk[i].seq);
			continue;
		}
		check = replay_check(&w, walk[i].seq);
		mark = replay_mark(&w, walk[i].seq);
		if (check != walk[i].expected || mark != walk[i].expected)
			fail_msg("row %d: check %d, mark %d", walk[i].row, (int)check, (int)mark);
	}
}

/* RFC 4303 A2.2; window 64, so case B is a low half of the top below 63. */
static const struct {
	int row;
	uint64_t top;
	uint32_t low;
	bool esn;
	uint64_t expected;
} infer[] = {
	{1, 0, 1, true, 1},
	{2, 0, 0xffffffff, true, 0xffffffff}, /* Case B, nothing below: a high one */
	{3, 0, 0xffffffff, false, 0xffffffff},
	{4, 5, 0xfffffff0, true, 0xfffffff0},
	{5, 62, 0, true, 0},
	{6, 63, 0, true, 0},                  /* Case A: 0 is the left edge */
	{7, 64, 0, true, T32},                /* just left of it: the next subspace */
	{8, 64, 1, true, 1},
	{9, 1000, 937, true, 937},            /* Left edge */
	{10, 1000, 936, true, T32 + 936},
	{11, 1000, 1001, true, 1001},
	{12, 1000, 0xffffffff, true, 0xffffffff},
	{13, T32 - 1, T32 - 1, true, T32 - 1},
	{14, T32 - 1, 0, true, T32},          /* The wrap */
	{15, T32 - 1, 5, true, T32 + 5},
	{16, T32, 0xffffffff, true, T32 - 1}, /* Case B: back below the wrap */
	{17, T32, 0xffffffc1, true, T32 - 63},
	{18, T32, 0xffffffc0, true, 2 * T32 - 64}, /* One beyond the window: a high one */
	{19, T32 + 10, 0, true, T32},
	{20, T32 + 10, 11, true, T32 + 11},
	{21, T32 + 62, 0xffffffff, true, T32 - 1},
	{22, T32 + 63, 0xffffffff, true, 2 * T32 - 1},
	{23, 7 * T32 + 100, 99, true, 7 * T32 + 99},
	{24, 7 * T32 + 100, 1, true, 8 * T32 + 1},
	{25, UINT64_MAX, 0, true, 0},         /* Wraps to what no window accepts */
	{26, UINT64_MAX, 0xffffffff, true, UINT64_MAX},
	{27, T32 + 10, 11, false, 11},
};

static void test_infer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(infer) / sizeof(*infer); i++) {
		struct replay_window w;
		uint64_t seq;

		replay_init(&w, 64, infer[i].top);
		seq = replay_infer(&w, infer[i].low, infer[i].esn);
		if (seq != infer[i].expected)
			fail_msg("row %d: %#llx", infer[i].row, (unsigned long long)seq);
	}
}

/* RFC 4303 A2.3 as it is printed: all but W is mod 2^32. */
static uint64_t infer_as_printed(uint64_t top, uint32_t w, uint32_t seql)
{
	uint32_t tl = (uint32_t)top, th = (uint32_t)(top >> 32), seqh;

	if (tl >= w - 1)                                         /* Case A */
		seqh = seql >= tl - w + 1 ? th : th + 1;
	else                                                     /* Case B */
		seqh = seql >= tl - w + 1 ? th - 1 : th;
	return (uint64_t)seqh << 32 | seql;
}

/* Around every edge, in every subspace, for every size of window. Subspace 0 has none below
 * it: there the printed one wraps, and ours stays. */
static void test_infer_as_printed(void **state)
{
	static const uint32_t near[] = {0, 1, 62, 63, 64, 65, 1000, 0x7fffffff, 0x80000000, 0xffffffc0,
					0xffffffc1, 0xfffffffe, 0xffffffff};

	(void)state;
	for (uint32_t bits = 64; bits <= REPLAY_BITS_MAX; bits *= 2) {
		for (uint64_t th = 1; th < 4; th++) {
			for (size_t i = 0; i < sizeof(near) / sizeof(*near) * 5; i++) {
				uint64_t top = th << 32 | (uint32_t)(near[i / 5] + (i % 5 - 2) * bits);
				struct replay_window w;

				replay_init(&w, bits, top);
				for (uint32_t k = 0; k < 13 * 7; k++) {
					uint32_t base = k % 7 < 4 ? near[k / 7] : (uint32_t)top - bits;
					uint32_t low = base + k % 7 - 1;

					if (replay_infer(&w, low, true) != infer_as_printed(top, bits, low))
						fail_msg("bits %u, top %#llx, low %#x", bits,
							 (unsigned long long)top, low);
				}
			}
		}
	}
}

/* A receiver with ESN across the wrap, RFC 4303 A2.1 to A2.3: the packet's field, its number, and
 * the verdict. Window 64, begun at 2^32 - 10. AHEAD: a number behind the window is taken for the
 * next subspace, and only its ICV shows the truth. */
enum { AHEAD = -1 };
static const struct {
	int row;
	uint32_t low;
	uint64_t number;
	int expected;
} wrap[] = {
	{1, 0xfffffff6, T32 - 10, DROP_REPLAY},
	{2, 0xfffffff7, T32 - 9, DROP_NONE},
	{3, 0xffffffff, T32 - 1, DROP_NONE},      /* Tl is the highest there is: Case A */
	{4, 0xfffffffd, T32 - 3, DROP_NONE},
	{5, 0x00000000, T32, DROP_NONE},          /* Case A, Seql < Bl: Th + 1 */
	{6, 0xfffffffe, T32 - 2, DROP_NONE},      /* Case B, Seql >= Bl: Th - 1 */
	{7, 0xfffffffe, T32 - 2, DROP_REPLAY},
	{8, 0xffffffff, T32 - 1, DROP_REPLAY},
	{9, 0x00000000, T32, DROP_REPLAY},
	{10, 0x00000005, T32 + 5, DROP_NONE},     /* Case B, Seql < Bl: Th */
	{11, 0x00000003, T32 + 3, DROP_NONE},
	{12, 0x00000003, T32 + 3, DROP_REPLAY},
	{13, 0x0000003e, T32 + 62, DROP_NONE},    /* Bl is 2^32 - 1 of the last subspace */
	{14, 0xffffffff, T32 - 1, DROP_REPLAY},   /* Its last one in the window */
	{15, 0xfffffffe, 2 * T32 - 2, AHEAD},
	{16, 0x0000003f, T32 + 63, DROP_NONE},    /* Tl = W - 1: Case A again */
	{17, 0x00000000, T32, DROP_REPLAY},       /* Bl */
	{18, 0x00000001, T32 + 1, DROP_NONE},
	{19, 0xffffffff, 2 * T32 - 1, AHEAD},
	{20, 0x00000040, T32 + 64, DROP_NONE},
	{21, 0x00000000, 2 * T32, AHEAD},
	{22, 0x80000000, T32 + 0x80000000, DROP_NONE}, /* Half a subspace at once */
	{23, 0x7fffffc0, 2 * T32 + 0x7fffffc0, AHEAD},
	{24, 0x7fffffc1, T32 + 0x7fffffc1, DROP_NONE},
	{25, 0xffffffff, 2 * T32 - 1, DROP_NONE},
	{26, 0x00000000, 2 * T32, DROP_NONE},     /* The second wrap */
	{27, 0xffffffff, 2 * T32 - 1, DROP_REPLAY},
	{28, 0xffffffc1, 2 * T32 - 63, DROP_NONE},
	{29, 0xffffffc0, 3 * T32 - 64, AHEAD},
};

static void test_esn_wrap(void **state)
{
	struct replay_window w;

	(void)state;
	replay_init(&w, 64, T32 - 10);
	for (size_t i = 0; i < sizeof(wrap) / sizeof(*wrap); i++) {
		uint64_t number = replay_infer(&w, wrap[i].low, true);
		enum drop check = replay_check(&w, number);

		if (number != wrap[i].number)
			fail_msg("row %d: %#llx", wrap[i].row, (unsigned long long)number);
		if (wrap[i].expected == AHEAD)
			assert_int_equal(check, DROP_NONE);
		else if ((int)check != wrap[i].expected || (int)replay_mark(&w, number) != wrap[i].expected)
			fail_msg("row %d: check %d", wrap[i].row, (int)check);
	}
}

static void test_init(void **state)
{
	struct replay_window w;

	(void)state;
	replay_init(&w, 1024, 5000);
	assert_int_equal(replay_check(&w, 5000), DROP_REPLAY);
	assert_int_equal(replay_check(&w, 4999), DROP_REPLAY);
	assert_int_equal(replay_check(&w, 1), DROP_REPLAY);
	assert_int_equal(replay_check(&w, 5001), DROP_NONE);
	assert_int_equal(replay_check(&w, 5001), DROP_NONE); /* Changes nothing */
	assert_int_equal(replay_mark(&w, 5001), DROP_NONE);
	assert_int_equal(w.top, 5001);
	assert_int_equal(w.floor, 5000);
}

/* For all sizes: a random walk, each answer compared with one that remembers
 * every number it accepted. */
static void test_model(void **state)
{
	enum { SPAN = 8000000 };
	uint8_t seed[ENTROPY_SEED_LEN] = {1};
	struct entropy e;

	(void)state;
	entropy_init(&e, seed);
	for (uint32_t bits = 64; bits <= REPLAY_BITS_MAX; bits *= 2) {
		uint8_t *seen = calloc(SPAN, 1);
		uint64_t base = bits == 256 ? T32 - 50000 : 0, top = 0, floor = 0, seq;
		struct replay_window w;

		replay_init(&w, bits, base);
		for (int n = 0; n < 20000; n++) {
			uint32_t r = entropy_u32(&e);
			uint32_t far = r >> 28 ? bits / 16 + 2 : 2 * bits + 200;
			bool expected;

			seq = (r >> 27 & 1) ? top + r % far : top - (r % far < top ? r % far : top);
			if (seq == 0 || seq >= SPAN)
				continue;
			if ((r & 0x07ff0000) == 0x00770000) {
				replay_raise_floor(&w, base + seq);
				floor = seq > floor ? seq : floor;
				top = seq > top ? seq : top;
				continue;
			}
			expected = seq > floor && !seen[seq] && (seq > top || top - seq < bits);
			if ((replay_mark(&w, base + seq) == DROP_NONE) != expected)
				fail_msg("bits %u, step %d, number %llu", bits, n,
					 (unsigned long long)seq);
			if (expected) {
				seen[seq] = 1;
				top = seq > top ? seq : top;
			}
			assert_true(w.top == base + top);
		}
		assert_true(top > 50 * (uint64_t)bits);
		free(seen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_infer),
		cmocka_unit_test(test_infer_as_printed),
		cmocka_unit_test(test_esn_wrap),
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
