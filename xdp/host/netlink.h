/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink (RFC 3549): queries, the few requests that the address mover makes, and the sysctls
 * that go with them. Each waits for the kernel's answer. */
#ifndef XDP_HOST_NETLINK_H
#define XDP_HOST_NETLINK_H

#include "proto/wire/address.h"
#include "xdp/host/host_message.h"

struct netlink {
	struct mnl_socket *socket; /* NULL: closed. */
	uint32_t seq;
};

struct netlink_request {
	uint8_t room[256] __attribute__((aligned(8)));
};

#define NETLINK_METRIC_LAST UINT32_MAX /* Every other route is better. */

/* All return 0 or a negative errno. Adding what is there and removing what is
 * not count as success. */
int netlink_open(struct netlink *nl);
void netlink_close(struct netlink *nl);

/* A request that libmnl's functions complete: its header, in r. */
struct nlmsghdr *netlink_request_init(struct netlink_request *r, uint16_t type, uint16_t flags);
/* Sends it, and gives each message of the answer to each() until that says that it has enough
 * (true). each NULL: it waits for the acknowledgement. -EINTR: what was listed changed
 * meanwhile, so something may be missing. */
int netlink_ask(struct netlink *nl, struct netlink_request *r,
		bool (*each)(void *ctx, const struct host_message *m), void *ctx);

int netlink_link_up(struct netlink *nl, unsigned ifindex, uint32_t mtu);
/* A host address, without duplicate address detection. */
int netlink_address_add(struct netlink *nl, unsigned ifindex, const struct address *a);
int netlink_address_del(struct netlink *nl, unsigned ifindex, const struct address *a);
/* source (or NULL): what the kernel's own packets there come from. It must stand. */
int netlink_route_add(struct netlink *nl, unsigned ifindex, const struct prefix *p,
		      const struct address *source);
int netlink_route_del(struct netlink *nl, unsigned ifindex, const struct prefix *p);
/* It has the lowest precedence, and outlives the process. */
int netlink_blackhole_add(struct netlink *nl, const struct prefix *p);
int netlink_blackhole_del(struct netlink *nl, const struct prefix *p);

int interface_mtu(const char *interface);

/* /proc/sys/net/<family>/conf/<interface>/<key> of our network namespace. family
 * is "ipv4" or "ipv6". get returns -1 where there is none. */
int sysctl_get(const char *family, const char *interface, const char *key);
int sysctl_set(const char *family, const char *interface, const char *key, int value);
/* Reverse path filtering: the kernel takes the maximum of "all" and the
 * interface. Sets both so that the interface gets exactly value, and every other
 * interface keeps what it had in effect. */
int sysctl_rp_filter(const char *interface, int value);

#endif
