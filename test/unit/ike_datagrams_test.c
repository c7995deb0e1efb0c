/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of datagrams: references, order, sizes, and their one encoding. */
#include "proto/ike/datagrams.h"
#include "cluster/state/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ike_datagrams *three(void)
{
	struct blob *b[3] = {blob_new("one", 3), blob_new("second", 6), blob_new("3", 1)};

	return ike_datagrams_new(b, 3);
}

static void a_set_keeps_order_and_references(void **unused)
{
	struct ike_datagrams *d = three(), *again = ike_datagrams_ref(d), *other = three(), *slot = NULL;
	struct blob *b[2] = {blob_ref(d->datagram[0]), blob_ref(d->datagram[1])};
	struct ike_datagrams *two = ike_datagrams_new(b, 2), *one;

	(void)unused;
	assert_int_equal(ike_datagrams_len(d), 10);
	assert_true(ike_datagrams_equal(d, other));
	assert_false(ike_datagrams_equal(d, two));
	assert_false(ike_datagrams_equal(two, d));
	assert_false(ike_datagrams_equal(d, NULL));
	assert_true(ike_datagrams_equal(NULL, NULL));
	other->datagram[2]->data[0] = '4';
	assert_false(ike_datagrams_equal(d, other));
	ike_datagrams_unref(d);
	ike_datagrams_set(&slot, again);
	assert_memory_equal(slot->datagram[1]->data, "second", 6);
	ike_datagrams_set(&slot, NULL);
	assert_memory_equal(two->datagram[0]->data, "one", 3); /* It has its own reference. */
	one = ike_datagrams_of(blob_new("only", 4));
	assert_memory_equal(ike_datagrams_only(one)->data, "only", 4);
	assert_null(ike_datagrams_of(NULL));
	assert_null(ike_datagrams_only(NULL));
	assert_int_equal(ike_datagrams_len(NULL), 0);
	ike_datagrams_unref(one);
	ike_datagrams_unref(two);
	ike_datagrams_unref(other);
	ike_datagrams_unref(NULL);
}

/* ---- The record ---- */

static bool reads(const uint8_t *octets, size_t len, uint32_t max, struct ike_datagrams **d)
{
	CBS in;
	struct codec c = {.in = &in};

	*d = NULL;
	CBS_init(&in, octets, len);
	codec_datagrams(&c, d, max);
	if (c.bad)
		assert_null(*d);
	return !c.bad && CBS_len(&in) == 0;
}

static void a_set_is_read_as_it_was_written(void **unused)
{
	static const uint8_t form[] = "\3\0\0\0\3one\0\0\0\6second\0\0\0\0013";
	struct ike_datagrams *sets[] = {NULL, ike_datagrams_of(blob_new("only", 4)), three()}, *back;

	(void)unused;
	for (unsigned i = 0; i < 3; i++) {
		struct codec c = {0};
		CBB out;

		assert_true(CBB_init(&out, 64));
		c.out = &out;
		codec_datagrams(&c, &sets[i], 10);
		assert_false(c.bad);
		if (i == 2) {
			assert_int_equal(CBB_len(&out), sizeof(form) - 1);
			assert_memory_equal(CBB_data(&out), form, sizeof(form) - 1);
		}
		for (size_t cut = 0; cut < CBB_len(&out); cut++)
			assert_false(reads(CBB_data(&out), cut, 10, &back));
		assert_true(reads(CBB_data(&out), CBB_len(&out), 10, &back));
		assert_true(ike_datagrams_equal(sets[i], back));
		ike_datagrams_unref(back);
		ike_datagrams_unref(sets[i]);
		CBB_cleanup(&out);
	}
	assert_false(reads(form, sizeof(form) - 1, 9, &back)); /* 10 octets are too many. */
	assert_null(back);
}

static void what_is_out_of_bounds_is_not_read(void **unused)
{
	uint8_t octets[1 + 5 * (IKE_DATAGRAMS_MAX + 1)];
	struct ike_datagrams *d;

	(void)unused;
	for (unsigned n = 0; n <= IKE_DATAGRAMS_MAX; n++)
		memcpy(octets + 1 + 5 * n, "\0\0\0\1x", 5);
	for (uint8_t n = 1; n <= IKE_DATAGRAMS_MAX; n++) {
		octets[0] = n;
		assert_true(reads(octets, 1 + 5 * n, IKE_DATAGRAMS_MAX, &d));
		assert_int_equal(d->n, n);
		ike_datagrams_unref(d);
	}
	octets[0] = IKE_DATAGRAMS_MAX + 1;
	assert_false(reads(octets, sizeof(octets), sizeof(octets), &d));
	assert_false(reads((const uint8_t *)"\2\0\0\0\1x\0\0\0\0", 10, 100, &d)); /* An empty one. */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_keeps_order_and_references),
		cmocka_unit_test(a_set_is_read_as_it_was_written),
		cmocka_unit_test(what_is_out_of_bounds_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
