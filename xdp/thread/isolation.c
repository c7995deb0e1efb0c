/* SPDX-License-Identifier: Apache-2.0 */
/* Asked by the packet worker before each burst and by the address mover in each pass:
 * nobody need tell them, so a control thread that hangs keeps neither of them going. */
#include "xdp/thread/isolation.h"

bool isolation_reached(uint64_t now_us, uint64_t contact_us, uint32_t isolation_ms)
{
	return isolation_ms && now_us > contact_us &&
	       now_us - contact_us > (uint64_t)isolation_ms * 1000;
}
