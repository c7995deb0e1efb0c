/* SPDX-License-Identifier: Apache-2.0 */
/* Outer frames, UDP 4500 payloads and ARP: the same octets as all three. */
#include "xdp/arp.h"
#include "xdp/outer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arp_request request;
	struct outer_frame f;
	size_t skip;

	if (outer_parse(&f, data, size) == DROP_NONE) {
		assert(f.l2_len >= 14 && f.l2_len <= OUTER_L2_MAX);
		assert(f.esp_offset + f.esp_len <= size && f.esp_len >= ESP_HEADER_LEN);
		assert(f.path.local.address.family == f.path.remote.address.family);
	}
	(void)encap_demux(data, size, &skip);
	assert(skip <= size);
	if (arp_parse_request(&request, data, size))
		assert(request.target.family == 4);
	return 0;
}
