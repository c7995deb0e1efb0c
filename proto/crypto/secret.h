/* SPDX-License-Identifier: Apache-2.0 */
/* Key material of bounded size. Never logged, never copied by hand: the one
 * way to forget it is secret_cleanse(). */
#ifndef PROTO_CRYPTO_SECRET_H
#define PROTO_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX 256u /* A pre-shared key may be that long; derived keys have 64 at most. */

struct secret {
	uint16_t len; /* Octets used in bytes; 0 = none. */
	uint8_t bytes[SECRET_MAX];
};

void secret_set(struct secret *s, const void *bytes, size_t len); /* len <= SECRET_MAX */
void secret_cleanse(struct secret *s);
bool secret_equal(const struct secret *a, const struct secret *b); /* Constant time. */

#endif
