/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel writes these messages; their lengths are still checked against what was received. Only
 * routes of the main table count: ours are there. */
#include "xdp/host/host_message.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* Attributes are handed over one by one, by mnl_attr_parse(). */

static void take_u32(const struct nlattr *a, uint32_t *to)
{
	if (mnl_attr_validate(a, MNL_TYPE_U32) == 0)
		*to = mnl_attr_get_u32(a);
}

static int program_attribute(const struct nlattr *a, void *ctx)
{
	static const uint16_t ids[HOST_PROGRAMS] = {IFLA_XDP_PROG_ID, IFLA_XDP_DRV_PROG_ID,
						    IFLA_XDP_SKB_PROG_ID, IFLA_XDP_HW_PROG_ID};
	struct host_port *p = ctx;

	for (unsigned i = 0; i < HOST_PROGRAMS; i++)
		if (mnl_attr_get_type(a) == ids[i])
			take_u32(a, &p->program[i]);
	return MNL_CB_OK;
}

static int link_attribute(const struct nlattr *a, void *ctx)
{
	uint16_t len = mnl_attr_get_payload_len(a);
	struct host_port *p = ctx;

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		if (len <= HOST_NAME_LEN && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
			strncpy(p->name, mnl_attr_get_str(a), HOST_NAME_LEN - 1);
		break;
	case IFLA_MTU:
		take_u32(a, &p->mtu);
		break;
	case IFLA_ADDRESS:
		if (len == sizeof(p->mac))
			memcpy(p->mac, mnl_attr_get_payload(a), len);
		break;
	case IFLA_XDP:
		(void)mnl_attr_parse_nested(a, program_attribute, p);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void read_link(struct host_message *m, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	struct host_port *p = &m->port;

	m->kind = h->nlmsg_type == RTM_NEWLINK ? HOST_MESSAGE_LINK : HOST_MESSAGE_LINK_GONE;
	p->there = h->nlmsg_type == RTM_NEWLINK;
	p->ifindex = (unsigned)i->ifi_index;
	p->up = (i->ifi_flags & IFF_UP) != 0;
	p->running = (i->ifi_flags & IFF_RUNNING) != 0;
	(void)mnl_attr_parse(h, sizeof(*i), link_attribute, p);
}

static bool read_prefix(struct prefix *p, uint8_t family, uint8_t bits, const struct nlattr *a)
{
	size_t len = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;

	if (len == 0 || bits > 8 * len || (a && mnl_attr_get_payload_len(a) != len))
		return false;
	memset(p, 0, sizeof(*p));
	p->address.family = family == AF_INET ? 4 : 6;
	p->bits = bits;
	if (a)
		memcpy(p->address.octets, mnl_attr_get_payload(a), len);
	return true;
}

/* On a point-to-point link IFA_ADDRESS is the other end's, and IFA_LOCAL is there too. */
static int address_attribute(const struct nlattr *a, void *ctx)
{
	const struct nlattr **address = ctx;

	if (mnl_attr_get_type(a) == IFA_LOCAL || (mnl_attr_get_type(a) == IFA_ADDRESS && !*address))
		*address = a;
	return MNL_CB_OK;
}

static void read_address(struct host_message *m, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *address = NULL;

	(void)mnl_attr_parse(h, sizeof(*i), address_attribute, &address);
	if (!address || !read_prefix(&m->prefix, i->ifa_family, i->ifa_prefixlen, address))
		return;
	m->port.ifindex = i->ifa_index;
	m->kind = h->nlmsg_type == RTM_NEWADDR ? HOST_MESSAGE_ADDRESS : HOST_MESSAGE_ADDRESS_GONE;
}

struct route {
	const struct nlattr *to;
	uint32_t table, ifindex;
};

static int route_attribute(const struct nlattr *a, void *ctx)
{
	struct route *r = ctx;

	if (mnl_attr_get_type(a) == RTA_DST)
		r->to = a;
	else if (mnl_attr_get_type(a) == RTA_TABLE)
		take_u32(a, &r->table);
	else if (mnl_attr_get_type(a) == RTA_OIF)
		take_u32(a, &r->ifindex);
	return MNL_CB_OK;
}

static void read_route(struct host_message *m, const struct nlmsghdr *h)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(h);
	struct route route = {.table = r->rtm_table};

	(void)mnl_attr_parse(h, sizeof(*r), route_attribute, &route);
	if (route.table != RT_TABLE_MAIN ||
	    !read_prefix(&m->prefix, r->rtm_family, r->rtm_dst_len, route.to))
		return;
	m->port.ifindex = route.ifindex;
	if (h->nlmsg_type == RTM_DELROUTE)
		m->kind = HOST_MESSAGE_ROUTE_GONE;
	else if (h->nlmsg_flags & NLM_F_REPLACE)
		m->kind = HOST_MESSAGE_ROUTE;
}

static void read_verdict(struct host_message *m, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

	m->kind = HOST_MESSAGE_VERDICT;
	m->error = e->error > 0 ? -EPROTO : e->error;
}

size_t host_message_parse(struct host_message *m, const void *data, size_t len)
{
	const struct nlmsghdr *h = data;
	size_t whole;

	memset(m, 0, sizeof(*m));
	/* libmnl compares as int, so a length of 2^31 and more would pass for a negative one. */
	if (len > INT32_MAX || !mnl_nlmsg_ok(h, (int)len) || h->nlmsg_len > len)
		return 0;
	m->sender = h->nlmsg_pid;
	m->seq = h->nlmsg_seq;
	m->torn = (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (mnl_nlmsg_get_payload_len(h) >= sizeof(struct ifinfomsg))
			read_link(m, h);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (mnl_nlmsg_get_payload_len(h) >= sizeof(struct ifaddrmsg))
			read_address(m, h);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (mnl_nlmsg_get_payload_len(h) >= sizeof(struct rtmsg))
			read_route(m, h);
		break;
	case NLMSG_ERROR:
		if (mnl_nlmsg_get_payload_len(h) >= sizeof(struct nlmsgerr))
			read_verdict(m, h);
		break;
	case NLMSG_DONE:
		m->kind = HOST_MESSAGE_DONE;
		break;
	default:
		break;
	}
	whole = NLMSG_ALIGN((size_t)h->nlmsg_len);
	return whole < len ? whole : len;
}
