/* SPDX-License-Identifier: Apache-2.0 */
/* Read at the edge, for packets, heartbeats and addresses; the code that decides gets the time as
 * an argument. */
#include "xdp/thread/clock.h"

#include <time.h>

uint64_t boottime_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}
