/* SPDX-License-Identifier: Apache-2.0 */
/* The PRFs of IKEv2 are HMACs at full length. Their key may be of any length (Ni | Nr is one): HMAC
 * hashes a key longer than a block. So the shortened nonces of RFC 7296 2.14, meant for AES-XCBC
 * and AES-CMAC, do not concern us. */
#include "proto/crypto/prf.h"

#include <openssl/hmac.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

CBS prf_piece(const void *data, size_t len)
{
	CBS piece;

	CBS_init(&piece, data, len);
	return piece;
}

CBS prf_secret_piece(const struct secret *s)
{
	return prf_piece(s->bytes, s->len);
}

static const EVP_MD *prf_md(uint16_t id)
{
	switch (id) {
	case PRF_HMAC_SHA1:
		return EVP_sha1();
	case PRF_HMAC_SHA2_256:
		return EVP_sha256();
	case PRF_HMAC_SHA2_384:
		return EVP_sha384();
	case PRF_HMAC_SHA2_512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

/* The library fails only when memory runs out, and then, as with malloc elsewhere, there is no
 * better place to stop than here. */
static void require(int ok)
{
	assert(ok == 1);
}

size_t prf_compute(uint16_t id, CBS key, const CBS *pieces, size_t n_pieces,
		   uint8_t out[PRF_LEN_MAX])
{
	static const uint8_t empty[1];
	const EVP_MD *md = prf_md(id);
	unsigned len = 0;
	HMAC_CTX h;

	assert(md);
	HMAC_CTX_init(&h);
	/* A NULL key would mean "the one of before" to the library. */
	require(HMAC_Init_ex(&h, CBS_len(&key) > 0 ? CBS_data(&key) : empty, CBS_len(&key), md,
			     NULL));
	for (size_t i = 0; i < n_pieces; i++)
		require(HMAC_Update(&h, CBS_data(&pieces[i]), CBS_len(&pieces[i])));
	require(HMAC_Final(&h, out, &len));
	HMAC_CTX_cleanse(&h);
	return len;
}

/* RFC 7296 2.13:
 *   prf+ (K,S) = T1 | T2 | T3 | T4 | ...
 *   T1 = prf (K, S | 0x01)
 *   T2 = prf (K, T1 | S | 0x02) */
void prf_plus(uint16_t id, CBS key, const CBS *seed, size_t n_seed, uint8_t *out, size_t len)
{
	enum { SEED_PIECES_MAX = 8 };
	CBS pieces[SEED_PIECES_MAX + 2];
	uint8_t t[PRF_LEN_MAX];
	size_t t_len = 0;
	uint8_t round = 0;

	assert(n_seed <= SEED_PIECES_MAX);
	if (n_seed > 0)
		memcpy(pieces + 1, seed, n_seed * sizeof(*seed));
	while (len > 0) {
		size_t n;

		/* "The prf+ function is not defined beyond 255 times the size of the prf function
		 * output." */
		assert(round < 255);
		round++;
		pieces[0] = prf_piece(t, t_len);
		pieces[n_seed + 1] = prf_piece(&round, 1);
		t_len = prf_compute(id, key, pieces, n_seed + 2, t);
		n = len < t_len ? len : t_len;
		memcpy(out, t, n);
		out += n;
		len -= n;
	}
	OPENSSL_cleanse(t, sizeof(t));
}

void hash_sha256(const void *data, size_t len, uint8_t out[SHA256_DIGEST_LENGTH])
{
	SHA256(data, len, out);
}
