/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/port/offload.c, xdp/engine/checksum.c: cutting must give back, octet for octet, what was
 * merged; packets that may not be merged must stay as they are. */
#include "xdp/engine/checksum.h"
#include "xdp/port/offload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct lab {
	uint8_t buffers[BURST][PACKET_BUFFER], original[BURST][PACKET_BUFFER];
	struct packet packets[BURST];
	struct packet *order[BURST];
	size_t n;
	struct coalescer c;
	uint8_t whole[SUPER_MAX];
	uint8_t cut[BURST][PACKET_BUFFER];
};

struct shape {
	bool v6, udp;
	uint16_t id, port;
	uint32_t seq;
	uint8_t flags; /* TCP */
	size_t payload;
	bool no_df, timestamps;
};

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void seal_checksums(uint8_t *ip, bool v6, bool udp, size_t len)
{
	size_t ip_len = v6 ? 40 : 20, at = ip_len + (udp ? 6 : 16);
	uint64_t sum = checksum_pseudo(ip + (v6 ? 8 : 12), v6 ? 32 : 8, udp ? 17 : 6, len - ip_len);
	uint16_t check;

	if (!v6) {
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, 20)));
	}
	put16(ip + at, 0);
	check = (uint16_t)~checksum_fold(checksum_add(sum, ip + ip_len, len - ip_len));
	put16(ip + at, udp && !check ? 0xffff : check);
}

static void make(struct lab *l, struct shape s)
{
	uint8_t *ip = l->buffers[l->n] + PACKET_HEAD_ROOM;
	size_t ip_len = s.v6 ? 40 : 20, header = s.udp ? 8 : s.timestamps ? 32 : 20;
	size_t len = ip_len + header + s.payload;
	uint8_t *l4 = ip + ip_len;

	memset(ip, 0, len);
	if (s.v6) {
		ip[0] = 0x60;
		put16(ip + 4, len - 40);
		ip[6] = s.udp ? 17 : 6;
		ip[7] = 64;
		ip[23] = 1;
		ip[39] = 2;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, len);
		put16(ip + 4, s.id);
		ip[6] = s.no_df ? 0 : 0x40;
		ip[8] = 64;
		ip[9] = s.udp ? 17 : 6;
		ip[15] = 1;
		ip[19] = 2;
	}
	put16(l4, s.port ? s.port : 1000);
	put16(l4 + 2, 2000);
	if (s.udp) {
		put16(l4 + 4, 8 + s.payload);
	} else {
		put16(l4 + 4, s.seq >> 16);
		put16(l4 + 6, s.seq & 0xffff);
		l4[12] = (uint8_t)(header << 2);
		l4[13] = s.flags ? s.flags : 0x10;
		put16(l4 + 14, 501);
	}
	for (size_t i = 0; i < s.payload; i++)
		l4[header + i] = (uint8_t)(s.seq + s.id + i * 7);
	seal_checksums(ip, s.v6, s.udp, len);
	memcpy(l->original[l->n], ip, len);
	l->packets[l->n] = (struct packet){.data = ip, .len = len};
	l->order[l->n] = &l->packets[l->n];
	l->n++;
}

/* Writes super k as the kernel would get it, and cuts it again. */
static size_t round_trip(struct lab *l, size_t k, struct packet *out)
{
	const struct super *s = &l->c.supers[k];
	size_t len = 0, at = 0, made;
	uint8_t i = s->first;

	for (uint8_t left = s->count; left > 0; left--, i = l->c.next[i]) {
		size_t skip = super_skip(s, i);

		memcpy(l->whole + len, l->order[i]->data + skip, l->order[i]->len - skip);
		len += l->order[i]->len - skip;
	}
	assert_int_equal(len, s->len);
	made = segment(&s->header, l->whole, len, &at, out, l->cut, BURST);
	assert_int_equal(at, 0);
	return made;
}

