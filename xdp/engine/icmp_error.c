/* SPDX-License-Identifier: Apache-2.0 */
/* A router that cannot pass a client's packet on says so from its own address, which need not be
 * one that the client's selectors name. RFC 4301 6.2: the implementation "extracts the header for
 * the packet that triggered the error (from the ICMP message payload), reverses the source and
 * destination IP address fields, extracts the protocol field, and reverses the port fields (if
 * accessible)", and takes the SA of that.
 *
 * Only messages that report a loss count. A redirect or a source quench asks a host to change its
 * behaviour, and no router beyond a tunnel has reason to. */
#include "xdp/engine/icmp_error.h"
#include "proto/mutant.h"

#include <assert.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#define ICMP_HEAD 8u /* Both: type, code, checksum, four octets of the type's own. */

static bool is_error(const struct inner_packet *p, uint8_t type)
{
	if (p->next_header == INNER_IPV4)
		return p->protocol == IPPROTO_ICMP &&
		       (type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
			type == ICMP_PARAMETERPROB);
	return p->protocol == IPPROTO_ICMPV6 &&
	       (type == ICMP6_DST_UNREACH || type == ICMP6_PACKET_TOO_BIG ||
		type == ICMP6_TIME_EXCEEDED || type == ICMP6_PARAM_PROB);
}

bool icmp_error_return(struct inner_packet *back, const struct inner_packet *p, const uint8_t *data)
{
	struct inner_packet about;

	if (p->fragment || !p->transport || p->len < p->transport + ICMP_HEAD ||
	    !is_error(p, data[p->transport]) ||
	    inner_parse_quoted(&about, data + p->transport + ICMP_HEAD,
			       p->len - p->transport - ICMP_HEAD) != DROP_NONE ||
	    about.next_header != p->next_header)
		return false;
	assert(about.src.family == p->src.family);
	*back = about;
	back->src = about.dst;
	back->dst = about.src;
	back->src_port = about.dst_port;
	back->dst_port = about.src_port;
	if (MUTANT(MUTANT_ICMP_ERROR_ANY))
		back->dst = p->dst;
	return address_equal(&back->dst, &p->dst);
}
