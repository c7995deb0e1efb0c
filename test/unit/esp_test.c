/* SPDX-License-Identifier: Apache-2.0 */
/* ESP against RFC 3602's sample packets, rows of an independent implementation
 * (test/vectors/crypto.py), and every way a packet can be wrong. */
#include "proto/esp/esp.h"
#include "test/unit/hex.h"
#include "test/vectors/esp_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { ROWS = sizeof(esp_rows) / sizeof(*esp_rows) };

struct fixture {
	struct suite suite;
	struct esp_keys keys;
	struct esp_context in, out;
	struct entropy entropy;
	uint8_t *inner, *packet;
	size_t inner_len, packet_len;
};

static void copy_hex(uint8_t *to, size_t room, const char *text)
{
	size_t n;
	uint8_t *octets = hex_bytes(text, &n);

	assert_true(n <= room);
	memcpy(to, octets, n);
	free(octets);
}

static void fixture_init(struct fixture *f, size_t i)
{
	uint8_t seed[ENTROPY_SEED_LEN];

	memset(f, 0, sizeof(*f));
	f->suite = (struct suite){.encr = esp_rows[i].encr, .encr_key_bits = esp_rows[i].bits,
				  .integ = esp_rows[i].integ, .esn = esp_rows[i].esn};
	copy_hex(f->keys.encr, sizeof(f->keys.encr), esp_rows[i].key);
	copy_hex(f->keys.integ, sizeof(f->keys.integ), esp_rows[i].integ_key);
	copy_hex(seed, sizeof(seed), esp_rows[i].seed);
	entropy_init(&f->entropy, seed);
	assert_int_equal(esp_context_init(&f->in, &f->suite, &f->keys, false), OK);
	assert_int_equal(esp_context_init(&f->out, &f->suite, &f->keys, true), OK);
	f->inner = hex_bytes(esp_rows[i].inner, &f->inner_len);
	f->packet = hex_bytes(esp_rows[i].packet, &f->packet_len);
}

static void fixture_fini(struct fixture *f)
{
	esp_context_fini(&f->in);
	esp_context_fini(&f->out);
	free(f->inner);
	free(f->packet);
}

/* In a buffer with exactly the room that seal may use. */
static void test_seal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		uint8_t *buffer, *out;
		struct fixture f;
		size_t head, out_len;

		fixture_init(&f, i);
		head = esp_head_room(&f.suite);
		buffer = malloc(head + f.inner_len + esp_tail_room(&f.suite));
		memcpy(buffer + head, f.inner, f.inner_len);
		assert_int_equal(esp_seal(&f.out, esp_rows[i].spi, esp_rows[i].seq, esp_rows[i].salt,
					  &f.entropy, esp_rows[i].next_header, buffer + head,
					  f.inner_len, &out, &out_len), DROP_NONE);
		assert_ptr_equal(out, buffer);
		assert_int_equal(out_len, f.packet_len);
		assert_memory_equal(out, f.packet, f.packet_len);
		free(buffer);
		fixture_fini(&f);
	}
}

static void test_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct esp_packet p;
		uint8_t *inner, next_header;
		struct fixture f;
		size_t inner_len;

		fixture_init(&f, i);
		assert_int_equal(esp_parse(&p, f.packet, f.packet_len), DROP_NONE);
		assert_true(p.spi == esp_rows[i].spi);
		assert_true(p.seq_low == (uint32_t)esp_rows[i].seq);
		assert_int_equal(esp_open(&f.in, esp_rows[i].seq, f.packet, f.packet_len, &inner,
					  &inner_len, &next_header), DROP_NONE);
		assert_int_equal(next_header, esp_rows[i].next_header);
		assert_int_equal(inner_len, f.inner_len);
		assert_memory_equal(inner, f.inner, f.inner_len);
		fixture_fini(&f);
	}
}

static enum drop open_copy(const struct fixture *f, uint64_t seq, const uint8_t *data, size_t len)
{
	uint8_t *copy = exact_copy(data, len), *inner, next_header;
	size_t inner_len;
	enum drop d = esp_open(&f->in, seq, copy, len, &inner, &inner_len, &next_header);

	free(copy);
	return d;
}

/* Every flipped bit behind the sequence number, and of the SPI, is refused. */
static void test_flipped_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct fixture f;

		fixture_init(&f, i);
		for (size_t bit = 0; bit < f.packet_len * 8 && bit < 1000; bit++) {
			if (bit / 8 >= 4 && bit / 8 < 8)
				continue;
			f.packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(open_copy(&f, esp_rows[i].seq, f.packet, f.packet_len),
					 DROP_ICV);
			f.packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		fixture_fini(&f);
	}
}

