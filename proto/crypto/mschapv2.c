/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 2759 section 8 and RFC 3079 section 3, in their order and by their names. */
#include "proto/crypto/mschapv2.h"

#include <openssl/des.h>
#include <openssl/md4.h>
#include <openssl/mem.h>
#include <openssl/sha.h>

#include <stdbool.h>
#include <string.h>

/* ---- Passwords: UTF-8 to UTF-16, little-endian ---- */

/* One code point; false: this is no UTF-8 (RFC 3629). */
static bool take_code_point(CBS *in, uint32_t *out)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	unsigned more;
	uint8_t c;

	if (!CBS_get_u8(in, &c) || (c >= 0x80 && c < 0xc2) || c > 0xf4)
		return false;
	more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	*out = more == 0 ? c : c & (0x3fu >> more);
	for (unsigned i = 0; i < more; i++) {
		if (!CBS_get_u8(in, &c) || (c & 0xc0) != 0x80)
			return false;
		*out = *out << 6 | (c & 0x3f);
	}
	return *out >= least[more] && *out <= 0x10ffff && (*out < 0xd800 || *out > 0xdfff);
}

static size_t put_unit(uint8_t *out, uint32_t unit)
{
	out[0] = (uint8_t)unit;
	out[1] = (uint8_t)(unit >> 8);
	return 2;
}

enum status nt_hash_of(struct nt_hash *out, const void *text, size_t len)
{
	uint8_t units[2 * NT_PASSWORD_MAX + 4];
	enum status s = OK;
	size_t n = 0;
	uint32_t c;
	CBS in;

	CBS_init(&in, text, len);
	while (s == OK && CBS_len(&in) > 0) {
		if (!take_code_point(&in, &c)) {
			s = ERR_MALFORMED;
		} else if (c < 0x10000) {
			n += put_unit(units + n, c);
		} else {
			n += put_unit(units + n, 0xd800 | (c - 0x10000) >> 10);
			n += put_unit(units + n, 0xdc00 | ((c - 0x10000) & 0x3ff));
		}
		if (n > 2 * NT_PASSWORD_MAX)
			s = ERR_TOO_LONG;
	}
	if (s == OK)
		MD4(units, n, out->bytes);
	OPENSSL_cleanse(units, sizeof(units));
	return s;
}

CBS mschapv2_user(CBS name)
{
	CBS rest = name;
	uint8_t c;

	while (CBS_get_u8(&rest, &c))
		if (c == '\\')
			return rest;
	return name;
}

/* ---- Responses ---- */

/* 8.2 */
static void challenge_hash(uint8_t out[8], const struct mschapv2 *m)
{
	uint8_t digest[SHA_DIGEST_LENGTH];
	SHA_CTX h;

	SHA1_Init(&h);
	SHA1_Update(&h, m->peer_challenge, sizeof(m->peer_challenge));
	SHA1_Update(&h, m->authenticator_challenge, sizeof(m->authenticator_challenge));
	SHA1_Update(&h, CBS_data(&m->name), CBS_len(&m->name));
	SHA1_Final(digest, &h);
	memcpy(out, digest, 8);
}

/* 8.6: 56 bits of key, seven in each octet; the lowest one of each is parity. */
static void des_encrypt(uint8_t out[8], const uint8_t clear[8], const uint8_t key[7])
{
	DES_key_schedule schedule;
	DES_cblock k, in, cypher;

	memcpy(in.bytes, clear, 8);
	k.bytes[0] = key[0];
	for (unsigned i = 1; i < 7; i++)
		k.bytes[i] = (uint8_t)(key[i - 1] << (8 - i) | key[i] >> i);
	k.bytes[7] = (uint8_t)(key[6] << 1);
	DES_set_odd_parity(&k);
	DES_set_key_unchecked(&k, &schedule);
	DES_ecb_encrypt(&in, &cypher, &schedule, DES_ENCRYPT);
	memcpy(out, cypher.bytes, 8);
	OPENSSL_cleanse(&k, sizeof(k));
	OPENSSL_cleanse(&schedule, sizeof(schedule));
}

