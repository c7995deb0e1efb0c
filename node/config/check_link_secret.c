/* SPDX-License-Identifier: Apache-2.0 */
/* link_secret_file: what `baton init` has derived from the storage key for one node. A node that
 * has the storage key needs no such file. But a wrong one would show only when the others refuse
 * the node, so it is compared with the key here. */
#include "node/config/schema.h"

#include "cluster/link/proof.h"

#include <openssl/mem.h>

#include <errno.h>
#include <unistd.h>

void config_check_link_secret(struct reader *r, uint32_t node, bool absent)
{
	const struct node_entry *e = &r->c->node[node];
	const struct toml_value *v = config_find(r->root, "node", node, "link_secret_file");
	uint8_t read[PROOF_SECRET_LEN], own[PROOF_SECRET_LEN];

	if (!v || !e->link_secret_file[0] || (absent && access(e->link_secret_file, F_OK) != 0 && errno == ENOENT))
		return;
	if (!r->c->storage_key_file[0])
		return; /* There is no key to compare it with: said already. */
	if (!config_read_key(r, v, e->link_secret_file, read, sizeof(read)))
		return;
	proof_secret_derive(r->c->cluster.storage_key, r->c->cluster.node[node], own);
	if (CRYPTO_memcmp(read, own, sizeof(own)) != 0)
		reader_error(r, v->line,
			     "\"%s\": %s is not that of node \"%s\" under "
			     "storage_key_file: remove the key, and the secret is derived",
			     v->key, e->link_secret_file, r->c->cluster.node[node]);
	OPENSSL_cleanse(read, sizeof(read));
	OPENSSL_cleanse(own, sizeof(own));
}
