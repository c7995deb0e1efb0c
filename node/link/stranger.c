/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that have not proved yet that they come from a node. Anybody who reaches the port can
 * make them, so they are few and short, and disturb only each other:
 *
 *   from the address of a configured node   STRANGERS_PER_NODE of that address, a reserve
 *                                           that nobody else can use
 *   from any other address                  STRANGERS_PER_ADDRESS of that address,
 *                                           STRANGERS_MAX of all, HANDSHAKES_PER_S
 *
 * Where there is one too many the oldest goes, not the newest: a stranger that only
 * keeps a connection open waits longest. The rate is there because a TLS handshake costs this
 * thread, which sends the heartbeats, a signature. TCP's own handshake shows that the
 * address is not forged; nodes connect from the address that they listen on. */
#include "node/link/link_internal.h"

#include <netinet/in.h>
#include <string.h>

/* For IPv6 the network part, all of which one host may have. */
static struct address address_of(const struct conn *c)
{
	struct sockaddr_storage ss = {0};
	struct address a = {0};
	int len = sizeof(ss);

	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&ss, &len) != 0)
		return a;
	if (ss.ss_family == AF_INET) {
		a.family = 4;
		memcpy(a.octets, &((struct sockaddr_in *)&ss)->sin_addr, 4);
	} else if (ss.ss_family == AF_INET6) {
		a.family = 6;
		memcpy(a.octets, &((struct sockaddr_in6 *)&ss)->sin6_addr, 16);
	}
	return a;
}

static bool is_node(const struct link *l, const struct address *a)
{
	for (uint32_t i = 0; i < l->cluster->n_nodes; i++)
		if (i != l->cluster->self && address_equal(&l->config->node[i].link.address, a))
			return true;
	return false;
}

static bool same_network(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->octets, b->octets, a->family == 6 ? 8 : 4) == 0;
}

/* Closes the oldest of them (with from: of that address alone) while there are max. New ones are
 * first in the list. */
static void make_room(struct link *l, const struct conn *newcomer, bool of_address, unsigned max)
{
	struct conn *oldest = NULL;
	unsigned n = 0;

	for (struct conn *c = l->conns; c; c = c->next) {
		if (!c->stranger || c->reserved != newcomer->reserved)
			continue;
		if (of_address && !same_network(&c->from, &newcomer->from))
			continue;
		oldest = c;
		n++;
	}
	if (n < max)
		return;
	atomic_fetch_add(&l->evicted, 1);
	conn_close(oldest);
}

static bool rate_allows(struct link *l, uint64_t now)
{
	uint64_t earned = (now - l->handshakes_us) * HANDSHAKES_PER_S / 1000000;

	if (earned > 0) {
		l->handshakes += (unsigned)(earned > STRANGERS_MAX ? STRANGERS_MAX : earned);
		l->handshakes_us = now;
	}
	if (l->handshakes > STRANGERS_MAX)
		l->handshakes = STRANGERS_MAX;
	if (l->handshakes == 0)
		return false;
	l->handshakes--;
	return true;
}

bool stranger_admit(struct conn *c)
{
	struct link *l = c->link;

	c->from = address_of(c);
	c->reserved = is_node(l, &c->from);
	if (!c->reserved && !rate_allows(l, c->started_us)) {
		atomic_fetch_add(&l->evicted, 1);
		return false;
	}
	make_room(l, c, true, c->reserved ? STRANGERS_PER_NODE : STRANGERS_PER_ADDRESS);
	if (!c->reserved)
		make_room(l, c, false, STRANGERS_MAX);
	c->stranger = true;
	atomic_fetch_add(&l->strangers, 1);
	return true;
}

void stranger_leave(struct conn *c)
{
	if (!c->stranger)
		return;
	c->stranger = false;
	atomic_fetch_sub(&c->link->strangers, 1);
}
