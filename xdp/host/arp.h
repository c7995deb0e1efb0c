/* SPDX-License-Identifier: Apache-2.0 */
/* ARP (RFC 826) for addresses on another device than the one on which the request arrives: answers,
 * and announcements (RFC 5227 3, RFC 5944 4.6). */
#ifndef XDP_HOST_ARP_H
#define XDP_HOST_ARP_H

#include "proto/wire/address.h"

#include <stdbool.h>
#include <stddef.h>

#define ARP_FRAME_LEN 42u

struct arp_request {
	uint8_t sender_mac[6];
	struct address sender, target;
};

/* An Ethernet frame that asks who has an IPv4 address. False: it is not one. */
bool arp_parse_request(struct arp_request *r, const uint8_t *frame, size_t len);
/* "target is at mac", to the asker. */
void arp_build_reply(uint8_t frame[ARP_FRAME_LEN], const struct arp_request *r,
		     const uint8_t mac[6]);
/* "address is at mac", to all; as a request or as a reply: some listen to one
 * kind only (RFC 5944 4.6). */
void arp_build_announcement(uint8_t frame[ARP_FRAME_LEN], const struct address *address,
			    const uint8_t mac[6], bool reply);

/* One packet socket on one Ethernet interface. */
struct arp_port {
	int fd;
	unsigned ifindex;
	uint8_t mac[6];
};

int arp_port_open(struct arp_port *port, const char *interface); /* 0 or a negative errno. */
int arp_port_bind(struct arp_port *port, unsigned ifindex); /* To another device; needs nothing. */
void arp_port_close(struct arp_port *port);
/* Sends one frame of any kind; false when the kernel refused. */
bool arp_port_send(const struct arp_port *port, const uint8_t *frame, size_t len);

#endif
