/* SPDX-License-Identifier: Apache-2.0 */
/* Pools come and go while a node runs (cluster/core/routes.c says which and when). A new one has its
 * blackhole before its route to the TUN device, and an old one loses it last: in between its packets are
 * dropped and never leave in clear. What the kernel refuses is said, and does not stand. */
#include "xdp/host/address_internal.h"

#include <stdio.h>
#include <string.h>

static void complain(struct address_mover *m, const struct prefix *p, int error)
{
	char text[HOST_TEXT_LEN], network[ADDRESS_TEXT_LEN];

	if (!error)
		return;
	snprintf(text, sizeof(text), "routes of pool %s/%u: %s", address_format(&p->address, network), p->bits,
		 strerror(-error));
	follow_tell(m, text);
}

/* True: it is caught here from now on, and held where addresses are. */
static bool lay(struct address_mover *m, const struct prefix *p)
{
	int error = netlink_blackhole_add(&m->netlink, p);

	if (!error && m->stands)
		error = netlink_route_add(&m->netlink, m->tun, p, address_inner_source(m, p->address.family));
	complain(m, p, error);
	return !error;
}

static void take_away(struct address_mover *m, const struct prefix *p)
{
	complain(m, p, netlink_route_del(&m->netlink, m->tun, p));
	if (!blackholes_contain(&m->blackholes, p))
		complain(m, p, netlink_blackhole_del(&m->netlink, p));
}

static void change(struct address_mover *m, const struct prefix_list *asked)
{
	struct prefix_list before = m->pools;

	m->pools.n = 0;
	for (uint32_t i = 0; i < asked->n; i++) /* They are in order: so is this. */
		if (prefix_list_has(&before, &asked->at[i]) || lay(m, &asked->at[i]))
			m->pools.at[m->pools.n++] = asked->at[i];
	m->blackholes = blackholes_with(&m->fixed, &m->pools);
	host_watch_pools(m->follower.watch, &m->pools, &m->blackholes);
	for (uint32_t i = 0; i < before.n; i++)
		if (!prefix_list_has(&m->pools, &before.at[i]))
			take_away(m, &before.at[i]);
}

void address_change_pools(struct address_mover *m)
{
	struct prefix_list asked;
	unsigned calls;

	pthread_mutex_lock(&m->asked.lock);
	asked = m->asked.pools;
	calls = m->asked.calls;
	pthread_mutex_unlock(&m->asked.lock);
	if (calls == m->asked.done)
		return;
	change(m, &asked);
	for (; m->asked.done != calls; m->asked.done++)
		follow_pools(m);
}