static void check_exact(struct lab *l)
{
	struct packet out[BURST];
	size_t seen = 0;

	for (size_t k = 0; k < l->c.n; k++) {
		const struct super *s = &l->c.supers[k];
		uint8_t i = s->first;

		if (s->count == 1) {
			assert_memory_equal(l->order[i]->data, l->original[i], l->order[i]->len);
			assert_int_equal(s->header.flags, 0);
			assert_int_equal(s->header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
			seen++;
			continue;
		}
		assert_int_equal(round_trip(l, k, out), s->count);
		for (uint8_t m = 0; m < s->count; m++, i = l->c.next[i], seen++) {
			assert_int_equal(out[m].len, l->packets[i].len);
			assert_memory_equal(out[m].data, l->original[i], out[m].len);
		}
	}
	assert_int_equal(seen, l->n);
}

static struct lab *lab_new(void)
{
	return calloc(1, sizeof(struct lab));
}

static void run(struct lab *l, size_t supers)
{
	coalesce(&l->c, l->order, l->n, true);
	assert_int_equal(l->c.n, supers);
	check_exact(l);
	free(l);
}

static void test_runs(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (int udp = 0; udp < 2; udp++) {
			struct lab *l = lab_new();

			for (uint16_t i = 0; i < 40; i++)
				make(l, (struct shape){.v6 = v6, .udp = udp, .id = (uint16_t)(65530 + i),
						       .seq = 0xffffff00u + i * 1200u, .payload = 1200,
						       .no_df = true});
			make(l, (struct shape){.v6 = v6, .udp = udp, .id = (uint16_t)(65530 + 40),
					       .seq = 0xffffff00u + 40 * 1200u, .payload = 77,
					       .no_df = true, .flags = 0x18});
			run(l, 1);
		}
	}
}

static void test_two_flows_interleaved(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	for (uint16_t i = 0; i < 30; i++)
		make(l, (struct shape){.id = (uint16_t)(i / 2), .port = i % 2 ? 5 : 6, .seq = 7 + i / 2 * 100u,
				       .payload = 100, .timestamps = true});
	run(l, 2);
}

