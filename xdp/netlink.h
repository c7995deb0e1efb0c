/* SPDX-License-Identifier: Apache-2.0 */
/* The few rtnetlink requests that the address mover makes (RFC 3549 3), and the
 * sysctls that go with them. Each waits for the kernel's answer. */
#ifndef XDP_NETLINK_H
#define XDP_NETLINK_H

#include "proto/address.h"

struct netlink {
	int fd;
	uint32_t seq;
};

#define NETLINK_METRIC_LAST UINT32_MAX /* Every other route is better. */

/* All return 0 or a negative errno. Adding what is there and removing what is
 * not count as success. */
int netlink_open(struct netlink *nl);
void netlink_close(struct netlink *nl);
int netlink_link_up(struct netlink *nl, unsigned ifindex, uint32_t mtu);
/* A host address, without duplicate address detection. */
int netlink_address_add(struct netlink *nl, unsigned ifindex, const struct address *a);
int netlink_address_del(struct netlink *nl, unsigned ifindex, const struct address *a);
/* source (or NULL): what the kernel's own packets there come from. It must stand. */
int netlink_route_add(struct netlink *nl, unsigned ifindex, const struct prefix *p,
		      const struct address *source);
int netlink_route_del(struct netlink *nl, unsigned ifindex, const struct prefix *p);
/* Of the lowest precedence; it outlives the process. */
int netlink_blackhole_add(struct netlink *nl, const struct prefix *p);

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