/* The sequence number is authenticated: its low half always, its high half with ESN. */
static void test_wrong_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct fixture f;
		uint64_t seq = esp_rows[i].seq;

		fixture_init(&f, i);
		assert_int_equal(open_copy(&f, seq + (UINT64_C(1) << 32), f.packet, f.packet_len),
				 esp_rows[i].esn ? DROP_ICV : DROP_NONE);
		f.packet[7] ^= 1;
		assert_int_equal(open_copy(&f, seq ^ 1, f.packet, f.packet_len), DROP_ICV);
		fixture_fini(&f);
	}
}

static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct fixture f;
		struct esp_packet p;
		size_t least;

		fixture_init(&f, i);
		least = esp_head_room(&f.suite) + 2 + suite_icv_len(&f.suite);
		for (size_t len = 0; len < f.packet_len; len += len < 120 ? 1 : 97) {
			enum drop d = open_copy(&f, esp_rows[i].seq, f.packet, len);
			enum drop parsed = esp_parse(&p, f.packet, len);

			assert_int_equal(parsed, len < 8 ? DROP_SHORT : DROP_NONE);
			if (len < least)
				assert_int_equal(d, DROP_SHORT);
			else if (f.suite.encr == ENCR_AES_CBC &&
				 (len - 24 - suite_icv_len(&f.suite)) % 16 != 0)
				assert_int_equal(d, DROP_MALFORMED);
			else
				assert_int_equal(d, DROP_ICV);
		}
		fixture_fini(&f);
	}
}

static void test_parse_spi_zero(void **state)
{
	uint8_t packet[64] = {0};
	struct esp_packet p;

	(void)state;
	assert_int_equal(esp_parse(&p, packet, sizeof(packet)), DROP_MALFORMED);
}

/* RFC 3602 4, cases 5 to 8, with an ICV behind them (HMAC-SHA-256-128 under 32 octets
 * of 0b, computed by another implementation): cases 5 and 6 are of transport mode,
 * which decrypts and is then refused. */
#define PING "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" \
	     "202122232425262728292a2b2c2d2e2f3031323334353637"
static const struct {
	int row;
	const char *key, *packet, *icv, *plain;
	enum drop expected;
} rfc3602[] = {
	{5, "90d382b410eeba7ad938c46cec1a82bf",
	 "0000432100000001e96e8c08ab465763fd098d45dd3ff893"
	 "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856"
	 "a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a"
	 "a269add047ad2d5913ac19b7cfbad4a6",
	 "1731896e10aaf60f5e4bd414d67e268d",
	 "08000ebda70a00008e9c083db95b0700" PING "0102030405060708090a0b0c0d0e0e01",
	 DROP_MALFORMED},
	{6, "90d382b410eeba7ad938c46cec1a82bf",
	 "000043210000000869d08df7d203329db093fc4924e5bd80"
	 "f51995881ec4e0c4488987ce742e8109689bb379d2d750c0d915dca346a89f75",
	 "d52458f79d560b7334389a4662cf6348",
	 "0800b5e8a80a0500a69c083d0b660e0077777777777777777777777701020201", DROP_MALFORMED},
	{7, "0123456789abcdef0123456789abcdef",
	 "0000876500000002f4e765244f6407adf13dc1380f673f37"
	 "773b5241a4c449225e4f3ce5ed611b0c237ca96cf74a93013c1b0ea1a0cf70f8"
	 "e4ecaec78ac53aad7a0f022b859243c647752e94a859352b8a4d4d2decd136e5"
	 "c177f132ad3fbfb2201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d",
	 "b53b4ab25be062bf1159d4e7b247dde6",
	 "45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d02a20400" PING
	 "0102030405060708090a0a04", DROP_NONE},
	{8, "0123456789abcdef0123456789abcdef",
	 "000087650000000585d47224b5f3dd5d2101d4ea8dffab22"
	 "15b92683819596a8047232cc00f7048fe45318e11f8a0f62ede3c3fc61203bb5"
	 "0f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3"
	 "d2726d9b5ef6affc6d17a0decbb13892",
	 "314846b808cc0b45048f6900828e649c",
	 "45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083da3de0300"
	 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	 "0102030405060708090a0a04", DROP_NONE},
};

