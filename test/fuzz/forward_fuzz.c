/* SPDX-License-Identifier: Apache-2.0 */
/* A forwarded packet's frame: one that parses means the same when it is written again. */
#include "node/link/forward.c" /* The one file of node/ that this needs. */

/* runs: 100000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[FORWARD_FRAME_MAX];
	struct datapath_forward f;

	if (forward_parse(&f, data, len) != OK)
		return 0;
	assert(f.len >= 1 && f.packet + f.len == data + len);
	assert(forward_create(&f, again) == len && memcmp(again, data, len) == 0);
	return 0;
}
