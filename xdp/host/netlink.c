/* SPDX-License-Identifier: Apache-2.0 */
/* One request, one answer, on a blocking socket with a time limit: the kernel answers in
 * microseconds. libmnl writes, host_message.c reads. libmnl's own loop (mnl_cb_run) is not used: it
 * treats an answer that came too late as an error of the next request. */
#include "xdp/host/netlink.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_LEN 32768u /* The kernel makes no larger datagram of a list. */

int netlink_open(struct netlink *nl)
{
	struct timeval limit = {.tv_sec = 2};
	int error;

	nl->seq = 0;
	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl->socket &&
	    setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	    mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return 0;
	error = -errno;
	netlink_close(nl);
	return error;
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

/* ---- Asking ---- */

struct nlmsghdr *netlink_request_init(struct netlink_request *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(r->room);

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return h;
}

static void put(struct netlink_request *r, uint16_t type, const void *data, size_t len)
{
	bool fits = mnl_attr_put_check((struct nlmsghdr *)r->room, sizeof(r->room), type, len, data);

	assert(fits);
}

#define GO_ON 1

/* What a datagram says to request seq: 0, a negative errno, or GO_ON. */
static int read_answer(uint32_t seq, const uint8_t *data, size_t len,
		       bool (*each)(void *ctx, const struct host_message *m), void *ctx)
{
	struct host_message m;
	size_t used;

	for (; (used = host_message_parse(&m, data, len)) > 0; data += used, len -= used) {
		if (m.seq != seq) /* The answer to a request that nobody waits for any more. */
			continue;
		if (m.kind == HOST_MESSAGE_VERDICT)
			return m.error;
		if (m.torn)
			return -EINTR;
		if (each && (m.kind == HOST_MESSAGE_DONE || each(ctx, &m)))
			return 0;
	}
	return GO_ON;
}

int netlink_ask(struct netlink *nl, struct netlink_request *r,
		bool (*each)(void *ctx, const struct host_message *m), void *ctx)
{
	uint8_t answer[ANSWER_LEN] __attribute__((aligned(8)));
	struct nlmsghdr *h = (struct nlmsghdr *)r->room;
	int said = GO_ON;

	h->nlmsg_seq = ++nl->seq;
	h->nlmsg_flags |= each ? 0 : NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, h, h->nlmsg_len) < 0)
		return -errno;
	while (said == GO_ON) {
		ssize_t got = mnl_socket_recvfrom(nl->socket, answer, sizeof(answer));

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			said = read_answer(nl->seq, answer, (size_t)got, each, ctx);
	}
	return said;
}

/* ignore: an error that means "is so already". */
static int transact(struct netlink *nl, struct netlink_request *r, int ignore)
{
	int error = netlink_ask(nl, r, NULL, NULL);

	return error == -ignore ? 0 : error;
}

/* ---- Requests ---- */

static uint8_t family_of(const struct address *a)
{
	return a->family == 4 ? AF_INET : AF_INET6;
}

int netlink_link_up(struct netlink *nl, unsigned ifindex, uint32_t mtu)
{
	struct netlink_request r;
	struct nlmsghdr *h = netlink_request_init(&r, RTM_NEWLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)ifindex;
	link->ifi_flags = link->ifi_change = IFF_UP;
	put(&r, IFLA_MTU, &mtu, sizeof(mtu));
	return transact(nl, &r, 0);
}

static void address_request(struct netlink_request *r, uint16_t type, uint16_t flags,
			    unsigned ifindex, const struct address *a)
{
	struct nlmsghdr *h = netlink_request_init(r, type, flags);
	struct ifaddrmsg *address = mnl_nlmsg_put_extra_header(h, sizeof(*address));

	address->ifa_family = family_of(a);
	address->ifa_prefixlen = (uint8_t)(8 * address_len(a));
	address->ifa_flags = IFA_F_NODAD;
	address->ifa_index = ifindex;
	put(r, IFA_LOCAL, a->octets, address_len(a));
	put(r, IFA_ADDRESS, a->octets, address_len(a));
}

int netlink_address_add(struct netlink *nl, unsigned ifindex, const struct address *a)
{
	struct netlink_request r;

	address_request(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, a);
	return transact(nl, &r, EEXIST);
}

int netlink_address_del(struct netlink *nl, unsigned ifindex, const struct address *a)
{
	struct netlink_request r;

	address_request(&r, RTM_DELADDR, 0, ifindex, a);
	return transact(nl, &r, EADDRNOTAVAIL);
}

static void route_request(struct netlink_request *r, uint16_t type, uint16_t flags, uint8_t kind,
			  const struct prefix *p)
{
	struct address network = prefix_network(p).address; /* The kernel refuses host bits. */
	struct nlmsghdr *h = netlink_request_init(r, type, flags);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof(*route));

	route->rtm_family = family_of(&network);
	route->rtm_dst_len = p->bits;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = kind == RTN_UNICAST && network.family == 4 ? RT_SCOPE_LINK
								      : RT_SCOPE_UNIVERSE;
	route->rtm_type = kind;
	put(r, RTA_DST, network.octets, address_len(&network));
}

int netlink_route_add(struct netlink *nl, unsigned ifindex, const struct prefix *p,
		      const struct address *source)
{
	struct netlink_request r;

	route_request(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, RTN_UNICAST, p);
	put(&r, RTA_OIF, &ifindex, sizeof(ifindex));
	if (source)
		put(&r, RTA_PREFSRC, source->octets, address_len(source));
	return transact(nl, &r, EEXIST);
}

int netlink_route_del(struct netlink *nl, unsigned ifindex, const struct prefix *p)
{
	struct netlink_request r;

	route_request(&r, RTM_DELROUTE, 0, RTN_UNICAST, p);
	put(&r, RTA_OIF, &ifindex, sizeof(ifindex));
	return transact(nl, &r, ESRCH);
}

int netlink_blackhole_add(struct netlink *nl, const struct prefix *p)
{
	struct netlink_request r;
	uint32_t metric = NETLINK_METRIC_LAST;

	route_request(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, RTN_BLACKHOLE, p);
	put(&r, RTA_PRIORITY, &metric, sizeof(metric));
	return transact(nl, &r, EEXIST);
}

int netlink_blackhole_del(struct netlink *nl, const struct prefix *p)
{
	struct netlink_request r;
	uint32_t metric = NETLINK_METRIC_LAST;

	route_request(&r, RTM_DELROUTE, 0, RTN_BLACKHOLE, p);
	put(&r, RTA_PRIORITY, &metric, sizeof(metric));
	return transact(nl, &r, ESRCH);
}

/* ---- Interfaces ---- */

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
