/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum, RFC 1071. */
#ifndef XDP_ENGINE_CHECKSUM_H
#define XDP_ENGINE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Sum of octets as big-endian words, not folded; an odd last octet is padded. Sums
 * may be added up, if all but the last cover an even number of octets. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len);
uint16_t checksum_fold(uint64_t sum); /* To 16 bits, not complemented. */
/* For a transport packet of len octets: addresses point at source and destination,
 * together addresses_len octets (8 or 32). */
uint64_t checksum_pseudo(const uint8_t *addresses, size_t addresses_len, uint8_t protocol,
			 size_t len);

#endif
