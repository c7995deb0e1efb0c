/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink without a library: one request, one acknowledgement, on a blocking
 * socket with a time limit. The kernel answers such requests in microseconds. */
#include "xdp/netlink.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	};
	uint8_t attributes[128];
};

int netlink_open(struct netlink *nl)
{
	struct timeval limit = {.tv_sec = 2};
	struct sockaddr_nl any = {.nl_family = AF_NETLINK};

	nl->seq = 0;
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (nl->fd < 0)
		return -errno;
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    bind(nl->fd, (struct sockaddr *)&any, sizeof(any))) {
		int error = -errno;

		netlink_close(nl);
		return error;
	}
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

static void request_init(struct request *r, uint16_t type, uint16_t flags, size_t body)
{
	memset(r, 0, sizeof(*r));
	r->header.nlmsg_type = type;
	r->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
}

static void request_attribute(struct request *r, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(r->header.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)((uint8_t *)r + at);

	assert(at + RTA_SPACE(len) <= sizeof(*r));
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(attribute), data, len);
	r->header.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

#define NO_ANSWER 1

/* What a datagram says to request seq: 0, a negative errno, or NO_ANSWER. The kernel has
 * written it; its lengths are held against what was received all the same. */
static int answer_find(uint32_t seq, const uint8_t *data, size_t len)
{
	struct nlmsghdr h;
	struct nlmsgerr e;

	while (len >= NLMSG_HDRLEN) {
		size_t whole;

		memcpy(&h, data, sizeof(h));
		if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > len)
			break;
		if (h.nlmsg_seq == seq && h.nlmsg_type == NLMSG_ERROR &&
		    h.nlmsg_len >= NLMSG_LENGTH(sizeof(e))) {
			memcpy(&e, data + NLMSG_HDRLEN, sizeof(e));
			return e.error > 0 ? -EPROTO : e.error;
		}
		whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (whole > len)
			break; /* The last one, unpadded. */
		data += whole;
		len -= whole;
	}
	return NO_ANSWER;
}

