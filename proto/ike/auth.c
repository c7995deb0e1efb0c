/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH as responder (RFC 7296 1.2, 2.15), with a pre-shared key:
 *
 *	HDR, SK {IDi, [IDr,] AUTH, [CP(CFG_REQUEST),] SAi2, TSi, TSr}  -->
 *	       <--  HDR, SK {IDr, AUTH, [CP(CFG_REPLY),] SAr2, TSi, TSr}
 *
 * The message holds two things that fail apart. Authentication fails for good
 * (verdict REFUSE): one answer, AUTHENTICATION_FAILED, computed in one way,
 * whatever was wrong; only the log line tells an unknown identity from a wrong
 * key, or from one that is revoked. The first Child SA, or the address, may fail and the IKE SA stands
 * (2.21.2): the response then has IDr, AUTH and the error.
 *
 * Not here: EAP and certificates. A client without AUTH payload wants EAP and is
 * refused. */
#include "proto/ike/step.h"
#include "proto/mutant.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct auth_step {
	const struct ike_env *env;
	const struct ike_half_open *half_open;
	struct ike_path path;
	const struct ike_message *message;
	const struct ike_connection *connection;
	struct ike_session *session; /* NULL until the client is authenticated. */
	struct ike_outcome *out;
};

/* RFC 7296 2.15: the data both AUTH payloads cover, for the initiator's or our own. */
static struct auth_octets octets_of(const struct ike_half_open *h, bool initiator, CBS id)
{
	const struct blob *message = initiator ? h->request : h->response;
	struct auth_octets o = {.id = id, .sk_p = initiator ? &h->keys.pi : &h->keys.pr};

	CBS_init(&o.message, message->data, message->len);
	if (initiator) /* "the other side's nonce" */
		CBS_init(&o.nonce, h->nonce_r, sizeof(h->nonce_r));
	else
		CBS_init(&o.nonce, h->nonce_i, h->nonce_i_len);
	return o;
}

/* The key of an identity. An unknown one gets a key nobody has: what follows is then
 * the same work with the same result as a wrong key. */
static bool secret_find(struct secret *psk, const struct auth_step *s, const struct ike_id *peer)
{
	const struct ike_config *c = s->env->config;
	uint8_t nobodys[32];

	entropy_draw(s->env->entropy, nobodys, sizeof(nobodys));
	secret_set(psk, nobodys, sizeof(nobodys));
	OPENSSL_cleanse(nobodys, sizeof(nobodys));
	for (size_t i = 0; i < c->n_secrets; i++) {
		if (!ike_id_equal(&c->secrets[i].id, peer))
			continue;
		*psk = c->secrets[i].psk;
		return true;
	}
	return false;
}

/* Which connection the client wants. IDr that cannot be one of ours: NULL. */
static const struct ike_connection *connection_of(const struct auth_step *s)
{
	const struct ike_message *m = s->message;
	struct ike_id idr;

	if (!ike_message_has(m, IKE_PAYLOAD_IDr))
		return ike_select_connection(s->env->config, &s->half_open->suite, NULL);
	if (ike_id_from_payload(&idr, &m->idr) != OK)
		return NULL;
	return ike_select_connection(s->env->config, &s->half_open->suite, &idr);
}

/* NULL when the client is who it says and may use a connection; else why not. */
static const char *authenticate(struct auth_step *s, struct ike_id *peer, struct secret *psk)
{
	const struct ike_message *m = s->message;
	struct auth_octets octets = octets_of(s->half_open, true, m->idi.body);
	bool known, good;

	if (!ike_message_has(m, IKE_PAYLOAD_IDi))
		return "no identity";
	if (ike_id_from_payload(peer, &m->idi) != OK)
		return "unusable identity";
	if (!ike_message_has(m, IKE_PAYLOAD_AUTH))
		return "EAP is not supported";
	if (m->auth.method != IKE_AUTH_SHARED_KEY)
		return "not a pre-shared key";
	known = secret_find(psk, s, peer);
	good = auth_psk_verify(s->half_open->suite.prf, psk, &octets, m->auth.data);
	if (!known)
		return "unknown identity";
	if (!good)
		return "wrong pre-shared key";
	if (s->env->revoked && s->env->revoked(s->env->ctx, peer) && !MUTANT(MUTANT_REVOKED_ENTERS))
		return "it is revoked";
	s->connection = connection_of(s);
	return s->connection ? NULL : "no connection for this IDr and these proposals";
}

