/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array: there are a handful of them, and what matters is that two nodes write the same
 * set in the same way. struct prefix has no padding, so its octets are its value. */
#include "proto/wire/prefix_list.h"

#include <string.h>

_Static_assert(sizeof(struct prefix) == 18, "octets only");

/* Its place, or where it belongs. */
static uint32_t find(const struct prefix_list *l, const struct prefix *network)
{
	uint32_t i = 0;

	while (i < l->n && memcmp(&l->at[i], network, sizeof(*network)) < 0)
		i++;
	return i;
}

bool prefix_list_has(const struct prefix_list *l, const struct prefix *p)
{
	struct prefix network = prefix_network(p);
	uint32_t i = find(l, &network);

	return i < l->n && memcmp(&l->at[i], &network, sizeof(network)) == 0;
}

bool prefix_list_add(struct prefix_list *l, const struct prefix *p)
{
	struct prefix network = prefix_network(p);
	uint32_t i = find(l, &network);

	if (prefix_list_has(l, p))
		return true;
	if (l->n == PREFIX_LIST_MAX)
		return false;
	memmove(&l->at[i + 1], &l->at[i], (l->n - i) * sizeof(l->at[0]));
	l->at[i] = network;
	l->n++;
	return true;
}

bool prefix_list_covers(const struct prefix_list *l, const struct prefix *p)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->at[i].bits <= p->bits && prefix_contains(&l->at[i], &p->address))
			return true;
	return false;
}

bool prefix_list_equal(const struct prefix_list *a, const struct prefix_list *b)
{
	return a->n == b->n && memcmp(a->at, b->at, a->n * sizeof(a->at[0])) == 0;
}

bool prefix_list_sound(const struct prefix_list *l)
{
	if (l->n > PREFIX_LIST_MAX)
		return false;
	for (uint32_t i = 0; i < l->n; i++) {
		const struct prefix *p = &l->at[i];
		struct prefix network;

		if ((p->address.family != 4 && p->address.family != 6) || p->bits > 8 * address_len(&p->address))
			return false;
		network = prefix_network(p);
		if (memcmp(&network, p, sizeof(network)) != 0 ||
		    (i > 0 && memcmp(&l->at[i - 1], p, sizeof(*p)) >= 0))
			return false;
	}
	return true;
}
