/* SPDX-License-Identifier: Apache-2.0 */
/* TCP's MSS option made to fit the tunnel: which packets are changed, and that the checksum follows. */
#include "xdp/engine/checksum.h"
#include "xdp/engine/mss.h"

#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define MTU 1400u

/* The TCP header by its flags and options; ports, sequence numbers and the rest are the same. */
static const struct {
	const char *flags, *options;
	uint16_t was, becomes; /* MSS; 0: there is none to change. */
} rows[] = {
	{"02", "020405b4", 1460, 1360},                 /* SYN */
	{"12", "020405b4", 1460, 1360},                 /* SYN, ACK */
	{"02", "0101020405b40101", 1460, 1360},
	{"02", "01020405b4010101", 1460, 1360},         /* At an odd octet. */
	{"02", "0402080a0000000100000000020405b4" "0000", 1460, 1360},
	{"02", "02040550", 1360, 1360},                 /* It fits. */
	{"02", "02040218", 536, 536},
	{"02", "0204ffff", 65535, 1360},
	{"10", "020405b4", 0, 0},                       /* ACK: no SYN, no option. */
	{"02", "", 0, 0},
	{"02", "00000000020405b4", 0, 0},               /* Behind the end. */
	{"02", "020305b4", 0, 0},                       /* Of another length, ... */
	{"02", "03000000020405b4", 0, 0},               /* none, ... */
	{"02", "0301000003040000", 0, 0},
	{"02", "030a0000", 0, 0},                       /* too much. */
	{"02", "01010102", 0, 0},                       /* No room for its length. */
	{"02", "01010204", 0, 0},
};

static uint16_t checksum_of(const uint8_t *ip, size_t header, size_t len)
{
	size_t addresses = header == 20 ? 8 : 32;

	return checksum_fold(checksum_add(checksum_pseudo(ip + (header == 20 ? 12 : 8), addresses, 6, len - header),
					  ip + header, len - header));
}

static size_t make(uint8_t *ip, size_t header, size_t i, size_t payload)
{
	size_t n, len, flags_len;
	uint8_t *options = hex_bytes(rows[i].options, &n), *flags = hex_bytes(rows[i].flags, &flags_len);
	uint8_t *tcp = ip + header;
	uint16_t check;

	assert_true(n % 2 == 0 && flags_len == 1);
	memset(ip, 0, 256);
	while (n % 4)
		n += 2; /* Padded with zeros: the end. */
	len = header + 20 + n + payload;
	if (header == 20) {
		ip[0] = 0x45;
		ip[3] = (uint8_t)len;
		ip[9] = 6;
		ip[12] = ip[16] = 10;
	} else {
		ip[0] = 0x60;
		ip[5] = (uint8_t)(len - header);
		ip[6] = 6;
		ip[8] = ip[24] = 0xfd;
	}
	tcp[3] = 80;
	tcp[12] = (uint8_t)((20 + n) / 4 << 4);
	tcp[13] = flags[0];
	memcpy(tcp + 20, options, strlen(rows[i].options) / 2);
	check = (uint16_t)~checksum_of(ip, header, len);
	tcp[16] = (uint8_t)(check >> 8);
	tcp[17] = (uint8_t)check;
	free(options);
	free(flags);
	return len;
}

static uint16_t mss_of(const uint8_t *tcp, size_t len)
{
	for (size_t at = 20; at + 4 <= len; at++)
		if (tcp[at] == 2 && tcp[at + 1] == 4)
			return (uint16_t)(tcp[at + 2] << 8 | tcp[at + 3]);
	return 0;
}

static void test_rows(void **unused)
{
	static const size_t headers[] = {20, 40};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t v = 0; v < 2; v++) {
			size_t header = headers[v], len;
			uint8_t ip[256], before[256];
			struct inner_packet p;
			uint16_t most = (uint16_t)(MTU - header - 20), want = rows[i].becomes;

			if (want != rows[i].was || want > most)
				want = most;
			len = make(ip, header, i, 3);
			memcpy(before, ip, sizeof(ip));
			assert_int_equal(inner_parse(&p, ip, len), DROP_NONE);
			assert_int_equal(mss_clamp(ip, &p, MTU), want != rows[i].was);
			if (want == rows[i].was) {
				assert_memory_equal(ip, before, sizeof(ip));
				continue;
			}
			assert_int_equal(mss_of(ip + header, len - header), want);
			assert_int_equal(checksum_of(ip, header, len), 0xffff);
		}
}

/* Anything but a whole TCP header in a first packet is left alone, wherever it is cut. */
static void test_others(void **unused)
{
	uint8_t ip[256], before[256];
	struct inner_packet p;
	size_t len;

	(void)unused;
	len = make(ip, 20, 0, 0);
	for (size_t cut = 20; cut < len; cut++) {
		ip[3] = (uint8_t)cut;
		memcpy(before, ip, sizeof(ip));
		assert_int_equal(inner_parse(&p, ip, cut), DROP_NONE);
		assert_false(mss_clamp(ip, &p, MTU));
		assert_memory_equal(ip, before, sizeof(ip));
	}
	make(ip, 20, 0, 0);
	ip[9] = 17; /* UDP */
	assert_int_equal(inner_parse(&p, ip, len), DROP_NONE);
	assert_false(mss_clamp(ip, &p, MTU));
	make(ip, 20, 0, 0);
	ip[7] = 8; /* A fragment, not the first. */
	assert_int_equal(inner_parse(&p, ip, len), DROP_NONE);
	assert_false(mss_clamp(ip, &p, MTU));
	make(ip, 20, 0, 0);
	ip[20 + 12] = 0x40; /* Shorter than a header. */
	assert_int_equal(inner_parse(&p, ip, len), DROP_NONE);
	assert_false(mss_clamp(ip, &p, MTU));
	make(ip, 20, 0, 0);
	assert_int_equal(inner_parse(&p, ip, len), DROP_NONE);
	assert_false(mss_clamp(ip, &p, 40)); /* Nothing would be left. */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