static void test_rfc3602(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rfc3602) / sizeof(*rfc3602); i++) {
		struct suite s = {.encr = ENCR_AES_CBC, .encr_key_bits = 128,
				  .integ = AUTH_HMAC_SHA2_256_128};
		uint8_t packet[256], *inner = NULL, next_header, *plain;
		struct esp_keys keys = {0};
		struct esp_context c;
		size_t len, inner_len = 0, plain_len;

		copy_hex(keys.encr, sizeof(keys.encr), rfc3602[i].key);
		memset(keys.integ, 0x0b, sizeof(keys.integ));
		len = strlen(rfc3602[i].packet) / 2;
		copy_hex(packet, sizeof(packet) - 16, rfc3602[i].packet);
		copy_hex(packet + len, 16, rfc3602[i].icv);
		plain = hex_bytes(rfc3602[i].plain, &plain_len);
		assert_int_equal(esp_context_init(&c, &s, &keys, false), OK);
		assert_int_equal(esp_open(&c, packet[7], packet, len + 16, &inner, &inner_len,
					  &next_header), rfc3602[i].expected);
		assert_int_equal(plain_len, len - 24);
		assert_memory_equal(packet + 24, plain, plain_len);
		assert_int_equal(next_header, plain[plain_len - 1]);
		if (rfc3602[i].expected == DROP_NONE) {
			assert_ptr_equal(inner, packet + 24);
			assert_int_equal(inner_len, plain_len - 12);
		}
		esp_context_fini(&c);
		free(plain);
	}
}

/* What an authenticated packet may hold inside, sealed by hand with row 1's keys. */
static const struct {
	int row;
	const char *text; /* From the inner packet to Next Header */
	enum drop expected;
	size_t inner_len;
} inside[] = {
#define IP20 "4500001400000000401100000a0000010a000002"
#define IP24 "4500001800000000401100000a0000010a00000241424344"
#define IP6 "6000000000001140000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f"
	{1, IP20 "01020204", DROP_NONE, 20},
	{2, IP20 "0004", DROP_NONE, 20},                  /* Not aligned; we don't mind */
	{3, IP20 "0102030405060604", DROP_NONE, 20},      /* More padding than needed */
	{4, IP20 "01030204", DROP_PADDING, 0},            /* 1, 3 */
	{5, IP20 "00000204", DROP_PADDING, 0},            /* 0, 0 */
	{6, IP20 "0102ff04", DROP_PADDING, 0},            /* More than the packet */
	{7, "090a0a04", DROP_PADDING, 0},                /* ... that would begin in the IV */
	{8, "0004", DROP_MALFORMED, 0},                   /* Nothing inside */
	{9, IP20 "0102023b", DROP_DUMMY, 0},              /* 59 */
	{10, "deadbeef0102023b", DROP_DUMMY, 0},           /* "need not be well-formed" */
	{11, IP20 "01020206", DROP_MALFORMED, 0},         /* TCP: transport mode */
	{12, IP20 "01020229", DROP_MALFORMED, 0},         /* 41 with an IPv4 packet */
	{13, IP6 "01020204", DROP_MALFORMED, 0},          /* 4 with an IPv6 packet */
	{14, IP6 "01020229", DROP_NONE, 40},
	{15, IP24 "ffff01020204", DROP_NONE, 24},         /* TFC padding behind it */
	{16, "450000150000000040110000 0a0000010a000002 01020204", DROP_MALFORMED, 0}, /* Longer */
	{17, "450000130000000040110000 0a0000010a000002 01020204", DROP_MALFORMED, 0}, /* < header */
	{18, "4400001400000000401100000a0000010a000002 01020204", DROP_MALFORMED, 0}, /* IHL 4 */
	{19, "460000140000000040110000 0a0000010a000002 01020204", DROP_MALFORMED, 0}, /* IHL 6 > 20 */
	{20, "6000000000011140000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f"
	     "01020229", DROP_MALFORMED, 0},
	{21, "45000013000000004011000000000000000000 0004", DROP_MALFORMED, 0}, /* 19 octets */
};

static void test_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		uint8_t packet[256] = {0, 0, 1, 0, 0, 0, 0, 1, /* IV: */ 1, 2, 3, 4, 5, 6, 7, 8};
		uint8_t nonce[12];
		uint8_t *inner, next_header, *text;
		struct fixture f;
		size_t n, sealed, inner_len;
		enum drop d;

		fixture_init(&f, 0);
		text = hex_bytes(inside[i].text, &n);
		memcpy(nonce, f.keys.encr + 16, 4);
		memcpy(nonce + 4, packet + 8, 8);
		assert_true(EVP_AEAD_CTX_seal(&f.out.cipher.aead, packet + 16, &sealed, sizeof(packet) - 16,
					      nonce, 12, text, n, packet, 8));
		d = esp_open(&f.in, 1, packet, 16 + sealed, &inner, &inner_len, &next_header);
		if (d != inside[i].expected)
			fail_msg("row %d: drop %s", inside[i].row, drop_text(d));
		if (d == DROP_NONE) {
			assert_int_equal(inner_len, inside[i].inner_len);
			assert_memory_equal(inner, text, inner_len);
		}
		free(text);
		fixture_fini(&f);
	}
}

