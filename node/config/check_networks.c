/* SPDX-License-Identifier: Apache-2.0 */
/* Conflicting addresses and networks in cluster.toml. The route of a pool leads into the tunnel: if
 * the pool overlaps an existing network, it would cut that off. */
#include "node/config/schema.h"

#include <stdio.h>
#include <string.h>

#define PLACES_MAX (2u * CONFIG_ADDRESSES_MAX + CLUSTER_NODES_MAX)
#define PREFIX_TEXT_LEN (ADDRESS_TEXT_LEN + 4u)

struct place { /* An address of the gateway, and the network that it is in. */
	struct prefix p;
	char what[64];
	int line;
};

struct places {
	struct place list[PLACES_MAX];
	size_t n;
};

static const char *prefix_text(const struct prefix *p, char text[PREFIX_TEXT_LEN])
{
	char address[ADDRESS_TEXT_LEN];

	snprintf(text, PREFIX_TEXT_LEN, "%s/%u", address_format(&p->address, address), p->bits);
	return text;
}

static bool is_network(const struct prefix *p)
{
	struct prefix n = prefix_network(p);

	return address_equal(&n.address, &p->address);
}

static bool overlap(const struct prefix *a, const struct prefix *b)
{
	return a->address.family == b->address.family &&
	       (prefix_contains(a, &b->address) || prefix_contains(b, &a->address));
}

/* An address that no host has: unspecified, loopback, multicast, or its network's first or last. */
static bool is_no_host(const struct prefix *p)
{
	const uint8_t *o = p->address.octets;
	uint32_t v4, hosts;

	if (p->address.family != 4)
		return o[0] == 0xff || (memcmp(o, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15) == 0 && o[15] <= 1);
	v4 = address_to_ipv4(&p->address);
	hosts = p->bits == 0 ? UINT32_MAX : (UINT32_C(1) << (32 - p->bits)) - 1;
	return o[0] == 0 || o[0] == 127 || o[0] >= 224 ||
	       (p->bits < 31 && ((v4 & hosts) == 0 || (v4 & hosts) == hosts));
}

static void add(struct reader *r, struct places *l, const struct prefix *p, const char *what, int line)
{
	struct place *at = &l->list[l->n];
	char text[PREFIX_TEXT_LEN];
	/* All nodes are on one machine, for a trial. */
	bool loopback = strncmp(what, "link", 4) == 0 && p->address.octets[0] == 127 &&
			p->address.family == 4;

	if (p->address.family == 0)
		return; /* Said already. */
	if (is_no_host(p) && !loopback)
		reader_error(r, line, "%s: %s is not a host address", what, prefix_text(p, text));
	for (size_t i = 0; i < l->n; i++)
		if (address_equal(&l->list[i].p.address, &p->address) &&
		    (strncmp(what, "link", 4) != 0 || strncmp(l->list[i].what, "link", 4) != 0))
			reader_error(r, line, "%s is the same address as %s: each needs its own", what,
				     l->list[i].what);
	at->p = *p;
	snprintf(at->what, sizeof(at->what), "%s", what);
	at->line = line;
	l->n++;
}

static void collect(struct reader *r, struct places *l)
{
	const struct node_config *c = r->c;
	char what[64];

	l->n = 0;
	for (size_t i = 0; i < c->n_outer; i++)
		add(r, l, &c->outer[i], "a service address", config_item_line(r, "service", "addresses", i));
	for (size_t i = 0; i < c->n_inner; i++)
		add(r, l, &c->inner[i], "an inner address",
		    config_item_line(r, "service", "inner_addresses", i));
	for (uint32_t i = 0; i < c->cluster.n_nodes; i++) {
		struct prefix p = { .address = c->node[i].link.address };

		p.bits = (uint8_t)(8 * address_len(&p.address));
		snprintf(what, sizeof(what), "link of %s", c->cluster.node[i]);
		add(r, l, &p, what, config_line(r, "node", i, "link"));
	}
}

/* ---- Pools and what clients may reach ---- */

static void check_local_ts(struct reader *r, size_t i, const struct prefix *pool, int pool_line)
{
	const struct toml_value *v = config_find(r->root, "connection", i, "local_ts");
	char a[PREFIX_TEXT_LEN], b[PREFIX_TEXT_LEN];

	for (size_t k = 0; v && v->type == TOML_ARRAY && k < v->n; k++) {
		struct prefix ts, network;

		if (v->child[k].type != TOML_STRING || prefix_parse(&ts, v->child[k].string) != OK)
			continue; /* Said already. */
		network = prefix_network(&ts);
		if (!pool && !is_network(&ts))
			reader_error(r, v->child[k].line, "\"%s\" has bits set after its prefix: "
							  "write \"%s\"",
				     v->child[k].string, prefix_text(&network, a));
		if (pool && prefix_contains(pool, &network.address) && network.address.family == 4 &&
		    network.bits >= pool->bits)
			reader_error(r, pool_line, "\"pool\" %s contains \"local_ts\" %s: clients "
						   "would get addresses of the network that they want "
						   "to reach; choose another pool",
				     prefix_text(pool, a), prefix_text(&network, b));
	}
}

