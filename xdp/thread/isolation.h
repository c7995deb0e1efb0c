/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation (DESIGN section 5): one rule for packets and for addresses. */
#ifndef XDP_THREAD_ISOLATION_H
#define XDP_THREAD_ISOLATION_H

#include <stdbool.h>
#include <stdint.h>

/* Is the last contact to a quorum too old? Both times by clock.h; isolation_ms 0: never. */
bool isolation_reached(uint64_t now_us, uint64_t contact_us, uint32_t isolation_ms);

#endif
