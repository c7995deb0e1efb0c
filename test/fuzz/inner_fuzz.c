/* SPDX-License-Identifier: Apache-2.0 */
/* Inner packets, whole ones and those that ICMP quotes: nothing is read outside, and what
 * is said of a packet holds. */
#include "xdp/engine/icmp_error.h"

#include <assert.h>

/* runs: 200000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inner_packet p, back;

	if (inner_parse(&p, data, size) != DROP_NONE)
		return 0;
	assert(p.len >= 20 && p.len <= size);
	assert(p.next_header == INNER_IPV4 || p.next_header == INNER_IPV6);
	assert(p.src.family == p.dst.family);
	assert(p.transport <= p.len);
	if (!icmp_error_return(&back, &p, data))
		return 0;
	assert(p.protocol == 1 || p.protocol == 58);
	assert(!p.fragment && back.next_header == p.next_header);
	assert(address_equal(&back.dst, &p.dst));
	return 0;
}
