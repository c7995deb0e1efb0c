/* SPDX-License-Identifier: Apache-2.0 */
/* Outer framing, both ways, without the kernel's help: the demultiplexer of UDP
 * 4500 and the Ethernet/IP/UDP headers that an AF_XDP port reads and writes.
 *
 * The XDP program has parsed the same headers before, but with other bounds and in another address
 * space, so its result is not trusted here.
 *
 * IPv4 checksums of received frames are not verified: the NIC or the sender's kernel did, and ESP's
 * ICV covers everything that matters. UDP checksums are zero over IPv4 (RFC 3948 2.1: "SHOULD be
 * transmitted as a zero value") and computed over IPv6, where zero is not allowed without RFC
 * 6935's exception. */
#include "xdp/engine/outer.h"
#include "proto/esp/esp.h"
#include "xdp/engine/checksum.h"
#include "xdp/engine/ecn.h"

#include <netinet/in.h>
#include <openssl/bytestring.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_IPV6 0x86ddu
#define ETHERTYPE_VLAN 0x8100u
#define ETHERTYPE_QINQ 0x88a8u
#define OUTER_TTL 64u

/* RFC 3948 2.2: the marker is "4 zero-valued bytes aligned with the SPI field of
 * an ESP packet"; 2.3: a keepalive is one octet 0xff. */
enum encap_kind encap_demux(const uint8_t *data, size_t len, size_t *skip)
{
	static const uint8_t marker[NON_ESP_MARKER_LEN];

	*skip = 0;
	if (len == 1 && data[0] == 0xff)
		return ENCAP_KEEPALIVE;
	if (len <= NON_ESP_MARKER_LEN)
		return ENCAP_SHORT;
	if (memcmp(data, marker, sizeof(marker)) == 0) {
		*skip = NON_ESP_MARKER_LEN;
		return ENCAP_IKE;
	}
	return ENCAP_ESP;
}

static enum drop parse_l2(CBS *in, uint16_t *type)
{
	if (!CBS_skip(in, 12) || !CBS_get_u16(in, type))
		return DROP_SHORT;
	for (int tags = 0; tags < 2; tags++) {
		if (*type != ETHERTYPE_VLAN && *type != ETHERTYPE_QINQ)
			break;
		if (!CBS_skip(in, 2) || !CBS_get_u16(in, type))
			return DROP_SHORT;
	}
	return DROP_NONE;
}

static enum drop parse_l3_ipv4(struct outer_frame *f, CBS *in, uint8_t *protocol)
{
	const uint8_t *ip = CBS_data(in);
	uint16_t total;

	if (CBS_len(in) < 20)
		return DROP_SHORT;
	total = (uint16_t)(ip[2] << 8 | ip[3]);
	if (ip[0] != 0x45 || (ip[6] & 0x3f) || ip[7]) /* Options, fragments: the slow path's. */
		return DROP_MALFORMED;
	if (total < 20 || total > CBS_len(in))
		return DROP_SHORT;
	f->path.remote.address.family = f->path.local.address.family = 4;
	memcpy(f->path.remote.address.octets, ip + 12, 4);
	memcpy(f->path.local.address.octets, ip + 16, 4);
	f->path.class = ecn_traffic_class(ip);
	*protocol = ip[9];
	CBS_init(in, ip + 20, total - 20u);
	return DROP_NONE;
}

static enum drop parse_l3_ipv6(struct outer_frame *f, CBS *in, uint8_t *protocol)
{
	const uint8_t *ip = CBS_data(in);
	size_t payload;

	if (CBS_len(in) < 40)
		return DROP_SHORT;
	payload = (size_t)ip[4] << 8 | ip[5];
	if (ip[0] >> 4 != 6)
		return DROP_MALFORMED;
	if (payload > CBS_len(in) - 40)
		return DROP_SHORT;
	f->path.remote.address.family = f->path.local.address.family = 6;
	memcpy(f->path.remote.address.octets, ip + 8, 16);
	memcpy(f->path.local.address.octets, ip + 24, 16);
	f->path.class = ecn_traffic_class(ip);
	*protocol = ip[6];
	CBS_init(in, ip + 40, payload);
	return DROP_NONE;
}

static enum drop parse_udp(struct outer_frame *f, CBS *in)
{
	uint16_t length;
	size_t skip;

