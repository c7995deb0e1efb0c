/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT as responder (RFC 7296 1.2):
 *
 * 	HDR(SPIi,0), SAi1, KEi, Ni  -->
 * 	                  <--  HDR(SPIi,SPIr), SAr1, KEr, Nr, N(NAT_DETECTION_*), [CERTREQ]
 *
 * Nothing here is authenticated: cheap work comes first, and Diffie-Hellman last. Errors are
 * answered only where RFC 7296 defines what the client does with the answer (2.21.1): COOKIE,
 * INVALID_KE_PAYLOAD, NO_PROPOSAL_CHOSEN, INVALID_MAJOR_VERSION and UNSUPPORTED_CRITICAL_PAYLOAD,
 * always with an SPIr of zero. */
#include "proto/auth/announce.h"
#include "proto/ike/cookie.h"
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/nat.h"
#include "proto/ike/outcome.h"
#include "proto/ike/select.h"
#include "proto/ike/offer_text.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What the request asks for, once it is understood. */
struct init_step {
	const struct ike_env *env;
	struct ike_path path;
	const uint8_t *data; /* The datagram */
	size_t len;
	struct ike_message message;
	struct sa_choice choice;
	struct ike_outcome *out;
};

/* A reply that keeps nothing: one NOTIFY, SPIs as they came. */
static void refuse(struct ike_outcome *out, const struct ike_header *request, uint16_t type,
		   const void *data, size_t len)
{
	struct ike_header h = ike_reply_header(request);
	struct ike_builder b;
	struct blob *reply;

	ike_builder_init_message(&b, &h);
	ike_add_notify(&b, type, data, len);
	if (ike_builder_finish(&b, &reply) != OK) {
		ike_drop(out, DROP_CRYPTO, "no memory for a reply");
		return;
	}
	out->reply = ike_datagrams_of(reply);
	out->verdict = IKE_VERDICT_REPLY;
	out->refused = type < IKE_NOTIFY_STATUS_FIRST ? type : 0;
}

/* RFC 7296 1.5: "a response message ... with the same IKE SPIs and the Message ID and Exchange Type
 * are copied from the request". We cannot know the exchange types of that version, so only fields
 * common to all versions are looked at: IKEv1 is just dropped. */
struct ike_datagrams *ike_version_refuse(const uint8_t *data, size_t len)
{
	struct ike_outcome out;
	struct ike_header h;

	if (ike_header_parse(&h, data, len) != DROP_IKE_HEADER || h.major <= 2 ||
	    h.length != len || h.spi_i == 0 || (h.flags & IKE_FLAG_RESPONSE))
		return NULL;
	ike_outcome_init(&out);
	refuse(&out, &h, IKE_NOTIFY_INVALID_MAJOR_VERSION, NULL, 0);
	return out.reply;
}

static bool header_accept(struct ike_header *h, const uint8_t *data, size_t len,
			  struct ike_outcome *out)
{
	enum drop d = ike_header_parse(h, data, len);

	if (d != DROP_NONE) {
		ike_drop(out, d, "IKE header refused");
		out->reply = ike_version_refuse(data, len);
		if (out->reply) {
			out->verdict = IKE_VERDICT_REPLY;
			ike_note(out, "client speaks IKE version %u", h->major);
		}
		return false;
	}
	if (h->exchange != IKE_EXCHANGE_SA_INIT || !(h->flags & IKE_FLAG_INITIATOR) ||
	    (h->flags & IKE_FLAG_RESPONSE) || h->message_id != 0 || h->spi_i == 0 ||
	    h->spi_r != 0) {
		ike_drop(out, DROP_IKE_EXCHANGE, "not an IKE_SA_INIT request");
		return false;
	}
	return true;
}

