/* SPDX-License-Identifier: Apache-2.0 */
/* The client's half of auth = "pubkey", and of a gateway that shows a certificate to clients with a
 * PSK. A client need not ask outside, so everything is done at once. */
#include "proto/auth/outside.h"
#include "proto/ike/initiator_step.h"
#include "proto/ike/payload.h"

#include <string.h>

/* What the gateway announced in IKE_SA_INIT. */
static uint32_t hashes_of(const struct initiator *i)
{
	const struct ike_notify *n = NULL;
	struct ike_message m;

	if (ike_message_parse(&m, i->init_response->data, i->init_response->len) == OK)
		n = ike_message_notify(&m, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS);
	return n ? signature_hashes_read(n->data) : 0;
}

void initiator_add_certreq(const struct initiator *i, struct ike_builder *b)
{
	const struct trust *t = i->config.trust;

	if (t && t->n_cas > 0)
		ike_add_cert(b, IKE_PAYLOAD_CERTREQ, t->ca[0], t->n_cas * CERT_CA_HASH_LEN);
}

/* IDi, CERT, AUTH by its own certificate. One that cannot sign for this gateway sends no AUTH, and
 * is refused. */
static void pubkey_begin(struct initiator *i, struct ike_builder *b)
{
	const struct credential *c = &i->config.own->list[0];
	const struct ike_id *id = &i->config.id;
	uint8_t body[4 + IKE_ID_MAX] = {id->type};
	struct signature_scheme s;
	struct blob *octets, *auth = NULL;
	struct auth_octets o;
	CBS in;

	memcpy(body + 4, id->data, id->len);
	CBS_init(&in, body, 4u + id->len);
	o = initiator_auth_octets(i, true, in);
	octets = auth_octets_join(i->ike[0].suite.prf, &o);
	CBS_init(&in, octets->data, octets->len);
	if (signature_choose(&s, c->key, hashes_of(i), i->config.pss))
		auth = signature_create(c->key, &s, in);
	ike_add_id(b, IKE_PAYLOAD_IDi, id);
	for (uint8_t k = 0; k < c->n_certs; k++)
		ike_add_cert(b, IKE_PAYLOAD_CERT, c->cert[k]->data, c->cert[k]->len);
	initiator_add_certreq(i, b);
	if (auth)
		ike_add_auth(b, s.method, auth->data, auth->len);
	blob_unref(octets);
	blob_unref(auth);
}

bool initiator_verify_gateway(struct initiator *i, const struct ike_message *m)
{
	const struct initiator_config *config = &i->config;
	struct auth_octets o = initiator_auth_octets(i, false, m->idr.body);
	struct certificate_claim claim = {.id = &i->gateway_id, .unix_now = config->unix_now, .gateway = true};
	struct blob *octets = auth_octets_join(i->ike[0].suite.prf, &o);
	CBS certs[IKE_CERTS_MAX], in;
	char why[TRUST_WHY_LEN] = "";
	const char *reason;
	EVP_PKEY *key;
	bool good;

	for (uint8_t k = 0; k < m->n_cert; k++)
		if (m->cert[k].encoding == IKE_CERT_X509_SIGNATURE)
			certs[claim.n++] = m->cert[k].data;
	claim.cert = certs;
	CBS_init(&in, octets->data, octets->len);
	key = trust_verify(config->trust, &claim, why);
	good = key && signature_verify(key, m->auth.method, m->auth.data, in, &reason);
	EVP_PKEY_free(key);
	blob_unref(octets);
	return good;
}

static enum ike_auth_verdict pubkey_step(struct initiator *i, const struct ike_message *m,
					 struct ike_builder *b)
{
	(void)b;
	return initiator_psk_gateway(i, m) ? AUTH_VERDICT_DONE : AUTH_VERDICT_REFUSE;
}

const struct initiator_auth initiator_pubkey = {.begin = pubkey_begin, .step = pubkey_step};
