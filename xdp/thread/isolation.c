/* SPDX-License-Identifier: Apache-2.0 */
/* The packet worker asks before each burst and the address mover in each pass. Nobody has to tell
 * them, so they stop even if the control thread hangs. */
#include "xdp/thread/isolation.h"

bool isolation_reached(uint64_t now_us, uint64_t contact_us, uint32_t isolation_ms)
{
	return isolation_ms && now_us > contact_us &&
	       now_us - contact_us > (uint64_t)isolation_ms * 1000;
}
