/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration payload (RFC 7296 3.15): what a client asks for, and what it is told. The input is a connection
 * and the body of a CP payload. What we read of it is what a second reader here finds; our reply has the client's
 * address, only what was asked for, and all of it: DNS servers, domains with a DNS server only (RFC 8598 3.2), and the
 * selectors that are subnets, none of which says more or less than its selector. */
#include "proto/ike/config_reply.h"

#include <stdlib.h>
#include <string.h>

/* runs: 30000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool read_payload(struct ike_message *m, const uint8_t *body, size_t len)
{
	struct blob *content;
	struct ike_builder b;
	bool good;

	memset(m, 0, sizeof(*m));
	ike_builder_init(&b);
	ike_add_payload(&b, IKE_PAYLOAD_CP, false, body, len);
	if (ike_builder_finish(&b, &content) != OK)
		return false;
	good = ike_message_parse_content(m, IKE_PAYLOAD_CP, content->data, content->len) == OK;
	if (good) { /* Views of the input, which outlives m. */
		CBS in;

		CBS_init(&in, body, len);
		require(CBS_skip(&in, 4) && CBS_mem_equal(&m->cp.attributes, CBS_data(&in), CBS_len(&in)));
		m->cp.attributes = in;
	}
	blob_unref(content);
	return good;
}

/* ---- A second reader ---- */

static unsigned count(CBS attributes, uint16_t type, size_t a, size_t b)
{
	unsigned n = 0;
	uint16_t t;
	CBS value;

	while (CBS_len(&attributes) > 0) {
		require(CBS_get_u16(&attributes, &t) && CBS_get_u16_length_prefixed(&attributes, &value));
		n += (t & 0x7fff) == type && (a == SIZE_MAX || CBS_len(&value) == 0 || CBS_len(&value) == a ||
					      CBS_len(&value) == b);
	}
	return n;
}

static bool is_there(CBS attributes, const uint8_t *octets, size_t len)
{
	struct ike_cp_attribute a;

	while (ike_cp_next(&attributes, &a))
		if (CBS_len(&a.value) >= len && memcmp(CBS_data(&a.value), octets, len) == 0)
			return true;
	return false;
}

static void check_request(const struct ike_cp_request *r, CBS in)
{
	require(r->ip4 == (count(in, IKE_CP_INTERNAL_IP4_ADDRESS, 4, 4) > 0));
	require(r->ip6 == (count(in, IKE_CP_INTERNAL_IP6_ADDRESS, 16, 17) > 0));
	require(r->dns4 == (count(in, IKE_CP_INTERNAL_IP4_DNS, SIZE_MAX, 0) > 0));
	require(r->dns6 == (count(in, IKE_CP_INTERNAL_IP6_DNS, SIZE_MAX, 0) > 0));
	require(r->subnets4 == (count(in, IKE_CP_INTERNAL_IP4_SUBNET, SIZE_MAX, 0) > 0));
	require(r->subnets6 == (count(in, IKE_CP_INTERNAL_IP6_SUBNET, SIZE_MAX, 0) > 0));
	require(r->domains == (count(in, IKE_CP_INTERNAL_DNS_DOMAIN, SIZE_MAX, 0) > 0));
	require(r->wanted4.family == 0 || (r->ip4 && is_there(in, r->wanted4.octets, 4)));
	require(r->wanted6.family == 0 || (r->ip6 && is_there(in, r->wanted6.octets, 16)));
}

/* ---- A connection ---- */

static bool get_address(CBS *in, uint8_t family, struct address *a)
{
	memset(a, 0, sizeof(*a));
	a->family = family;
	return CBS_copy_bytes(in, a->octets, address_len(a));
}

/* One octet: how many DNS servers, domains and selectors; then one for their families. */
static bool get_connection(CBS *in, struct ike_connection *c, struct address *virtual_ip)
{
	uint8_t n, families, size;

	memset(c, 0, sizeof(*c));
	c->has_pool = true;
	if (!CBS_get_u8(in, &n) || !CBS_get_u8(in, &families) ||
	    !get_address(in, families & 0x80 ? 6 : 4, virtual_ip))
		return false;
	for (unsigned i = 0; i < (n & 3u); i++)
		if (!get_address(in, families & 1u << i ? 6 : 4, &c->dns[c->n_dns++]))
			return false;
	for (unsigned i = 0; i < (n >> 2 & 3u); i++) {
		if (!CBS_get_u8(in, &size) || size == 0 || size >= CONNECTION_DOMAIN_LEN ||
		    !CBS_copy_bytes(in, (uint8_t *)c->domain[c->n_domains], size) ||
		    memchr(c->domain[c->n_domains], 0, size))
			return false;
		c->n_domains++;
	}
	for (unsigned i = 0; i < (n >> 4 & 7u); i++) {
		struct traffic_selector *ts = &c->local_ts.ts[c->local_ts.n++];
		uint8_t family = families & 8u << i ? 6 : 4;

		ts->port_end = UINT16_MAX;
		if (!get_address(in, family, &ts->start) || !get_address(in, family, &ts->end) ||
		    address_compare(&ts->start, &ts->end) > 0)
			return false;
	}
	return true;
}

/* ---- The reply ---- */

