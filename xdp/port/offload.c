/* SPDX-License-Identifier: Apache-2.0 */
/* Superpackets, in both directions. A system call and a trip through the kernel's stack for each
 * packet cost ten times as much as decryption; for each superpacket they do not matter.
 *
 * Merging can be undone exactly only if every header of the run is what segmenting the superpacket
 * will make: the same header except that length, sequence number and IPv4 ID count up (the ID means
 * nothing where DF is set, RFC 6864 4.1) and that the last one may have PSH. Any other packet
 * starts a new run. Because the kernel writes new checksums, each packet's own is verified first: a
 * packet that was broken before it was encrypted must not come out as a good one.
 *
 * IPv4 options, IPv6 extension headers and fragments are left alone. */
#include "xdp/port/offload.h"
#include "xdp/engine/checksum.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define TCP_ACK 0x10u
#define TCP_PSH 0x08u
#define TCP_FIN 0x01u

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

struct view { /* A packet that may be merged. */
	bool udp, v6;
	uint16_t ip_len, header_len;
	uint32_t payload;
	uint32_t seq;
	uint8_t flags;
};

static const uint8_t *addresses_of(const uint8_t *ip, bool v6, size_t *len)
{
	*len = v6 ? 32 : 8;
	return ip + (v6 ? 8 : 12);
}

/* Sums addresses, pseudo-header and the transport packet: all ones if intact. */
static bool transport_intact(const uint8_t *ip, const struct view *v, size_t len)
{
	size_t n;
	const uint8_t *addresses = addresses_of(ip, v->v6, &n);
	uint64_t sum = checksum_pseudo(addresses, n, v->udp ? IPPROTO_UDP : IPPROTO_TCP,
				       len - v->ip_len);

	return checksum_fold(checksum_add(sum, ip + v->ip_len, len - v->ip_len)) == 0xffff;
}

static bool view_ip(struct view *v, const uint8_t *ip, size_t len, uint8_t *protocol)
{
	if (len >= 20 && ip[0] == 0x45) {
		v->ip_len = 20;
		*protocol = ip[9];
		return !(get16(ip + 6) & 0x3fff) && get16(ip + 2) == len &&
		       checksum_fold(checksum_add(0, ip, 20)) == 0xffff;
	}
	v->v6 = true;
	v->ip_len = 40;
	*protocol = len >= 40 ? ip[6] : 0;
	return len >= 40 && ip[0] >> 4 == 6 && get16(ip + 4) + 40u == len;
}

static bool view_packet(struct view *v, const uint8_t *ip, size_t len)
{
	const uint8_t *l4;
	uint8_t protocol = 0;
	size_t header;

	memset(v, 0, sizeof(*v));
	if (!view_ip(v, ip, len, &protocol))
		return false;
	l4 = ip + v->ip_len;
	if (protocol == IPPROTO_UDP && len >= v->ip_len + 9u) {
		v->udp = true;
		header = 8;
		if (get16(l4 + 4) != len - v->ip_len || get16(l4 + 6) == 0)
			return false;
	} else if (protocol == IPPROTO_TCP && len >= v->ip_len + 20u) {
		header = (size_t)(l4[12] >> 4) * 4;
		v->flags = l4[13];
		v->seq = get32(l4 + 4);
		if (header < 20 || (v->flags & ~TCP_PSH) != TCP_ACK)
			return false;
	} else {
		return false;
	}
	if (len <= v->ip_len + header) /* Nothing to merge in a bare ACK. */
		return false;
	v->header_len = (uint16_t)(v->ip_len + header);
	v->payload = (uint32_t)(len - v->header_len);
	return transport_intact(ip, v, len);
}

static bool same_flow(const struct super *s, const struct view *v, const uint8_t *a,
		      const uint8_t *b)
{
	size_t n;
	const uint8_t *addresses = addresses_of(a, s->v6, &n);

	return s->udp == v->udp && s->v6 == v->v6 && s->ip_len == v->ip_len &&
	       memcmp(addresses, addresses_of(b, v->v6, &n), n) == 0 &&
	       memcmp(a + s->ip_len, b + v->ip_len, 4) == 0;
}

