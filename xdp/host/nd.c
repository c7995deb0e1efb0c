/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbour solicitations are answered, and take-overs announced, with the override
 * flag set: "the advertisement should override an existing cache entry" (RFC 4861
 * 4.4), which is the point.
 *
 * The socket joins the solicited-node groups at the link layer. Unresolved: no MLD
 * reports are sent for them, so a switch that snoops MLD and floods nothing else
 * must be told of the groups by other means; unasked advertisements still arrive. */
#include "xdp/host/nd.h"
#include "xdp/engine/checksum.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <openssl/bytestring.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETHERTYPE_IPV6 0x86ddu
#define ND_SOLICITATION 135u
#define ND_ADVERTISEMENT 136u
#define ND_HOP_LIMIT 255u
#define ND_OPTION_TARGET_LINK 2u
#define FLAG_ROUTER 0x80u
#define FLAG_SOLICITED 0x40u
#define FLAG_OVERRIDE 0x20u

bool nd_parse_solicitation(struct nd_solicitation *s, const uint8_t *frame, size_t len)
{
	CBS in, ip;
	uint16_t type, payload;
	uint8_t version, next, hops;
	uint64_t sum;

	memset(s, 0, sizeof(*s));
	CBS_init(&in, frame, len);
	if (!CBS_skip(&in, 6) || !CBS_copy_bytes(&in, s->sender_mac, 6) ||
	    !CBS_get_u16(&in, &type) || type != ETHERTYPE_IPV6)
		return false;
	ip = in;
	if (!CBS_get_u8(&in, &version) || !CBS_skip(&in, 3) || !CBS_get_u16(&in, &payload) ||
	    !CBS_get_u8(&in, &next) || !CBS_get_u8(&in, &hops) ||
	    !CBS_copy_bytes(&in, s->sender.octets, 16) || !CBS_skip(&in, 16))
		return false;
	/* "The IP Hop Limit field has a value of 255", "ICMP length ... is 24 or more". */
	if (version >> 4 != 6 || next != IPPROTO_ICMPV6 || hops != ND_HOP_LIMIT || payload < 24 ||
	    payload > CBS_len(&in))
		return false;
	sum = checksum_pseudo(CBS_data(&ip) + 8, 32, IPPROTO_ICMPV6, payload);
	if (checksum_fold(checksum_add(sum, CBS_data(&in), payload)) != 0xffff)
		return false;
	if (CBS_data(&in)[0] != ND_SOLICITATION || CBS_data(&in)[1] != 0)
		return false;
	s->sender.family = s->target.family = 6;
	return CBS_skip(&in, 8) && CBS_copy_bytes(&in, s->target.octets, 16) &&
	       s->target.octets[0] != 0xff;
}

static void build(uint8_t frame[ND_FRAME_LEN], const struct address *target, const uint8_t mac[6],
		  uint8_t flags)
{
	uint8_t *ip = frame + 14, *icmp = ip + 40;

	memset(frame, 0, ND_FRAME_LEN);
	memcpy(frame, (const uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 6);
	memcpy(frame + 6, mac, 6);
	frame[12] = ETHERTYPE_IPV6 >> 8;
	frame[13] = ETHERTYPE_IPV6 & 0xff;
	ip[0] = 0x60;
	ip[5] = 32;
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = ND_HOP_LIMIT;
	memcpy(ip + 8, target->octets, 16);
	ip[24] = 0xff; /* ff02::1, all nodes */
	ip[25] = 0x02;
	ip[39] = 1;
	icmp[0] = ND_ADVERTISEMENT;
	icmp[4] = flags;
	memcpy(icmp + 8, target->octets, 16);
	icmp[24] = ND_OPTION_TARGET_LINK;
	icmp[25] = 1;
	memcpy(icmp + 26, mac, 6);
}

static void seal(uint8_t frame[ND_FRAME_LEN])
{
	uint8_t *ip = frame + 14, *icmp = ip + 40;
	uint64_t sum = checksum_pseudo(ip + 8, 32, IPPROTO_ICMPV6, 32);
	uint16_t check = (uint16_t)~checksum_fold(checksum_add(sum, icmp, 32));

	icmp[2] = (uint8_t)(check >> 8);
	icmp[3] = (uint8_t)check;
}

void nd_build_reply(uint8_t frame[ND_FRAME_LEN], const struct nd_solicitation *s,
		    const uint8_t mac[6])
{
	static const struct address unspecified = {.family = 6};

	/* RFC 4861 7.2.4: to one who has no address yet, to all nodes and unsolicited. */
	if (address_equal(&s->sender, &unspecified)) {
		nd_build_announcement(frame, &s->target, mac);
		return;
	}
	build(frame, &s->target, mac, FLAG_ROUTER | FLAG_SOLICITED | FLAG_OVERRIDE);
	memcpy(frame, s->sender_mac, 6);
	memcpy(frame + 14 + 24, s->sender.octets, 16);
	seal(frame);
}

void nd_build_announcement(uint8_t frame[ND_FRAME_LEN], const struct address *address,
			   const uint8_t mac[6])
{
	build(frame, address, mac, FLAG_ROUTER | FLAG_OVERRIDE);
	seal(frame);
}

static int join(int fd, unsigned ifindex, const struct address *a)
{
	struct packet_mreq group = {.mr_ifindex = (int)ifindex,
				    .mr_type = PACKET_MR_MULTICAST,
				    .mr_alen = 6,
				    .mr_address = {0x33, 0x33, 0xff}};

	memcpy(group.mr_address + 3, a->octets + 13, 3);
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group));
}

int nd_open(unsigned ifindex, const struct address *addresses, size_t n)
{
	/* next header is ICMPv6 and type is a solicitation */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 40),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_SOLICITATION, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 256),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};
	struct sockaddr_ll link = {.sll_family = AF_PACKET,
				   .sll_protocol = htons(ETHERTYPE_IPV6),
				   .sll_ifindex = (int)ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)))
		goto fail;
	for (size_t i = 0; i < n; i++)
		if (addresses[i].family == 6 && join(fd, ifindex, &addresses[i]))
			goto fail;
	if (bind(fd, (struct sockaddr *)&link, sizeof(link)))
		goto fail;
	return fd;
fail:
	error = -errno;
	close(fd);
	return error;
}
