/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's state: the number of the challenge (1 or 2), and the challenge. A question has the
 * identity, its challenge and its MAC; an answer says whether that is right, and has the next
 * challenge. */
#include "test/lib/toy_auth.h"

#include "proto/crypto/prf.h"
#include "proto/ike/answer.h"
#include "proto/ike/initiator_step.h"

#include <assert.h>
#include <string.h>

#define CHALLENGE 16u
#define MAC 32u
#define TOY_QUESTION 255u /* The first octet: who answers it. */

static const struct secret *key_of(const struct ike_config *c, const struct ike_id *peer)
{
	for (size_t i = 0; i < c->n_secrets; i++)
		if (ike_id_equal(&c->secrets[i].id, peer))
			return &c->secrets[i].psk;
	return NULL;
}

static void mac_of(uint8_t out[MAC], const struct secret *psk, const uint8_t *challenge)
{
	uint8_t octets[CHALLENGE + SECRET_MAX];

	memcpy(octets, challenge, CHALLENGE);
	memcpy(octets + CHALLENGE, psk->bytes, psk->len);
	hash_sha256(octets, CHALLENGE + psk->len, out);
}

static bool is_mac(const CBS *eap, const struct secret *psk, const uint8_t *challenge)
{
	uint8_t mac[MAC];

	if (!psk)
		return false;
	mac_of(mac, psk, challenge);
	return CBS_mem_equal(eap, mac, MAC);
}

/* ---- The gateway ---- */

static bool toy_takes(const struct ike_message *first)
{
	return !ike_message_has(first, IKE_PAYLOAD_AUTH);
}

static enum ike_auth_verdict challenge(struct ike_auth_round *r, uint8_t number,
				       const uint8_t octets[CHALLENGE])
{
	struct blob *state = blob_new(NULL, 1 + CHALLENGE);

	state->data[0] = number;
	memcpy(state->data + 1, octets, CHALLENGE);
	blob_set(&r->state, state);
	ike_add_payload(r->reply, IKE_PAYLOAD_EAP, false, octets, CHALLENGE);
	return AUTH_VERDICT_CONTINUE;
}

static enum ike_auth_verdict toy_begin(struct ike_auth_round *r)
{
	uint8_t octets[CHALLENGE];

	if (!r->connection) {
		r->why = "no connection";
		return AUTH_VERDICT_REFUSE;
	}
	entropy_draw(r->env->entropy, octets, sizeof(octets));
	ike_add_id(r->reply, IKE_PAYLOAD_IDr, &r->connection->local_id);
	return challenge(r, 1, octets);
}

static enum ike_auth_verdict toy_step(struct ike_auth_round *r)
{
	const struct secret *psk = key_of(r->env->config, &r->peer);
	CBS eap = r->message->eap;

	assert(r->state && r->state->len == 1 + CHALLENGE);
	if (!ike_message_has(r->message, IKE_PAYLOAD_EAP) || CBS_len(&eap) != MAC) {
		r->why = "no answer in it";
		return AUTH_VERDICT_REFUSE;
	}
	if (r->state->data[0] == 2) {
		r->why = "wrong answer";
		return is_mac(&eap, psk, r->state->data + 1) ? AUTH_VERDICT_DONE : AUTH_VERDICT_REFUSE;
	}
	r->question = blob_new(NULL, 1 + sizeof(r->peer) + CHALLENGE + MAC);
	r->question->data[0] = TOY_QUESTION;
	memcpy(r->question->data + 1, &r->peer, sizeof(r->peer));
	memcpy(r->question->data + 1 + sizeof(r->peer), r->state->data + 1, CHALLENGE);
	memcpy(r->question->data + 1 + sizeof(r->peer) + CHALLENGE, CBS_data(&eap), MAC);
	return AUTH_VERDICT_ASK;
}

static enum ike_auth_verdict toy_answer(struct ike_auth_round *r)
{
	if (r->answer->len == 1 + CHALLENGE && r->answer->data[0] == 1)
		return challenge(r, 2, r->answer->data + 1);
	r->why = "those outside do not know it";
	return AUTH_VERDICT_REFUSE;
}

static void toy_finish(const struct ike_auth_round *r, struct ike_builder *b)
{
	ike_add_id_and_auth(b, IKE_PAYLOAD_IDr, &r->connection->local_id, r->half_open->suite.prf,
			    key_of(r->env->config, &r->peer),
			    ike_auth_octets(r->half_open, false, (CBS){0}));
}

const struct ike_auth_method toy_auth = {
	.name = "toy",
	.listed = AUTH_LISTED_SECRET,
	.takes = toy_takes,
	.begin = toy_begin,
	.step = toy_step,
	.answer = toy_answer,
	.finish = toy_finish,
};

/* ---- Outside ---- */

struct blob *toy_auth_outside(const struct ike_config *config, const struct blob *question,
			      uint64_t seed)
{
	struct blob *answer = blob_new(NULL, 1 + CHALLENGE);
	uint8_t hash[MAC];
	struct ike_id peer;
	CBS mac;

	assert(question->len == 1 + sizeof(peer) + CHALLENGE + MAC && question->data[0] == TOY_QUESTION);
	memcpy(&peer, question->data + 1, sizeof(peer));
	CBS_init(&mac, question->data + 1 + sizeof(peer) + CHALLENGE, MAC);
	answer->data[0] = is_mac(&mac, key_of(config, &peer), question->data + 1 + sizeof(peer));
	hash_sha256((const uint8_t *)&seed, sizeof(seed), hash);
	memcpy(answer->data + 1, hash, CHALLENGE);
	return answer;
}

/* ---- The client ---- */

static void client_begin(struct initiator *i, struct ike_builder *b)
{
	ike_add_id(b, IKE_PAYLOAD_IDi, &i->config.id);
}

static enum ike_auth_verdict client_step(struct initiator *i, const struct ike_message *m,
					 struct ike_builder *b)
{
	uint8_t mac[MAC];

	if (!ike_message_has(m, IKE_PAYLOAD_EAP))
		return initiator_psk.step(i, m, b);
	if (CBS_len(&m->eap) != CHALLENGE)
		return AUTH_VERDICT_REFUSE;
	mac_of(mac, &i->config.psk, CBS_data(&m->eap));
	ike_add_payload(b, IKE_PAYLOAD_EAP, false, mac, MAC);
	return AUTH_VERDICT_CONTINUE;
}

const struct initiator_auth initiator_toy = {.begin = client_begin, .step = client_step};
