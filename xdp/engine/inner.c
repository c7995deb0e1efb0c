/* SPDX-License-Identifier: Apache-2.0 */
/* Inner packets: the parser that the policy relies on, and the policy itself.
 *
 * RFC 4301 5.2: "This processing step checks the header of the packet (inner header, if tunnel
 * mode) against the selectors of the SA"; so an authenticated client may still send only from the
 * addresses it negotiated, and only to the networks it was granted. Fragments after the first carry
 * no ports: they pass only selectors that span all ports (RFC 4301 7.1).
 *
 * ICMP errors that fail here get a second look, icmp_error.h.
 *
 * ICMP has no ports, but a type and a code: RFC 7296 3.13.1 makes them one number, which both selectors
 * are about. */
#include "proto/wire/drop.h"
#include "xdp/engine/inner.h"

#include <openssl/bytestring.h>
#include <netinet/in.h>
#include <string.h>

#define IPV6_EXTENSIONS_MAX 8 /* More headers than any honest packet has. */

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

/* RFC 4301 4.4.1.1: "a single 16-bit selector", the type before the code. In IPv4 only ICMP is ICMP. */
static bool has_type(const struct inner_packet *p)
{
	return p->protocol == (p->next_header == INNER_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static void read_ports(struct inner_packet *p, CBS *transport)
{
	if (has_ports(p->protocol)) {
		p->ports = CBS_get_u16(transport, &p->src_port) && CBS_get_u16(transport, &p->dst_port);
	} else if (has_type(p) && CBS_get_u16(transport, &p->src_port)) {
		p->dst_port = p->src_port;
		p->ports = true;
	}
	if (!p->ports)
		p->src_port = p->dst_port = 0;
}

static enum drop parse_ipv4(struct inner_packet *p, const uint8_t *data, size_t len, bool quoted)
{
	CBS in, transport;
	size_t header = (data[0] & 0x0fu) * 4u;
	uint16_t total, fragment;

	if (len < 20)
		return DROP_SHORT;
	if (header < 20)
		return DROP_MALFORMED;
	CBS_init(&in, data, len);
	if (!CBS_skip(&in, 2) || !CBS_get_u16(&in, &total) || !CBS_skip(&in, 2) ||
	    !CBS_get_u16(&in, &fragment))
		return DROP_SHORT;
	if (total < header)
		return DROP_MALFORMED;
	if ((total > len && !quoted) || header > len)
		return DROP_SHORT;
	p->next_header = INNER_IPV4;
	p->len = total;
	p->protocol = data[9];
	p->src.family = p->dst.family = 4;
	memcpy(p->src.octets, data + 12, 4);
	memcpy(p->dst.octets, data + 16, 4);
	p->fragment = (fragment & 0x3fffu) != 0;
	if ((fragment & 0x1fffu) == 0) {
		CBS_init(&transport, data + header, (total < len ? total : len) - header);
		p->transport = header;
		read_ports(p, &transport);
	}
	return DROP_NONE;
}

/* RFC 8200 4: walks the extension headers to the transport header. */
static enum drop walk_ipv6(struct inner_packet *p, const uint8_t *start, CBS *in, uint8_t next)
{
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		uint8_t following, length;
		uint16_t offset;

		p->protocol = next;
		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (!CBS_get_u8(in, &following) || !CBS_get_u8(in, &length) ||
			    !CBS_skip(in, 6u + 8u * length))
				return DROP_SHORT;
			break;
		case IPPROTO_FRAGMENT:
			if (!CBS_get_u8(in, &following) || !CBS_skip(in, 1) ||
			    !CBS_get_u16(in, &offset) || !CBS_skip(in, 4))
				return DROP_SHORT;
			p->fragment = true;
			if (offset >> 3) { /* The rest is payload, not headers. */
				p->protocol = following;
				return DROP_NONE;
			}
			break;
		default:
			p->transport = (size_t)(CBS_data(in) - start);
			read_ports(p, in);
			return DROP_NONE;
		}
		next = following;
	}
	return DROP_MALFORMED;
}

static enum drop parse_ipv6(struct inner_packet *p, const uint8_t *data, size_t len, bool quoted)
{
	CBS in;
	uint16_t payload;
	uint8_t next;

	if (len < 40)
		return DROP_SHORT;
	CBS_init(&in, data, len);
	if (!CBS_skip(&in, 4) || !CBS_get_u16(&in, &payload) || !CBS_get_u8(&in, &next) ||
	    !CBS_skip(&in, 33))
		return DROP_SHORT;
	if (payload > CBS_len(&in) && !quoted)
		return DROP_SHORT;
	p->next_header = INNER_IPV6;
	p->len = 40u + payload;
	p->src.family = p->dst.family = 6;
	memcpy(p->src.octets, data + 8, 16);
	memcpy(p->dst.octets, data + 24, 16);
	CBS_init(&in, data + 40, payload < CBS_len(&in) ? payload : CBS_len(&in));
	return walk_ipv6(p, data, &in, next);
}

static enum drop parse(struct inner_packet *p, const uint8_t *data, size_t len, bool quoted)
{
	memset(p, 0, sizeof(*p));
	if (len < 1)
		return DROP_SHORT;
	switch (data[0] >> 4) {
	case 4:
		return parse_ipv4(p, data, len, quoted);
	case 6:
		return parse_ipv6(p, data, len, quoted);
	default:
		return DROP_MALFORMED;
	}
}

enum drop inner_parse(struct inner_packet *p, const uint8_t *data, size_t len)
{
	return parse(p, data, len, false);
}

enum drop inner_parse_quoted(struct inner_packet *p, const uint8_t *data, size_t len)
{
	return parse(p, data, len, true);
}

enum drop inner_check_inbound(const struct inner_packet *p, const struct ts_set *local,
			      const struct ts_set *remote)
{
	return ts_covers(remote, &p->src, p->protocol, p->ports ? &p->src_port : NULL) &&
			       ts_covers(local, &p->dst, p->protocol, p->ports ? &p->dst_port : NULL)
		       ? DROP_NONE
		       : DROP_POLICY;
}

enum drop inner_check_outbound(const struct inner_packet *p, const struct ts_set *local,
			       const struct ts_set *remote)
{
	return ts_covers(local, &p->src, p->protocol, p->ports ? &p->src_port : NULL) &&
			       ts_covers(remote, &p->dst, p->protocol, p->ports ? &p->dst_port : NULL)
		       ? DROP_NONE
		       : DROP_POLICY;
}