/* Are the headers what segmentation would make? a is the first packet of s. */
static bool same_headers(const struct super *s, const struct view *v, const uint8_t *a,
			 const uint8_t *b)
{
	const uint8_t *la = a + s->ip_len, *lb = b + v->ip_len;

	if (s->v6) {
		if (memcmp(a, b, 4) || a[7] != b[7])
			return false;
	} else if (a[1] != b[1] || memcmp(a + 6, b + 6, 3) ||
		   (!(a[6] & 0x40) && get16(b + 4) != (uint16_t)(get16(a + 4) + s->count))) {
		return false;
	}
	if (s->udp)
		return true;
	/* Acknowledgement, data offset, window and options; flags were looked at. */
	return s->header_len == v->header_len && memcmp(la + 8, lb + 8, 5) == 0 &&
	       memcmp(la + 14, lb + 14, 2) == 0 && memcmp(la + 18, lb + 18, 2) == 0 &&
	       memcmp(la + 20, lb + 20, v->header_len - v->ip_len - 20u) == 0;
}

static bool may_add(const struct super *s, const struct view *v, const uint8_t *a, const uint8_t *b)
{
	return !s->closed && v->payload <= s->segment && s->len + v->payload <= SUPER_MAX &&
	       (s->udp || s->next_seq == v->seq) && same_headers(s, v, a, b);
}

static void start_super(struct coalescer *c, uint8_t index, const struct packet *p,
			const struct view *v)
{
	struct super *s = &c->supers[c->n++];

	memset(s, 0, sizeof(*s));
	s->first = s->last = index;
	s->count = 1;
	s->len = (uint32_t)p->len;
	s->closed = !v || (v->flags & TCP_PSH);
	if (!v)
		return;
	s->udp = v->udp;
	s->v6 = v->v6;
	s->ip_len = v->ip_len;
	s->header_len = v->header_len;
	s->segment = v->payload;
	s->next_seq = v->seq + v->payload;
}

static void add(struct coalescer *c, struct super *s, uint8_t index, struct packet **packets,
		const struct view *v)
{
	assert(!s->closed && s->len + v->payload <= SUPER_MAX);
	c->next[s->last] = index;
	s->last = index;
	s->count++;
	s->len += v->payload;
	s->next_seq += v->payload;
	s->closed = v->payload < s->segment || (v->flags & TCP_PSH);
	if (!s->udp)
		packets[s->first]->data[s->ip_len + 13] |= v->flags;
}

/* The headers of the whole, with the pseudo-header's sum where the kernel goes on. */
static void finish(struct super *s, uint8_t *ip)
{
	uint8_t *l4 = ip + s->ip_len;
	size_t n, l4_len = s->len - s->ip_len;
	const uint8_t *addresses = addresses_of(ip, s->v6, &n);
	uint8_t protocol = s->udp ? IPPROTO_UDP : IPPROTO_TCP;

	if (s->v6) {
		put16(ip + 4, (uint32_t)l4_len);
	} else {
		put16(ip + 2, s->len);
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, 20)));
	}
	if (s->udp)
		put16(l4 + 4, (uint32_t)l4_len);
	put16(l4 + (s->udp ? 6 : 16),
	      checksum_fold(checksum_pseudo(addresses, n, protocol, l4_len)));
	s->header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = s->udp ? VIRTIO_NET_HDR_GSO_UDP_L4
			    : s->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = s->header_len,
		.gso_size = (uint16_t)s->segment,
		.csum_start = s->ip_len,
		.csum_offset = s->udp ? 6 : 16,
	};
}

void coalesce(struct coalescer *c, struct packet **packets, size_t n, bool udp)
{
	assert(n <= BURST);
	c->n = 0;
	for (uint8_t i = 0; i < n; i++) {
		const struct packet *p = packets[i];
		struct super *s = NULL;
		struct view v;

		if (!view_packet(&v, p->data, p->len) || (v.udp && !udp)) {
			start_super(c, i, p, NULL);
			continue;
		}
		/* Only the newest super of a flow: its packets stay in order. */
		for (size_t k = c->n; k-- > 0 && !s;)
			if (c->supers[k].segment &&
			    same_flow(&c->supers[k], &v, packets[c->supers[k].first]->data, p->data))
				s = &c->supers[k];
		if (s && may_add(s, &v, packets[s->first]->data, p->data))
			add(c, s, i, packets, &v);
		else
			start_super(c, i, p, &v);
	}
	assert(c->n <= n);
	for (size_t k = 0; k < c->n; k++)
		if (c->supers[k].count > 1)
			finish(&c->supers[k], packets[c->supers[k].first]->data);
}