static void check_pool(struct reader *r, const struct places *l, size_t i)
{
	const struct ike_config *ike = &r->c->cluster.policy->ike;
	const struct prefix *pool = &ike->connections[i].pool;
	struct prefix network = prefix_network(pool);
	int line = config_line(r, "connection", i, "pool");
	char a[PREFIX_TEXT_LEN], b[PREFIX_TEXT_LEN];

	if (!is_network(pool))
		reader_error(r, line, "\"pool\" %s has bits set after its prefix: write \"%s\"",
			     prefix_text(pool, a), prefix_text(&network, b));
	if (network.address.octets[0] == 0 || network.address.octets[0] == 127 ||
	    network.address.octets[0] >= 224)
		reader_error(r, line, "\"pool\" %s contains no host addresses", prefix_text(pool, a));
	for (size_t k = 0; k < l->n; k++)
		if (overlap(pool, &l->list[k].p))
			reader_error(r, line, "\"pool\" %s overlaps %s of %s: its route would cut that network "
				     "off; choose a pool that is used nowhere else", prefix_text(pool, a),
				     prefix_text(&l->list[k].p, b), l->list[k].what);
	for (size_t k = 0; k < ike->n_connections; k++) {
		const struct prefix *other = &ike->connections[k].pool;

		if (k < i && ike->connections[k].has_pool && overlap(pool, other) &&
		    (pool->bits != other->bits || !address_equal(&pool->address, &other->address)))
			reader_error(r, line, "\"pool\" %s overlaps %s of \"%s\": use one pool for "
					      "both, or pools that do not overlap",
				     prefix_text(pool, a), prefix_text(other, b), ike->connections[k].name);
		check_local_ts(r, k, pool, line);
	}
}

/* A client would not get there: it sends into the tunnel what local_ts says. */
static void check_dns(struct reader *r, size_t i)
{
	const struct ike_connection *c = &r->c->cluster.policy->ike.connections[i];
	const struct toml_value *ts = config_find(r->root, "connection", i, "local_ts");

	for (size_t k = 0; k < c->n_dns && ts && ts->type == TOML_ARRAY; k++) {
		char text[ADDRESS_TEXT_LEN];
		bool inside = false;
		struct prefix p;

		for (size_t j = 0; j < ts->n; j++)
			inside |= ts->child[j].type == TOML_STRING &&
				  prefix_parse(&p, ts->child[j].string) == OK &&
				  prefix_contains(&p, &c->dns[k]);
		if (!inside && c->dns[k].family)
			reader_warning(r, config_line(r, "connection", i, "dns"), "DNS server %s is not in "
				       "\"local_ts\": clients do not reach it through the tunnel",
				       address_format(&c->dns[k], text));
	}
}

/* ---- Ports and interfaces of one node ---- */

static void check_node(struct reader *r, size_t i)
{
	const struct node_entry *n = &r->c->node[i];
	static const struct address zero;
	struct endpoint http;

	if (n->http[0] && endpoint_parse(&http, n->http) == OK && http.port == n->link.port &&
	    (address_equal(&http.address, &n->link.address) ||
	     memcmp(http.address.octets, zero.octets, sizeof(zero.octets)) == 0))
		reader_error(r, config_line(r, "node", i, "http"), "\"http\" and \"link\" of %s have the same "
			     "port: choose another", r->c->cluster.node[i]);
	for (size_t a = 0; strcmp(n->outer_interface, n->inner_interface) != 0 && a < r->c->n_outer; a++)
		for (size_t b = 0; b < r->c->n_inner; b++)
			if (i == 0 && overlap(&r->c->outer[a], &r->c->inner[b]))
				reader_warning(r, config_item_line(r, "service", "inner_addresses", b),
					       "inner and outer address are in one network, but at two "
					       "interfaces: the kernel will use one of them for both");
}

/* ---- RADIUS ---- */

/* The server is asked from the inner address of its family, which moves with the service address;
 * if there is none, from an outer one. */
static void find_inside(struct node_config *c)
{
	struct address *inside = c->cluster.inside;

	for (size_t i = c->n_inner; i > 0; i--)
		inside[c->inner[i - 1].address.family == 6] = c->inner[i - 1].address;
	for (size_t i = 0; i < c->n_outer; i++)
		if (!inside[c->outer[i].address.family == 6].family)
			inside[c->outer[i].address.family == 6] = c->outer[i].address;
}

static void check_radius(struct reader *r)
{
	struct ike_config *ike = &r->c->cluster.policy->ike;

	if (ike->n_radius > 0)
		find_inside(r->c);
	for (size_t i = 0; i < ike->n_radius; i++) {
		const struct endpoint *e = &ike->radius[i].address;
		struct endpoint *accounting = &ike->radius[i].accounting;
		int line = config_line(r, "radius", i, "address");

		if (accounting->address.family)
			accounting->address = e->address;
		for (size_t k = 0; accounting->address.family && k <= i; k++)
			if (endpoint_equal(&ike->radius[k].address, accounting) ||
			    (k < i && endpoint_equal(&ike->radius[k].accounting, accounting))) {
				reader_error(r, line, "what takes its accounts has the address and port of another "
					     "[[radius]], or its own: choose another \"accounting_port\"");
				break;
			}

		for (size_t k = 0; k < i; k++)
			if (endpoint_equal(&ike->radius[k].address, e)) {
				reader_error(r, line, "two [[radius]] have the same \"address\": remove one");
				break;
			} else if (endpoint_equal(&ike->radius[k].accounting, e)) {
				reader_error(r, line, "this address and port take the accounts of another [[radius]]: "
						      "choose another \"accounting_port\" there");
				break;
			}
		if (e->address.family && !r->c->cluster.inside[e->address.family == 6].family)
			reader_error(r, line, "the server has an IPv%u address, but [service] has no "
					      "address of that family to ask it from", e->address.family);
	}
}

void config_check_networks(struct reader *r)
{
	const struct ike_config *ike = &r->c->cluster.policy->ike;
	struct places l;

	collect(r, &l);
	for (size_t i = 0; i < ike->n_connections; i++) {
		check_local_ts(r, i, NULL, 0);
		if (ike->connections[i].has_pool)
			check_pool(r, &l, i);
		check_dns(r, i);
	}
	for (size_t i = 0; i < r->c->cluster.n_nodes; i++)
		check_node(r, i);
	check_radius(r);
}