/* Seals b as the response; DROP if that fails. */
static bool respond(struct auth_step *s, struct ike_builder *b)
{
	struct sk_direction ours = sk_direction_of(&s->half_open->suite, &s->half_open->keys, false);

	if (ike_seal(&ours, s->env->iv, s->env->entropy, b, &s->out->reply) == OK)
		return true;
	ike_drop(s->out, DROP_CRYPTO, "IKE_AUTH response cannot be sealed");
	return false;
}

static void refuse(struct auth_step *s, const struct ike_id *peer, uint16_t notify,
		   const char *why)
{
	struct ike_header h = ike_reply_header(&s->message->header);
	char text[IKE_ID_MAX + 16];
	struct ike_builder b;

	ike_builder_init_message(&b, &h);
	ike_add_notify(&b, notify, NULL, 0);
	if (!respond(s, &b))
		return;
	s->out->verdict = IKE_VERDICT_REFUSE;
	s->out->refused = notify;
	ike_note(s->out,
		 notify == IKE_NOTIFY_AUTHENTICATION_FAILED ? "authentication of '%s' failed: %s"
							    : "'%s' refused: %s",
		 ike_id_format(peer, text, sizeof(text)), why);
}

/* ---- The session ---- */

static uint32_t features_of(const struct auth_step *s)
{
	const struct ike_message *m = s->message;
	uint32_t features = s->half_open->features;

	if (ike_message_notify(m, IKE_NOTIFY_MOBIKE_SUPPORTED))
		features |= IKE_PEER_MOBIKE;
	if (ike_message_notify(m, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC_SUPPORTED))
		features |= IKE_PEER_SYNC;
	if (ike_message_notify(m, IKE_NOTIFY_INITIAL_CONTACT))
		features |= IKE_INITIAL_CONTACT;
	return features;
}

static void session_make(struct auth_step *s, const struct ike_id *peer)
{
	const struct ike_half_open *h = s->half_open;
	struct ike_session *session = calloc(1, sizeof(*session));
	struct ike_sa *sa;

	assert(session);
	session->peer_id = *peer;
	memcpy(session->connection, s->connection->name, sizeof(session->connection));
	session->local = *s->path.local;
	session->remote = *s->path.remote;
	session->features = features_of(s);
	session->established_ms = s->env->now_ms;
	sa = &session->ike[0];
	sa->spi_i = h->spi_i;
	sa->spi_r = h->spi_r;
	sa->suite = h->suite;
	sa->keys = h->keys;
	/* "only until AUTH is done" */
	secret_cleanse(&sa->keys.pi);
	secret_cleanse(&sa->keys.pr);
	sa->state = IKE_SA_ESTABLISHED;
	sa->window.next_in = 1; /* IKE_SA_INIT was 0. */
	s->session = session;
}

/* ---- Configuration payload, RFC 7296 2.19 ---- */

/* Assigns a virtual IP. Returns 0 or the error to report; cp is what was asked for. */
static uint16_t address_assign(struct auth_step *s, struct ike_cp_request *cp)
{
	const struct ike_connection *c = s->connection;
	struct ike_address_wish wish = {.peer = &s->session->peer_id,
					.remote = s->path.remote,
					.replaces = s->session->features & IKE_INITIAL_CONTACT};
	bool ip4 = c->pool.address.family == 4;

	memset(cp, 0, sizeof(*cp));
	if (!c->has_pool)
		return 0;
	/* 2.19: "FAILED_CP_REQUIRED ... when CP(CFG_REQUEST) was expected but not received". */
	if (!ike_message_has(s->message, IKE_PAYLOAD_CP) ||
	    s->message->cp.type != IKE_CFG_REQUEST)
		return IKE_NOTIFY_FAILED_CP_REQUIRED;
	ike_cp_read(cp, &s->message->cp);
	if (!cp->ip4 && !cp->ip6)
		return IKE_NOTIFY_FAILED_CP_REQUIRED;
	wish.address = ip4 ? &cp->wanted4 : &cp->wanted6;
	if (wish.address->family == 0)
		wish.address = NULL;
	/* 3.15.4: "only if no addresses can be assigned" */
	if (!(ip4 ? cp->ip4 : cp->ip6) ||
	    !s->env->assign_address(s->env->ctx, c, &wish, &s->session->virtual_ip))
		return IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE;
	return 0;
}

