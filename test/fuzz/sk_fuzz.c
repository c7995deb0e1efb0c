/* SPDX-License-Identifier: Apache-2.0 */
/* sk_open() with known keys. The first octet of the input chooses a suite and
 * whether the rest is
 *   - a datagram as it is, which exercises the search for the SK payload; or
 *   - a message in clear: it is sealed, one of its octets perhaps changed, and
 *     opened: unchanged it must come out as it went in, changed it must not; or
 *   - a datagram whose text is not yet encrypted and which is then given its ICV,
 *     so that all shapes of padding and of payloads before SK are reached.
 * An opened chain must lie in the message. */
#include "proto/ike/sk.h"

#include "proto/crypto/cipher.h"

#include <stdlib.h>
#include <string.h>

/* runs: 30000 */

static const struct suite suites[] = {
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 128},
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 256},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_256_128},
	{.encr = ENCR_CHACHA20_POLY1305},
	{.encr = ENCR_AES_CTR, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_512_256},
	{.encr = ENCR_AES_CTR, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_256_128},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_384_192},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA1_96},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void round_trip(const struct sk_direction *d, const uint8_t *message, size_t len,
		       unsigned change)
{
	uint8_t seed[ENTROPY_SEED_LEN] = {0}, first, *plain;
	struct iv_source iv = {1, 2};
	struct entropy e;
	struct blob *b;
	enum drop drop;
	CBS chain;

	entropy_init(&e, seed);
	if (sk_seal(d, &iv, &e, message, len, &b) != OK)
		return;
	plain = malloc(b->len);
	b->data[change % b->len] ^= (uint8_t)(change >> 8);
	drop = sk_open(d, b->data, b->len, plain, &chain, &first);
	if (change >> 8) {
		require(drop != DROP_NONE);
	} else {
		require(drop == DROP_NONE && first == message[16]);
		require(CBS_len(&chain) == len - IKE_HEADER_LEN);
		require(CBS_mem_equal(&chain, message + IKE_HEADER_LEN, len - IKE_HEADER_LEN));
	}
	free(plain);
	blob_unref(b);
}

static void open_checked(const struct sk_direction *d, const uint8_t *data, size_t len)
{
	uint8_t *plain = malloc(len ? len : 1), first;
	CBS chain;

	if (sk_open(d, data, len, plain, &chain, &first) == DROP_NONE) {
		require(CBS_data(&chain) >= plain + 32 + suite_iv_len(d->suite));
		require(CBS_len(&chain) <= len);
		require(CBS_data(&chain) + CBS_len(&chain) + 1 + suite_icv_len(d->suite) <= plain + len);
	}
	free(plain);
}

/* Encrypts what is behind the IV at `at` and appends the ICV; all keys are zero. */
static void authentic(const struct sk_direction *d, const uint8_t *data, size_t len, size_t at)
{
	size_t icv = suite_icv_len(d->suite);
	struct cipher_packet p = {.iv = at, .text = at + suite_iv_len(d->suite), .icv = len, .end = len + icv};
	uint8_t mac[HMAC_LEN_MAX];
	struct cipher c;

	if (p.text > len)
		return;
	p.data = malloc(p.end);
	memcpy(p.data, data, len);
	CBS_init(&p.ad, p.data, at);
	CBS_init(&p.tail, p.data, 0);
	require(cipher_init(&c, d->suite, d->encr->bytes, d->integ->bytes, true) == OK);
	if (d->suite->encr == ENCR_AES_CBC && (len - p.text) % 16 != 0) {
		CBS all; /* Half a block: what a broken client would send. */

		CBS_init(&all, p.data, len);
		hmac_compute(&c.hmac, &all, 1, mac);
		memcpy(p.data + len, mac, icv);
	} else {
		require(cipher_seal(&c, &p) == OK);
	}
	cipher_fini(&c);
	open_checked(d, p.data, p.end);
	free(p.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret encr = {0}, integ = {0};
	struct sk_direction d = {NULL, &encr, &integ};
	unsigned which;

	if (size < 3)
		return 0;
	/* The two low bits alone, so that older inputs mean what they meant. */
	which = (data[0] & 3u) + (data[0] >> 4) * 4u;
	d.suite = &suites[which < SUITES ? which : data[0] & 3u];
	encr.len = (uint16_t)suite_encr_key_len(d.suite);
	integ.len = (uint16_t)suite_integ_key_len(d.suite);
	if (data[0] & 4) {
		round_trip(&d, data + 3, size - 3, (unsigned)data[1] | (unsigned)data[2] << 8);
		return 0;
	}
	if (data[0] & 8)
		authentic(&d, data + 2, size - 2, data[1]);
	else
		open_checked(&d, data + 1, size - 1);
	return 0;
}
