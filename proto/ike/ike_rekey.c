/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA that rekeys the IKE SA, as responder (RFC 7296 1.3.2, 2.18):
 *
 * 	HDR, SK {SA, Ni, KEi}  -->
 * 	                  <--  HDR, SK {SA, Nr, KEr}
 *
 * The new IKE SA has its own SPIs (in the proposals), fresh keys, and message IDs that start at 0
 * in both directions. It becomes the session's current one and inherits the Child SAs; the old one
 * answers until the client deletes it. */
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/notify_text.h"
#include "proto/ike/outcome.h"
#include "proto/ike/session_step.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>

static void rekey_fail(struct ike_step *s, uint16_t error)
{
	char text[NOTIFY_TEXT_LEN];

	ike_add_notify(&s->reply, error, NULL, 0);
	s->sa_ends = error == IKE_NOTIFY_INVALID_SYNTAX;
	s->out->refused = error;
	ike_note(s->out, "IKE SA not rekeyed: %s", notify_format(error, text));
}

/* The suite, or the NOTIFY to answer with. */
static uint16_t rekey_negotiate(const struct ike_step *s, struct sa_choice *choice)
{
	const struct ike_message *m = s->message;

	if (!s->connection)
		return IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
	switch (sa_select_ike(choice, &m->sa, s->connection->ike, s->connection->n_ike, 8,
			      m->ke.group)) {
	case OK:
		break;
	case ERR_UNSUPPORTED:
		return IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
	default:
		return IKE_NOTIFY_INVALID_SYNTAX;
	}
	if (choice->spi == 0 || !ike_nonce_fits(&m->nonce, choice->suite.prf))
		return IKE_NOTIFY_INVALID_SYNTAX;
	return choice->ke_mismatch ? IKE_NOTIFY_INVALID_KE_PAYLOAD : 0;
}

/* 2.18: "SPIi, SPIr, Ni, and Nr from the new exchange". */
static struct ike_sa *replacement_make(const struct ike_step *s, const struct sa_choice *choice,
				     const struct dh_secret *shared, CBS nonce_r)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));
	struct ike_key_input input = {
		.shared = shared,
		.nonce_i = s->message->nonce,
		.nonce_r = nonce_r,
	};

	assert(sa);
	sa->spi_i = choice->spi;
	do
		sa->spi_r = entropy_u64(s->env->entropy);
	while (sa->spi_r == 0);
	sa->suite = choice->suite;
	sa->state = IKE_SA_ESTABLISHED;
	sa->made_ms = s->env->now_ms;
	input.spi_i = sa->spi_i;
	input.spi_r = sa->spi_r;
	ike_keys_rekey(&sa->keys, &sa->suite, &s->sa->keys, &s->sa->suite, &input);
	/* 2.15 uses these; a rekeyed IKE SA authenticates nobody. */
	secret_cleanse(&sa->keys.pi);
	secret_cleanse(&sa->keys.pr);
	return sa;
}

static void rekey_answer(struct ike_step *s, const struct sa_choice *choice)
{
	char suite[SUITE_TEXT_LEN];
	uint8_t nonce[IKE_NONCE_LEN];
	struct dh_result ke;
	CBS nonce_r;

	if (dh_desk_respond(s->env->dh, s->message->ke.group, s->message->ke.data, s->env->entropy, &ke) != OK) {
		rekey_fail(s, IKE_NOTIFY_INVALID_SYNTAX);
		return;
	}
	entropy_draw(s->env->entropy, nonce, sizeof(nonce));
	CBS_init(&nonce_r, nonce, sizeof(nonce));
	s->replacement = replacement_make(s, choice, &ke.shared, nonce_r);
	ike_add_sa_answer(&s->reply, choice, s->replacement->spi_r);
	ike_add_nonce(&s->reply, nonce, sizeof(nonce));
	ike_add_ke(&s->reply, choice->suite.dh, ke.public_value, ke.len);
	dh_result_cleanse(&ke);
	ike_note(s->out, "IKE SA rekeyed with %s", suite_format(&choice->suite, suite));
}

static bool is_busy(const struct ike_sa *sa)
{
	if (MUTANT(MUTANT_IKE_REKEY_BUSY))
		return false;
	return sa->purpose == IKE_PURPOSE_DELETE_CHILD || sa->purpose == IKE_PURPOSE_REKEY_CHILD ||
	       sa->purpose == IKE_PURPOSE_REKEY_IKE;
}

void ike_step_rekey(struct ike_step *s)
{
	struct sa_choice choice;
	uint16_t error;

	/* 2.25.2 would have us answer as usual while we rekey it too, and close one of three later.
	 * 2.25.1: "currently creating, rekeying, or closing a Child SA of that IKE SA":
	 * TEMPORARY_FAILURE; so what is outstanding when the client deletes the old IKE SA is at
	 * most a notice or a liveness check. An older one that is still there goes: by asking on the
	 * one that replaced it the client shows that it has that. */
	if (is_busy(s->sa) || !ike_may_renew(s->env, s->next)) {
		rekey_fail(s, IKE_NOTIFY_TEMPORARY_FAILURE);
		return;
	}
	error = rekey_negotiate(s, &choice);
	if (error == IKE_NOTIFY_INVALID_KE_PAYLOAD) {
		ike_add_notify_u16(&s->reply, error, choice.suite.dh);
		ike_note(s->out, "IKE rekey needs KE of group %u", choice.suite.dh);
	} else if (error) {
		rekey_fail(s, error);
	} else {
		rekey_answer(s, &choice);
	}
}