static void add_cp_reply(struct ike_builder *b, const struct auth_step *s,
			 const struct ike_cp_request *cp)
{
	const struct ike_connection *c = s->connection;

	if (s->session->virtual_ip.family == 0)
		return;
	ike_cp_open(b, IKE_CFG_REPLY);
	ike_cp_add_address(b, &s->session->virtual_ip);
	for (size_t i = 0; i < c->n_dns; i++)
		if (c->dns[i].family == 4 ? cp->dns4 : cp->dns6)
			ike_cp_add_dns(b, &c->dns[i]);
	ike_cp_close(b);
}

/* ---- The first Child SA ---- */

/* Returns 0 with the Child SA in the session, or why there is none. */
static uint16_t child_make(struct auth_step *s, struct child_plan *plan)
{
	const struct address *inner = &s->session->virtual_ip;
	struct ts_set remote = {.n = 1};
	const struct child_terms terms = {
		.proposals = s->connection->esp,
		.n_proposals = s->connection->n_esp,
		.dh = SA_DH_IGNORE,
		.local = &s->connection->local_ts,
		.remote = &remote,
	};
	struct ike_key_input input = {.shared = NULL};
	uint16_t error;

	if (inner->family == 0)
		inner = &s->session->remote.address;
	remote.ts[0] = ts_from_address(inner);
	error = ike_child_negotiate(plan, &terms, (struct child_list){0}, s->message);
	if (error)
		return error;
	CBS_init(&input.nonce_i, s->half_open->nonce_i, s->half_open->nonce_i_len);
	CBS_init(&input.nonce_r, s->half_open->nonce_r, sizeof(s->half_open->nonce_r));
	ike_child_create(&s->session->child[0], plan, s->env->draw_spi(s->env->ctx, s->env->entropy),
			 &s->session->ike[0], &input, false);
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

static void add_auth(struct ike_builder *b, const struct auth_step *s, const struct secret *psk)
{
	ike_add_id_and_auth(b, IKE_PAYLOAD_IDr, &s->connection->local_id, s->half_open->suite.prf, psk,
			    octets_of(s->half_open, false, (CBS){0}));
}

static void session_note(const struct auth_step *s, uint16_t error)
{
	char id[IKE_ID_MAX + 16], text[ADDRESS_TEXT_LEN] = "none", notify[NOTIFY_TEXT_LEN];

	ike_id_format(&s->session->peer_id, id, sizeof(id));
	if (s->session->virtual_ip.family != 0)
		address_format(&s->session->virtual_ip, text);
	s->out->refused = error;
	if (error)
		ike_note(s->out, "established with '%s', virtual IP %s, no Child SA: %s", id,
			 text, notify_format(error, notify));
	else
		ike_note(s->out, "established with '%s', virtual IP %s", id, text);
}

/* Child SA and address, then everything into one response. */
static void establish(struct auth_step *s, const struct secret *psk, const uint8_t *data,
		      size_t len)
{
	struct ike_header h = ike_reply_header(&s->message->header);
	struct ike_sa *sa = &s->session->ike[0];
	struct ike_cp_request cp;
	struct child_plan plan;
	struct ike_builder b;
	uint16_t error;

	error = address_assign(s, &cp);
	if (!error)
		error = child_make(s, &plan);
	if (error == IKE_NOTIFY_INVALID_SYNTAX) {
		refuse(s, &s->session->peer_id, error, "malformed Child SA payloads");
		return;
	}
	/* A session without a Child SA would be of no use, so it is refused as a whole: the client
	 * tries again (2.25), and does not take an IKE SA for a connection. */
	if (s->env->has_room && !s->env->has_room(s->env->ctx, s->session)) {
		refuse(s, &s->session->peer_id, IKE_NOTIFY_TEMPORARY_FAILURE,
		       "no room for one more session (sessions_max, child_sas_max)");
		return;
	}
	ike_builder_init_message(&b, &h);
	add_auth(&b, s, psk);
	add_cp_reply(&b, s, &cp);
	if (error)
		ike_add_notify(&b, error, NULL, 0);
	else
		add_child(&b, &s->session->child[0], &plan);
	if (s->session->features & IKE_PEER_MOBIKE)
		ike_add_notify(&b, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
	if (!respond(s, &b))
		return;
	ike_window_respond(&sa->window, data, len, ike_datagrams_ref(s->out->reply));
	session_note(s, error);
	s->out->next = s->session;
	s->session = NULL;
	s->out->verdict = IKE_VERDICT_ESTABLISH;
}

/* RFC 7296 2.21.2: a malformed message "MUST be rejected in its entirety". */
static void reject(struct auth_step *s, const struct ike_opened *o)
{
	struct ike_header h = ike_reply_header(&o->message.header);
	struct ike_builder b;

	ike_builder_init_message(&b, &h);
	ike_add_content_error(&b, o);
	if (!respond(s, &b))
		return;
	s->out->verdict = IKE_VERDICT_REFUSE;
	s->out->refused = o->content == ERR_UNSUPPORTED ? IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD
							: IKE_NOTIFY_INVALID_SYNTAX;
	ike_note(s->out, "IKE_AUTH request refused: %s", status_text(o->content));
}

static bool header_accept(const struct ike_header *h, const struct ike_half_open *half_open)
{
	/* 2.2: "the first pair of IKE_AUTH messages will have an ID of 1". */
	if (h->message_id != 1 && !MUTANT(MUTANT_AUTH_ANY_ID))
		return false;
	return h->exchange == IKE_EXCHANGE_AUTH && (h->flags & IKE_FLAG_INITIATOR) &&
	       !(h->flags & IKE_FLAG_RESPONSE) && h->spi_i == half_open->spi_i && h->spi_r == half_open->spi_r;
}

void ike_respond_auth(const struct ike_env *env, const struct ike_half_open *half_open,
		      const struct endpoint *local, const struct endpoint *remote,
		      const uint8_t *data, size_t len, struct ike_outcome *out)
{
	struct auth_step s = {
		.env = env,
		.half_open = half_open,
		.path = {.local = local, .remote = remote},
		.out = out,
	};
	struct sk_direction theirs = sk_direction_of(&half_open->suite, &half_open->keys, true);
	struct secret psk = {0};
	struct ike_id peer = {0};
	struct ike_header header;
	struct ike_opened o;
	const char *why;
	enum drop d;

	ike_outcome_init(out);
	d = ike_header_parse(&header, data, len);
	if (d == DROP_NONE && !header_accept(&header, half_open))
		d = DROP_IKE_EXCHANGE;
	if (d == DROP_NONE)
		d = ike_open(&o, &theirs, data, len);
	if (d != DROP_NONE) {
		ike_drop(out, d, "not an IKE_AUTH request of this IKE SA");
		return;
	}
	s.message = &o.message;
	if (o.content != OK) {
		reject(&s, &o);
	} else if ((why = authenticate(&s, &peer, &psk)) != NULL) {
		refuse(&s, &peer, IKE_NOTIFY_AUTHENTICATION_FAILED, why);
	} else if (!ike_is_admitted(env, &peer)) {
		refuse(&s, &peer, IKE_NOTIFY_TEMPORARY_FAILURE, "too many IKE SAs lately");
	} else {
		session_make(&s, &peer);
		establish(&s, &psk, data, len);
	}
	if (s.session) { /* Made, but not handed out. */
		ike_session_fini(s.session);
		free(s.session);
	}
	secret_cleanse(&psk);
	ike_opened_fini(&o);
}
