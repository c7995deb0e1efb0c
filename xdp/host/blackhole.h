/* SPDX-License-Identifier: Apache-2.0 */
/* Which blackhole routes a node adds: they catch a client's packets when every better route is
 * gone, so that these never leave in clear. The same list serves to add them, to notice that one is
 * gone, and to add it again. */
#ifndef XDP_HOST_BLACKHOLE_H
#define XDP_HOST_BLACKHOLE_H

#include "xdp/datapath.h"

struct blackholes {
	struct prefix list[3 * DATAPATH_ADDRESSES_MAX + PREFIX_LIST_MAX]; /* Networks, each once. */
	size_t n;
};

void blackholes_init(struct blackholes *b, const struct datapath_config *c); /* With its pools. */
/* Those of other pools instead: b is without any, made of a configuration that has none. */
struct blackholes blackholes_with(const struct blackholes *b, const struct prefix_list *pools);
bool blackholes_contain(const struct blackholes *b, const struct prefix *p);

#endif
