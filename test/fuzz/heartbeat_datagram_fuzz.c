/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams from anybody to the heartbeats' port. If bit 0 of the first octet is set, the rest is
 * XORed to a good datagram, else it is the datagram. One that opens is what we would make of that
 * frame; an untouched one opens. */
#include "cluster/link/heartbeat_datagram.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 20000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t frame[HEARTBEAT_LEN] = {0xc0, 1, 2, 3};
	uint8_t good[HEARTBEAT_DATAGRAM_LEN], out[HEARTBEAT_LEN], again[HEARTBEAT_DATAGRAM_LEN], *d;
	struct heartbeat_key k = {.id = {1, 2}, .key = {3, 4}};
	bool changed = false;
	enum status s;
	size_t n;

	if (len == 0)
		return 0;
	n = len - 1;
	d = malloc(n ? n : 1);
	assert(d);
	if (n > 0)
		memcpy(d, data + 1, n);
	heartbeat_datagram_create(&k, frame, good);
	for (size_t i = 0; i < n && data[0] & 1; i++) {
		changed |= d[i] != 0;
		if (i < sizeof(good))
			d[i] ^= good[i];
	}
	s = heartbeat_datagram_open(&k, d, n, out);
	assert(s == OK || s == ERR_MALFORMED || s == ERR_NOT_FOUND || s == ERR_AUTH);
	if (s == OK) {
		heartbeat_datagram_create(&k, out, again);
		assert(n == sizeof(again) && memcmp(d, again, n) == 0);
	}
	assert(!(data[0] & 1) || changed || n != sizeof(good) || s == OK);
	free(d);
	return 0;
}
