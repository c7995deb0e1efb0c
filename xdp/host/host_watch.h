/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the host when rtnetlink reports a change, and once a second, because it does not report
 * all changes. Belongs to the address mover's thread. */
#ifndef XDP_HOST_HOST_WATCH_H
#define XDP_HOST_HOST_WATCH_H

#include "xdp/datapath.h"
#include "xdp/host/blackhole.h"
#include "xdp/host/host.h"
#include "xdp/host/netlink.h"

#define HOST_LOOK_MS 1000

struct host_watch;

enum host_port_name { HOST_OUTER, HOST_INNER, HOST_TUN, HOST_PORTS };

/* What was found in one look, and what the mover has to do about it. */
struct host_look {
	struct host_port now[HOST_PORTS];
	struct host_change change[HOST_PORTS]; /* Against the look before. */
	enum host_verdict verdict[HOST_PORTS];
	char why[HOST_PORTS][HOST_TEXT_LEN];
	bool stirred; /* Addresses or routes of ours may be gone from the TUN device: */
	char what[HOST_TEXT_LEN]; /* ... what happened. */
};

/* tun: index of the TUN device. program: id of the XDP program on the outer interface, 0:
 * none. NULL, and err. */
struct host_watch *host_watch_new(const struct datapath_config *c, unsigned tun, uint32_t program,
				  char err[DATAPATH_ERR_LEN]);
void host_watch_free(struct host_watch *w); /* NULL is accepted. */
int host_watch_fd(const struct host_watch *w);
/* Messages that follow from this socket's requests do not count. */
void host_watch_own(struct host_watch *w, const struct netlink *nl);

/* Other pools, with the blackholes of all. */
void host_watch_pools(struct host_watch *w, const struct prefix_list *pools, const struct blackholes *blackholes);

/* Reads what there is. True: something that we use has changed, so look. */
bool host_watch_read(struct host_watch *w);
/* False: the kernel did not answer; try again later. */
bool host_watch_look(struct host_watch *w, struct host_look *look);

#endif
