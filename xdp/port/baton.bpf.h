/* SPDX-License-Identifier: Apache-2.0 */
/* What the XDP program and its loader have in common. */
#ifndef XDP_PORT_BATON_BPF_H
#define XDP_PORT_BATON_BPF_H

#define BATON_QUEUES_MAX 64
#define BATON_SERVICES_MAX 64
#define BATON_FRAME_MAX 1792 /* What a frame of the AF_XDP ring holds; longer ones pass. */

enum baton_count { /* Per-CPU counters. */
	BATON_COUNT_REDIRECT,    /* ESP of a known SPI, to the worker's socket. */
	BATON_COUNT_UNKNOWN_SPI, /* Dropped: to a service address, SPI not known. */
	BATON_COUNT_STALE,       /* Dropped: below what the replay window can accept. */
	BATON_COUNT_PASS,        /* To the kernel. */
	BATON_COUNT_MAX
};

struct baton_service { /* Key: an address of ours, IPv4 in the first word, rest 0. */
	__u32 words[4];
	__u32 family; /* 4 or 6. */
};

#endif
