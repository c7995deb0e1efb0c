/* SPDX-License-Identifier: Apache-2.0 */
/* From the outcome of an exchange to the command that makes it true. The lane is
 * busy until that command is applied or refused. */
#include "cluster/core/lane.h"
#include "cluster/core/exchange_env.h"
#include "cluster/core/outgoing.h"
#include "cluster/core/proposals.h"
#include "proto/ike/ike_config.h"
#include "proto/mutant.h"
#include "proto/crypto/prf.h"

#include <assert.h>
#include <stdlib.h>

/* Has b a Child SA that a does not have? */
static bool has_more(const struct ike_session *a, const struct ike_session *b)
{
	for (unsigned i = 0; i < b->n_child; i++)
		if (!ike_session_has_child(a, b->child[i].spi_in))
			return true;
	return false;
}

static void note_proposal(struct core *c, struct lane *l, const char *what)
{
	l->busy = true;
	l->what = what;
	action_event(c->actions, "propose", "%s", what);
}

/* A client can ask for an answer that no log entry can hold, nor a session's record. */
static bool too_long(struct core *c, struct lane *l, const struct ike_outcome *out)
{
	if (ike_datagrams_len(out->reply) <= IKE_DATAGRAMS_LEN_MAX && ike_session_is_brief(out->next))
		return false;
	core_drop(c, DROP_QUEUE_FULL);
	lane_pop(l);
	return true;
}

void lane_propose_put(struct core *c, struct lane *l, struct ike_outcome *out)
{
	struct command put = { .type = COMMAND_SESSION_PUT };
	struct session_put *p = &put.session_put;
	const struct session *old;
	uint32_t owners = 0;

	if (too_long(c, l, out))
		return;
	exchange_put_terms(c, out->next, p);
	for (uint32_t i = 0; i < p->n_supersedes; i++) {
		old = state_session(c->state, p->supersedes[i]);
		owners |= lane_owner(c, session_slot(c->state, old)->node);
	}
	lane_take_address(c, l, &out->next->virtual_ip);
	exchange_take_next(&p->ike, out);
	p->slot = entropy_u32(&c->entropy) % STATE_SLOTS;
	p->lease = c->config->lease;
	p->horizon = core_first_horizon(c, &p->ike);
	old = state_session(c->state, p->takes_from);
	if (old)
		owners |= lane_owner(c, session_slot(c->state, old)->node);
	l->makes_session = true;
	l->owners = owners | lane_owner(c, state_slot(c->state, p->slot)->node);
	note_proposal(c, l, "IKE_AUTH");
	proposals_add(c, URGENT_HANDSHAKE, &put);
}

void lane_propose_step(struct core *c, struct lane *l, const struct session *s, struct ike_outcome *out)
{
	struct command step = { .type = COMMAND_SESSION_STEP };
	struct session_step *p = &step.session_step;
	bool more;

	if (too_long(c, l, out))
		return;
	core_step_terms(c, s, p);
	p->room = exchange_room(c);
	p->acknowledged = out->answered && out->answered_purpose == IKE_PURPOSE_NOTICE;
	p->epoch = s->noticed_epoch;
	l->answered = out->answered;
	more = has_more(&s->ike, out->next);
	l->owners = more || has_more(out->next, &s->ike) ? lane_owner(c, session_slot(c->state, s)->node) : 0;
	note_proposal(c, l,
		      s->ike.ike[0].spi_r != out->next->ike[0].spi_r ? "IKE rekey"
		      : more					      ? "Child SA"
		      : out->answered				      ? "response"
								      : "INFORMATIONAL");
	if (MUTANT(MUTANT_REPLY_EARLY) && out->reply)
		outgoing_send(c, l->received[0].via, &l->received[0].local, &l->received[0].remote,
			      out->reply);
	exchange_take_next(&p->ike, out);
	proposals_add(c, URGENT_REQUEST, &step);
}

void lane_propose_del(struct core *c, struct lane *l, const struct session *s, struct ike_outcome *out)
{
	struct command del = { .type = COMMAND_SESSION_DEL };
	struct session_del *p = &del.session_del;
	const struct blob *request = received_first(&l->received[0]);

	assert(ike_datagrams_len(out->reply) <= COMMAND_FINAL_RESPONSE_MAX);
	p->session = s->id;
	p->serial = s->serial;
	p->final_response = ike_datagrams_ref(out->reply);
	hash_sha256(request->data, request->len, p->request_hash);
	l->owners = lane_owner(c, session_slot(c->state, s)->node);
	note_proposal(c, l, "DELETE");
	proposals_add(c, URGENT_REQUEST, &del);
}
