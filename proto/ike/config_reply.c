/* SPDX-License-Identifier: Apache-2.0 */
/* Its address comes first. DNS servers, domains and subnets follow if the client asked for them, in the order of the
 * connection. */
#include "proto/ike/config_reply.h"

#include <string.h>

/* RFC 8598 3.2: "MUST be accompanied by at least one INTERNAL_IP4_DNS or INTERNAL_IP6_DNS". */
static void add_domains(struct ike_builder *b, const struct ike_connection *c, const struct ike_cp_request *asked)
{
	bool dns = false;

	for (size_t i = 0; i < c->n_dns; i++)
		dns |= c->dns[i].family == 4 ? asked->dns4 : asked->dns6;
	for (size_t i = 0; dns && asked->domains && i < c->n_domains; i++)
		ike_cp_add(b, IKE_CP_INTERNAL_DNS_DOMAIN, c->domain[i], strlen(c->domain[i]));
}

void ike_add_config_reply(struct ike_builder *b, const struct ike_connection *c, const struct address *virtual_ip,
			  const struct ike_cp_request *asked)
{
	struct prefix subnet;

	if (!c->has_pool || virtual_ip->family == 0)
		return;
	ike_cp_open(b, IKE_CFG_REPLY);
	ike_cp_add_address(b, virtual_ip);
	for (size_t i = 0; i < c->n_dns; i++)
		if (c->dns[i].family == 4 ? asked->dns4 : asked->dns6)
			ike_cp_add_dns(b, &c->dns[i]);
	add_domains(b, c, asked);
	for (size_t i = 0; i < c->local_ts.n; i++)
		if (ts_is_prefix(&c->local_ts.ts[i], &subnet) &&
		    (subnet.address.family == 4 ? asked->subnets4 : asked->subnets6))
			ike_cp_add_subnet(b, &subnet);
	ike_cp_close(b);
}
