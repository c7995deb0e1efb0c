/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as values, and their text. We parse the text ourselves instead of using inet_pton(): a
 * string in the configuration must mean the same on every platform, so there are no zone suffixes,
 * no octal, no short forms of IPv4. IPv6 text follows RFC 4291 2.2 and is written as RFC 5952
 * says. */
#include "proto/wire/address.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct address address_ipv4(uint32_t host_order)
{
	struct address a = {.family = 4};

	a.octets[0] = (uint8_t)(host_order >> 24);
	a.octets[1] = (uint8_t)(host_order >> 16);
	a.octets[2] = (uint8_t)(host_order >> 8);
	a.octets[3] = (uint8_t)host_order;
	return a;
}

uint32_t address_to_ipv4(const struct address *a)
{
	assert(a->family == 4);
	return (uint32_t)a->octets[0] << 24 | (uint32_t)a->octets[1] << 16 |
	       (uint32_t)a->octets[2] << 8 | a->octets[3];
}

size_t address_len(const struct address *a)
{
	return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return address_compare(a, b) == 0;
}

int address_compare(const struct address *a, const struct address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->octets, b->octets, address_len(a));
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && address_equal(&a->address, &b->address);
}

bool prefix_contains(const struct prefix *p, const struct address *a)
{
	size_t whole = p->bits / 8u;
	unsigned rest = p->bits % 8u;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (a->family == 0 || a->family != p->address.family)
		return false;
	assert(p->bits <= 8u * address_len(a));
	if (memcmp(a->octets, p->address.octets, whole) != 0)
		return false;
	return rest == 0 || ((a->octets[whole] ^ p->address.octets[whole]) & mask) == 0;
}

struct prefix prefix_network(const struct prefix *p)
{
	struct prefix n = *p;

