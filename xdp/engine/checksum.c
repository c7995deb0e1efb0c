/* SPDX-License-Identifier: Apache-2.0 */
/* Sums in words of eight octets: the one's complement sum does not depend on the width of its
 * words, nor on their byte order, as long as the result is swapped back. */
#include "xdp/engine/checksum.h"

#include <endian.h>
#include <string.h>

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len)
{
	uint64_t wide = 0, word;
	uint8_t rest[8] = {0};

	for (; len >= 8; data += 8, len -= 8) {
		memcpy(&word, data, 8);
		wide += word;
		wide += wide < word; /* End-around carry. */
	}
	memcpy(rest, data, len);
	memcpy(&word, rest, 8);
	wide += word;
	wide += wide < word;
	return sum + be16toh(checksum_fold(wide));
}

uint64_t checksum_pseudo(const uint8_t *addresses, size_t addresses_len, uint8_t protocol,
			 size_t len)
{
	return checksum_add((uint64_t)len + protocol, addresses, addresses_len);
}
