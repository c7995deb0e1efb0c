/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-random functions of IKEv2 (RFC 7296 2.13, HMAC-SHA2: RFC 4868), and the keyed and plain
 * hashes that the rest needs. Inputs are lists of pieces, so that callers need not concatenate "Ni
 * | Nr | SPIi | SPIr" first. None of these can fail: an unknown PRF is a programmer's error (choose
 * by suite.h). */
#ifndef PROTO_CRYPTO_PRF_H
#define PROTO_CRYPTO_PRF_H

#include "proto/crypto/secret.h"
#include "proto/crypto/suite.h"

#include <openssl/bytestring.h>
#include <openssl/sha.h>

#define PRF_LEN_MAX 64u /* HMAC-SHA2-512 */

/* prf(key, pieces[0] | pieces[1] | ...). Writes prf_key_len(id) octets (the output of
 * HMAC is as long as its preferred key) and returns that number. */
size_t prf_compute(uint16_t id, CBS key, const CBS *pieces, size_t n_pieces,
		   uint8_t out[PRF_LEN_MAX]);

/* prf+(key, seed pieces): fills out[0..len), len <= 255 * prf_key_len(id). */
void prf_plus(uint16_t id, CBS key, const CBS *seed, size_t n_seed, uint8_t *out, size_t len);

CBS prf_piece(const void *data, size_t len);
CBS prf_secret_piece(const struct secret *s);

/* SHA-256 of a request (ike_request_id.hash) and the like. */
void hash_sha256(const void *data, size_t len, uint8_t out[SHA256_DIGEST_LENGTH]);

#endif
