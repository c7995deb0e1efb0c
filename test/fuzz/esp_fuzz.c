/* SPDX-License-Identifier: Apache-2.0 */
/* esp_parse() and esp_open() with known keys. The first octet of the input chooses
 * a suite and whether the rest is
 *   - a packet as it is, which exercises the walk up to the ICV; or
 *   - what is inside one: it is sealed (padding, trailer and all as the input has
 *     them), so that everything behind the ICV is reached.
 * What opens must lie in the packet and have the length its IP header says; what
 * esp_seal() makes of it must open to the same. */
#include "proto/esp/esp.h"

#include <stdlib.h>
#include <string.h>

/* runs: 30000 */

static const struct suite suites[] = {
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 128},
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 256, .esn = ESN_YES},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_256_128, .esn = ESN_YES},
};
static const struct esp_keys keys = {{1, 2, 3}, {4, 5, 6}};
static struct esp_context in[4], out[4];
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
	size_t head = esp_head_room(s), block = suite_is_aead(s) ? 1 : 16, sealed;
	size_t n = len / block * block;
	uint8_t *p = calloc(1, head + n + 16), nonce[12] = {0};
	uint8_t ad[12] = {0, 0, 0x10, 0}, iv[16] = {0}, mac[32], high[4] = {0};

	p[2] = 0x10;
	p[7] = SEQ;
	ad[s->esn == ESN_YES ? 11 : 7] = SEQ;
	if (suite_is_aead(s)) {
		memcpy(nonce, keys.encr + s->encr_key_bits / 8, 4);
		require(EVP_AEAD_CTX_seal(&out[which].aead, p + head, &sealed, n + 16, nonce, 12,
					  text, n, ad, s->esn == ESN_YES ? 12 : 8));
	} else {
		const CBS pieces[] = {prf_piece(p, head + n), prf_piece(high, 4)};

		AES_cbc_encrypt(text, p + head, n, &out[which].cbc, iv, AES_ENCRYPT);
		hmac_sha256_compute(&out[which].hmac, pieces, s->esn == ESN_YES ? 2 : 1, mac);
		memcpy(p + head + n, mac, 16);
	}
	*packet_len = head + n + 16;
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
	for (unsigned i = 0; i < 4; i++) {
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
	which = data[0] & 3;
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
		require(inner + inner_len + 2 + 16 <= packet + len);
		seal_again(which, inner, inner_len, next_header);
	}
	free(packet);
	return 0;
}