/* All lengths of all suites: what is sealed opens again, and takes no more
 * room than was said. */
static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct fixture f;

		fixture_init(&f, i);
		for (size_t len = 20; len < 120; len++) {
			size_t head = esp_head_room(&f.suite), out_len, inner_len;
			size_t room = head + len + esp_tail_room(&f.suite);
			uint8_t *buffer = malloc(room), *out, *inner, next_header;

			memset(buffer, (int)len, room);
			buffer[head] = 0x45;
			buffer[head + 2] = 0;
			buffer[head + 3] = (uint8_t)len;
			assert_int_equal(esp_seal(&f.out, 0x1234, len, 1, &f.entropy, 4,
						  buffer + head, len, &out, &out_len), DROP_NONE);
			assert_true(out_len <= room);
			assert_true(esp_inner_max(out_len - 1) < len); /* It does not fit there. */
			assert_true((out_len - head - suite_icv_len(&f.suite)) % suite_block_len(&f.suite) == 0);
			assert_int_equal(esp_open(&f.in, len, out, out_len, &inner, &inner_len,
						  &next_header), DROP_NONE);
			assert_int_equal(inner_len, len);
			assert_int_equal(inner[len - 1], len == 20 ? 20 : len);
			free(buffer);
		}
		fixture_fini(&f);
	}
}

/* AES-CBC: "IV chosen at random"; two packets of one SA never share one. */
static void test_cbc_iv_fresh(void **state)
{
	uint8_t first[128], second[128], again[128], *out;
	struct fixture f;
	size_t len;

	(void)state;
	fixture_init(&f, 7);
	memset(first, 0x45, sizeof(first));
	memset(second, 0x45, sizeof(second));
	memset(again, 0x45, sizeof(again));
	assert_int_equal(esp_seal(&f.out, 9, 1, 0, &f.entropy, 4, first + 24, 20, &out, &len),
			 DROP_NONE);
	assert_int_equal(esp_seal(&f.out, 9, 2, 0, &f.entropy, 4, second + 24, 20, &out, &len),
			 DROP_NONE);
	assert_memory_not_equal(first + 8, second + 8, 16);
	/* RFC 3602 2.1: "randomly generated and unpredictable", so nothing that follows
	 * from the packet's number. */
	assert_int_equal(esp_seal(&f.out, 9, 1, 0, &f.entropy, 4, again + 24, 20, &out, &len),
			 DROP_NONE);
	assert_memory_not_equal(first + 8, again + 8, 16);
	fixture_fini(&f);
}

static void test_iv(void **state)
{
	(void)state;
	assert_true(esp_iv(0xaabbccdd, 1, false) == UINT64_C(0xaabbccdd00000001));
	assert_true(esp_iv(0xaabbccdd, UINT32_MAX, false) == UINT64_C(0xaabbccddffffffff));
	assert_true(esp_iv(0xaabbccdd, 1, true) == UINT64_C(0xbbccdd0000000001));
	assert_true(esp_iv(0xaabbccdd, ESP_ESN_SEQ_END - 1, true) == UINT64_C(0xbbccddffffffffff));
}

static void test_unsupported(void **state)
{
	static const struct suite suites[] = {
		{.encr = ENCR_AES_GCM_16, .encr_key_bits = 192},
		{.encr = ENCR_AES_GCM_16, .encr_key_bits = 0},
		{.encr = ENCR_AES_GCM_16, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
		{.encr = ENCR_CHACHA20_POLY1305, .encr_key_bits = 256}, /* It has no Key Length. */
		{.encr = ENCR_CHACHA20_POLY1305, .integ = AUTH_HMAC_SHA2_256_128},
		{.encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = AUTH_NONE},
		{.encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = 5}, /* AES-XCBC */
		{.encr = 11, .encr_key_bits = 128}, /* NULL */
		{.encr = 0},
	};
	struct esp_keys keys = {{0}, {0}};

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(*suites); i++) {
		struct esp_context c;

		assert_int_equal(esp_context_init(&c, &suites[i], &keys, true), ERR_UNSUPPORTED);
		esp_context_fini(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_wrong_number),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_parse_spi_zero),
		cmocka_unit_test(test_rfc3602),
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cbc_iv_fresh),
		cmocka_unit_test(test_iv),
		cmocka_unit_test(test_unsupported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
