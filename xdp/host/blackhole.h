/* SPDX-License-Identifier: Apache-2.0 */
/* Which blackhole routes a node lays: what stands for a packet of or for a client where
 * every better route is gone, so that it never leaves in clear. One list for who lays them,
 * who notices that one is gone, and who lays it again. */
#ifndef XDP_HOST_BLACKHOLE_H
#define XDP_HOST_BLACKHOLE_H

#include "xdp/datapath.h"

struct blackholes {
	struct prefix list[4 * DATAPATH_ADDRESSES_MAX]; /* Networks, each once. */
	size_t n;
};

void blackholes_init(struct blackholes *b, const struct datapath_config *c);
bool blackholes_contain(const struct blackholes *b, const struct prefix *p);

#endif
