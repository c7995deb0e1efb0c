/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of rtnetlink, one behind the other: nothing is read outside the received octets, each is
 * at least a header long, and the parser's result is true. */
#include "xdp/host/host_message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 200000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len + 1); /* Aligned, as a socket's buffer is. */
	struct host_message m;
	size_t at = 0, used;

	assert(copy);
	memcpy(copy, data, len);
	while ((used = host_message_parse(&m, copy + at, len - at)) > 0) {
		assert(used >= sizeof(struct nlmsghdr) && used <= len - at);
		assert(memchr(m.port.name, 0, HOST_NAME_LEN));
		assert(m.error <= 0 && (m.error == 0 || m.kind == HOST_MESSAGE_VERDICT));
		if (m.kind >= HOST_MESSAGE_ADDRESS && m.kind <= HOST_MESSAGE_ROUTE_GONE) {
			assert(m.prefix.address.family == 4 || m.prefix.address.family == 6);
			assert(m.prefix.bits <= (m.prefix.address.family == 4 ? 32 : 128));
		}
		at += used;
	}
	free(copy);
	return 0;
}
