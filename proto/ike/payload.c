/* SPDX-License-Identifier: Apache-2.0 */
/* The contents of ID, CP, TS and D payloads. As RFC 7296 2.5 asks, unknown parts are skipped; a
 * part that does not fit its length is an error. */
#include "proto/ike/payload.h"

#include "proto/wire/wire.h"

#include <string.h>

enum status ike_id_from_payload(struct ike_id *out, const struct ike_payload_id *p)
{
	size_t len = CBS_len(&p->data);

	memset(out, 0, sizeof(*out));
	if (len == 0)
		return ERR_MALFORMED;
	if (len > IKE_ID_MAX)
		return ERR_TOO_LONG;
	if ((p->type == IKE_ID_IPV4_ADDR && len != 4) || (p->type == IKE_ID_IPV6_ADDR && len != 16))
		return ERR_MALFORMED;
	out->type = p->type;
	out->len = (uint8_t)len;
	memcpy(out->data, CBS_data(&p->data), len);
	return OK;
}

bool ike_cp_next(CBS *attributes, struct ike_cp_attribute *out)
{
	CBS in = *attributes;

	/* The top bit is reserved and "MUST be ignored on receipt" (3.15.1). */
	if (!CBS_get_u16(&in, &out->type) || !CBS_get_u16_length_prefixed(&in, &out->value))
		return false;
	out->type &= 0x7fff;
	*attributes = in;
	return true;
}

/* An address of an attribute's value; family 0 when it is empty or unspecified, which
 * both mean "any" (3.15.1). */
static struct address read_address(const CBS *value, uint8_t family)
{
	static const uint8_t unspecified[16];
	struct address a = {.family = family};
	size_t len = address_len(&a);

	if (CBS_len(value) < len || memcmp(CBS_data(value), unspecified, len) == 0)
		return (struct address){0};
	memcpy(a.octets, CBS_data(value), len);
	return a;
}

void ike_cp_read(struct ike_cp_request *out, const struct ike_cp *cp)
{
	struct ike_cp_attribute a;
	CBS rest = cp->attributes;

	memset(out, 0, sizeof(*out));
	while (ike_cp_next(&rest, &a)) {
		size_t len = CBS_len(&a.value);

		switch (a.type) {
		case IKE_CP_INTERNAL_IP4_ADDRESS: /* 0 or 4 octets */
			if (out->ip4 || (len != 0 && len != 4))
				break;
			out->ip4 = true;
			out->wanted4 = read_address(&a.value, 4);
			break;
		case IKE_CP_INTERNAL_IP6_ADDRESS: /* 0 or 17; some leave out the prefix length */
			if (out->ip6 || (len != 0 && len != 16 && len != 17))
				break;
			out->ip6 = true;
			out->wanted6 = read_address(&a.value, 6);
			break;
		case IKE_CP_INTERNAL_IP4_DNS:
			out->dns4 = true;
			break;
		case IKE_CP_INTERNAL_IP6_DNS:
			out->dns6 = true;
			break;
		case IKE_CP_INTERNAL_IP4_SUBNET:
			out->subnets4 = true;
			break;
		case IKE_CP_INTERNAL_IP6_SUBNET:
			out->subnets6 = true;
			break;
		case IKE_CP_INTERNAL_DNS_DOMAIN:
			out->domains = true;
			break;
		default:
			break;
		}
	}
}

enum { TS_IPV4_ADDR_RANGE = 7, TS_IPV6_ADDR_RANGE = 8 };

/* The body of a selector of a known type: ports and the two addresses. */
static bool parse_range(struct traffic_selector *ts, uint8_t family, CBS *in)
{
	ts->start.family = ts->end.family = family;
	return CBS_get_u16(in, &ts->port_start) && CBS_get_u16(in, &ts->port_end) &&
	       CBS_copy_bytes(in, ts->start.octets, address_len(&ts->start)) &&
	       CBS_copy_bytes(in, ts->end.octets, address_len(&ts->end)) && CBS_len(in) == 0 &&
	       address_compare(&ts->start, &ts->end) <= 0;
}

/* The next selector; *usable: we can agree on it. False: it is malformed. */
static bool take_selector(CBS *in, struct traffic_selector *ts, bool *usable)
{
	struct wire_head head; /* TS Type, IP Protocol ID */
	CBS range;

	memset(ts, 0, sizeof(*ts));
	*usable = false;
	if (!wire_take(in, &head, &range))
		return false;
	if (head.first != TS_IPV4_ADDR_RANGE && head.first != TS_IPV6_ADDR_RANGE)
		return true;
	ts->protocol = head.second;
	if (!parse_range(ts, head.first == TS_IPV4_ADDR_RANGE ? 4 : 6, &range))
		return false;
	/* OPAQUE is start 65535, end 0 (3.13.1): packets without visible ports only,
	 * which we cannot promise to tell apart. */
	*usable = ts->port_start <= ts->port_end;
	return true;
}

enum status ts_payload_narrow(struct ts_set *out, const CBS *body, const struct ts_set *allowed)
{
	CBS in = *body;
	uint8_t n;

	memset(out, 0, sizeof(*out));
	if (!CBS_get_u8(&in, &n) || !CBS_skip(&in, 3) || n == 0)
		return ERR_MALFORMED;
	for (; n > 0; n--) {
		struct traffic_selector ts;
		bool usable;

		if (!take_selector(&in, &ts, &usable))
			return ERR_MALFORMED;
		if (usable && allowed)
			ts_narrow_one(out, &ts, allowed);
		else if (usable && out->n < TS_MAX)
			out->ts[out->n++] = ts;
	}
	return CBS_len(&in) == 0 ? OK : ERR_MALFORMED;
}

enum status ts_payload_parse(struct ts_set *out, const CBS *body)
{
	return ts_payload_narrow(out, body, NULL);
}

bool ike_delete_next(CBS *spis, uint32_t *spi)
{
	return CBS_get_u32(spis, spi);
}
