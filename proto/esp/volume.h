/* SPDX-License-Identifier: Apache-2.0 */
/* What an SA pair has carried: whole inner packets (RFC 4301 4.4.2.1, "byte count"), per direction. A
 * number only rises: of two, the greater one counts. */
#ifndef PROTO_ESP_VOLUME_H
#define PROTO_ESP_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

struct volume { /* In: delivered inward. Out: sealed. */
	uint64_t octets_in, packets_in, octets_out, packets_out;
};

bool volume_is_zero(const struct volume *v);
bool volume_covers(const struct volume *a, const struct volume *b); /* Is none of a's numbers less? */
/* The greater of each number. True: one of a's has risen. */
bool volume_raise(struct volume *a, const struct volume *b);
void volume_add(struct volume *a, const struct volume *b); /* Adds the volume of another SA, up to 2^64 - 1. */

#endif