/* RFC 7296 2.6 */
static bool cookie_accept(struct init_step *s)
{
	const struct ike_notify *n = ike_message_notify(&s->message, IKE_NOTIFY_COOKIE);
	struct cookie_subject subject = {
		.nonce = CBS_data(&s->message.nonce),
		.nonce_len = CBS_len(&s->message.nonce),
		.spi_i = s->message.header.spi_i,
		.remote = s->path.remote,
	};
	uint8_t cookie[COOKIE_LEN];

	if (!s->env->demand_cookie)
		return true;
	if (MUTANT(MUTANT_COOKIE_UNCHECKED) && n)
		return true;
	if (n && cookie_verify(CBS_data(&n->data), CBS_len(&n->data), s->env->cookie_key,
			       s->env->now_ms, &subject))
		return true;
	cookie_create(cookie, s->env->cookie_key, s->env->now_ms, &subject);
	refuse(s->out, &s->message.header, IKE_NOTIFY_COOKIE, cookie, sizeof(cookie));
	ike_note(s->out, "cookie demanded");
	return false;
}

/* Both sides, so that the reader need not look at the client. */
static void proposals_note(struct init_step *s)
{
	const struct ike_config *c = s->env->config;
	char ours[150] = "", offered[200];

	for (size_t i = 0; i < c->n_connections; i++)
		proposals_format(c->connections[i].ike, c->connections[i].n_ike, ours, sizeof(ours));
	ike_note(s->out, "offers %s; accepted would be %s",
		 offer_format(&s->message.sa, offered, sizeof(offered)), ours);
}

