/* SPDX-License-Identifier: Apache-2.0 */
/* The edge of cluster/link/proof.h: both ends of a connection send their proof as soon as
 * TLS stands, and neither reads anything else before it has the other's.
 *
 * Both have the storage key, so both link secrets of the pair can be derived; they exist only for
 * the moment. Unresolved: a node with its own secret alone (not built), and a second storage key
 * during rotation (one more proof_keys_add()). */
#include "node/link/link_internal.h"

#include <openssl/mem.h>

static void keys_of(const struct conn *c, struct proof_keys *k)
{
	const struct cluster_config *config = c->link->cluster;
	const char *own = config->node[config->self], *its = config->node[c->node];
	uint8_t dials[PROOF_SECRET_LEN], listens[PROOF_SECRET_LEN];

	k->n = 0;
	proof_secret_derive(config->storage_key, c->server ? its : own, dials);
	proof_secret_derive(config->storage_key, c->server ? own : its, listens);
	proof_keys_add(k, dials, listens);
	OPENSSL_cleanse(dials, sizeof(dials));
	OPENSSL_cleanse(listens, sizeof(listens));
}

/* ours: what we say, else what we expect to hear. */
static struct proof_claim claim_of(const struct conn *c, bool ours,
				   uint8_t exporter[PROOF_EXPORTER_LEN])
{
	const struct cluster_config *config = c->link->cluster;
	const char *own = config->node[config->self], *its = config->node[c->node];

	tls_exporter(c->tls, PROOF_EXPORTER_LABEL, exporter, PROOF_EXPORTER_LEN);
	return (struct proof_claim){
		.exporter = exporter,
		.sender = ours ? own : its,
		.receiver = ours ? its : own,
		.role = ours == c->server ? PROOF_LISTENS : PROOF_DIALS,
		.incarnation = ours ? c->link->incarnation : 0,
	};
}

void link_prove(struct conn *c)
{
	uint8_t exporter[PROOF_EXPORTER_LEN], frame[PROOF_LEN_MAX];
	struct proof_claim claim = claim_of(c, true, exporter);
	struct proof_keys keys;
	size_t len;

	keys_of(c, &keys);
	len = proof_create(&keys, &claim, frame);
	OPENSSL_cleanse(&keys, sizeof(keys));
	OPENSSL_cleanse(exporter, sizeof(exporter));
	(void)conn_say(c, frame, len);
}

void link_proved(struct conn *c, const uint8_t *frame, size_t len)
{
	uint8_t exporter[PROOF_EXPORTER_LEN];
	struct proof_claim claim = claim_of(c, false, exporter);
	struct link *l = c->link;
	struct proof_keys keys;
	enum status s;

	keys_of(c, &keys);
	s = proof_verify(&keys, &claim, frame, len, &c->incarnation);
	OPENSSL_cleanse(&keys, sizeof(keys));
	OPENSSL_cleanse(exporter, sizeof(exporter));
	if (s == OK) {
		c->state = CONN_UP;
		if (!link_established(c))
			conn_close(c);
		return;
	}
	c->unproved = true;
	atomic_fetch_add(&l->unproved, 1);
	if (s == ERR_AUTH)
		link_say(l, c->node,
			 "refused: its certificate is good, but it does not prove that it holds the "
			 "storage key. Give it the storage_key_file that this node has; if it is not "
			 "your node, its certificate is stolen: change the CA");
	else
		link_say(l, c->node,
			 "refused: it does not begin with a proof that it holds the storage key: it "
			 "runs another version of baton, or is not a node");
	conn_close(c);
}

bool link_hello_fits(const struct conn *c, const uint8_t *frame, size_t len)
{
	struct frame f;

	return frame_parse(&f, frame, len) == OK && f.hello.incarnation == c->incarnation;
}
