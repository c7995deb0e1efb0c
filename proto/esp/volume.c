/* SPDX-License-Identifier: Apache-2.0 */
/* Four numbers that are compared, raised and added together. */
#include "proto/esp/volume.h"

bool volume_is_zero(const struct volume *v)
{
	return v->octets_in == 0 && v->packets_in == 0 && v->octets_out == 0 && v->packets_out == 0;
}

bool volume_covers(const struct volume *a, const struct volume *b)
{
	return a->octets_in >= b->octets_in && a->packets_in >= b->packets_in &&
	       a->octets_out >= b->octets_out && a->packets_out >= b->packets_out;
}

static void raise(uint64_t *a, uint64_t b)
{
	if (*a < b)
		*a = b;
}

bool volume_raise(struct volume *a, const struct volume *b)
{
	if (volume_covers(a, b))
		return false;
	raise(&a->octets_in, b->octets_in);
	raise(&a->packets_in, b->packets_in);
	raise(&a->octets_out, b->octets_out);
	raise(&a->packets_out, b->packets_out);
	return true;
}

static void add(uint64_t *a, uint64_t b)
{
	if (__builtin_add_overflow(*a, b, a))
		*a = UINT64_MAX;
}

void volume_add(struct volume *a, const struct volume *b)
{
	add(&a->octets_in, b->octets_in);
	add(&a->packets_in, b->packets_in);
	add(&a->octets_out, b->octets_out);
	add(&a->packets_out, b->packets_out);
}
