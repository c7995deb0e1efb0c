/* SPDX-License-Identifier: Apache-2.0 */
/* Outer frames, UDP 4500 payloads, ARP and ND: the same octets as all of them. */
#include "xdp/arp.h"
#include "xdp/nd.h"
#include "xdp/outer.h"

#include <assert.h>

/* runs: 100000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_solicitation solicitation;
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
	if (nd_parse_solicitation(&solicitation, data, size))
		assert(solicitation.target.family == 6);
	return 0;
}
