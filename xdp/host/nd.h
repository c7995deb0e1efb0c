/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 neighbour discovery (RFC 4861) for addresses on another device than the one on which the
 * request arrives: what arp.h is for IPv4. */
#ifndef XDP_HOST_ND_H
#define XDP_HOST_ND_H

#include "proto/wire/address.h"

#include <stdbool.h>
#include <stddef.h>

#define ND_FRAME_LEN 86u /* Ethernet, IPv6, advertisement, one option. */

struct nd_solicitation {
	uint8_t sender_mac[6];
	struct address sender; /* Unspecified (::) while the asker checks its own address. */
	struct address target;
};

/* An Ethernet frame that solicits a neighbour. False: it is not one, or breaks a
 * rule of RFC 4861 7.1.1. */
bool nd_parse_solicitation(struct nd_solicitation *s, const uint8_t *frame, size_t len);
/* "target is at mac, and it is this one now", to the asker. */
void nd_build_reply(uint8_t frame[ND_FRAME_LEN], const struct nd_solicitation *s,
		    const uint8_t mac[6]);
/* The same to all nodes, unasked: RFC 4861 7.2.6. */
void nd_build_announcement(uint8_t frame[ND_FRAME_LEN], const struct address *address,
			   const uint8_t mac[6]);

/* A packet socket that receives solicitations for the given addresses only. fd, or
 * a negative errno. */
int nd_open(unsigned ifindex, const struct address *addresses, size_t n);

#endif
