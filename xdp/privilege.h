/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread may still do once everything is open. Capabilities belong to threads, so
 * each gives up its own, as the first thing it does. */
#ifndef XDP_PRIVILEGE_H
#define XDP_PRIVILEGE_H

#include <stdint.h>

#define PRIVILEGE_NONE UINT64_C(0)
#define PRIVILEGE_NET_ADMIN (UINT64_C(1) << 12) /* CAP_NET_ADMIN: addresses and routes. */
#define PRIVILEGE_BPF (UINT64_C(1) << 39)       /* CAP_BPF: reading and writing maps. */

/* The calling thread keeps those of its capabilities that are named here, and gets none
 * back. 0, or -errno: it has what it had. */
int privilege_keep(uint64_t capabilities);

#endif