/* ignore: an error that means "is so already". */
static int transact(struct netlink *nl, struct request *r, int ignore)
{
	uint8_t answer[4096];
	int said;

	r->header.nlmsg_seq = ++nl->seq;
	if (send(nl->fd, r, r->header.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t got = recv(nl->fd, answer, sizeof(answer), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		said = answer_find(nl->seq, answer, (size_t)got);
		if (said != NO_ANSWER)
			return said == -ignore ? 0 : said;
	}
}

static uint8_t family_of(const struct address *a)
{
	return a->family == 4 ? AF_INET : AF_INET6;
}

int netlink_link_up(struct netlink *nl, unsigned ifindex, uint32_t mtu)
{
	struct request r;

	request_init(&r, RTM_NEWLINK, 0, sizeof(r.link));
	r.link.ifi_family = AF_UNSPEC;
	r.link.ifi_index = (int)ifindex;
	r.link.ifi_flags = r.link.ifi_change = 1; /* IFF_UP */
	request_attribute(&r, IFLA_MTU, &mtu, sizeof(mtu));
	return transact(nl, &r, 0);
}

static void address_request(struct request *r, uint16_t type, uint16_t flags, unsigned ifindex,
			    const struct address *a)
{
	request_init(r, type, flags, sizeof(r->address));
	r->address.ifa_family = family_of(a);
	r->address.ifa_prefixlen = (uint8_t)(8 * address_len(a));
	r->address.ifa_flags = IFA_F_NODAD;
	r->address.ifa_index = ifindex;
	request_attribute(r, IFA_LOCAL, a->octets, address_len(a));
	request_attribute(r, IFA_ADDRESS, a->octets, address_len(a));
}

int netlink_address_add(struct netlink *nl, unsigned ifindex, const struct address *a)
{
	struct request r;

	address_request(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, a);
	return transact(nl, &r, EEXIST);
}

int netlink_address_del(struct netlink *nl, unsigned ifindex, const struct address *a)
{
	struct request r;

	address_request(&r, RTM_DELADDR, 0, ifindex, a);
	return transact(nl, &r, EADDRNOTAVAIL);
}

static void route_request(struct request *r, uint16_t type, uint16_t flags, uint8_t kind,
			  const struct prefix *p)
{
	struct address network = prefix_network(p).address; /* The kernel refuses host bits. */

	request_init(r, type, flags, sizeof(r->route));
	r->route.rtm_family = family_of(&network);
	r->route.rtm_dst_len = p->bits;
	r->route.rtm_table = RT_TABLE_MAIN;
	r->route.rtm_protocol = RTPROT_STATIC;
	r->route.rtm_scope = kind == RTN_UNICAST && network.family == 4 ? RT_SCOPE_LINK
									 : RT_SCOPE_UNIVERSE;
	r->route.rtm_type = kind;
	request_attribute(r, RTA_DST, network.octets, address_len(&network));
}

int netlink_route_add(struct netlink *nl, unsigned ifindex, const struct prefix *p,
		      const struct address *source)
{
	struct request r;

	route_request(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, RTN_UNICAST, p);
	request_attribute(&r, RTA_OIF, &ifindex, sizeof(ifindex));
	if (source)
		request_attribute(&r, RTA_PREFSRC, source->octets, address_len(source));
	return transact(nl, &r, EEXIST);
}

int netlink_route_del(struct netlink *nl, unsigned ifindex, const struct prefix *p)
{
	struct request r;

	route_request(&r, RTM_DELROUTE, 0, RTN_UNICAST, p);
	request_attribute(&r, RTA_OIF, &ifindex, sizeof(ifindex));
	return transact(nl, &r, ESRCH);
}

int netlink_blackhole_add(struct netlink *nl, const struct prefix *p)
{
	struct request r;
	uint32_t metric = NETLINK_METRIC_LAST;

	route_request(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, RTN_BLACKHOLE, p);
	request_attribute(&r, RTA_PRIORITY, &metric, sizeof(metric));
	return transact(nl, &r, EEXIST);
}

int interface_mtu(const char *interface)
{
	struct ifreq request = {.ifr_name = ""};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int mtu;

	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
	mtu = ioctl(fd, SIOCGIFMTU, &request) ? -errno : request.ifr_mtu;
	close(fd);
	return mtu;
}

/* ---- sysctl ---- */

static void sysctl_path(char path[256], const char *family, const char *interface, const char *key)
{
	snprintf(path, 256, "/proc/sys/net/%s/conf/%s/%s", family, interface, key);
}

int sysctl_get(const char *family, const char *interface, const char *key)
{
	char path[256], text[16] = "";
	int fd, value = -1;

	sysctl_path(path, family, interface, key);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) > 0)
		value = (int)strtol(text, NULL, 10);
	close(fd);
	return value;
}

int sysctl_set(const char *family, const char *interface, const char *key, int value)
{
	char path[256], text[16];
	int fd, len, error = 0;

	if (sysctl_get(family, interface, key) == value) /* Containers have /proc/sys read-only. */
		return 0;
	sysctl_path(path, family, interface, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof(text), "%d\n", value);
	if (write(fd, text, (size_t)len) != len)
		error = -errno;
	close(fd);
	return error;
}

int sysctl_rp_filter(const char *interface, int value)
{
	int all = sysctl_get("ipv4", "all", "rp_filter");
	struct dirent *entry;
	DIR *dir;

	if (all > value) {
		dir = opendir("/proc/sys/net/ipv4/conf");
		if (!dir)
			return -errno;
		while ((entry = readdir(dir))) {
			int own;

			if (entry->d_name[0] == '.' || strcmp(entry->d_name, "all") == 0)
				continue;
			own = sysctl_get("ipv4", entry->d_name, "rp_filter");
			if (own >= 0 && own < all)
				(void)sysctl_set("ipv4", entry->d_name, "rp_filter", all);
		}
		closedir(dir);
		(void)sysctl_set("ipv4", "all", "rp_filter", 0);
	}
	return sysctl_set("ipv4", interface, "rp_filter", value);
}
