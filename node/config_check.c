/* SPDX-License-Identifier: Apache-2.0 */
/* What no single key of cluster.toml can tell: the file as a whole. */
#include "node/config_schema.h"

void config_check_whole(struct reader *r)
{
	const struct node_config *c = r->c;
	uint32_t n = c->cluster.n_nodes;

	if (n > 0 && n % 2 == 0)
		config_errors_add(r->errors, "%s: %u nodes: an even number tolerates no more losses than "
				  "%u; use 1, 3, 5 or 7", c->file, n, n - 1);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (endpoint_equal(&c->node[i].link, &c->node[k].link))
				reader_error(r, c->node[i].link_line, "%s and %s have the same \"link\"",
					     c->cluster.node[k], c->cluster.node[i]);
	for (size_t i = 0; i < c->cluster.ike.n_secrets; i++)
		for (size_t k = 0; k < i; k++)
			if (ike_id_equal(&c->cluster.ike.secrets[i].id, &c->cluster.ike.secrets[k].id))
				config_errors_add(r->errors, "%s: two [[secret]] have the same \"id\"",
						  c->file);
}
