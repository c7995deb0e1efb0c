/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around EAP. A refusal looks the same whatever the reason: EAP failure and
 * AUTHENTICATION_FAILED. */
#include "proto/auth/eap_auth.h"

#include "proto/auth/own.h"
#include "proto/crypto/mschapv2.h"
#include "proto/ike/answer.h"
#include "proto/ike/select.h"
#include "proto/mutant.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

/* ---- The gateway, before anything else ---- */

bool eap_auth_takes(const struct ike_message *first)
{
	return !ike_message_has(first, IKE_PAYLOAD_AUTH);
}

/* Without a certificate: a secret under the gateway's own identity. Anybody who knows it can pose as the gateway:
 * for tests only, "the responder MUST" have a certificate (2.16). */
static const struct secret *own_secret(const struct ike_auth_round *r)
{
	const struct ike_peer_secret *own = ike_secret_find(r->env->config, &r->connection->local_id);

	return own ? &own->psk : NULL;
}

enum ike_auth_verdict eap_auth_begin(struct ike_auth_round *r)
{
	const struct secret *secret;

	if (auth_own_is_certificate(r))
		return auth_own_ask(r, false);
	secret = r->connection ? own_secret(r) : NULL;
	if (!r->connection)
		r->why = "it wants EAP, which no connection for its IDr and proposals has";
	else if (!secret)
		r->why = "its connection has no certificate to show";
	if (!secret)
		return AUTH_VERDICT_REFUSE;
	ike_add_id_and_auth(r->reply, IKE_PAYLOAD_IDr, &r->connection->local_id,
			    r->half_open->suite.prf, secret, ike_auth_octets(r->half_open, false, (CBS){0}));
	return AUTH_VERDICT_CONTINUE;
}

enum ike_auth_verdict eap_auth_answered(struct ike_auth_round *r)
{
	if (!auth_own_answered(r))
		return AUTH_VERDICT_REFUSE;
	auth_own_add(r, r->answer, r->reply);
	return AUTH_VERDICT_CONTINUE;
}

/* ---- Packets ---- */

void eap_auth_add(struct ike_auth_round *r, struct blob *packet)
{
	assert(packet); /* Ours are never too long. */
	ike_add_payload(r->reply, IKE_PAYLOAD_EAP, false, packet->data, packet->len);
	blob_unref(packet);
}

void eap_auth_end(struct ike_auth_round *r, uint8_t code, uint8_t id)
{
	eap_auth_add(r, eap_encode(&(struct eap){.code = code, .id = id}));
}

bool eap_auth_packet(struct ike_auth_round *r, uint8_t id, struct eap *e)
{
	if (!ike_message_has(r->message, IKE_PAYLOAD_EAP))
		r->why = "no EAP in its request";
	else if (eap_parse(e, r->message->eap) != OK)
		r->why = "malformed EAP packet";
	else if (e->code != EAP_RESPONSE || e->id != id)
		r->why = "its EAP packet is no response to ours";
	else
		return true;
	return false;
}

enum ike_auth_verdict eap_auth_refuse(struct ike_auth_round *r, uint8_t id, const char *why)
{
	eap_auth_end(r, EAP_FAILURE, id);
	r->why = why;
	return AUTH_VERDICT_REFUSE;
}

/* ---- AUTH by the MSK ---- */

static struct secret msk_secret(CBS msk)
{
	struct secret s = {0};

	secret_set(&s, CBS_data(&msk), CBS_len(&msk));
	return s;
}

enum ike_auth_verdict eap_auth_conclude(struct ike_auth_round *r, CBS msk)
{
	bool good = false;

	if (ike_message_has(r->message, IKE_PAYLOAD_AUTH) &&
	    r->message->auth.method == IKE_AUTH_SHARED_KEY) {
		struct auth_octets octets = ike_auth_octets(r->half_open, true, r->first->idi.body);
		struct secret key = msk_secret(msk);

		good = auth_psk_verify(r->half_open->suite.prf, &key, &octets, r->message->auth.data);
		if (MUTANT(MUTANT_MSK_UNCHECKED))
			good = true;
		secret_cleanse(&key);
	}
	r->why = "its AUTH is not made with the key of its EAP method";
	return good ? AUTH_VERDICT_DONE : AUTH_VERDICT_REFUSE;
}

void eap_auth_finish(const struct ike_auth_round *r, struct ike_builder *b, CBS msk)
{
	struct secret key = msk_secret(msk);

	ike_add_auth_over(b, &r->connection->local_id, r->half_open->suite.prf, &key,
			  ike_auth_octets(r->half_open, false, (CBS){0}));
	secret_cleanse(&key);
}

/* ---- Users ---- */

bool eap_auth_identity(struct ike_id *id, CBS name)
{
	size_t len = CBS_len(&name);
	char text[IKE_ID_MAX + 1] = "";

	memset(id, 0, sizeof(*id));
	id->type = IKE_ID_FQDN;
	id->len = (uint8_t)(len < IKE_ID_MAX ? len : IKE_ID_MAX);
	if (len == 0)
		return false;
	memcpy(id->data, CBS_data(&name), id->len);
	if (len > IKE_ID_MAX || memchr(id->data, '\0', len))
		return false;
	memcpy(text, id->data, len);
	if (ike_id_parse(id, text) == OK)
		return true;
	id->type = IKE_ID_FQDN;
	id->len = (uint8_t)len;
	memcpy(id->data, text, len);
	return false;
}

static const struct ike_user *user_find(const struct ike_config *c, CBS name)
{
	const struct ike_user *found = NULL;
	struct ike_id id;

	if (!eap_auth_identity(&id, name))
		return NULL;
	/* To the end, so that an unknown user takes as long. */
	for (size_t i = 0; i < c->n_users; i++)
		if (ike_id_equal(&c->users[i].id, &id))
			found = &c->users[i];
	return found;
}

const struct ike_user *eap_auth_user(const struct ike_config *c, CBS name)
{
	const struct ike_user *whole = user_find(c, name), *part = user_find(c, mschapv2_user(name));

	return whole ? whole : part;
}
