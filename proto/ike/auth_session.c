/* SPDX-License-Identifier: Apache-2.0 */
/* The last response of IKE_AUTH: the client has proved its identity and now gets its session, its
 * address and its first Child SA (RFC 7296 1.2, 2.19):
 *
 * 	<--  HDR, SK {[IDr,] AUTH, [CP(CFG_REPLY),] SAr2, TSi, TSr}
 *
 * The client asked for these in its first request, however many rounds ago that was. If the Child
 * SA or the address fails, the IKE SA stands (2.21.2): the response then has AUTH and the error. */
#include "proto/ike/auth_step.h"
#include "proto/auth/realm.h"
#include "proto/ike/child_make.h"
#include "proto/ike/config_reply.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/mobike.h"
#include "proto/ike/notify_text.h"
#include "proto/ike/offer_text.h"
#include "proto/ike/outcome.h"
#include "proto/ike/payload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t features_of(const struct auth_step *s)
{
	const struct ike_message *m = s->round.first;
	uint32_t features = s->half_open->features;

	if (ike_message_notify(m, IKE_NOTIFY_MOBIKE_SUPPORTED))
		features |= IKE_PEER_MOBIKE;
	if (ike_message_notify(m, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC_SUPPORTED))
		features |= IKE_PEER_SYNC;
	if (ike_message_notify(m, IKE_NOTIFY_INITIAL_CONTACT) &&
	    s->round.connection->unique != IKE_UNIQUE_NEVER)
		features |= IKE_INITIAL_CONTACT;
	return features;
}

static void session_make(struct auth_step *s)
{
	const struct ike_half_open *h = s->half_open;
	struct ike_session *session = calloc(1, sizeof(*session));
	struct ike_sa *sa;

	assert(session);
	session->peer_id = s->round.peer;
	session->realm = ike_connection_realm(s->round.connection);
	memcpy(session->connection, s->round.connection->name, sizeof(session->connection));
	session->local = *s->path.local;
	session->remote = *s->path.remote;
	session->features = features_of(s);
	session->established_ms = s->env->now_ms;
	if (s->round.grant.session_s > 0)
		session->ends_ms = s->env->now_ms + s->round.grant.session_s * UINT64_C(1000);
	session->account = s->round.grant.account;
	blob_ref(session->account.attributes);
	sa = &session->ike[0];
	sa->spi_i = h->spi_i;
	sa->spi_r = h->spi_r;
	sa->suite = h->suite;
	sa->keys = h->keys;
	/* "only until AUTH is done" */
	secret_cleanse(&sa->keys.pi);
	secret_cleanse(&sa->keys.pr);
	sa->state = IKE_SA_ESTABLISHED;
	sa->made_ms = s->env->now_ms;
	sa->window = h->window;
	ike_window_share(&sa->window);
	s->session = session;
}

/* ---- Configuration payload, RFC 7296 2.19 ---- */

/* Without a pool a client's inner address is its outer one. Behind a NAT several clients share that,
 * and traffic for one would go to the one that came last: so the first one has it, and another
 * identity gets none. */
static uint16_t address_claim(struct auth_step *s, struct ike_address_wish *wish)
{
	uint16_t error;

	wish->address = &s->path.remote->address;
	if (!s->env->claim_address)
		return 0;
	error = s->env->claim_address(s->env->ctx, wish);
	if (!error)
		s->session->virtual_ip = *wish->address;
	return error;
}

/* Assigns a virtual IP. Returns 0 or the error to report; cp is what was asked for. */
static uint16_t address_assign(struct auth_step *s, struct ike_cp_request *cp)
{
	const struct ike_connection *c = s->round.connection;
	struct ike_address_wish wish = {.client = ike_session_client(s->session),
					.remote = s->path.remote,
					.replaces = (s->session->features & IKE_INITIAL_CONTACT) ||
						    c->unique == IKE_UNIQUE_REPLACE,
					.keeps = c->unique == IKE_UNIQUE_KEEP};
	bool ip4 = c->pool.address.family == 4;
	struct address address;

	memset(cp, 0, sizeof(*cp));
	if (!c->has_pool && s->round.grant.address.family != 0)
		return IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE;
	if (!c->has_pool)
		return address_claim(s, &wish);
	/* 2.19: "FAILED_CP_REQUIRED ... when CP(CFG_REQUEST) was expected but not received". */
	if (!ike_message_has(s->round.first, IKE_PAYLOAD_CP) ||
	    s->round.first->cp.type != IKE_CFG_REQUEST)
		return IKE_NOTIFY_FAILED_CP_REQUIRED;
	ike_cp_read(cp, &s->round.first->cp);
	if (!cp->ip4 && !cp->ip6)
		return IKE_NOTIFY_FAILED_CP_REQUIRED;
	wish.address = ip4 ? &cp->wanted4 : &cp->wanted6;
	if (wish.address->family == 0)
		wish.address = NULL;
	wish.assigned = s->round.grant.address.family != 0;
	if (wish.assigned)
		wish.address = &s->round.grant.address;
	/* 3.15.4: "only if no addresses can be assigned" */
	if (!(ip4 ? cp->ip4 : cp->ip6) ||
	    !s->env->assign_address(s->env->ctx, c, &wish, &address))
		return IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE;
	s->session->virtual_ip = address; /* Only now: by an address a session follows who had it. */
	return 0;
}

/* ---- The first Child SA ---- */

