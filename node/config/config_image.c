/* SPDX-License-Identifier: Apache-2.0 */
/* A head, then: the text of the first error; or that of the first warning, connections, secrets, users, facts, files
 * of CRLs, certificates. */
#include "node/config/config_image.h"

#include "proto/auth/credential_image.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CERTIFICATES_MAX (UINT64_C(1) << 40)
#define COUNT_MAX (1u << 24) /* Limit of any count: no product of sizes below overflows. */

struct image_head {
	uint64_t len; /* Everything, this included. */
	uint64_t n_errors, n_warnings, text, n_facts, n_crls, certificates;
	uint64_t policy_hash;
	struct policy_limits limits;
	enum config_log_level log_level;
	struct ike_config ike; /* Its lists come after it. */
};

static uint64_t length(const struct image_head *h)
{
	return sizeof(*h) + h->text + h->ike.n_connections * sizeof(struct ike_connection) +
	       h->ike.n_secrets * sizeof(struct ike_peer_secret) + h->ike.n_users * sizeof(struct ike_user) +
	       h->ike.n_reserved * sizeof(struct ike_reservation) + h->n_facts * sizeof(struct config_fact) +
	       h->n_crls * sizeof(struct crl_file) + h->certificates;
}

static uint8_t *put(uint8_t *at, const void *from, size_t len)
{
	if (len > 0)
		memcpy(at, from, len);
	return at + len;
}

/* Keys and certificates are not structs that could go as they lie in memory. */
static void put_certificates(CBB *out, const struct ike_config *ike)
{
	if (!CBB_init(out, 4096))
		abort();
	for (size_t i = 0; i < ike->n_connections; i++) {
		credentials_put(out, ike->connections[i].own);
		trust_put(out, ike->connections[i].clients);
	}
}

static bool take_certificates(struct ike_config *ike, const uint8_t *data, size_t len)
{
	bool good = true;
	CBS in;

	CBS_init(&in, data, len);
	for (size_t i = 0; i < ike->n_connections; i++) {
		struct ike_connection *c = &ike->connections[i];

		c->own = NULL; /* The other process's. */
		c->clients = NULL;
		good = good && credentials_take(&in, &c->own) && trust_take(&in, &c->clients);
	}
	return good && CBS_len(&in) == 0;
}

uint8_t *config_image_encode(const struct node_config *c, const struct config_errors *errors, size_t *len)
{
	const struct ike_config *ike = &c->cluster.policy->ike;
	const char *error = errors->n > 0 ? errors->list[0].text : NULL;
	const char *text = error ? error : errors->n_warnings > 0 ? errors->warning[0].text : "";
	struct image_head h = {.n_errors = errors->n, .n_warnings = errors->n_warnings, .text = strlen(text)};
	uint8_t *image, *at;
	CBB certificates;

	put_certificates(&certificates, ike);

	if (!error) {
		h.ike = *ike;
		h.ike.connections = NULL;
		h.ike.secrets = NULL;
		h.ike.users = NULL;
		h.ike.reserved = NULL;
		h.n_facts = c->n_facts;
		h.n_crls = c->n_crls;
		h.certificates = CBB_len(&certificates);
		h.policy_hash = c->cluster.policy->hash;
		h.limits = c->cluster.policy->limits;
		h.log_level = c->log_level;
	}
	h.len = length(&h);
	image = malloc(h.len);
	assert(image);
	at = put(image, &h, sizeof(h));
	at = put(at, text, h.text);
	at = put(at, ike->connections, h.ike.n_connections * sizeof(*ike->connections));
	at = put(at, ike->secrets, h.ike.n_secrets * sizeof(*ike->secrets));
	at = put(at, ike->users, h.ike.n_users * sizeof(*ike->users));
	at = put(at, ike->reserved, h.ike.n_reserved * sizeof(*ike->reserved));
	at = put(at, c->fact, h.n_facts * sizeof(*c->fact));
	at = put(at, c->crl, h.n_crls * sizeof(*c->crl));
	at = put(at, CBB_data(&certificates), h.certificates);
	CBB_cleanup(&certificates); /* It cleanses. */
	assert(at == image + h.len);
	*len = h.len;
	OPENSSL_cleanse(&h, sizeof(h)); /* RADIUS' secrets are in it. */
	return image;
}

size_t config_image_len(const uint8_t *data, size_t len)
{
	struct image_head h;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	return h.len;
}

static void *take(const uint8_t **at, size_t len)
{
	void *to = malloc(len ? len : 1);

	assert(to);
	memcpy(to, *at, len);
	*at += len;
	return to;
}

bool config_image_decode(struct config_reading *r, const uint8_t *data, size_t len)
{
	const uint8_t *at = data + sizeof(struct image_head);
	struct image_head h;
	struct ike_config *ike;

	memset(r, 0, sizeof(*r));
	if (len < sizeof(h))
		return false;
	memcpy(&h, data, sizeof(h));
	if (h.text > COUNT_MAX || h.ike.n_connections > COUNT_MAX || h.ike.n_secrets > COUNT_MAX ||
	    h.ike.n_users > COUNT_MAX || h.ike.n_reserved > COUNT_MAX ||
	    h.ike.n_radius > IKE_RADIUS_MAX || h.n_facts > COUNT_MAX ||
	    h.n_crls > COUNT_MAX || h.certificates > CERTIFICATES_MAX || h.len != len || length(&h) != len)
		return false;
	r->n_errors = h.n_errors;
	r->n_warnings = h.n_warnings;
	if (h.text > 0) {
		char **text = h.n_errors > 0 ? &r->error : &r->warning;

		*text = strndup((const char *)at, h.text);
		assert(*text);
	}
	if (h.n_errors > 0)
		return r->error != NULL;
	at += h.text;
	r->policy = cluster_policy_new();
	r->policy->hash = h.policy_hash;
	r->policy->limits = h.limits;
	r->log_level = h.log_level;
	ike = &r->policy->ike;
	*ike = h.ike;
	ike->connections = take(&at, h.ike.n_connections * sizeof(*ike->connections));
	ike->secrets = take(&at, h.ike.n_secrets * sizeof(*ike->secrets));
	ike->users = take(&at, h.ike.n_users * sizeof(*ike->users));
	ike->reserved = take(&at, h.ike.n_reserved * sizeof(*ike->reserved));
	r->fact = take(&at, h.n_facts * sizeof(*r->fact));
	r->n_facts = h.n_facts;
	r->crl = take(&at, h.n_crls * sizeof(*r->crl));
	r->n_crls = h.n_crls;
	len = h.certificates;
	OPENSSL_cleanse(&h, sizeof(h));
	return take_certificates(ike, at, len);
}

void config_reading_fini(struct config_reading *r)
{
	free(r->error);
	free(r->warning);
	cluster_policy_unref(r->policy);
	free(r->fact);
	free(r->crl);
	memset(r, 0, sizeof(*r));
}