/* 8.5: "zero-padded to 21 octets" */
void mschapv2_response(uint8_t out[MSCHAPV2_RESPONSE_LEN], const struct nt_hash *password,
		       const struct mschapv2 *m)
{
	uint8_t key[21] = {0}, challenge[8];

	challenge_hash(challenge, m);
	memcpy(key, password->bytes, NT_HASH_LEN);
	for (unsigned i = 0; i < 3; i++)
		des_encrypt(out + 8 * i, challenge, key + 7 * i);
	OPENSSL_cleanse(key, sizeof(key));
}

/* 8.4 */
static void hash_hash(uint8_t out[NT_HASH_LEN], const struct nt_hash *password)
{
	MD4(password->bytes, NT_HASH_LEN, out);
}

void mschapv2_proof(char out[MSCHAPV2_PROOF_LEN], const struct nt_hash *password,
		    const struct mschapv2 *m, const uint8_t response[MSCHAPV2_RESPONSE_LEN])
{
	static const char magic1[] = "Magic server to client signing constant",
			  magic2[] = "Pad to make it do more than one iteration",
			  digits[] = "0123456789ABCDEF";
	uint8_t twice[NT_HASH_LEN], digest[SHA_DIGEST_LENGTH], challenge[8];
	SHA_CTX h;

	hash_hash(twice, password);
	SHA1_Init(&h);
	SHA1_Update(&h, twice, sizeof(twice));
	SHA1_Update(&h, response, MSCHAPV2_RESPONSE_LEN);
	SHA1_Update(&h, magic1, sizeof(magic1) - 1);
	SHA1_Final(digest, &h);
	challenge_hash(challenge, m);
	SHA1_Init(&h);
	SHA1_Update(&h, digest, sizeof(digest));
	SHA1_Update(&h, challenge, sizeof(challenge));
	SHA1_Update(&h, magic2, sizeof(magic2) - 1);
	SHA1_Final(digest, &h);
	memcpy(out, "S=", 2);
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 + 2 * i] = digits[digest[i] >> 4];
		out[3 + 2 * i] = digits[digest[i] & 15];
	}
	OPENSSL_cleanse(twice, sizeof(twice));
}

/* ---- Keys, RFC 3079 3.4 ---- */

/* GetAsymmetricStartKey, 16 octets. */
static void start_key(uint8_t out[16], const uint8_t master[16], const char *magic)
{
	uint8_t digest[SHA_DIGEST_LENGTH], pad[40];
	SHA_CTX h;

	SHA1_Init(&h);
	SHA1_Update(&h, master, 16);
	memset(pad, 0, sizeof(pad));
	SHA1_Update(&h, pad, sizeof(pad));
	SHA1_Update(&h, magic, strlen(magic));
	memset(pad, 0xf2, sizeof(pad));
	SHA1_Update(&h, pad, sizeof(pad));
	SHA1_Final(digest, &h);
	memcpy(out, digest, 16);
	OPENSSL_cleanse(digest, sizeof(digest));
}

void mschapv2_msk(uint8_t out[MSCHAPV2_MSK_LEN], const struct nt_hash *password,
		  const uint8_t response[MSCHAPV2_RESPONSE_LEN])
{
	static const char magic1[] = "This is the MPPE Master Key";
	uint8_t twice[NT_HASH_LEN], master[SHA_DIGEST_LENGTH];
	SHA_CTX h;

	hash_hash(twice, password);
	SHA1_Init(&h);
	SHA1_Update(&h, twice, sizeof(twice));
	SHA1_Update(&h, response, MSCHAPV2_RESPONSE_LEN);
	SHA1_Update(&h, magic1, sizeof(magic1) - 1);
	SHA1_Final(master, &h);
	memset(out, 0, MSCHAPV2_MSK_LEN);
	start_key(out, master,
		  "On the client side, this is the send key; on the server side, it is the receive key.");
	start_key(out + 16, master,
		  "On the client side, this is the receive key; on the server side, it is the send key.");
	OPENSSL_cleanse(twice, sizeof(twice));
	OPENSSL_cleanse(master, sizeof(master));
}
