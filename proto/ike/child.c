/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA as responder (RFC 7296 1.3.1, 1.3.3): a further Child SA, or the
 * replacement of one.
 *
 *	HDR, SK {[N(REKEY_SA),] SA, Ni, [KEi,] TSi, TSr}  -->
 *	                     <--  HDR, SK {SA, Nr, [KEr,] TSi, TSr}
 *
 * A rekeyed Child SA stays until the client deletes it: 2.8 wants both to receive
 * until then. Every failure is a NOTIFY in the response and changes nothing but the
 * message IDs. */
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/child_rekey.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/notify_text.h"
#include "proto/ike/offer_text.h"
#include "proto/ike/outcome.h"
#include "proto/ike/session_step.h"

#include <assert.h>

static void child_fail(struct ike_step *s, uint16_t error)
{
	char text[NOTIFY_TEXT_LEN], both[REFUSAL_TEXT_LEN];

	ike_add_notify(&s->reply, error, NULL, 0);
	/* 2.21.3: fatal in both peers. */
	s->sa_ends = error == IKE_NOTIFY_INVALID_SYNTAX;
	s->out->refused = error;
	if (error == IKE_NOTIFY_NO_PROPOSAL_CHOSEN && s->connection)
		ike_note(s->out, "no Child SA: %s", refusal_format(&s->message->sa, s->connection->esp,
								   s->connection->n_esp, both));
	else if (error == IKE_NOTIFY_NO_ADDITIONAL_SAS)
		ike_note(s->out, "no further Child SA: there is no room for it (child_sas_max)");
	else
		ike_note(s->out, "no Child SA: %s", notify_format(error, text));
}

static uint32_t spi_of(const struct ike_notify *n)
{
	CBS spi = n->spi;
	uint32_t value = 0;

	return CBS_get_u32(&spi, &value) && CBS_len(&spi) == 0 ? value : 0;
}

/* 2.8, 3.10.1: the SPI in REKEY_SA is "the SPI the exchange initiator would expect
 * in inbound ESP packets", ours to send with. */
static const struct child_sa *rekeyed_child(const struct ike_session *s, uint32_t spi_out)
{
	for (size_t i = 0; i < s->n_child; i++)
		if (s->child[i].spi_out == spi_out)
			return &s->child[i];
	return NULL;
}

/* Finds the Child SA that N(REKEY_SA) names. False: answered already. */
static bool rekey_accept(struct ike_step *s, const struct ike_notify *rekey,
			 const struct child_sa **old)
{
	uint32_t spi_out = spi_of(rekey);

	*old = rekeyed_child(s->next, spi_out);
	/* The client's answer to our own rekey tells us which SA it has made, but this request may
	 * have overtaken it. If we said that the SA does not exist, the client would delete it. */
	if (!*old && s->sa->purpose == IKE_PURPOSE_REKEY_CHILD) {
		child_fail(s, IKE_NOTIFY_TEMPORARY_FAILURE);
		return false;
	}
	if (!*old) {
		/* 2.25: the SPI "is copied from the SPI field in the REKEY_SA notification". */
		ike_add_notify_esp(&s->reply, IKE_NOTIFY_CHILD_SA_NOT_FOUND, spi_out);
		ike_note(s->out, "client rekeys a Child SA that is not there");
		return false;
	}
	/* 2.25.1: "a Child SA that it is currently trying to close" */
	if ((*old)->expired || (s->sa->purpose == IKE_PURPOSE_DELETE_CHILD &&
				s->sa->purpose_arg == (*old)->spi_in)) {
		child_fail(s, IKE_NOTIFY_TEMPORARY_FAILURE);
		return false;
	}
	return true;
}

