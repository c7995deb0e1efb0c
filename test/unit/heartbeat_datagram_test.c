/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats as datagrams: the other end of the same connection opens them, and nothing else
 * does: no echo, no other connection, not one bit or octet more, less or changed. */
#include "cluster/link/heartbeat_datagram.h"

#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t frame[HEARTBEAT_LEN] = {0xc0, 1, 2, 3};

static struct heartbeat_keys keys_of(uint8_t connection, bool dials)
{
	uint8_t exported[HEARTBEAT_EXPORT_LEN];
	struct heartbeat_keys k;

	for (unsigned i = 0; i < sizeof(exported); i++)
		exported[i] = (uint8_t)(connection + i);
	heartbeat_keys_split(&k, exported, dials);
	return k;
}

static enum status open_at(const struct heartbeat_key *k, const uint8_t *data, size_t len)
{
	uint8_t *exact = exact_copy(data, len), out[HEARTBEAT_LEN];
	enum status s = heartbeat_datagram_open(k, exact, len, out);

	if (s == OK)
		assert_memory_equal(out, frame, sizeof(frame));
	free(exact);
	return s;
}

static void test_the_other_end_opens(void **state)
{
	struct heartbeat_keys dials = keys_of(1, true), listens = keys_of(1, false), other = keys_of(99, false);
	uint8_t out[HEARTBEAT_DATAGRAM_LEN], back[HEARTBEAT_DATAGRAM_LEN];

	(void)state;
	heartbeat_datagram_create(&dials.ours, frame, out);
	heartbeat_datagram_create(&listens.ours, frame, back);
	assert_int_equal(open_at(&listens.its, out, sizeof(out)), OK);
	assert_int_equal(open_at(&dials.its, back, sizeof(back)), OK);
	assert_int_equal(open_at(&dials.its, out, sizeof(out)), ERR_NOT_FOUND);
	assert_int_equal(open_at(&other.its, out, sizeof(out)), ERR_NOT_FOUND);
}

static void test_nothing_else_opens(void **state)
{
	struct heartbeat_keys dials = keys_of(1, true), listens = keys_of(1, false);
	uint8_t out[HEARTBEAT_DATAGRAM_LEN + 1] = {0};

	(void)state;
	heartbeat_datagram_create(&dials.ours, frame, out);
	for (unsigned bit = 0; bit < 8 * HEARTBEAT_DATAGRAM_LEN; bit++) {
		out[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(open_at(&listens.its, out, HEARTBEAT_DATAGRAM_LEN),
				 bit < 8 * HEARTBEAT_ID_LEN ? ERR_NOT_FOUND : ERR_AUTH);
		out[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len <= HEARTBEAT_DATAGRAM_LEN + 1; len++)
		assert_int_equal(open_at(&listens.its, out, len),
				 len == HEARTBEAT_DATAGRAM_LEN ? OK : ERR_MALFORMED);
	listens.its.key[0] ^= 1;
	assert_int_equal(open_at(&listens.its, out, HEARTBEAT_DATAGRAM_LEN), ERR_AUTH);
}

static void leaves_at(uint8_t f[HEARTBEAT_LEN], uint64_t us)
{
	for (unsigned i = 0; i < 8; i++)
		f[1 + i] = (uint8_t)(us >> (56 - 8 * i));
}

/* What an attacker kept, or another way overtook. */
static void test_only_newer_ones_count(void **state)
{
	static const struct {
		uint64_t left_us;
		bool is_new;
	} rows[] = {{1000, true}, {1000, false}, {999, false}, {1001, true}, {UINT64_MAX, true}, {1, false}};
	uint8_t f[HEARTBEAT_LEN] = {0};
	uint64_t newest_us = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		leaves_at(f, rows[i].left_us);
		assert_int_equal(heartbeat_is_new(&newest_us, f), rows[i].is_new);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_other_end_opens),
		cmocka_unit_test(test_nothing_else_opens),
		cmocka_unit_test(test_only_newer_ones_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
