/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread may still do once everything is open. Capabilities belong to threads, so
 * each gives up its own, as the first thing it does. */
#ifndef XDP_THREAD_PRIVILEGE_H
#define XDP_THREAD_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

#define PRIVILEGE_NONE UINT64_C(0)
#define PRIVILEGE_READ (UINT64_C(1) << 2)       /* CAP_DAC_READ_SEARCH: files of others. */
#define PRIVILEGE_NET_ADMIN (UINT64_C(1) << 12) /* CAP_NET_ADMIN: addresses and routes. */
#define PRIVILEGE_IPC_LOCK (UINT64_C(1) << 14)  /* CAP_IPC_LOCK: everybody keeps that. */
#define PRIVILEGE_BPF (UINT64_C(1) << 39)       /* CAP_BPF: reading and writing maps. */
/* And until everything is open: CAP_NET_BIND_SERVICE for UDP port 500, CAP_NET_RAW for ESP, ARP
 * and ND, CAP_SYS_NICE for the priority of heartbeats, CAP_PERFMON for the verifier. */
#define PRIVILEGE_START                                                                            \
	(PRIVILEGE_NET_ADMIN | PRIVILEGE_BPF | UINT64_C(1) << 10 | UINT64_C(1) << 13 |             \
	 UINT64_C(1) << 23 | UINT64_C(1) << 38)

/* The calling thread keeps those of its permitted capabilities that are named here, has them in
 * effect, and gets no other back. CAP_IPC_LOCK stays: it is good for nothing but locked memory,
 * and where all memory is locked nothing can be allocated without it. 0, or -errno: it has what it
 * had. */
int privilege_keep(uint64_t capabilities);
/* No program that is started from here gets any of them. Best effort: needs CAP_SETPCAP. */
void privilege_bound(void);
/* Has the calling thread all of these? */
bool privilege_has(uint64_t capabilities);

#endif