/* Returns 0 with the Child SA in the session, or why there is none. */
static uint16_t child_make(struct auth_step *s, struct child_plan *plan)
{
	const struct address *inner = &s->session->virtual_ip;
	struct ts_set remote = {.n = 1};
	const struct child_terms terms = {
		.proposals = s->round.connection->esp,
		.n_proposals = s->round.connection->n_esp,
		.dh = SA_DH_IGNORE,
		.local = &s->round.connection->local_ts,
		.remote = &remote,
	};
	struct ike_key_input input = {.shared = NULL};
	uint16_t error;

	if (inner->family == 0)
		inner = &s->session->remote.address;
	remote.ts[0] = ts_from_address(inner);
	error = ike_child_negotiate(plan, &terms, (struct child_list){0}, s->round.first);
	if (error)
		return error;
	CBS_init(&input.nonce_i, s->half_open->nonce_i, s->half_open->nonce_i_len);
	CBS_init(&input.nonce_r, s->half_open->nonce_r, sizeof(s->half_open->nonce_r));
	ike_child_create(&s->session->child[0], plan, s->env->draw_spi(s->env->ctx, s->env->entropy),
			 &s->session->ike[0], &input, false);
	s->session->child[0].made_ms = s->env->now_ms;
	s->session->n_child = 1;
	return 0;
}

static void add_child(struct ike_builder *b, const struct child_sa *child,
		      const struct child_plan *plan)
{
	ike_add_sa_answer(b, &plan->choice, child->spi_in);
	ike_add_ts(b, IKE_PAYLOAD_TSi, &child->remote);
	ike_add_ts(b, IKE_PAYLOAD_TSr, &child->local);
}

/* ---- The response ---- */

static void session_note(const struct auth_step *s, uint16_t error)
{
	char id[IKE_ID_TEXT_LEN], text[ADDRESS_TEXT_LEN] = "none", notify[NOTIFY_TEXT_LEN];
	const char *by = s->round.by ? ", by " : "";
	char both[REFUSAL_TEXT_LEN];

	ike_id_format(&s->session->peer_id, id, sizeof(id));
	if (s->session->virtual_ip.family != 0)
		address_format(&s->session->virtual_ip, text);
	s->out->refused = error;
	if (error == IKE_NOTIFY_NO_PROPOSAL_CHOSEN)
		ike_note(s->out, "established with '%s'%s%s, no Child SA: %s", id, by, s->round.by ? s->round.by : "",
			 refusal_format(&s->round.first->sa, s->round.connection->esp,
					s->round.connection->n_esp, both));
	else if (error == IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE && s->round.grant.address.family != 0)
		ike_note(s->out, "established with '%s', no Child SA: it was assigned %s, which is another's, or not "
			 "in the pool of \"%s\"", id, address_format(&s->round.grant.address, text),
			 s->round.connection->name);
	else if (error)
		ike_note(s->out, "established with '%s', virtual IP %s%s%s, no Child SA: %s", id,
			 text, by, s->round.by ? s->round.by : "", notify_format(error, notify));
	else
		ike_note(s->out, "established with '%s', virtual IP %s%s%s", id, text, by,
			 s->round.by ? s->round.by : "");
}

/* Refused for good if it may have only one session (strongSwan says the same); otherwise one of its
 * sessions may be gone when it tries again. */
static bool is_one_too_many(struct auth_step *s)
{
	const struct ike_env *env = s->env;
	const struct ike_connection *c = s->round.connection;
	const char *why = env->one_too_many ? env->one_too_many(env->ctx, c, s->session) : NULL;

	if (why)
		ike_auth_refuse(s, c->unique == IKE_UNIQUE_KEEP ? IKE_NOTIFY_AUTHENTICATION_FAILED
								: IKE_NOTIFY_TEMPORARY_FAILURE, why);
	return why != NULL;
}

/* Child SA and address, then everything into one response. */
void ike_auth_establish(struct auth_step *s)
{
	struct ike_header h = ike_reply_header(&s->request);
	struct ike_sa *sa;
	struct ike_cp_request cp;
	struct child_plan plan;
	struct ike_builder b;
	uint16_t error;

	if (!ike_nats_allowed(s->round.first, &s->path)) {
		ike_auth_refuse(s, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, "the client forbids NATs, and there is one");
		return;
	}
	session_make(s);
	sa = &s->session->ike[0];
	error = address_assign(s, &cp);
	if (!error)
		error = child_make(s, &plan);
	if (error == IKE_NOTIFY_INVALID_SYNTAX) {
		ike_auth_refuse(s, error, "malformed Child SA payloads");
		return;
	}
	if (error == IKE_NOTIFY_TEMPORARY_FAILURE) {
		ike_auth_refuse(s, error, "its address is on its way to another session: it may try again");
		return;
	}
	if (is_one_too_many(s))
		return;
	/* A session without a Child SA would be useless, so it is refused as a whole: the client
	 * tries again (2.25), and does not mistake an IKE SA for a connection. */
	if (s->env->has_room && !s->env->has_room(s->env->ctx, s->session)) {
		ike_auth_refuse(s, IKE_NOTIFY_TEMPORARY_FAILURE,
				"no room for one more session (sessions_max, child_sas_max)");
		return;
	}
	ike_builder_init_message(&b, &h);
	s->method->finish(&s->round, &b);
	ike_add_config_reply(&b, s->round.connection, &s->session->virtual_ip, &cp);
	if (error)
		ike_add_notify(&b, error, NULL, 0);
	else
		add_child(&b, &s->session->child[0], &plan);
	if (s->session->features & IKE_PEER_MOBIKE)
		ike_mobike_add(&b, s->env, &s->path.local->address);
	if (!ike_auth_respond(s, &b))
		return;
	ike_window_respond_to(&sa->window, &s->request_id, ike_datagrams_ref(s->out->reply));
	session_note(s, error);
	s->out->next = s->session;
	s->session = NULL;
	s->out->verdict = IKE_VERDICT_ESTABLISH;
}
