/* SPDX-License-Identifier: Apache-2.0 */
/* The same octets, as RFC 7296 2.1 wants for every retransmission. */
#ifndef TEST_UNIT_SAME_H
#define TEST_UNIT_SAME_H

#include "proto/wire/blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline void assert_same(const struct blob *a, const struct blob *b)
{
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->data, b->data, a->len);
}

/* ... and neither is needed any more. */
static inline void assert_same_unref(struct blob *a, struct blob *b)
{
	assert_same(a, b);
	blob_unref(a);
	blob_unref(b);
}

#endif
