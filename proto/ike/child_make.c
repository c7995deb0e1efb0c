/* SPDX-License-Identifier: Apache-2.0 */
/* Making a Child SA, the same way in IKE_AUTH and in CREATE_CHILD_SA: agree on
 * suite and selectors first (and change nothing), then draw and derive. */
#include "proto/ike/child_make.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/payload.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

#define ESP_SPI_MIN 256u /* RFC 4303 2.1: 1 to 255 are reserved, 0 is for local use. */

/* The other side's SPI is its name for the pair in REKEY_SA and DELETE: it must tell
 * one from the other. */
bool child_spi_usable(struct child_list have, uint64_t spi_out)
{
	if (spi_out < ESP_SPI_MIN)
		return false;
	for (size_t i = 0; i < have.n; i++)
		if (have.child[i].spi_out == spi_out)
			return false;
	return true;
}

/* RFC 7296 2.9: the responder "may narrow the Traffic Selectors by selecting a
 * subset of the traffic". Nothing left: TS_UNACCEPTABLE. */
static uint16_t narrow(struct child_plan *plan, const struct child_terms *terms,
		       const struct ike_message *m)
{
	if (ts_payload_narrow(&plan->remote, &m->tsi, terms->remote) != OK ||
	    ts_payload_narrow(&plan->local, &m->tsr, terms->local) != OK)
		return IKE_NOTIFY_INVALID_SYNTAX;
	return plan->remote.n > 0 && plan->local.n > 0 ? 0 : IKE_NOTIFY_TS_UNACCEPTABLE;
}

uint16_t ike_child_admit(const struct ike_env *env, const struct ike_session *s, uint32_t replaces)
{
	unsigned now = ike_session_places(s), then = ike_session_places_with(s, replaces);

	if (then <= IKE_CHILD_MAX &&
	    (then <= now || !env->has_places || env->has_places(env->ctx, then - now)))
		return 0;
	return replaces ? IKE_NOTIFY_TEMPORARY_FAILURE : IKE_NOTIFY_NO_ADDITIONAL_SAS;
}

uint16_t ike_child_negotiate(struct child_plan *plan, const struct child_terms *terms,
			     struct child_list have, const struct ike_message *m)
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
	if (!child_spi_usable(have, plan->choice.spi))
		return IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
	error = narrow(plan, terms, m);
	if (error)
		return error;
	if (terms->refused)
		return terms->refused;
	if (have.n == IKE_CHILD_MAX)
		return IKE_NOTIFY_NO_ADDITIONAL_SAS;
	return terms->dh == SA_DH_NEGOTIATE && plan->choice.ke_mismatch
		       ? IKE_NOTIFY_INVALID_KE_PAYLOAD
		       : 0;
}

void ike_child_create(struct child_sa *child, const struct child_plan *plan, uint32_t spi_in,
		      const struct ike_sa *sa, const struct ike_key_input *input, bool we_asked)
{
	assert(spi_in >= ESP_SPI_MIN);
	memset(child, 0, sizeof(*child));
	child->spi_in = spi_in;
	child->spi_out = (uint32_t)plan->choice.spi;
	child->suite = plan->choice.suite;
	child->local = plan->local;
	child->remote = plan->remote;
	child_keys_derive(child, sa->suite.prf, &sa->keys.d, input, we_asked);
}

bool ike_child_respond(struct child_response *r, struct child_sa *child,
		       const struct child_plan *plan, const struct ike_sa *sa,
		       const struct ike_message *m)
{
	bool pfs = plan->choice.suite.dh != DH_NONE;
	struct ike_key_input input = {.nonce_i = m->nonce};
	struct dh_result ke;

	if (pfs) {
		if (dh_desk_respond(r->dh, m->ke.group, m->ke.data, r->entropy, &ke) != OK)
			return false;
		input.shared = &ke.shared;
	}
	entropy_draw(r->entropy, r->nonce, sizeof(r->nonce));
	CBS_init(&input.nonce_r, r->nonce, sizeof(r->nonce));
	ike_child_create(child, plan, r->spi_in, sa, &input, false);
	ike_add_sa_answer(r->reply, &plan->choice, child->spi_in);
	ike_add_nonce(r->reply, r->nonce, sizeof(r->nonce));
	if (pfs) {
		ike_add_ke(r->reply, plan->choice.suite.dh, ke.public_value, ke.len);
		dh_result_cleanse(&ke);
	}
	ike_add_ts(r->reply, IKE_PAYLOAD_TSi, &child->remote);
	ike_add_ts(r->reply, IKE_PAYLOAD_TSr, &child->local);
	return true;
}

void child_list_remove(struct child_sa *child, uint8_t *n, uint32_t spi_in)
{
	size_t at = 0;

	while (at < *n && child[at].spi_in != spi_in)
		at++;
	if (at == *n)
		return;
	memmove(&child[at], &child[at + 1], (*n - at - 1) * sizeof(*child));
	OPENSSL_cleanse(&child[*n - 1], sizeof(*child));
	(*n)--;
}

void ike_child_remove(struct ike_session *s, uint32_t spi_in)
{
	child_list_remove(s->child, &s->n_child, spi_in);
}

bool ike_nonce_fits(const CBS *nonce, uint16_t prf)
{
	return CBS_len(nonce) >= IKE_NONCE_MIN && CBS_len(nonce) <= IKE_NONCE_MAX &&
	       CBS_len(nonce) >= prf_key_len(prf) / 2;
}
