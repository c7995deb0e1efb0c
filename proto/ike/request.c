/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of our own: the INFORMATIONAL ones (takeover notice, liveness check, DELETE, the check of an address,
 * mobike.c) and the rekey of a Child SA (child_rekey.c). A request is part of the session's state from before it leaves
 * until it is answered, so that any leader sends the same bytes under the same message ID: clients ignore anything
 * else.
 *
 * Only NOTIFY payloads without protocol and SPI, never critical: RFC 7296 2.5 and
 * 3.10.1 make every client that does not know them ignore them and answer. */
#include "proto/ike/request.h"
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/child_rekey.h"
#include "proto/ike/ike.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/ike_rekey.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/mobike.h"
#include "proto/ike/outcome.h"
#include "proto/ike/select.h"
#include "proto/ike/session_step.h"
#include "proto/ike/sk.h"
#include "proto/wire/wire.h"

#include <assert.h>
#include <stdlib.h>

static void add_notice(struct ike_builder *b, const struct ike_env *env,
		       const struct ike_session *s, const struct ike_request *request)
{
	const struct ike_connection *c = ike_connection_find(env->config, s->connection);
	uint8_t data[16];

	if (c && c->empty_notice)
		return;
	wire_put_u64(data, (uint64_t)request->epoch);
	wire_put_u64(data + 8, request->node);
	ike_add_notify(b, IKE_NOTIFY_TAKEOVER, data, sizeof(data));
}

static bool add_payloads(struct ike_builder *b, const struct ike_env *env, struct ike_session *s,
			 const struct ike_request *request)
{
	struct ike_sa *sa = &s->ike[0];

	sa->purpose = request->purpose;
	switch (request->purpose) {
	case IKE_PURPOSE_NOTICE:
		add_notice(b, env, s, request);
		break;
	case IKE_PURPOSE_DPD:
		break;
	case IKE_PURPOSE_DELETE_CHILD:
		/* RFC 7296 3.11: "the SPI the sending endpoint would expect in inbound packets" */
		ike_add_delete_esp(b, &request->spi_in, 1);
		if (request->expires)
			ike_session_find_child(s, request->spi_in)->expired = true;
		sa->purpose_arg = request->spi_in;
		break;
	case IKE_PURPOSE_DELETE_IKE:
		ike_add_delete_ike(b);
		sa->state = IKE_SA_DELETING;
		break;
	case IKE_PURPOSE_REKEY_CHILD:
		return ike_rekey_ask(b, env, s, request);
	case IKE_PURPOSE_CHECK_ADDRESS:
		return ike_check_ask(b, env, s);
	case IKE_PURPOSE_REKEY_IKE:
		return ike_sa_rekey_ask(b, env, s, request);
	case IKE_PURPOSE_NONE:
		break;
	}
	return true;
}

bool ike_request_make(const struct ike_env *env, struct ike_session *s,
		      const struct ike_request *request)
{
	struct ike_sa *sa = &s->ike[0];
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.major = 2,
		.exchange = request->purpose == IKE_PURPOSE_REKEY_CHILD ||
					    request->purpose == IKE_PURPOSE_REKEY_IKE
				    ? IKE_EXCHANGE_CREATE_CHILD_SA
				    : IKE_EXCHANGE_INFORMATIONAL,
		.flags = sa->original_initiator ? IKE_FLAG_INITIATOR : 0,
		.message_id = sa->window.next_out,
	};
	struct ike_sealer sealer = ike_sealer_of(
		env, sk_direction_of(&sa->suite, &sa->keys, sa->original_initiator), s->features,
		s->remote.address.family);
	struct ike_datagrams *message;
	struct ike_builder b;

	assert(request->purpose != IKE_PURPOSE_NONE);
	assert(!sa->window.outstanding && sa->state == IKE_SA_ESTABLISHED);
	ike_builder_init_message(&b, &h);
	if (!add_payloads(&b, env, s, request)) {
		ike_builder_fini(&b);
		return false;
	}
	if (ike_seal(&sealer, &b, &message) != OK)
		return false;
	ike_window_ask(&sa->window, message);
	return ike_datagrams_len(message) <= IKE_DATAGRAMS_LEN_MAX;
}

bool ike_request_close_old(const struct ike_env *env, struct ike_session *s)
{
	struct ike_sa *sa = &s->ike[1];
	struct ike_sealer sealer =
		ike_sealer_of(env, sk_direction_of(&sa->suite, &sa->keys, sa->original_initiator),
			      s->features, s->local.address.family);
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.major = 2,
		.exchange = IKE_EXCHANGE_INFORMATIONAL,
		.flags = sa->original_initiator ? IKE_FLAG_INITIATOR : 0,
		.message_id = sa->window.next_out,
	};
	struct ike_datagrams *message;
	struct ike_builder b;

	assert(sa->state == IKE_SA_REKEYED && !sa->window.outstanding);
	ike_builder_init_message(&b, &h);
	ike_add_delete_ike(&b);
	if (ike_seal(&sealer, &b, &message) != OK)
		return false;
	sa->purpose = IKE_PURPOSE_DELETE_IKE;
	ike_window_ask(&sa->window, message);
	return true;
}

void ike_request_create(const struct ike_env *env, const struct ike_session *session,
			const struct ike_request *request, struct ike_outcome *out)
{
	ike_outcome_init(out);
	out->next = malloc(sizeof(*out->next));
	assert(out->next);
	ike_session_copy(out->next, session);
	if (!ike_request_make(env, out->next, request)) {
		ike_outcome_fini(out);
		ike_drop(out, DROP_CRYPTO, "request cannot be sealed");
		ike_later(env, out);
		return;
	}
	out->reply = ike_datagrams_ref(out->next->ike[0].window.outstanding);
	out->verdict = IKE_VERDICT_STEP;
	ike_note(out, "request %u for purpose %d", session->ike[0].window.next_out,
		 (int)request->purpose);
}

void ike_step_answer(struct ike_step *s)
{
	switch ((enum ike_purpose)s->sa->purpose) {
	case IKE_PURPOSE_DELETE_CHILD:
		/* RFC 7296 1.4.1: with the answer both halves of the pair are gone. */
		ike_child_remove(s->next, s->sa->purpose_arg);
		break;
	case IKE_PURPOSE_DELETE_IKE:
		s->sa_ends = true;
		break;
	case IKE_PURPOSE_REKEY_CHILD:
		if (s->next->features & IKE_ENDS)
			break; /* What the client has made of it goes with the IKE SA. */
		ike_step_rekey_answer(s);
		return;
	case IKE_PURPOSE_CHECK_ADDRESS:
		ike_step_check_answer(s);
		return;
	case IKE_PURPOSE_REKEY_IKE:
		ike_step_sa_rekey_answer(s);
		return;
	case IKE_PURPOSE_NONE:
	case IKE_PURPOSE_NOTICE:
	case IKE_PURPOSE_DPD:
		break;
	}
	ike_note(s->out, "client answered message %u", s->sa->window.next_out);
}