static void test_what_starts_anew(void **state)
{
	static const struct {
		const char *what;
		struct shape second;
		size_t supers;
	} rows[] = {
		{"1 next in order", {.id = 2, .seq = 200, .payload = 100}, 1},
		{"2 a gap", {.id = 2, .seq = 201, .payload = 100}, 2},
		{"3 a repetition", {.id = 2, .seq = 100, .payload = 100}, 2},
		{"4 longer than the first", {.id = 2, .seq = 200, .payload = 101}, 2},
		{"5 FIN", {.id = 2, .seq = 200, .payload = 100, .flags = 0x11}, 2},
		{"6 SYN", {.id = 2, .seq = 200, .payload = 100, .flags = 0x12}, 2},
		{"7 ECE", {.id = 2, .seq = 200, .payload = 100, .flags = 0x50}, 2},
		{"8 bare ACK", {.id = 2, .seq = 200, .payload = 0}, 2},
		{"9 other port", {.id = 2, .seq = 200, .payload = 100, .port = 9}, 2},
		{"10 options", {.id = 2, .seq = 200, .payload = 100, .timestamps = true}, 2},
		{"11 IPv6", {.v6 = true, .seq = 200, .payload = 100}, 2},
		{"12 UDP", {.udp = true, .id = 2, .payload = 100}, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lab *l = lab_new();

		make(l, (struct shape){.id = 1, .seq = 100, .payload = 100});
		make(l, rows[i].second);
		coalesce(&l->c, l->order, l->n, true);
		if (l->c.n != rows[i].supers)
			fail_msg("%s: %zu supers", rows[i].what, l->c.n);
		if (rows[i].supers == 2)
			check_exact(l);
		free(l);
	}
}

static void test_pushed_and_short_ones_end_it(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	make(l, (struct shape){.id = 1, .seq = 0, .payload = 100, .no_df = true});
	make(l, (struct shape){.id = 2, .seq = 100, .payload = 100, .no_df = true, .flags = 0x18});
	make(l, (struct shape){.id = 3, .seq = 200, .payload = 100, .no_df = true});
	make(l, (struct shape){.id = 4, .seq = 300, .payload = 50, .no_df = true});
	make(l, (struct shape){.id = 5, .seq = 350, .payload = 50, .no_df = true});
	make(l, (struct shape){.id = 7, .seq = 400, .payload = 50, .no_df = true}); /* ID jumps. */
	run(l, 4);
}

static void test_broken_stays_broken(void **state)
{
	struct lab *l = lab_new();
	size_t broken;

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		make(l, (struct shape){.id = i, .seq = i * 100u, .payload = 100});
	broken = 1;
	l->packets[broken].data[90] ^= 1;
	l->original[broken][90] ^= 1;
	run(l, 3);
}

static void test_size_limit(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	for (uint16_t i = 0; i < 60; i++)
		make(l, (struct shape){.id = i, .seq = i * 1700u, .payload = 1700, .no_df = true});
	run(l, 2);
}

static void test_cutting_in_pieces(void **state)
{
	struct lab *l = lab_new();
	struct packet out[BURST];
	size_t at = 0, n = 0;

	(void)state;
	for (uint16_t i = 0; i < 10; i++)
		make(l, (struct shape){.id = i, .seq = i * 100u, .payload = 100, .no_df = true});
	coalesce(&l->c, l->order, l->n, true);
	assert_int_equal(round_trip(l, 0, out), 10);
	do {
		size_t made = segment(&l->c.supers[0].header, l->whole, l->c.supers[0].len, &at, out,
				      l->cut, 3);

		for (size_t i = 0; i < made; i++)
			assert_memory_equal(out[i].data, l->original[n + i], out[i].len);
		n += made;
	} while (at);
	assert_int_equal(n, 10);
	free(l);
}

/* A header with any false field is refused. */
static void test_malformed_superpackets(void **state)
{
	struct lab *l = lab_new();
	struct packet out[BURST];
	uint32_t x = 1;

	(void)state;
	for (uint16_t i = 0; i < 4; i++)
		make(l, (struct shape){.id = i, .seq = i * 100u, .payload = 100, .no_df = true});
	coalesce(&l->c, l->order, l->n, true);
	assert_int_equal(round_trip(l, 0, out), 4);
	for (int i = 0; i < 20000; i++) {
		struct virtio_net_hdr h = l->c.supers[0].header;
		uint8_t *octets = (uint8_t *)&h, *copy;
		size_t at = 0, len;

		x = x * 1664525u + 1013904223u;
		octets[x >> 8 & 7] = (uint8_t)(x >> 16);
		len = (x >> 24) * 2;
		len = len > l->c.supers[0].len ? l->c.supers[0].len : len;
		copy = malloc(len + 1);
		memcpy(copy, l->whole, len);
		(void)segment(&h, copy, len, &at, out, l->cut, BURST);
		(void)offload_finish(&h, copy, len);
		free(copy);
	}
	free(l);
}

static void test_finish(void **state)
{
	struct lab *l = lab_new();
	struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20,
				   .csum_offset = 16};
	uint8_t *ip;

	(void)state;
	make(l, (struct shape){.id = 1, .seq = 1, .payload = 33});
	ip = l->packets[0].data;
	put16(ip + 36, checksum_fold(checksum_pseudo(ip + 12, 8, 6, 53)));
	assert_true(offload_finish(&h, ip, 73));
	assert_memory_equal(ip, l->original[0], 73);
	h.csum_start = 73;
	assert_false(offload_finish(&h, ip, 73));
	h.flags = 0;
	assert_true(offload_finish(&h, ip, 73));
	free(l);
}

static void test_checksum(void **state)
{
	/* RFC 1071 3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2. */
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint8_t data[100];

	(void)state;
	assert_int_equal(checksum_fold(checksum_add(0, example, 8)), 0xddf2);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + 200);
	for (size_t len = 0; len <= sizeof(data); len++) {
		uint32_t sum = 0;

		for (size_t i = 0; i < len; i++)
			sum += (uint32_t)data[i] << (i % 2 ? 0 : 8);
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal(checksum_fold(checksum_add(0, data, len)), sum);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_two_flows_interleaved),
		cmocka_unit_test(test_what_starts_anew),
		cmocka_unit_test(test_pushed_and_short_ones_end_it),
		cmocka_unit_test(test_broken_stays_broken),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_cutting_in_pieces),
		cmocka_unit_test(test_malformed_superpackets),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
