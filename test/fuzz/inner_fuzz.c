/* SPDX-License-Identifier: Apache-2.0 */
/* Inner packets: nothing is read outside, and what is said of a packet holds. */
#include "xdp/inner.h"

#include <assert.h>

/* runs: 200000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inner_packet p;

	if (inner_parse(&p, data, size) != DROP_NONE)
		return 0;
	assert(p.len >= 20 && p.len <= size);
	assert(p.next_header == INNER_IPV4 || p.next_header == INNER_IPV6);
	assert(p.src.family == p.dst.family);
	return 0;
}
