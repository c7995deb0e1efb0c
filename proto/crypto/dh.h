/* SPDX-License-Identifier: Apache-2.0 */
/* Diffie-Hellman groups: Curve25519 (RFC 7748, RFC 8031), P-256, P-384 and P-521 (RFC 5903),
 * MODP (RFC 3526, RFC 2409 6.2), with the checks of RFC 6989. The private value comes from
 * the event's entropy, so a simulated exchange repeats bit for bit. Functions of their
 * arguments alone: any thread may call them. MODP-3072 and -4096 take milliseconds. */
#ifndef PROTO_CRYPTO_DH_H
#define PROTO_CRYPTO_DH_H

#include "proto/crypto/entropy.h"
#include "proto/crypto/secret.h"
#include "proto/crypto/suite.h"

#define DH_PUBLIC_MAX 512u /* MODP-4096 */

struct dh_keypair {
	uint16_t group;
	struct secret private_value; /* Big endian scalar; Curve25519: as RFC 7748 5 has it. */
};

/* g^ir, of which keys are made. */
struct dh_secret {
	uint16_t len; /* 0: none. */
	uint8_t bytes[DH_PUBLIC_MAX];
};

/* Draws a private value and computes the public one: *len octets, always
 * dh_public_len(group). ERR_UNSUPPORTED: unknown group; ERR_CRYPTO: no memory. */
enum status dh_generate(uint16_t group, struct entropy *e, struct dh_keypair *k,
			uint8_t public_value[DH_PUBLIC_MAX], size_t *len) must_check;

/* The public value of a key pair, again. Errors as above. */
enum status dh_public(const struct dh_keypair *k, uint8_t public_value[DH_PUBLIC_MAX],
		      size_t *len) must_check;

/* The shared value g^ir as RFC 7296 2.14 wants it: fixed width (X25519: 32 octets; the
 * other curves: the x coordinate; MODP: as the public value). ERR_MALFORMED: wrong length;
 * ERR_CRYPTO: a value RFC 6989 tells to refuse (not on the curve, 0, 1, p-1, a
 * point of small order). *shared is empty after an error. */
enum status dh_shared(const struct dh_keypair *k, const uint8_t *peer, size_t len,
		      struct dh_secret *shared) must_check;

void dh_keypair_cleanse(struct dh_keypair *k);
void dh_secret_cleanse(struct dh_secret *s);

#endif
