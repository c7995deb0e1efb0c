/* SPDX-License-Identifier: Apache-2.0 */
/* Inner packets, whole or quoted by ICMP: nothing is read outside, and the parser's result is
 * true. */
#include "xdp/engine/ecn.h"
#include "xdp/engine/icmp_error.h"
#include "xdp/engine/mss.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 200000 */

/* A change on the way changes nothing else, and the packet still parses the same. */
static void change(const uint8_t *data, const struct inner_packet *p)
{
	uint8_t *copy = malloc(p->len);
	struct inner_packet again;

	assert(copy);
	for (uint8_t outer = 0; outer < 4; outer++) {
		memcpy(copy, data, p->len);
		if (ecn_decapsulate(copy, p->len, outer) == DROP_ECN)
			assert(memcmp(copy, data, p->len) == 0);
		assert((ecn_traffic_class(copy) ^ ecn_traffic_class(data)) <= 3);
		assert(inner_parse(&again, copy, p->len) == DROP_NONE);
		assert(memcmp(&again, p, sizeof(again)) == 0);
	}
	memcpy(copy, data, p->len);
	if (mss_clamp(copy, p, 576)) {
		assert(p->protocol == 6 && !mss_clamp(copy, p, 576));
		assert(inner_parse(&again, copy, p->len) == DROP_NONE);
		assert(memcmp(&again, p, sizeof(again)) == 0);
	} else {
		assert(memcmp(copy, data, p->len) == 0);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inner_packet p, back;

	if (inner_parse(&p, data, size) != DROP_NONE)
		return 0;
	assert(p.len >= 20 && p.len <= size);
	assert(p.next_header == INNER_IPV4 || p.next_header == INNER_IPV6);
	assert(p.src.family == p.dst.family);
	assert(p.transport <= p.len);
	change(data, &p);
	if (!icmp_error_return(&back, &p, data))
		return 0;
	assert(p.protocol == 1 || p.protocol == 58);
	assert(!p.fragment && back.next_header == p.next_header);
	assert(address_equal(&back.dst, &p.dst));
	return 0;
}
