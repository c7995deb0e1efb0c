/* SPDX-License-Identifier: Apache-2.0 */
/* What the initiator of an exchange does with the answer, whichever side it is: the client in
 * IKE_SA_INIT, IKE_AUTH and CREATE_CHILD_SA, the gateway when it rekeys a Child SA itself. The
 * other side must have chosen from our offer; this file checks that, and nothing else: "The
 * initiator of an exchange MUST check that the accepted offer is consistent with one of its
 * proposals, and if not MUST terminate the exchange" (RFC 7296 3.3.6). Checking changes nothing. */
#include "proto/ike/answer.h"
#include "proto/crypto/dh_desk.h"
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/payload.h"
#include "proto/ike/select.h"
#include "proto/mutant.h"

#include <openssl/mem.h>

#include <string.h>

/* sa_parse_answer() has refused what is no whole suite of known transforms. */
bool ike_answer_suite(struct sa_choice *out, const struct sa_offer *offer,
		      const struct ike_half *ours, const struct ike_message *m)
{
	const struct proposal *p;

	if (!ike_message_has(m, IKE_PAYLOAD_SA) || sa_parse_answer(out, &m->sa) != OK ||
	    out->protocol != offer->protocol || out->spi_len != offer->spi_len ||
	    (out->spi_len != 0 && out->spi == 0))
		return false;
	/* 3.3.1: the number of the proposal that was accepted; ours count from 1. */
	if (out->number == 0 || out->number > offer->n)
		return false;
	p = &offer->proposals[out->number - 1];
	if (!(offer->protocol == IKE_PROTOCOL_IKE
		      ? ike_proposal_allows(p, &out->suite)
		      : esp_proposal_allows(p, &out->suite, offer->with_dh)))
		return false;
	/* The peer must ask with INVALID_KE_PAYLOAD for a group that we offered without a KE; it
	 * may not simply choose it. */
	return out->suite.dh == DH_NONE || out->suite.dh == ours->dh->group;
}

bool ike_answer_keys(struct ike_key_input *in, struct dh_secret *shared, const struct ike_half *ours,
		     const struct suite *suite, uint16_t prf, const struct ike_message *m)
{
	memset(in, 0, sizeof(*in));
	CBS_init(&in->nonce_i, ours->nonce, IKE_NONCE_LEN);
	in->nonce_r = m->nonce;
	if (!ike_message_has(m, IKE_PAYLOAD_NONCE) || !ike_nonce_fits(&m->nonce, prf))
		return false;
	if (suite->dh == DH_NONE) /* 1.3.1: with NONE chosen a KE payload is ignored. */
		return true;
	if (!ike_message_has(m, IKE_PAYLOAD_KE) || m->ke.group != suite->dh ||
	    dh_desk_shared(ours->desk, ours->dh, m->ke.data, shared) != OK)
		return false;
	in->shared = shared;
	return true;
}

/* Of what the peer answers with, what was asked for. */
static uint16_t take_selectors(struct ts_set *out, const CBS *body, const struct ts_set *asked,
			       const struct child_question *q)
{
	if (MUTANT(MUTANT_ANSWER_WIDER))
		return ts_payload_parse(out, body) == OK ? 0 : IKE_NOTIFY_INVALID_SYNTAX;
	if (ts_payload_narrow(out, body, q->cut ? asked : NULL) != OK)
		return IKE_NOTIFY_INVALID_SYNTAX;
	return ts_set_within(out, asked) ? 0 : IKE_NOTIFY_TS_UNACCEPTABLE;
}

uint16_t ike_child_answer(struct child_plan *plan, const struct child_question *q,
			  struct child_list have, const struct ike_message *m)
{
	uint16_t error;

	memset(plan, 0, sizeof(*plan));
	if (!ike_message_has(m, IKE_PAYLOAD_TSi) || !ike_message_has(m, IKE_PAYLOAD_TSr))
		return IKE_NOTIFY_INVALID_SYNTAX;
	if (!ike_answer_suite(&plan->choice, q->offer, q->ours, m) ||
	    !child_spi_usable(have, plan->choice.spi) || have.n == IKE_CHILD_MAX)
		return IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
	error = take_selectors(&plan->local, &m->tsi, q->local, q);
	return error ? error : take_selectors(&plan->remote, &m->tsr, q->remote, q);
}

bool ike_nonce_is_lower(CBS a, CBS b)
{
	size_t len = CBS_len(&a) < CBS_len(&b) ? CBS_len(&a) : CBS_len(&b);
	int order = len > 0 ? memcmp(CBS_data(&a), CBS_data(&b), len) : 0;

	return order != 0 ? order < 0 : CBS_len(&a) < CBS_len(&b);
}

/* AUTH covers the body of the ID payload as it goes out (2.15). */
void ike_add_auth_over(struct ike_builder *b, const struct ike_id *id, uint16_t prf,
		       const struct secret *psk, struct auth_octets octets)
{
	uint8_t body[4 + IKE_ID_MAX] = {id->type};
	uint8_t auth[PRF_LEN_MAX];
	size_t len;

	memcpy(body + 4, id->data, id->len);
	CBS_init(&octets.id, body, 4 + (size_t)id->len);
	len = auth_psk_compute(prf, psk, &octets, auth);
	ike_add_auth(b, IKE_AUTH_SHARED_KEY, auth, len);
	OPENSSL_cleanse(auth, sizeof(auth));
}

void ike_add_id_and_auth(struct ike_builder *b, uint8_t type, const struct ike_id *id, uint16_t prf,
			 const struct secret *psk, struct auth_octets octets)
{
	ike_add_id(b, type, id);
	ike_add_auth_over(b, id, prf, psk, octets);
}
