/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of rtnetlink (RFC 3549), as far as host_watch.h and netlink.h need them. */
#ifndef XDP_HOST_HOST_MESSAGE_H
#define XDP_HOST_HOST_MESSAGE_H

#include "proto/wire/address.h"
#include "xdp/host/host.h"

#include <linux/netlink.h>
#include <stddef.h>

enum host_message_kind {
	HOST_MESSAGE_OTHER,
	HOST_MESSAGE_LINK,         /* port: an interface as it is */
	HOST_MESSAGE_LINK_GONE,    /* port.ifindex */
	HOST_MESSAGE_ADDRESS,      /* port.ifindex has the address prefix */
	HOST_MESSAGE_ADDRESS_GONE, /* ... and no more. */
	HOST_MESSAGE_ROUTE,        /* To prefix by port.ifindex (0: none), instead of another */
	HOST_MESSAGE_ROUTE_GONE,
	HOST_MESSAGE_VERDICT,      /* error: on the request seq. */
	HOST_MESSAGE_DONE          /* That was all of the answer to seq. */
};

struct host_message {
	enum host_message_kind kind;
	uint32_t sender; /* Port of whose request it follows; 0: the kernel's own. */
	uint32_t seq;    /* That request's. */
	int error;       /* VERDICT: 0 or a negative errno. */
	bool torn;       /* The answer changed while it was given: ask again. */
	struct host_port port;
	struct prefix prefix;
};

/* Reads the first message of data[0..len) and returns its length, to go on behind it; 0 if
 * there is none, or it is cut. Messages of no interest are HOST_MESSAGE_OTHER. */
size_t host_message_parse(struct host_message *m, const void *data, size_t len);

#endif
