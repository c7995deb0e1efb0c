/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors as sets of ranges. A selector is a box over address, port and
 * protocol; two of them meet in a box or not at all, so narrowing (RFC 7296 2.9)
 * is intersection, done per pair.
 *
 * The client may put the packet that triggered the exchange first, as a separate selector (RFC 7296
 * 2.9: "a very specific Traffic Selector"); the order of the offer is kept, so it stays first. A
 * result that an earlier one already contains is left out. */
#include "proto/wire/traffic_selector.h"

#include <string.h>

static struct address last_address(const struct prefix *p)
{
	struct address a = p->address;

	for (size_t bit = p->bits; bit < 8 * address_len(&a); bit++)
		a.octets[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return a;
}

struct traffic_selector ts_from_prefix(const struct prefix *p)
{
	struct traffic_selector ts = {
		.start = prefix_network(p).address,
		.end = last_address(p),
		.port_end = UINT16_MAX,
	};

	return ts;
}

struct traffic_selector ts_from_address(const struct address *a)
{
	struct traffic_selector ts = {.start = *a, .end = *a, .port_end = UINT16_MAX};

	return ts;
}

bool ts_is_prefix(const struct traffic_selector *ts, struct prefix *out)
{
	unsigned bits = 8 * (unsigned)address_len(&ts->start), host = bits;
	struct traffic_selector whole;

	/* The first bit that differs: from there on all may. */
	for (unsigned bit = 0; host == bits && bit < bits; bit++)
		if ((ts->start.octets[bit / 8] ^ ts->end.octets[bit / 8]) & 0x80u >> bit % 8)
			host = bit;
	*out = (struct prefix){.address = ts->start, .bits = (uint8_t)host};
	whole = ts_from_prefix(out);
	return address_equal(&whole.start, &ts->start) && address_equal(&whole.end, &ts->end);
}

static bool contains(const struct traffic_selector *outer, const struct traffic_selector *inner)
{
	return outer->start.family == inner->start.family &&
	       address_compare(&outer->start, &inner->start) <= 0 &&
	       address_compare(&outer->end, &inner->end) >= 0 &&
	       outer->port_start <= inner->port_start && outer->port_end >= inner->port_end &&
	       (outer->protocol == 0 || outer->protocol == inner->protocol);
}

static bool intersect(struct traffic_selector *out, const struct traffic_selector *a,
		      const struct traffic_selector *b)
{
	if (a->start.family == 0 || a->start.family != b->start.family)
		return false;
	if (a->protocol != 0 && b->protocol != 0 && a->protocol != b->protocol)
		return false;
	out->start = address_compare(&a->start, &b->start) >= 0 ? a->start : b->start;
	out->end = address_compare(&a->end, &b->end) <= 0 ? a->end : b->end;
	out->port_start = a->port_start > b->port_start ? a->port_start : b->port_start;
	out->port_end = a->port_end < b->port_end ? a->port_end : b->port_end;
	out->protocol = a->protocol != 0 ? a->protocol : b->protocol;
	return address_compare(&out->start, &out->end) <= 0 && out->port_start <= out->port_end;
}

static void add(struct ts_set *set, const struct traffic_selector *ts)
{
	for (uint8_t i = 0; i < set->n; i++)
		if (contains(&set->ts[i], ts))
			return;
	if (set->n < TS_MAX)
		set->ts[set->n++] = *ts;
}

void ts_narrow_one(struct ts_set *out, const struct traffic_selector *offered,
		   const struct ts_set *allowed)
{
	for (uint8_t i = 0; i < allowed->n; i++) {
		struct traffic_selector both;

		if (intersect(&both, offered, &allowed->ts[i]))
			add(out, &both);
	}
}

bool ts_narrow(struct ts_set *out, const struct ts_set *offered, const struct ts_set *allowed)
{
	memset(out, 0, sizeof(*out));
	for (uint8_t i = 0; i < offered->n; i++)
		ts_narrow_one(out, &offered->ts[i], allowed);
	return out->n > 0;
}

static bool names(const struct traffic_selector *ts, const struct address *a)
{
	return a->family == ts->start.family && address_compare(a, &ts->start) >= 0 &&
	       address_compare(a, &ts->end) <= 0;
}

bool ts_names(const struct ts_set *set, const struct address *a)
{
	for (uint8_t i = 0; i < set->n; i++)
		if (names(&set->ts[i], a))
			return true;
	return false;
}

bool ts_covers(const struct ts_set *set, const struct address *a, uint8_t protocol, const uint16_t *port)
{
	for (uint8_t i = 0; i < set->n; i++) {
		const struct traffic_selector *ts = &set->ts[i];

		if (!names(ts, a))
			continue;
		if (ts->protocol != 0 && ts->protocol != protocol)
			continue;
		/* RFC 4301 4.4.1.1: where a port cannot be seen, only ANY matches. */
		if (port ? *port >= ts->port_start && *port <= ts->port_end
			 : ts->port_start == 0 && ts->port_end == UINT16_MAX)
			return true;
	}
	return false;
}

static bool ts_equal(const struct traffic_selector *a, const struct traffic_selector *b)
{
	return address_equal(&a->start, &b->start) && address_equal(&a->end, &b->end) &&
	       a->port_start == b->port_start && a->port_end == b->port_end &&
	       a->protocol == b->protocol;
}

bool ts_set_equal(const struct ts_set *a, const struct ts_set *b)
{
	if (a->n != b->n)
		return false;
	for (uint8_t i = 0; i < a->n; i++)
		if (!ts_equal(&a->ts[i], &b->ts[i]))
			return false;
	return true;
}

bool ts_set_within(const struct ts_set *inner, const struct ts_set *outer)
{
	for (uint8_t i = 0; i < inner->n; i++) {
		uint8_t k = 0;

		while (k < outer->n && !contains(&outer->ts[k], &inner->ts[i]))
			k++;
		if (k == outer->n)
			return false;
	}
	return inner->n > 0;
}
