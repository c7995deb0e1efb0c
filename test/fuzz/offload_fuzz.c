/* SPDX-License-Identifier: Apache-2.0 */
/* Superpackets. The first octet says what the rest is:
 *   even: a burst of inner packets, as clients may send them: each with an octet of
 *         flags and a length (2 octets). Flag 1: its lengths and checksums are put right, so
 *         that it may be merged. Merged, then cut again, all come out as they went in.
 *   odd:  a virtio header and the octets that it describes: cut, and its checksum finished. */
#include "xdp/engine/checksum.h"
#include "xdp/port/offload.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 40000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t original[BURST][PACKET_BUFFER], merged[BURST][PACKET_BUFFER];
static uint8_t cut[BURST][PACKET_BUFFER], whole[2 * SUPER_MAX];
static struct packet packets[BURST], *order[BURST];

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_right(uint8_t *ip, size_t len)
{
	bool v6 = len >= 40 && ip[0] >> 4 == 6;
	size_t ip_len = v6 ? 40 : 20, at;
	uint8_t protocol, *l4 = ip + ip_len;
	uint64_t sum;

	if (len < ip_len + 20)
		return;
	protocol = v6 ? ip[6] : ip[9];
	if (v6) {
		put16(ip + 4, len - 40);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, len);
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, 20)));
	}
	if (protocol != 6 && protocol != 17)
		return;
	at = protocol == 6 ? 16 : 6;
	if (protocol == 17)
		put16(l4 + 4, len - ip_len);
	put16(l4 + at, 0);
	sum = checksum_pseudo(ip + (v6 ? 8 : 12), v6 ? 32 : 8, protocol, len - ip_len);
	put16(l4 + at, (uint16_t)~checksum_fold(checksum_add(sum, l4, len - ip_len)));
	if (protocol == 17 && l4[6] == 0 && l4[7] == 0)
		put16(l4 + at, 0xffff);
}

/* In one's complement there are two zeros, and both are right. */
static bool same_sum(const uint8_t *a, const uint8_t *b)
{
	bool zero_a = (a[0] == 0 && a[1] == 0) || (a[0] == 0xff && a[1] == 0xff);
	bool zero_b = (b[0] == 0 && b[1] == 0) || (b[0] == 0xff && b[1] == 0xff);

	return memcmp(a, b, 2) == 0 || (zero_a && zero_b);
}

static void check_same(const uint8_t *before, uint8_t *after, size_t len)
{
	size_t ip_len = before[0] >> 4 == 6 ? 40 : 20;
	uint8_t protocol = ip_len == 40 ? before[6] : before[9];
	uint8_t copy[PACKET_BUFFER], *sum = after + ip_len + (protocol == 17 ? 6 : 16);

	memcpy(copy, before, len);
	assert(same_sum(copy + (sum - after), sum));
	memcpy(copy + (sum - after), sum, 2);
	if (ip_len == 20) {
		if (before[6] & 0x40) /* DF: the ID means nothing, RFC 6864 4.1 */
			memcpy(copy + 4, after + 4, 2);
		assert(checksum_fold(checksum_add(0, after, 20)) == 0xffff);
		memcpy(copy + 10, after + 10, 2);
	}
	assert(memcmp(copy, after, len) == 0);
}

static void check_super(const struct coalescer *c, const struct super *s, bool *seen)
{
	struct packet out[BURST];
	size_t len = 0, at = 0, made;
	uint8_t i = s->first;

	for (uint8_t left = s->count; left > 0; left--, i = c->next[i]) {
		size_t skip = super_skip(s, i);

		assert(!seen[i] && skip <= packets[i].len);
		seen[i] = true;
		memcpy(whole + len, packets[i].data + skip, packets[i].len - skip);
		len += packets[i].len - skip;
	}
	if (s->count == 1) {
		assert(memcmp(packets[s->first].data, original[s->first], packets[s->first].len) == 0);
		return;
	}
	assert(len == s->len && len <= SUPER_MAX);
	made = segment(&s->header, whole, len, &at, out, cut, BURST);
	assert(made == s->count && at == 0);
	i = s->first;
	for (size_t k = 0; k < made; k++, i = c->next[i]) {
		assert(out[k].len == packets[i].len);
		check_same(original[i], out[k].data, out[k].len);
	}
}

static void fuzz_merging(CBS *in, bool udp)
{
	static struct coalescer c;
	bool seen[BURST] = {false};
	uint8_t flags;
	uint16_t len;
	CBS octets;
	size_t n = 0;

	while (n < BURST && CBS_get_u8(in, &flags) && CBS_get_u16(in, &len)) {
		size_t fill = len % (DATAPATH_PACKET_MAX + 1), have = fill;

		if (have > CBS_len(in)) /* What is missing is zero. */
			have = CBS_len(in);
		if (flags & 2 && have > 60)
			have = 60; /* Headers alone: long packets of short inputs. */
		CBS_get_bytes(in, &octets, have);
		memset(merged[n], 0, sizeof(merged[n]));
		memcpy(merged[n], CBS_data(&octets), have);
		if (flags & 1)
			put_right(merged[n], fill);
		memcpy(original[n], merged[n], fill);
		packets[n] = (struct packet){.data = merged[n], .len = fill};
		order[n] = &packets[n];
		n++;
	}
	coalesce(&c, order, n, udp);
	for (size_t k = 0; k < c.n; k++)
		check_super(&c, &c.supers[k], seen);
	for (size_t i = 0; i < n; i++)
		assert(seen[i]);
}

static void fuzz_cutting(CBS *in)
{
	struct virtio_net_hdr h;
	struct packet out[BURST];
	size_t at = 0, len;
	uint8_t *copy;

	if (!CBS_copy_bytes(in, (uint8_t *)&h, sizeof(h)))
		return;
	len = CBS_len(in);
	copy = malloc(len ? len : 1);
	assert(copy);
	memcpy(copy, CBS_data(in), len);
	do {
		size_t made = segment(&h, copy, len, &at, out, cut, 7);

		assert(made > 0 || at == 0);
		for (size_t i = 0; i < made; i++)
			assert(out[i].len <= DATAPATH_PACKET_MAX && out[i].len <= len);
	} while (at);
	(void)offload_finish(&h, copy, len);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t what;
	CBS in;

	CBS_init(&in, data, len);
	if (!CBS_get_u8(&in, &what))
		return 0;
	if (what & 1)
		fuzz_cutting(&in);
	else
		fuzz_merging(&in, what & 2);
	return 0;
}
