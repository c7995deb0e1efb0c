/* SPDX-License-Identifier: Apache-2.0 */
/* Which blackhole routes a node lays: they catch a client's packets where
 * every better route is gone, so that these never leave in clear. The list is the same for laying
 * them, for noticing that one is gone, and for laying it again. */
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
