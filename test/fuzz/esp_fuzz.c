/* SPDX-License-Identifier: Apache-2.0 */
/* esp_parse() and esp_open() with known keys. The first octet of the input chooses
 * a suite and whether the rest is
 *   - a packet as it is, which exercises the walk up to the ICV; or
 *   - what is inside one: it is sealed (padding, trailer and all as the input has
 *     them), so that everything behind the ICV is reached.
 * An opened packet must lie in the input and have the length in its IP header; sealed by esp_seal()
 * it must open to the same. */
#include "proto/esp/esp.h"

#include <stdlib.h>
#include <string.h>

/* runs: 30000 */

static const struct suite suites[] = {
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 128},
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 256, .esn = ESN_YES},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_256_128, .esn = ESN_YES},
	{.encr = ENCR_CHACHA20_POLY1305},
	{.encr = ENCR_CHACHA20_POLY1305, .esn = ESN_YES},
	{.encr = ENCR_AES_CTR, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
	{.encr = ENCR_AES_CTR, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_512_256, .esn = ESN_YES},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_384_192, .esn = ESN_YES},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA1_96},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };
static const struct esp_keys keys = {{1, 2, 3}, {4, 5, 6}};
static struct esp_context in[SUITES], out[SUITES];
enum { SEQ = 7, SPI = 0x1000 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* header | IV 0 | text encrypted | ICV, in a fresh allocation. */
static uint8_t *wrap(unsigned which, const uint8_t *text, size_t len, size_t *packet_len)
{
	const struct suite *s = &suites[which];
	size_t head = esp_head_room(s), block = s->encr == ENCR_AES_CBC ? 16 : 1;
	size_t n = len / block * block;
	uint8_t *p = calloc(1, head + n + suite_icv_len(s));
	const uint8_t ad[12] = {0, 0, 0x10, 0, [7] = s->esn == ESN_YES ? 0 : SEQ, [11] = SEQ}, high[4] = {0};
	struct cipher_packet at = {.data = p, .iv = 8, .text = head, .icv = head + n,
				   .end = head + n + suite_icv_len(s)};

	p[2] = 0x10;
	p[7] = SEQ;
	memcpy(p + head, text, n);
	CBS_init(&at.ad, ad, s->esn == ESN_YES ? 12 : 8);
	CBS_init(&at.tail, high, s->esn == ESN_YES ? 4 : 0);
	require(cipher_seal(&out[which].cipher, &at) == OK);
	*packet_len = at.end;
	return p;
}

static void seal_again(unsigned which, const uint8_t *inner, size_t len, uint8_t next_header)
{
	size_t head = esp_head_room(&suites[which]), n, again_len;
	uint8_t *buffer = malloc(head + len + esp_tail_room(&suites[which])), *p, *again, nh;
	uint8_t seed[ENTROPY_SEED_LEN] = {0};
	struct entropy e;

	entropy_init(&e, seed);
	memcpy(buffer + head, inner, len);
	require(esp_seal(&out[which], SPI, SEQ, 1, &e, next_header, buffer + head, len, &p, &n) ==
		DROP_NONE);
	require(esp_open(&in[which], SEQ, p, n, &again, &again_len, &nh) == DROP_NONE);
	require(again_len == len && nh == next_header && memcmp(again, inner, len) == 0);
	free(buffer);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (unsigned i = 0; i < SUITES; i++) {
		require(esp_context_init(&in[i], &suites[i], &keys, false) == OK);
		require(esp_context_init(&out[i], &suites[i], &keys, true) == OK);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *packet, *inner, next_header;
	struct esp_packet p;
	size_t len, inner_len;
	unsigned which;

	if (size < 1)
		return 0;
	/* The two low bits alone, so that older inputs mean what they meant. */
	which = (data[0] & 3u) + (data[0] >> 3) * 4u;
	which = which < SUITES ? which : data[0] & 3u;
	if (data[0] & 4) {
		packet = wrap(which, data + 1, size - 1, &len);
	} else {
		len = size - 1;
		packet = malloc(len ? len : 1);
		memcpy(packet, data + 1, len);
	}
	if (esp_parse(&p, packet, len) == DROP_NONE &&
	    esp_open(&in[which], p.seq_low, packet, len, &inner, &inner_len, &next_header) ==
		    DROP_NONE) {
		require(next_header == 4 || next_header == 41);
		require(inner >= packet + 16 && inner_len >= 20);
		require(inner + inner_len + 2 + suite_icv_len(&suites[which]) <= packet + len);
		seal_again(which, inner, inner_len, next_header);
	}
	free(packet);
	return 0;
}
