/* SPDX-License-Identifier: Apache-2.0 */
/* The host under a running node: what became of an interface that we use, and what to do about it.
 * Pure: host_watch.h looks, address_mover.c and the node act. */
#ifndef XDP_HOST_HOST_H
#define XDP_HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_NAME_LEN 16u /* IFNAMSIZ */
#define HOST_TEXT_LEN 160u
#define HOST_PROGRAMS 4u

struct host_port { /* An interface, as the kernel shows it. */
	bool there;
	bool up;           /* As the administrator wants it ... */
	bool running;      /* ... and as the line lets it. */
	bool address;      /* Has an IPv4 address. */
	unsigned ifindex;
	uint32_t mtu;
	uint8_t mac[6];
	char name[HOST_NAME_LEN];
	uint32_t program[HOST_PROGRAMS]; /* Ids of the XDP programs on it; 0: none. */
};

enum host_verdict {
	HOST_GOOD,
	HOST_UNFIT, /* It cannot serve as it is; it may be so again. */
	HOST_LEAVE  /* Only a restart brings it back: hand over, end, start again. */
};

struct host_change { /* What the port's users have to follow. */
	bool index, mac, mtu, name;
};

/* was: as it is used; now: as it is, by its index or, where that is gone, by its name.
 * program: the id of ours, which has to be on it; 0: none has. why: a sentence about any
 * verdict but HOST_GOOD, naming the port ("outer") and its interface. */
enum host_verdict host_judge(const struct host_port *was, const struct host_port *now,
			     const char *port, uint32_t program, char why[HOST_TEXT_LEN]);
struct host_change host_compare(const struct host_port *was, const struct host_port *now);

#endif
