/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the machine that a node is to run on with what cluster.toml says about it. */
#include "node/config/schema.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void check_interface(struct reader *r, const char *key, const char *name, int line)
{
	struct if_nameindex *all = if_nameindex();
	char known[256] = "";
	size_t at = 0;

	for (struct if_nameindex *i = all; i && i->if_name && at < sizeof(known); i++)
		if (strcmp(i->if_name, "lo") != 0)
			at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", at ? ", " : "", i->if_name);
	if (name[0] && if_nametoindex(name) == 0)
		reader_warning(r, line, "\"%s\": this machine has no \"%s\"; it has: %s", key, name,
			       known[0] ? known : "none");
	if_freenameindex(all);
}

static bool is_ours(const struct address *a)
{
	struct ifaddrs *all = NULL;
	bool found = getifaddrs(&all) != 0; /* Then nobody can tell. */

	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		const struct sockaddr *s = i->ifa_addr;
		const void *octets = NULL;

		if (s && s->sa_family == AF_INET && a->family == 4)
			octets = &((const struct sockaddr_in *)s)->sin_addr;
		else if (s && s->sa_family == AF_INET6 && a->family == 6)
			octets = &((const struct sockaddr_in6 *)s)->sin6_addr;
		found |= octets && memcmp(octets, a->octets, address_len(a)) == 0;
	}
	freeifaddrs(all);
	return found;
}

void node_config_check_host(const struct node_config *c, struct config_errors *errors)
{
	const struct node_entry *n = &c->node[c->cluster.self];
	struct reader r = { .c = (struct node_config *)c, .errors = errors };
	char text[ADDRESS_TEXT_LEN];

	check_interface(&r, "outer_interface", n->outer_interface, n->outer_line);
	check_interface(&r, "inner_interface", n->inner_interface, n->inner_line);
	if (!is_ours(&n->link.address))
		reader_warning(&r, n->link_line, "\"link\": no interface of this machine has the address %s",
			       address_format(&n->link.address, text));
}
