/* SPDX-License-Identifier: Apache-2.0 */
/* auth = "eap-mschapv2": a user name and a password, checked here (RFC 7296 2.16 with
 * draft-kamath-pppext-eap-mschapv2):
 *
 * 	IDi, SA, TS ...  -->          <--  IDr, AUTH, EAP Request/Identity
 * 	EAP Response/Identity  -->    <--  EAP Request/Challenge          drawn, and shared
 * 	EAP Response/Response  -->    <--  EAP Request/Success "S=..."    or Failure "E=691 R=0"
 * 	EAP Response/Success   -->    <--  EAP Success
 * 	AUTH  -->                     <--  AUTH, CP, SA, TS
 *
 * We always ask for the EAP identity: Windows has no other meaningful one. The client's identity is
 * then the [[user]]'s, whatever IDi is and whatever name it writes in MS-CHAP-V2: it must know that
 * user's password.
 *
 * An unknown user is treated like a wrong password: the same work, the same answers. The client is
 * told in MS-CHAP-V2's own way first, because clients then ask for the password again instead of
 * showing an error number; and it is told that it may not try again in the same EAP. */
#include "proto/auth/eap_auth.h"
#include "proto/auth/eap_mschapv2_packet.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum phase { /* What was asked, and is to be answered now. */
	PHASE_IDENTITY = 1,
	PHASE_CHALLENGE,
	PHASE_SUCCESS,
	PHASE_FAILURE,
	PHASE_AUTH /* EAP is over. */
};

struct progress {
	uint8_t phase;
	uint8_t id; /* The identifier of our last request. */
	uint8_t name_len, name[IKE_ID_MAX]; /* EAP-Identity */
	uint8_t challenge[MSCHAPV2_CHALLENGE_LEN];
	uint8_t msk[MSCHAPV2_MSK_LEN]; /* From SUCCESS on. */
};

/* It is of octets alone, and one length for all: nothing can be read wrongly. */
static void put(struct ike_auth_round *r, const struct progress *p)
{
	blob_set(&r->state, blob_new(p, sizeof(*p)));
}

static bool take(const struct ike_auth_round *r, struct progress *p)
{
	if (!r->state || r->state->len != sizeof(*p))
		return false;
	memcpy(p, r->state->data, sizeof(*p));
	return p->phase >= PHASE_IDENTITY && p->phase <= PHASE_AUTH && p->name_len <= sizeof(p->name);
}

static CBS name_of(const struct progress *p)
{
	CBS name;

	CBS_init(&name, p->name, p->name_len);
	return name;
}

static enum ike_auth_verdict refuse(struct ike_auth_round *r, const struct progress *p,
				    const char *why)
{
	return eap_auth_refuse(r, p->id, why);
}

/* ---- Our requests ---- */

static enum ike_auth_verdict ask(struct ike_auth_round *r, struct progress *p, enum phase phase,
				 struct blob *packet)
{
	p->phase = (uint8_t)phase;
	put(r, p);
	eap_auth_add(r, packet);
	return AUTH_VERDICT_CONTINUE;
}

static enum ike_auth_verdict ask_identity(struct ike_auth_round *r)
{
	struct progress p = {0};
	struct eap identity = {.code = EAP_REQUEST, .type = EAP_TYPE_IDENTITY};

	entropy_draw(r->env->entropy, &p.id, 1);
	identity.id = p.id;
	return ask(r, &p, PHASE_IDENTITY, eap_encode(&identity));
}

static enum ike_auth_verdict mschapv2_begin(struct ike_auth_round *r)
{
	enum ike_auth_verdict verdict = eap_auth_begin(r);

	return verdict == AUTH_VERDICT_CONTINUE ? ask_identity(r) : verdict;
}

/* What shows who we are is there: it is all that is asked outside. */
static enum ike_auth_verdict mschapv2_answer(struct ike_auth_round *r)
{
	enum ike_auth_verdict verdict = eap_auth_answered(r);

	return verdict == AUTH_VERDICT_CONTINUE ? ask_identity(r) : verdict;
}

/* The name in a challenge is "the name of the authenticator", which nobody looks at. */
static enum ike_auth_verdict challenge(struct ike_auth_round *r, struct progress *p)
{
	struct mschapv2_packet m = {.op = MSCHAPV2_CHALLENGE, .id = ++p->id};

	entropy_draw(r->env->entropy, p->challenge, sizeof(p->challenge));
	CBS_init(&m.challenge, p->challenge, sizeof(p->challenge));
	CBS_init(&m.name, r->connection->local_id.data, r->connection->local_id.len);
	return ask(r, p, PHASE_CHALLENGE, mschapv2_packet_encode(EAP_REQUEST, &m));
}

static enum ike_auth_verdict message(struct ike_auth_round *r, struct progress *p, enum phase phase,
				     const char *text)
{
	struct mschapv2_packet m = {.op = phase == PHASE_SUCCESS ? MSCHAPV2_SUCCESS : MSCHAPV2_FAILURE,
				    .id = ++p->id};

	CBS_init(&m.message, (const uint8_t *)text, strlen(text));
	return ask(r, p, phase, mschapv2_packet_encode(EAP_REQUEST, &m));
}

/* 691: ERROR_AUTHENTICATION_FAILURE. The challenge is for another try, which is not offered. */
static enum ike_auth_verdict fail(struct ike_auth_round *r, struct progress *p, const char *why)
{
	char text[96] = "E=691 R=0 C=";
	size_t at = strlen(text);