size_t super_skip(const struct super *s, uint8_t i)
{
	return i == s->first ? 0 : s->header_len;
}

/* ---- Cutting ---- */

/* Finishes a checksum that was left to us: RFC 1071 over what csum_start says. */
bool offload_finish(const struct virtio_net_hdr *h, uint8_t *data, size_t len)
{
	size_t at = (size_t)h->csum_start + h->csum_offset;
	uint16_t sum;

	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	if (h->csum_start >= len || at + 2 > len)
		return false;
	sum = (uint16_t)~checksum_fold(checksum_add(0, data + h->csum_start, len - h->csum_start));
	put16(data + at, sum ? sum : 0xffff); /* RFC 768: zero would mean "none". */
	return true;
}

/* Headers of segment number i, payload octets [from, to) of the whole. */
static void cut_headers(uint8_t *ip, const struct super *s, size_t i, size_t from, size_t to,
			bool last)
{
	uint8_t *l4 = ip + s->ip_len;
	size_t n, len = s->header_len + (to - from);
	const uint8_t *addresses = addresses_of(ip, s->v6, &n);
	uint8_t protocol = s->udp ? IPPROTO_UDP : IPPROTO_TCP;
	size_t check = s->udp ? 6 : 16;
	uint16_t sum;

	if (s->v6) {
		put16(ip + 4, (uint32_t)(len - 40));
	} else {
		put16(ip + 2, (uint32_t)len);
		put16(ip + 4, get16(ip + 4) + (uint32_t)i);
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, s->ip_len)));
	}
	if (s->udp) {
		put16(l4 + 4, (uint32_t)(len - s->ip_len));
	} else {
		put32(l4 + 4, get32(l4 + 4) + (uint32_t)from);
		if (!last)
			l4[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (i > 0)
			l4[13] &= 0x7f; /* CWR on the first only, RFC 3168 6.1.2. */
	}
	put16(l4 + check, 0);
	sum = (uint16_t)~checksum_fold(
		checksum_add(checksum_pseudo(addresses, n, protocol, len - s->ip_len), l4,
			     len - s->ip_len));
	put16(l4 + check, s->udp && !sum ? 0xffff : sum);
}

/* What the superpacket is; it comes from our kernel, but is checked like a packet. */
static bool describe(struct super *s, const struct virtio_net_hdr *h, const uint8_t *data, size_t len)
{
	size_t header;

	memset(s, 0, sizeof(*s));
	s->udp = (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_UDP_L4;
	s->v6 = len > 0 && data[0] >> 4 == 6;
	s->ip_len = h->csum_start;
	s->segment = h->gso_size;
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || s->ip_len < (s->v6 ? 40u : 20u) ||
	    s->ip_len + 20u > len || !s->segment)
		return false;
	if (!s->v6 && (data[0] >> 4 != 4 || (data[0] & 0x0fu) * 4u != s->ip_len))
		return false;
	header = s->udp ? 8u : (size_t)(data[s->ip_len + 12] >> 4) * 4;
	s->header_len = (uint16_t)(s->ip_len + header);
	return (s->udp || header >= 20) && s->header_len < len &&
	       s->header_len + s->segment <= DATAPATH_PACKET_MAX;
}

size_t segment(const struct virtio_net_hdr *header, const uint8_t *data, size_t len, size_t *at,
	       struct packet *out, uint8_t (*buffers)[PACKET_BUFFER], size_t n)
{
	size_t made = 0, i = *at, payload;
	struct super s;

	*at = 0;
	if (!describe(&s, header, data, len))
		return 0;
	payload = len - s.header_len;
	assert(s.header_len + s.segment <= DATAPATH_PACKET_MAX);
	for (; made < n && i * s.segment < payload; made++, i++) {
		uint8_t *to = buffers[made] + PACKET_HEAD_ROOM;
		size_t from = i * s.segment;
		size_t end = from + s.segment < payload ? from + s.segment : payload;

		memcpy(to, data, s.header_len);
		memcpy(to + s.header_len, data + s.header_len + from, end - from);
		cut_headers(to, &s, i, from, end, end == payload);
		out[made] = (struct packet){.data = to, .len = s.header_len + (end - from)};
	}
	if (i * s.segment < payload)
		*at = i;
	return made;
}
