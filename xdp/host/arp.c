/* SPDX-License-Identifier: Apache-2.0 */
/* ARP by hand. The kernel must not answer for service addresses, because it would go on doing so
 * for a process that is stopped (arp_ignore=1 sees to that); so the process that holds an address
 * answers itself, and the answers end with it. */
#include "xdp/host/arp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <openssl/bytestring.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_ARP 0x0806u

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

bool arp_parse_request(struct arp_request *r, const uint8_t *frame, size_t len)
{
	CBS in;
	uint16_t type, hardware, protocol, operation;
	uint8_t hardware_len, protocol_len;

	memset(r, 0, sizeof(*r));
	CBS_init(&in, frame, len);
	if (!CBS_skip(&in, 12) || !CBS_get_u16(&in, &type) || !CBS_get_u16(&in, &hardware) ||
	    !CBS_get_u16(&in, &protocol) || !CBS_get_u8(&in, &hardware_len) ||
	    !CBS_get_u8(&in, &protocol_len) || !CBS_get_u16(&in, &operation))
		return false;
	if (type != ETHERTYPE_ARP || hardware != ARPHRD_ETHER || protocol != ETHERTYPE_IPV4 ||
	    hardware_len != 6 || protocol_len != 4 || operation != ARPOP_REQUEST)
		return false;
	r->sender.family = r->target.family = 4;
	return CBS_copy_bytes(&in, r->sender_mac, 6) && CBS_copy_bytes(&in, r->sender.octets, 4) &&
	       CBS_skip(&in, 6) && CBS_copy_bytes(&in, r->target.octets, 4);
}

static void build(uint8_t frame[ARP_FRAME_LEN], const uint8_t to[6], const uint8_t mac[6],
		  uint8_t operation)
{
	static const uint8_t fixed[] = {8, 6, 0, 1, 8, 0, 6, 4, 0};

	memset(frame, 0, ARP_FRAME_LEN);
	memcpy(frame, to, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, fixed, sizeof(fixed));
	frame[21] = operation;
	memcpy(frame + 22, mac, 6);
}

void arp_build_reply(uint8_t frame[ARP_FRAME_LEN], const struct arp_request *r,
		     const uint8_t mac[6])
{
	build(frame, r->sender_mac, mac, ARPOP_REPLY);
	memcpy(frame + 28, r->target.octets, 4);
	memcpy(frame + 32, r->sender_mac, 6);
	memcpy(frame + 38, r->sender.octets, 4);
}

void arp_build_announcement(uint8_t frame[ARP_FRAME_LEN], const struct address *address,
			    const uint8_t mac[6], bool reply)
{
	build(frame, broadcast, mac, reply ? ARPOP_REPLY : ARPOP_REQUEST);
	memcpy(frame + 28, address->octets, 4);
	if (reply)
		memcpy(frame + 32, mac, 6);
	memcpy(frame + 38, address->octets, 4);
}

int arp_port_open(struct arp_port *port, const char *interface)
{
	struct ifreq request;
	struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_ARP)};
	int error;

	memset(&request, 0, sizeof(request));
	memset(port, 0, sizeof(*port));
	strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
	port->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (port->fd < 0)
		return -errno;
	port->ifindex = if_nametoindex(interface);
	if (!port->ifindex || ioctl(port->fd, SIOCGIFHWADDR, &request))
		goto fail;
	memcpy(port->mac, request.ifr_hwaddr.sa_data, 6);
	link.sll_ifindex = (int)port->ifindex;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		errno = EPROTONOSUPPORT;
		goto fail;
	}
	if (bind(port->fd, (struct sockaddr *)&link, sizeof(link)))
		goto fail;
	return 0;
fail:
	error = -errno;
	arp_port_close(port);
	return error;
}

int arp_port_bind(struct arp_port *port, unsigned ifindex)
{
	struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_ARP),
				   .sll_ifindex = (int)ifindex};

	if (bind(port->fd, (struct sockaddr *)&link, sizeof(link)))
		return -errno;
	port->ifindex = ifindex;
	return 0;
}

void arp_port_close(struct arp_port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

bool arp_port_send(const struct arp_port *port, const uint8_t *frame, size_t len)
{
	return send(port->fd, frame, len, MSG_DONTWAIT) == (ssize_t)len;
}