/* The first address that the attribute stands for, and the last one. */
static void ends_of(const struct ike_cp_attribute *a, struct address *first, struct address *last)
{
	const uint8_t *value = CBS_data(&a->value);
	bool is4 = a->type == IKE_CP_INTERNAL_IP4_SUBNET, over = false;
	size_t len = is4 ? 4 : 16;

	require(CBS_len(&a->value) == (is4 ? 8 : 17));
	memset(first, 0, sizeof(*first));
	first->family = is4 ? 4 : 6;
	*last = *first;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		uint8_t one = (uint8_t)(0x80u >> bit % 8);
		bool set = is4 ? value[4 + bit / 8] & one : bit < value[16];

		require(!(set && over)); /* A mask has no holes. */
		over = !set;
		first->octets[bit / 8] |= set ? value[bit / 8] & one : 0;
		last->octets[bit / 8] |= set ? value[bit / 8] & one : one;
	}
	require(memcmp(first->octets, value, len) == 0);
}

static bool is_subnet(const struct traffic_selector *ts)
{
	size_t bits = 8 * address_len(&ts->start), host = 0;
	uint8_t one = 1;

	/* From the end on: 0 in the one and 1 in the other; equal before that. */
	for (; host < bits; host++, one = (uint8_t)(0x01u << host % 8)) {
		size_t at = (bits - 1 - host) / 8;

		if ((ts->start.octets[at] & one) || !(ts->end.octets[at] & one))
			break;
	}
	for (size_t bit = 0; bit < bits - host; bit++)
		if ((ts->start.octets[bit / 8] ^ ts->end.octets[bit / 8]) & 0x80u >> bit % 8)
			return false;
	return true;
}

static void check_subnet(const struct ike_cp_attribute *a, const struct ts_set *set, size_t *next)
{
	struct address first, last;

	ends_of(a, &first, &last);
	while (*next < set->n && (!is_subnet(&set->ts[*next]) || set->ts[*next].start.family != first.family))
		(*next)++;
	require(*next < set->n && address_equal(&set->ts[*next].start, &first) &&
		address_equal(&set->ts[*next].end, &last));
	(*next)++;
}

/* How many of that family. */
static unsigned dns_of(const struct ike_connection *c, uint8_t family)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_dns; i++)
		n += c->dns[i].family == family;
	return n;
}

static unsigned subnets_of(const struct ike_connection *c, uint8_t family)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->local_ts.n; i++)
		n += c->local_ts.ts[i].start.family == family && is_subnet(&c->local_ts.ts[i]);
	return n;
}

static void check_reply(const struct ike_message *m, const struct ike_connection *c, const struct address *virtual_ip,
			const struct ike_cp_request *asked)
{
	unsigned dns = (asked->dns4 ? dns_of(c, 4) : 0) + (asked->dns6 ? dns_of(c, 6) : 0), domains = 0;
	size_t next[2] = {0, 0};
	CBS all = m->cp.attributes, rest = all;
	struct ike_cp_attribute a;
	struct ike_cp_request r;

	require(m->cp.type == IKE_CFG_REPLY);
	ike_cp_read(&r, &m->cp);
	require(r.ip4 == (virtual_ip->family == 4) && r.ip6 == (virtual_ip->family == 6));
	require(count(all, IKE_CP_INTERNAL_IP4_DNS, SIZE_MAX, 0) == (asked->dns4 ? dns_of(c, 4) : 0));
	require(count(all, IKE_CP_INTERNAL_IP6_DNS, SIZE_MAX, 0) == (asked->dns6 ? dns_of(c, 6) : 0));
	require(count(all, IKE_CP_INTERNAL_IP4_SUBNET, SIZE_MAX, 0) == (asked->subnets4 ? subnets_of(c, 4) : 0));
	require(count(all, IKE_CP_INTERNAL_IP6_SUBNET, SIZE_MAX, 0) == (asked->subnets6 ? subnets_of(c, 6) : 0));
	require(count(all, IKE_CP_INTERNAL_DNS_DOMAIN, SIZE_MAX, 0) == (dns && asked->domains ? c->n_domains : 0));
	while (ike_cp_next(&rest, &a)) {
		if (a.type == IKE_CP_INTERNAL_IP4_SUBNET || a.type == IKE_CP_INTERNAL_IP6_SUBNET)
			check_subnet(&a, &c->local_ts, &next[a.type == IKE_CP_INTERNAL_IP6_SUBNET]);
		if (a.type == IKE_CP_INTERNAL_DNS_DOMAIN) {
			const char *domain = c->domain[domains++];

			require(CBS_mem_equal(&a.value, (const uint8_t *)domain, strlen(domain)));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_message request, reply;
	struct ike_cp_request asked;
	struct ike_connection c;
	struct address virtual_ip;
	struct ike_builder b;
	struct blob *content;
	CBS in;

	CBS_init(&in, data, size);
	if (!get_connection(&in, &c, &virtual_ip) || !read_payload(&request, CBS_data(&in), CBS_len(&in)))
		return 0;
	ike_cp_read(&asked, &request.cp);
	check_request(&asked, request.cp.attributes);
	ike_builder_init(&b);
	ike_add_config_reply(&b, &c, &virtual_ip, &asked);
	require(ike_builder_finish(&b, &content) == OK && content);
	memset(&reply, 0, sizeof(reply));
	require(ike_message_parse_content(&reply, b.first, content->data, content->len) == OK);
	require(ike_message_has(&reply, IKE_PAYLOAD_CP));
	check_reply(&reply, &c, &virtual_ip, &asked);
	blob_unref(content);
	return 0;
}
