/* SPDX-License-Identifier: Apache-2.0 */
/* auth = "psk": a pre-shared key authenticates the client (RFC 7296 2.15), in one round, and us
 * too, unless the connection has a certificate. An unknown identity takes the same work, with the
 * same result, as a wrong key. */
#include "proto/auth/method.h"
#include "proto/auth/own.h"
#include "proto/ike/answer.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/select.h"

#include <openssl/mem.h>

static bool psk_takes(const struct ike_message *first)
{
	return ike_message_has(first, IKE_PAYLOAD_AUTH) && first->auth.method == IKE_AUTH_SHARED_KEY;
}

#define KEYS 2u /* The keys of an identity: one, and a second while it is changed. */

static void nobodys_key(struct secret *psk, struct entropy *e)
{
	uint8_t nobodys[32];

	entropy_draw(e, nobodys, sizeof(nobodys));
	secret_set(psk, nobodys, sizeof(nobodys));
	OPENSSL_cleanse(nobodys, sizeof(nobodys));
}

/* The keys of an identity. An unknown identity gets keys that nobody has, and so does the second
 * place of one with a single key: there are always two to try. */
static bool secrets_find(struct secret psk[KEYS], const struct ike_env *env, const struct ike_id *peer)
{
	const struct ike_peer_secret *s = ike_secret_find(env->config, peer);

	for (size_t i = 0; i < KEYS; i++)
		nobodys_key(&psk[i], env->entropy);
	if (!s)
		return false;
	psk[0] = s->psk;
	if (s->other.len > 0)
		psk[1] = s->other;
	return true;
}

/* Both are always tried, so the time does not tell which one a client has. Returns which one fits,
 * or KEYS. */
static size_t keys_try(const struct ike_auth_round *r, const struct secret psk[KEYS])
{
	struct auth_octets octets = ike_auth_octets(r->half_open, true, r->message->idi.body);
	bool good[KEYS];

	for (size_t i = 0; i < KEYS; i++)
		good[i] = auth_psk_verify(r->half_open->suite.prf, &psk[i], &octets, r->message->auth.data);
	return good[0] ? 0 : good[1] ? 1 : KEYS;
}

static enum ike_auth_verdict psk_begin(struct ike_auth_round *r)
{
	struct secret psk[KEYS];
	bool known = secrets_find(psk, r->env, &r->peer), good;
	size_t which = keys_try(r, psk);

	good = which < KEYS;
	/* For finish(): kept in this round. We authenticate with the key that the client used. */
	if (known && good && !auth_own_is_certificate(r))
		blob_set(&r->state, blob_new(psk[which].bytes, psk[which].len));
	r->by = known && which == 1 ? "its second key" : NULL;
	for (size_t i = 0; i < KEYS; i++)
		secret_cleanse(&psk[i]);
	if (!known)
		r->why = "unknown identity";
	else if (!good)
		r->why = "wrong pre-shared key";
	if (!known || !good)
		return AUTH_VERDICT_REFUSE;
	return auth_own_is_certificate(r) ? auth_own_ask(r, false) : AUTH_VERDICT_DONE;
}

static enum ike_auth_verdict psk_answer(struct ike_auth_round *r)
{
	if (!auth_own_answered(r))
		return AUTH_VERDICT_REFUSE;
	if (!ike_secret_find(r->env->config, &r->peer)) {
		r->why = "it is no longer configured";
		return AUTH_VERDICT_REFUSE;
	}
	return AUTH_VERDICT_DONE;
}

static void psk_finish(const struct ike_auth_round *r, struct ike_builder *b)
{
	struct secret psk = {0};

	if (r->answer) {
		auth_own_add(r, r->answer, b);
		return;
	}
	if (r->state) /* An empty key has none. */
		secret_set(&psk, r->state->data, r->state->len);
	ike_add_id_and_auth(b, IKE_PAYLOAD_IDr, &r->connection->local_id, r->half_open->suite.prf, &psk,
			    ike_auth_octets(r->half_open, false, (CBS){0}));
	secret_cleanse(&psk);
}

const struct ike_auth_method ike_auth_psk = {
	.name = "psk",
	.listed = AUTH_LISTED_SECRET,
	.takes = psk_takes,
	.begin = psk_begin,
	.answer = psk_answer,
	.finish = psk_finish,
};
