/* SPDX-License-Identifier: Apache-2.0 */
/* The only clock of the edge: CLOCK_BOOTTIME, which goes on while the machine sleeps. A host that
 * slept has been out of contact all that time. */
#ifndef XDP_THREAD_CLOCK_H
#define XDP_THREAD_CLOCK_H

#include <stdint.h>

uint64_t boottime_us(void);

#endif
