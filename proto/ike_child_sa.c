/* SPDX-License-Identifier: Apache-2.0 */
/* Making a Child SA, the same way in IKE_AUTH and in CREATE_CHILD_SA: agree on
 * suite and selectors first (and change nothing), then draw and derive. */
#include "proto/ike_step.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

#define ESP_SPI_MIN 256u /* RFC 4303 2.1: 1 to 255 are reserved, 0 is for local use. */

/* The client's SPI is its name for the pair in REKEY_SA and DELETE: it must tell
 * one from the other. */
static bool spi_usable(const struct ike_session *s, uint64_t spi_out)
{
	if (spi_out < ESP_SPI_MIN)
		return false;
	for (size_t i = 0; i < s->n_child; i++)
		if (s->child[i].spi_out == spi_out)
			return false;
	return true;
}

/* RFC 7296 2.9: the responder "may narrow the Traffic Selectors by selecting a
 * subset of the traffic". Nothing left: TS_UNACCEPTABLE. */
static uint16_t narrow(struct child_plan *plan, const struct child_terms *terms,
		       const struct ike_message *m)
{
	struct ts_set initiator, responder;

	if (ts_payload_parse(&initiator, &m->tsi) != OK ||
	    ts_payload_parse(&responder, &m->tsr) != OK)
		return IKE_NOTIFY_INVALID_SYNTAX;
	if (!ts_narrow(&plan->remote, &initiator, terms->remote) ||
	    !ts_narrow(&plan->local, &responder, terms->local))
		return IKE_NOTIFY_TS_UNACCEPTABLE;
	return 0;
}

uint16_t ike_child_negotiate(struct child_plan *plan, const struct child_terms *terms,
			     const struct ike_session *s, const struct ike_message *m)
{
	uint16_t error;

	memset(plan, 0, sizeof(*plan));
	if (!ike_message_has(m, IKE_PAYLOAD_SA) || !ike_message_has(m, IKE_PAYLOAD_TSi) ||
	    !ike_message_has(m, IKE_PAYLOAD_TSr))
		return IKE_NOTIFY_INVALID_SYNTAX;
	switch (sa_select_esp(&plan->choice, &m->sa, terms->proposals, terms->n_proposals,
			      terms->dh, m->ke.group)) {
	case OK:
		break;
	case ERR_UNSUPPORTED:
		return IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
	default:
		return IKE_NOTIFY_INVALID_SYNTAX;
	}
	if (!spi_usable(s, plan->choice.spi))
		return IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
	error = narrow(plan, terms, m);
	if (error)
		return error;
	if (s->n_child == IKE_CHILD_MAX)
		return IKE_NOTIFY_NO_ADDITIONAL_SAS;
	return terms->dh == SA_DH_NEGOTIATE && plan->choice.ke_mismatch
		       ? IKE_NOTIFY_INVALID_KE_PAYLOAD
		       : 0;
}

void ike_child_create(struct child_sa *child, const struct child_plan *plan,
		      const struct ike_env *env, const struct ike_sa *sa,
		      const struct ike_key_input *input)
{
	memset(child, 0, sizeof(*child));
	child->spi_in = env->draw_spi(env->ctx, env->entropy);
	assert(child->spi_in >= ESP_SPI_MIN);
	child->spi_out = (uint32_t)plan->choice.spi;
	child->suite = plan->choice.suite;
	child->local = plan->local;
	child->remote = plan->remote;
	child_keys_derive(child, sa->suite.prf, &sa->keys.d, input, false);
}

void ike_child_remove(struct ike_session *s, uint32_t spi_in)
{
	struct child_sa *child = ike_session_find_child(s, spi_in);
	struct child_sa *last;

	if (!child)
		return;
	last = &s->child[s->n_child - 1];
	memmove(child, child + 1, (size_t)(last - child) * sizeof(*child));
	OPENSSL_cleanse(last, sizeof(*last));
	s->n_child--;
}

bool ike_nonce_fits(const CBS *nonce, uint16_t prf)
{
	return CBS_len(nonce) >= IKE_NONCE_MIN && CBS_len(nonce) <= IKE_NONCE_MAX &&
	       CBS_len(nonce) >= prf_key_len(prf) / 2;
}

enum status ike_ke_respond(struct ike_ke *out, const struct ike_payload_ke *theirs,
			   struct entropy *e)
{
	struct dh_keypair pair;
	enum status s;

	memset(out, 0, sizeof(*out));
	s = dh_generate(theirs->group, e, &pair, out->data, &out->len);
	if (s == OK)
		s = dh_shared(&pair, CBS_data(&theirs->data), CBS_len(&theirs->data), &out->shared);
	dh_keypair_cleanse(&pair);
	return s;
}