	if (!CBS_get_u16(in, &f->path.remote.port) || !CBS_get_u16(in, &f->path.local.port) ||
	    !CBS_get_u16(in, &length) || !CBS_skip(in, 2))
		return DROP_SHORT;
	if (f->path.local.port != UDP_PORT_ENCAP || length < 8u)
		return DROP_MALFORMED;
	if (length - 8u > CBS_len(in))
		return DROP_SHORT;
	CBS_init(in, CBS_data(in), length - 8u);
	if (encap_demux(CBS_data(in), CBS_len(in), &skip) != ENCAP_ESP)
		return DROP_MALFORMED;
	f->path.udp_encap = true;
	return DROP_NONE;
}

enum drop outer_parse(struct outer_frame *f, const uint8_t *data, size_t len)
{
	CBS in;
	uint16_t type;
	uint8_t protocol = 0;
	enum drop d;

	memset(f, 0, sizeof(*f));
	CBS_init(&in, data, len);
	if ((d = parse_l2(&in, &type)) != DROP_NONE)
		return d;
	f->l2_len = (size_t)(CBS_data(&in) - data);
	if (type == ETHERTYPE_IPV4)
		d = parse_l3_ipv4(f, &in, &protocol);
	else if (type == ETHERTYPE_IPV6)
		d = parse_l3_ipv6(f, &in, &protocol);
	else
		return DROP_MALFORMED;
	if (d != DROP_NONE)
		return d;
	if (protocol == IPPROTO_UDP)
		d = parse_udp(f, &in);
	else if (protocol != IPPROTO_ESP)
		d = DROP_MALFORMED;
	if (d != DROP_NONE)
		return d;
	f->esp_offset = (size_t)(CBS_data(&in) - data);
	f->esp_len = CBS_len(&in);
	return f->esp_len < ESP_HEADER_LEN ? DROP_SHORT : DROP_NONE;
}

static void put_u16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint8_t *build_udp(const struct sad_path *path, uint8_t *esp, size_t len)
{
	uint8_t *udp = esp - 8;

	put_u16(udp, path->local.port);
	put_u16(udp + 2, path->remote.port);
	put_u16(udp + 4, (uint32_t)(len + 8));
	put_u16(udp + 6, 0);
	if (path->local.address.family == 6) { /* RFC 8200 8.1: pseudo-header. */
		uint64_t sum = checksum_add(len + 8 + IPPROTO_UDP, path->local.address.octets, 16);
		uint16_t check;

		sum = checksum_add(sum, path->remote.address.octets, 16);
		check = (uint16_t)~checksum_fold(checksum_add(sum, udp, len + 8));
		put_u16(udp + 6, check ? check : 0xffff);
	}
	return udp;
}

static uint8_t *build_ip(const struct sad_path *path, uint8_t tos, const uint8_t *esp,
			 uint8_t *payload, size_t len)
{
	uint8_t protocol = path->udp_encap ? IPPROTO_UDP : IPPROTO_ESP;
	uint8_t *ip;

	if (path->local.address.family == 4) {
		ip = payload - 20;
		memset(ip, 0, 20);
		ip[0] = 0x45;
		ip[1] = tos;
		put_u16(ip + 2, (uint32_t)(len + 20));
		memcpy(ip + 4, esp + 6, 2); /* No DF, as on the sockets: an ID that repeats late. */
		ip[8] = OUTER_TTL;
		ip[9] = protocol;
		memcpy(ip + 12, path->local.address.octets, 4);
		memcpy(ip + 16, path->remote.address.octets, 4);
		put_u16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, 20)));
		return ip;
	}
	ip = payload - 40;
	memset(ip, 0, 8);
	ip[0] = (uint8_t)(0x60 | tos >> 4);
	ip[1] = (uint8_t)(tos << 4);
	put_u16(ip + 4, (uint32_t)len);
	ip[6] = protocol;
	ip[7] = OUTER_TTL;
	memcpy(ip + 8, path->local.address.octets, 16);
	memcpy(ip + 24, path->remote.address.octets, 16);
	return ip;
}

uint8_t *outer_build(const uint8_t *l2, size_t l2_len, const struct sad_path *path, uint8_t tos,
		     uint8_t *esp, size_t len)
{
	uint8_t *payload = path->udp_encap ? build_udp(path, esp, len) : esp;
	uint8_t *ip = build_ip(path, tos, esp, payload, (size_t)(esp + len - payload));

	memcpy(ip - l2_len, l2, l2_len);
	return ip - l2_len;
}

size_t outer_inner_max(size_t mtu, uint8_t family)
{
	size_t headers = (family == 4 ? 20u : 40u) + 8u;

	return mtu > headers ? esp_inner_max(mtu - headers) : 0;
}