	for (size_t i = 0; i < sizeof(p->challenge); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%02X", p->challenge[i]);
	snprintf(text + at, sizeof(text) - at, " V=3 M=Authentication failed");
	r->why = why;
	return message(r, p, PHASE_FAILURE, text);
}

/* ---- The peer's responses ---- */

static enum ike_auth_verdict take_identity(struct ike_auth_round *r, struct progress *p,
					   const struct eap *e)
{
	const struct ike_user *user;

	if (e->type != EAP_TYPE_IDENTITY)
		return refuse(r, p, "it does not say its EAP identity");
	(void)eap_auth_identity(&r->peer, e->data); /* For the log, whoever it is. */
	user = eap_auth_user(r->env->config, e->data);
	if (user)
		r->peer = user->id;
	/* If it is too long, no user has it. */
	p->name_len = CBS_len(&e->data) <= sizeof(p->name) ? (uint8_t)CBS_len(&e->data) : 0;
	if (p->name_len > 0)
		memcpy(p->name, CBS_data(&e->data), p->name_len);
	return challenge(r, p);
}

static enum ike_auth_verdict take_response(struct ike_auth_round *r, struct progress *p,
					   const struct mschapv2_packet *m)
{
	const struct ike_user *user = eap_auth_user(r->env->config, name_of(p));
	uint8_t response[MSCHAPV2_RESPONSE_LEN];
	char text[MSCHAPV2_PROOF_LEN + 8] = "";
	struct mschapv2 x;
	struct nt_hash hash;
	bool good;

	entropy_draw(r->env->entropy, &hash, sizeof(hash)); /* An unknown user has one that nobody has. */
	if (user) {
		hash = user->password;
		r->peer = user->id; /* Since its Identity another user may have come that fits better. */
	}
	memcpy(x.authenticator_challenge, p->challenge, sizeof(p->challenge));
	memcpy(x.peer_challenge, CBS_data(&m->challenge), sizeof(x.peer_challenge));
	x.name = mschapv2_user(m->name);
	mschapv2_response(response, &hash, &x);
	good = CRYPTO_memcmp(response, CBS_data(&m->response), sizeof(response)) == 0;
	mschapv2_proof(text, &hash, &x, response);
	mschapv2_msk(p->msk, &hash, response);
	OPENSSL_cleanse(&hash, sizeof(hash));
	strcat(text, " M=OK");
	if (user && good)
		return message(r, p, PHASE_SUCCESS, text);
	OPENSSL_cleanse(p->msk, sizeof(p->msk));
	return fail(r, p, user ? "wrong password" : "unknown user");
}

static enum ike_auth_verdict take_mschapv2(struct ike_auth_round *r, struct progress *p,
					   const struct eap *e)
{
	struct mschapv2_packet m;

	if (p->phase == PHASE_FAILURE)
		return refuse(r, p, NULL);
	if (e->type == EAP_TYPE_NAK)
		return refuse(r, p, "it wants another EAP method than MS-CHAP-V2");
	if (e->type != EAP_TYPE_MSCHAPV2 || mschapv2_packet_parse(&m, e) != OK)
		return refuse(r, p, "malformed MS-CHAP-V2 packet");
	if (p->phase == PHASE_CHALLENGE && m.op == MSCHAPV2_RESPONSE)
		return take_response(r, p, &m);
	if (p->phase != PHASE_SUCCESS || m.op != MSCHAPV2_SUCCESS)
		return refuse(r, p, m.op == MSCHAPV2_FAILURE ? "it does not accept us as its gateway"
							     : "not the MS-CHAP-V2 packet that comes next");
	p->phase = PHASE_AUTH;
	put(r, p);
	eap_auth_end(r, EAP_SUCCESS, p->id);
	return AUTH_VERDICT_CONTINUE;
}

static enum ike_auth_verdict mschapv2_step(struct ike_auth_round *r)
{
	enum ike_auth_verdict verdict;
	const struct ike_user *user;
	struct progress p;
	struct eap e;
	CBS msk;

	if (!take(r, &p)) {
		r->why = "its connection has another method";
		return AUTH_VERDICT_REFUSE;
	}
	CBS_init(&msk, p.msk, sizeof(p.msk));
	user = p.phase == PHASE_AUTH ? eap_auth_user(r->env->config, name_of(&p)) : NULL;
	if (p.phase == PHASE_AUTH && !(user && ike_id_equal(&user->id, &r->peer)))
		verdict = refuse(r, &p, "it is no longer configured");
	else if (p.phase == PHASE_AUTH)
		verdict = eap_auth_conclude(r, msk);
	else if (!eap_auth_packet(r, p.id, &e))
		verdict = refuse(r, &p, p.phase == PHASE_FAILURE ? NULL : r->why);
	else if (p.phase == PHASE_IDENTITY)
		verdict = take_identity(r, &p, &e);
	else
		verdict = take_mschapv2(r, &p, &e);
	OPENSSL_cleanse(&p, sizeof(p));
	return verdict;
}

static void mschapv2_finish(const struct ike_auth_round *r, struct ike_builder *b)
{
	struct progress p;
	CBS msk;

	if (!take(r, &p))
		return; /* It has just been read. */
	CBS_init(&msk, p.msk, sizeof(p.msk));
	eap_auth_finish(r, b, msk);
	OPENSSL_cleanse(&p, sizeof(p));
}

const struct ike_auth_method ike_auth_eap_mschapv2 = {
	.name = "eap-mschapv2",
	.listed = AUTH_LISTED_USER,
	.takes = eap_auth_takes,
	.begin = mschapv2_begin,
	.step = mschapv2_step,
	.answer = mschapv2_answer,
	.finish = mschapv2_finish,
};