	for (size_t bit = p->bits; bit < 8 * address_len(&p->address); bit++)
		n.address.octets[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
	return n;
}

struct prefix prefix_host(const struct address *a)
{
	return (struct prefix){.address = *a, .bits = (uint8_t)(8 * address_len(a))};
}

/* Decimal without sign, blanks or leading zeros; moves *text behind it. */
static bool take_decimal(const char **text, unsigned max, unsigned *out)
{
	const char *t = *text;
	unsigned v = 0;

	if (*t < '0' || *t > '9' || (t[0] == '0' && t[1] >= '0' && t[1] <= '9'))
		return false;
	for (; *t >= '0' && *t <= '9'; t++) {
		v = v * 10 + (unsigned)(*t - '0');
		if (v > max)
			return false;
	}
	*text = t;
	*out = v;
	return true;
}

static bool take_ipv4(const char **text, uint8_t octets[4])
{
	unsigned v;

	for (size_t i = 0; i < 4; i++) {
		if (i > 0 && *(*text)++ != '.')
			return false;
		if (!take_decimal(text, 255, &v))
			return false;
		octets[i] = (uint8_t)v;
	}
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One to four hexadecimal digits. */
static bool take_group(const char **text, uint8_t out[2])
{
	const char *t = *text;
	unsigned v = 0;

	while (hex_value(*t) >= 0 && t - *text < 4)
		v = v << 4 | (unsigned)hex_value(*t++);
	if (t == *text || hex_value(*t) >= 0)
		return false;
	*text = t;
	out[0] = (uint8_t)(v >> 8);
	out[1] = (uint8_t)v;
	return true;
}

/* RFC 4291 2.2: eight groups; "::" once, for one group of zeros or more; the last
 * two groups may be an IPv4 address. */
static bool take_ipv6(const char **text, uint8_t octets[16])
{
	const char *t = *text;
	size_t n = 0, gap = SIZE_MAX;

	memset(octets, 0, 16);
	while (n < 16) {
		const char *group;

		if (t[0] == ':' && t[1] == ':' && gap == SIZE_MAX) {
			gap = n;
			t += 2;
			if (hex_value(*t) < 0)
				break;
		} else if (n > 0 && gap != n && *t == ':') {
			t++;
		} else if (n > 0 && gap != n) {
			break;
		}
		group = t;
		if (n <= 12 && take_ipv4(&t, octets + n)) {
			n += 4;
			break;
		}
		t = group;
		if (!take_group(&t, octets + n))
			return false;
		n += 2;
	}
	if (gap == SIZE_MAX ? n != 16 : n > 14)
		return false;
	if (gap != SIZE_MAX) {
		memmove(octets + 16 - (n - gap), octets + gap, n - gap);
		memset(octets + gap, 0, 16 - n);
	}
	*text = t;
	return true;
}

static bool take_address(const char **text, struct address *a)
{
	const char *t = *text;

	memset(a, 0, sizeof(*a));
	if (take_ipv4(&t, a->octets)) {
		a->family = 4;
	} else {
		t = *text;
		memset(a, 0, sizeof(*a));
		if (!take_ipv6(&t, a->octets))
			return false;
		a->family = 6;
	}
	*text = t;
	return true;
}

enum status address_parse(struct address *a, const char *text)
{
	if (!take_address(&text, a) || *text != '\0')
		return ERR_MALFORMED;
	return OK;
}

enum status prefix_parse(struct prefix *p, const char *text)
{
	unsigned bits;

	memset(p, 0, sizeof(*p));
	if (!take_address(&text, &p->address) || *text++ != '/')
		return ERR_MALFORMED;
	if (!take_decimal(&text, (unsigned)address_len(&p->address) * 8, &bits) || *text != '\0')
		return ERR_MALFORMED;
	p->bits = (uint8_t)bits;
	return OK;
}

enum status endpoint_parse(struct endpoint *e, const char *text)
{
	unsigned port;
	bool bracket = *text == '[';

	memset(e, 0, sizeof(*e));
	if (bracket)
		text++;
	if (!take_address(&text, &e->address) || (e->address.family == 6) != bracket)
		return ERR_MALFORMED;
	if (bracket && *text++ != ']')
		return ERR_MALFORMED;
	if (*text++ != ':' || !take_decimal(&text, UINT16_MAX, &port) || *text != '\0')
		return ERR_MALFORMED;
	e->port = (uint16_t)port;
	return OK;
}

/* RFC 5952 4.2: the longest run of two or more zero groups becomes "::", the first
 * one if two are equally long. */
static void longest_zero_run(const uint16_t group[8], size_t *start, size_t *len)
{
	*start = 8;
	*len = 1;
	for (size_t i = 0; i < 8;) {
		size_t n = 0;

		while (i + n < 8 && group[i + n] == 0)
			n++;
		if (n > *len) {
			*start = i;
			*len = n;
		}
		i += n ? n : 1;
	}
}

static void format_ipv6(const struct address *a, char text[ADDRESS_TEXT_LEN])
{
	uint16_t group[8];
	size_t start, len, at = 0;

	for (size_t i = 0; i < 8; i++)
		group[i] = (uint16_t)(a->octets[2 * i] << 8 | a->octets[2 * i + 1]);
	longest_zero_run(group, &start, &len);
	for (size_t i = 0; i < 8;) {
		if (i == start) {
			at += (size_t)snprintf(text + at, ADDRESS_TEXT_LEN - at, "::");
			i += len;
			continue;
		}
		at += (size_t)snprintf(text + at, ADDRESS_TEXT_LEN - at, "%s%x",
				       i > 0 && i != start + len ? ":" : "", group[i]);
		i++;
	}
	assert(at < ADDRESS_TEXT_LEN);
}

const char *address_format(const struct address *a, char text[ADDRESS_TEXT_LEN])
{
	if (a->family == 4)
		snprintf(text, ADDRESS_TEXT_LEN, "%u.%u.%u.%u", a->octets[0], a->octets[1],
			 a->octets[2], a->octets[3]);
	else if (a->family == 6)
		format_ipv6(a, text);
	else
		snprintf(text, ADDRESS_TEXT_LEN, "none");
	return text;
}

const char *endpoint_format(const struct endpoint *e, char text[ENDPOINT_TEXT_LEN])
{
	char address[ADDRESS_TEXT_LEN];

	address_format(&e->address, address);
	snprintf(text, ENDPOINT_TEXT_LEN, e->address.family == 6 ? "[%s]:%u" : "%s:%u", address,
		 e->port);
	return text;
}