/* Chooses the suite, or answers why not. */
static bool suite_accept(struct init_step *s)
{
	const struct ike_message *m = &s->message;
	uint8_t group[2];

	switch (ike_select_init(&s->choice, s->env->config, &m->sa, m->ke.group)) {
	case OK:
		break;
	case ERR_UNSUPPORTED:
		refuse(s->out, &m->header, IKE_NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
		proposals_note(s);
		return false;
	default:
		ike_drop(s->out, DROP_IKE_PAYLOAD, "malformed SA payload");
		return false;
	}
	/* RFC 7296 1.2: "the responder ... MUST reject the message and indicate its
	 * preferred Diffie-Hellman group with the INVALID_KE_PAYLOAD Notify payload". */
	if (s->choice.ke_mismatch) {
		group[0] = (uint8_t)(s->choice.suite.dh >> 8);
		group[1] = (uint8_t)s->choice.suite.dh;
		refuse(s->out, &m->header, IKE_NOTIFY_INVALID_KE_PAYLOAD, group, sizeof(group));
		ike_note(s->out, "KE of group %u, wanted %u", m->ke.group, s->choice.suite.dh);
		return false;
	}
	if (!ike_nonce_fits(&m->nonce, s->choice.suite.prf)) {
		ike_drop(s->out, DROP_IKE_PAYLOAD, "nonce too short for the PRF");
		return false;
	}
	return true;
}

/* Fills h from the request and what was drawn: keys, features, addresses. */
static void half_open_fill(struct ike_half_open *h, const struct init_step *s,
			   const struct dh_secret *shared)
{
	const struct ike_message *m = &s->message;
	struct ike_key_input input;

	h->spi_i = m->header.spi_i;
	do
		h->spi_r = entropy_u64(s->env->entropy);
	while (h->spi_r == 0);
	h->suite = s->choice.suite;
	h->local = *s->path.local;
	h->remote = *s->path.remote;
	h->created_ms = s->env->now_ms;
	ike_nat_detect(&h->features, m, &s->path);
	if (s->env->config->fragmentation && ike_message_notify(m, IKE_NOTIFY_FRAGMENTATION_SUPPORTED))
		h->features |= IKE_PEER_FRAGMENTATION;
	h->nonce_i_len = (uint16_t)CBS_len(&m->nonce);
	memcpy(h->nonce_i, CBS_data(&m->nonce), h->nonce_i_len);
	entropy_draw(s->env->entropy, h->nonce_r, sizeof(h->nonce_r));
	h->request = blob_new(s->data, s->len);
	h->window.next_in = 1; /* IKE_SA_INIT was 0. */

	input.shared = shared;
	CBS_init(&input.nonce_i, h->nonce_i, h->nonce_i_len);
	CBS_init(&input.nonce_r, h->nonce_r, sizeof(h->nonce_r));
	input.spi_i = h->spi_i;
	input.spi_r = h->spi_r;
	ike_keys_derive(&h->keys, &h->suite, &input);
}

static enum status response_build(struct ike_half_open *h, const struct init_step *s,
				  const struct dh_result *ke)
{
	struct ike_header header = ike_reply_header(&s->message.header);
	struct ike_builder b;

	header.spi_r = h->spi_r;
	ike_builder_init_message(&b, &header);
	ike_add_sa_answer(&b, &s->choice, 0);
	ike_add_ke(&b, h->suite.dh, ke->public_value, ke->len);
	ike_add_nonce(&b, h->nonce_r, sizeof(h->nonce_r));
	/* A client that sent no hashes does not speak NAT traversal. */
	if (ike_message_notify(&s->message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP))
		ike_nat_add(&b, h->spi_i, h->spi_r, &s->path);
	if (h->features & IKE_PEER_FRAGMENTATION) /* RFC 7383 2.3: support and willingness. */
		ike_add_notify(&b, IKE_NOTIFY_FRAGMENTATION_SUPPORTED, NULL, 0);
	auth_announce(&b, s->env->config, &h->suite, &s->message);
	return ike_builder_finish(&b, &h->response);
}

static void half_open_make(struct init_step *s)
{
	char suite[SUITE_TEXT_LEN];
	struct ike_half_open *h;
	enum status built;
	struct dh_result ke;

	if (dh_desk_respond(s->env->dh, s->message.ke.group, s->message.ke.data, s->env->entropy, &ke) != OK) {
		ike_drop(s->out, DROP_IKE_PAYLOAD, "bad Diffie-Hellman value");
		return;
	}
	h = calloc(1, sizeof(*h));
	assert(h);
	half_open_fill(h, s, &ke.shared);
	built = response_build(h, s, &ke);
	dh_result_cleanse(&ke);
	if (built != OK) {
		ike_half_open_fini(h);
		free(h);
		ike_drop(s->out, DROP_CRYPTO, "no memory for a reply");
		return;
	}
	s->out->half_open = h;
	s->out->reply = ike_datagrams_of(blob_ref(h->response));
	s->out->verdict = IKE_VERDICT_HALF_OPEN;
	ike_note(s->out, "half-open with %s", suite_format(&h->suite, suite));
}

/* What costs no more than the reading, and the cookie. False: out is the answer. */
static bool request_accept(struct init_step *s)
{
	struct ike_header header;

	ike_outcome_init(s->out);
	if (!header_accept(&header, s->data, s->len, s->out))
		return false;
	switch (ike_message_parse(&s->message, s->data, s->len)) {
	case OK:
		break;
	case ERR_UNSUPPORTED:
		refuse(s->out, &header, IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
		       &s->message.unknown_critical, 1);
		ike_note(s->out, "critical payload %u is unknown", s->message.unknown_critical);
		return false;
	default:
		ike_drop(s->out, DROP_IKE_PAYLOAD, "malformed IKE_SA_INIT");
		return false;
	}
	if (ike_message_check(&s->message) != DROP_NONE) {
		ike_drop(s->out, DROP_IKE_PAYLOAD, "payloads do not make an IKE_SA_INIT request");
		return false;
	}
	return cookie_accept(s);
}

static struct init_step step_make(const struct ike_env *env, const struct endpoint *local,
				  const struct endpoint *remote, const uint8_t *data, size_t len,
				  struct ike_outcome *out)
{
	return (struct init_step){
		.env = env,
		.path = {.local = local, .remote = remote},
		.data = data,
		.len = len,
		.out = out,
	};
}

void ike_respond_init(const struct ike_env *env, const struct endpoint *local,
		      const struct endpoint *remote, const uint8_t *data, size_t len,
		      struct ike_outcome *out)
{
	struct init_step s = step_make(env, local, remote, data, len, out);

	if (request_accept(&s) && suite_accept(&s))
		half_open_make(&s);
	ike_later(env, out);
}

bool ike_screen_init(const struct ike_env *env, const struct endpoint *local,
		     const struct endpoint *remote, const uint8_t *data, size_t len,
		     struct ike_outcome *out)
{
	struct init_step s = step_make(env, local, remote, data, len, out);

	return request_accept(&s);
}
