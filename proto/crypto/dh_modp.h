/* SPDX-License-Identifier: Apache-2.0 */
/* The MODP groups, for dh.c alone. */
#ifndef PROTO_CRYPTO_DH_MODP_H
#define PROTO_CRYPTO_DH_MODP_H

#include "proto/crypto/secret.h"
#include "proto/crypto/suite.h"

#define DH_MODP_EXPONENT_MAX 48u

size_t dh_modp_exponent_len(uint16_t group); /* Octets. The group must be one of these. */

/* out = base^private mod p, dh_public_len(group) octets each; base NULL: the generator, 2.
 * ERR_CRYPTO: RFC 6989 tells to refuse base, or no memory. */
enum status dh_modp_power(uint16_t group, const struct secret *private_value, const uint8_t *base,
			  uint8_t *out) must_check;

#endif