/* Puts the Child SA into the session and into the response. */
static void child_add(struct ike_step *s, const struct child_plan *plan,
		      const struct child_sa *old)
{
	struct child_response r = {
		.reply = &s->reply,
		.entropy = s->env->entropy,
		.dh = s->env->dh,
		.spi_in = s->env->draw_spi(s->env->ctx, s->env->entropy),
	};
	struct child_sa *child = &s->next->child[s->next->n_child];
	CBS nonce;

	if (!ike_child_respond(&r, child, plan, s->sa, s->message)) {
		child_fail(s, IKE_NOTIFY_INVALID_SYNTAX);
		return;
	}
	child->replaces = old ? old->spi_in : 0;
	child->made_ms = s->env->now_ms;
	s->next->n_child++;
	if (old && s->sa->purpose == IKE_PURPOSE_REKEY_CHILD && s->sa->purpose_arg == old->spi_in) {
		CBS_init(&nonce, r.nonce, sizeof(r.nonce));
		ike_rekey_collides(s->sa, child->spi_in, s->message->nonce, nonce);
	}
	ike_note(s->out, old ? "Child SA rekeyed%s" : "further Child SA%s",
		 plan->choice.suite.dh != DH_NONE ? ", with KE" : "");
}

static void child_create(struct ike_step *s)
{
	const struct ike_notify *rekey = ike_message_notify(s->message, IKE_NOTIFY_REKEY_SA);
	const struct address *inner = &s->next->virtual_ip;
	struct child_list have = {s->next->child, s->next->n_child};
	const struct child_sa *old = NULL;
	struct ts_set remote = {.n = 1};
	struct child_terms terms = {.dh = SA_DH_NEGOTIATE, .remote = &remote};
	struct child_plan plan;
	uint16_t error;

	if (rekey && !rekey_accept(s, rekey, &old))
		return;
	if (!s->connection) {
		child_fail(s, IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
		return;
	}
	if (inner->family == 0 && !old && s->env->claim_address) {
		/* It was refused an address when it came, so it has none to speak from. */
		child_fail(s, IKE_NOTIFY_TS_UNACCEPTABLE);
		return;
	}
	if (inner->family == 0)
		inner = &s->next->remote.address;
	remote.ts[0] = ts_from_address(inner);
	terms.proposals = s->connection->esp;
	terms.n_proposals = s->connection->n_esp;
	terms.local = &s->connection->local_ts;
	if (old) {
		/* 2.9.2: "the new SA MUST NOT have narrower selectors than the original",
		 * also when the configuration or the client's address changed since. */
		terms.local = &old->local;
		terms.remote = &old->remote;
	}
	terms.refused = ike_child_admit(s->env, s->next, old ? old->spi_in : 0);
	error = ike_child_negotiate(&plan, &terms, have, s->message);
	if (!error && !ike_nonce_fits(&s->message->nonce, s->sa->suite.prf))
		error = IKE_NOTIFY_INVALID_SYNTAX;
	if (error == IKE_NOTIFY_INVALID_KE_PAYLOAD) {
		ike_add_notify_u16(&s->reply, error, plan.choice.suite.dh);
		ike_note(s->out, "Child SA needs KE of group %u", plan.choice.suite.dh);
	} else if (error) {
		child_fail(s, error);
	} else {
		child_add(s, &plan, old);
	}
}

/* 3.3.1: the Protocol ID of a proposal tells what the SA payload is for; its
 * offset is fixed because the first proposal comes first. */
static bool is_for_ike(const CBS *sa)
{
	CBS in = *sa;
	uint8_t protocol;

	/* Last Substruc, RESERVED, Proposal Length (2), Proposal Num */
	return CBS_skip(&in, 5) && CBS_get_u8(&in, &protocol) && protocol == IKE_PROTOCOL_IKE;
}

void ike_step_child(struct ike_step *s)
{
	/* 2.25.2: nothing new on an IKE SA that is replaced or being closed. */
	if (s->sa->state != IKE_SA_ESTABLISHED || (s->next->features & IKE_ENDS)) {
		child_fail(s, IKE_NOTIFY_TEMPORARY_FAILURE);
		return;
	}
	/* 2.25.2: a request to create or rekey a Child SA, while we rekey the IKE SA: TEMPORARY_FAILURE. */
	if (is_for_ike(&s->message->sa))
		ike_step_rekey(s);
	else if (s->sa->purpose == IKE_PURPOSE_REKEY_IKE)
		child_fail(s, IKE_NOTIFY_TEMPORARY_FAILURE);
	else
		child_create(s);
}
