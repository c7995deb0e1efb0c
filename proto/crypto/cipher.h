/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption and integrity as a suite has them, for ESP and for IKE's SK payload, which have the
 * same layout:
 *
 *   | header | IV | text | ICV |
 *             ^iv  ^text  ^icv  ^end
 *
 * An AEAD authenticates `ad` and the text; HMAC everything before the ICV, then `tail`. */
#ifndef PROTO_CRYPTO_CIPHER_H
#define PROTO_CRYPTO_CIPHER_H

#include "proto/crypto/hmac.h"
#include "proto/crypto/suite.h"

#include <openssl/aead.h>
#include <openssl/aes.h>

/* One direction's keys, expanded once. */
struct cipher {
	struct suite suite;
	EVP_AEAD_CTX aead; /* AES-GCM, ChaCha20-Poly1305 */
	uint8_t salt[4];   /* ... and AES-CTR: before the IV. */
	AES_KEY aes;       /* AES-CBC: for encryption or decryption; AES-CTR */
	struct hmac hmac;  /* with AES-CBC and AES-CTR */
};

/* encr: suite_encr_key_len() octets, integ: suite_integ_key_len(). ERR_UNSUPPORTED: no suite
 * that we speak; ERR_CRYPTO: the library refused. After an error there is nothing to fini, and
 * fini is harmless. */
enum status cipher_init(struct cipher *c, const struct suite *suite, const uint8_t *encr,
			const uint8_t *integ, bool seal) must_check;
void cipher_fini(struct cipher *c); /* Cleanses. */

/* Where the parts lie: offsets in data, whose IV is written. end - icv = suite_icv_len(). */
struct cipher_packet {
	uint8_t *data;
	size_t iv, text, icv, end;
	CBS ad, tail;
};

/* Encrypts the text in place (CBC: whole blocks) and writes the ICV. ERR_CRYPTO: the library
 * refused. */
enum status cipher_seal(const struct cipher *c, const struct cipher_packet *p) must_check;
/* Decrypts the text in place if the ICV is right, else ERR_AUTH, and the text is undefined.
 * ERR_MALFORMED: the ICV is right, but the text ends within a block of CBC. */
enum status cipher_open(const struct cipher *c, const struct cipher_packet *p) must_check;

#endif
