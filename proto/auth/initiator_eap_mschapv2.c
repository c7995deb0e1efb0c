/* SPDX-License-Identifier: Apache-2.0 */
/* The client's half of auth = "eap-mschapv2" (eap_mschapv2.c). It says nothing before it has
 * verified its gateway, and accepts success only from a peer that knows its password. */
#include "proto/ike/initiator_step.h"
#include "proto/auth/eap_mschapv2_packet.h"
#include "proto/ike/answer.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/payload.h"

#include <openssl/mem.h>

#include <string.h>

struct eap_memory { /* From the gateway's first response on. */
	bool answered; /* The challenge of this MS-CHAPv2-ID, by: */
	uint8_t id;
	uint8_t response[MSCHAPV2_RESPONSE_LEN];
	char proof[MSCHAPV2_PROOF_LEN]; /* What the gateway must know. */
	bool proved, success;
};

static CBS user_of(const struct initiator *i)
{
	CBS name;

	CBS_init(&name, (const uint8_t *)i->config.user, strlen(i->config.user));
	return name;
}

static void eap_begin(struct initiator *i, struct ike_builder *b)
{
	ike_add_id(b, IKE_PAYLOAD_IDi, &i->config.id);
	initiator_add_certreq(i, b);
}

static enum ike_auth_verdict say(struct ike_builder *b, struct blob *packet)
{
	if (!packet)
		return AUTH_VERDICT_REFUSE;
	ike_add_payload(b, IKE_PAYLOAD_EAP, false, packet->data, packet->len);
	blob_unref(packet);
	return AUTH_VERDICT_CONTINUE;
}

static struct blob *answer_challenge(struct initiator *i, struct eap_memory *k,
				     const struct mschapv2_packet *m)
{
	struct mschapv2_packet out = {.op = MSCHAPV2_RESPONSE, .id = m->id, .name = user_of(i)};
	struct mschapv2 x = {.name = mschapv2_user(user_of(i))};

	memcpy(x.authenticator_challenge, CBS_data(&m->challenge), MSCHAPV2_CHALLENGE_LEN);
	entropy_draw(&i->entropy, x.peer_challenge, sizeof(x.peer_challenge));
	mschapv2_response(k->response, &i->config.password, &x);
	mschapv2_proof(k->proof, &i->config.password, &x, k->response);
	k->answered = true;
	k->id = m->id;
	CBS_init(&out.challenge, x.peer_challenge, sizeof(x.peer_challenge));
	CBS_init(&out.response, k->response, sizeof(k->response));
	return mschapv2_packet_encode(EAP_RESPONSE, &out);
}

static struct blob *answer(struct initiator *i, struct eap_memory *k, const struct eap *e)
{
	struct mschapv2_packet m, ends = {.id = e->id};
	CBS proof;

	/* What follows the challenge keeps its MS-CHAPv2-ID where EAP's identifier goes on (strongSwan). */
	if (mschapv2_packet_parse(&m, e) != OK || (m.id != e->id && !(k->answered && m.id == k->id)))
		return NULL;
	ends.op = m.op;
	if (m.op == MSCHAPV2_CHALLENGE && !k->answered)
		return answer_challenge(i, k, &m);
	if (m.op == MSCHAPV2_FAILURE && k->answered && !k->proved)
		return mschapv2_packet_encode(EAP_RESPONSE, &ends);
	if (m.op != MSCHAPV2_SUCCESS || !k->answered || k->proved ||
	    !CBS_get_bytes(&m.message, &proof, sizeof(k->proof)) ||
	    !CBS_mem_equal(&proof, (const uint8_t *)k->proof, sizeof(k->proof)))
		return NULL;
	k->proved = true;
	return mschapv2_packet_encode(EAP_RESPONSE, &ends);
}

static struct secret msk_of(const struct initiator *i, const struct eap_memory *k)
{
	uint8_t msk[MSCHAPV2_MSK_LEN];
	struct secret s = {0};

	mschapv2_msk(msk, &i->config.password, k->response);
	secret_set(&s, msk, sizeof(msk));
	OPENSSL_cleanse(msk, sizeof(msk));
	return s;
}

/* EAP is over: both show that they have its key. */
static enum ike_auth_verdict show_key(struct initiator *i, struct eap_memory *k, struct ike_builder *b)
{
	struct secret key = msk_of(i, k);

	k->success = true;
	ike_add_auth_over(b, &i->config.id, i->ike[0].suite.prf, &key,
			  initiator_auth_octets(i, true, (CBS){0}));
	secret_cleanse(&key);
	return AUTH_VERDICT_CONTINUE;
}

static enum ike_auth_verdict take_key(const struct initiator *i, const struct eap_memory *k,
				      const struct ike_message *m)
{
	uint8_t body[4 + IKE_ID_MAX] = {i->gateway_id.type};
	struct auth_octets octets;
	struct secret key = msk_of(i, k);
	bool good;
	CBS id;

	memcpy(body + 4, i->gateway_id.data, i->gateway_id.len);
	CBS_init(&id, body, 4 + (size_t)i->gateway_id.len);
	octets = initiator_auth_octets(i, false, id);
	good = ike_message_has(m, IKE_PAYLOAD_AUTH) && m->auth.method == IKE_AUTH_SHARED_KEY &&
	       auth_psk_verify(i->ike[0].suite.prf, &key, &octets, m->auth.data);
	secret_cleanse(&key);
	return good ? AUTH_VERDICT_DONE : AUTH_VERDICT_REFUSE;
}

static enum ike_auth_verdict take_packet(struct initiator *i, struct eap_memory *k,
					 const struct ike_message *m, struct ike_builder *b)
{
	struct eap e, identity = {.code = EAP_RESPONSE, .type = EAP_TYPE_IDENTITY, .data = user_of(i)};

	if (!ike_message_has(m, IKE_PAYLOAD_EAP) || eap_parse(&e, m->eap) != OK)
		return AUTH_VERDICT_REFUSE;
	identity.id = e.id;
	if (e.code == EAP_SUCCESS && k->proved)
		return show_key(i, k, b);
	if (e.code == EAP_REQUEST && e.type == EAP_TYPE_IDENTITY && !k->answered)
		return say(b, eap_encode(&identity));
	if (e.code == EAP_REQUEST && e.type == EAP_TYPE_MSCHAPV2)
		return say(b, answer(i, k, &e));
	return AUTH_VERDICT_REFUSE;
}

static enum ike_auth_verdict eap_step(struct initiator *i, const struct ike_message *m,
				      struct ike_builder *b)
{
	enum ike_auth_verdict verdict;
	struct eap_memory k = {0};

	if (!i->auth_state && !initiator_psk_gateway(i, m))
		return AUTH_VERDICT_REFUSE;
	if (i->auth_state)
		memcpy(&k, i->auth_state->data, sizeof(k));
	verdict = k.success ? take_key(i, &k, m) : take_packet(i, &k, m, b);
	blob_set(&i->auth_state, blob_new(&k, sizeof(k)));
	OPENSSL_cleanse(&k, sizeof(k));
	return verdict;
}

const struct initiator_auth initiator_eap_mschapv2 = {.begin = eap_begin, .step = eap_step};
