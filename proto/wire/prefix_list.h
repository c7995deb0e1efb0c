/* SPDX-License-Identifier: Apache-2.0 */
/* A few networks, each once, in one order: equal sets have equal octets. */
#ifndef PROTO_WIRE_PREFIX_LIST_H
#define PROTO_WIRE_PREFIX_LIST_H

#include "proto/wire/address.h"

#define PREFIX_LIST_MAX 32u

struct prefix_list {
	uint32_t n;
	struct prefix at[PREFIX_LIST_MAX]; /* Without host bits, ascending. */
};

/* p's network. False: there is no room for one more. One that is there already is no error. */
bool prefix_list_add(struct prefix_list *l, const struct prefix *p) must_check;
bool prefix_list_has(const struct prefix_list *l, const struct prefix *p);    /* That very network. */
bool prefix_list_covers(const struct prefix_list *l, const struct prefix *p); /* All of its addresses, by one. */
bool prefix_list_equal(const struct prefix_list *a, const struct prefix_list *b);
bool prefix_list_sound(const struct prefix_list *l); /* As the functions above leave it. */

#endif
