/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA that rekeys the IKE SA, as initiator: the gateway does it by age (RFC 7296
 * 1.3.2, 2.18).
 *
 * 	<--  HDR, SK {SA, Ni, KEi}
 * 	HDR, SK {SA, Nr, KEr}  -->
 * 	<--  HDR, SK {D}                on the old IKE SA, by the same commit as the new one
 * 	HDR, SK {D}  -->
 *
 * We are the original initiator of the new IKE SA (3.1). Until the answer is committed a failure
 * leaves the session as it was. From then on both IKE SAs answer; the DELETE has the old one's
 * window to itself, so it holds up nothing. If nobody answers it, the old one goes only when the
 * new one is replaced in its turn, by a client that has used it.
 *
 * If both sides ask at once, each answers TEMPORARY_FAILURE and tries later (2.25). */
#include "proto/ike/ike_rekey.h"
#include "proto/crypto/dh_desk.h"
#include "proto/ike/answer.h"
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/notify_text.h"
#include "proto/ike/outcome.h"
#include "proto/ike/select.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- What finishes it ---- */

struct ike_finish {
	uint64_t spi;                 /* Ours of the new IKE SA. */
	bool corrected;               /* With the group that the client asked for. */
	uint8_t nonce[IKE_NONCE_LEN]; /* Ni */
	struct dh_keypair dh;
};

static struct blob *finish_encode(const struct ike_finish *f)
{
	const struct secret *x = &f->dh.private_value;
	struct blob *out = NULL;
	CBB b, piece;

	if (CBB_init(&b, 512) && CBB_add_u64(&b, f->spi) && CBB_add_u8(&b, f->corrected) &&
	    CBB_add_bytes(&b, f->nonce, sizeof(f->nonce)) && CBB_add_u16(&b, f->dh.group) &&
	    CBB_add_u16_length_prefixed(&b, &piece) && CBB_add_bytes(&piece, x->bytes, x->len) &&
	    CBB_flush(&b))
		out = blob_new(CBB_data(&b), CBB_len(&b));
	CBB_cleanup(&b); /* Cleanses. */
	return out;
}

/* A record of our own, but it came from the store: nothing is taken on trust. */
static bool finish_decode(struct ike_finish *f, const struct blob *from)
{
	uint8_t corrected;
	CBS in, x;

	memset(f, 0, sizeof(*f));
	if (!from)
		return false;
	CBS_init(&in, from->data, from->len);
	if (!CBS_get_u64(&in, &f->spi) || !CBS_get_u8(&in, &corrected) ||
	    !CBS_copy_bytes(&in, f->nonce, sizeof(f->nonce)) || !CBS_get_u16(&in, &f->dh.group) ||
	    !CBS_get_u16_length_prefixed(&in, &x) || CBS_len(&x) > SECRET_MAX || CBS_len(&in) != 0 ||
	    corrected > 1 || f->spi == 0 || !dh_supported(f->dh.group))
		return false;
	f->corrected = corrected;
	secret_set(&f->dh.private_value, CBS_data(&x), CBS_len(&x));
	return true;
}

/* ---- The request ---- */

struct offered {
	struct proposal row[CONNECTION_PROPOSALS_MAX];
	size_t n;
};

static bool names_prf(const struct proposal *p, uint16_t prf)
{
	for (size_t i = 0; i < p->n_prf; i++)
		if (p->prf[i] == prf)
			return true;
	return false;
}

static void only_prf(struct proposal *p, uint16_t prf)
{
	p->prf[0] = prf;
	p->n_prf = 1;
}

/* The suite of the IKE SA, with the groups that the connection lists beside it: a client that chooses
 * by its own order would leave an AEAD for AES-CBC. If the connection no longer has that suite,
 * suites with the same PRF: with another one strongSwan computes other keys than RFC 7296 2.18,
 * because it uses the old PRF for prf+, too. If there is none, all suites. */
static struct offered what_is_offered(const struct ike_connection *c, const struct suite *now)
{
	struct offered o = {.n = 0};

	for (size_t i = 0; i < c->n_ike; i++) {
		if (!ike_proposal_allows(&c->ike[i], now))
			continue;
		o.row[0] = c->ike[i];
		only_prf(&o.row[0], now->prf);
		o.row[0].encr[0] = now->encr;
		o.row[0].encr_key_bits[0] = now->encr_key_bits;
		o.row[0].n_encr = 1;
		o.row[0].integ[0] = now->integ;
		o.row[0].n_integ = now->integ == AUTH_NONE ? 0 : 1;
		o.n = 1;
		return o;
	}
	for (size_t i = 0; i < c->n_ike; i++)
		if (names_prf(&c->ike[i], now->prf)) {
			o.row[o.n] = c->ike[i];
			only_prf(&o.row[o.n++], now->prf);
		}
	if (o.n > 0)
		return o;
	memcpy(o.row, c->ike, c->n_ike * sizeof(o.row[0]));
	o.n = c->n_ike;
	return o;
}

static bool is_offered(const struct offered *o, uint16_t group)
{
	for (size_t i = 0; i < o->n; i++)
		for (size_t k = 0; k < o->row[i].n_dh; k++)
			if (o->row[i].dh[k] == group)
				return true;
	return false;
}

static struct sa_offer offer_of(const struct offered *o, uint64_t spi)
{
	return (struct sa_offer){.protocol = IKE_PROTOCOL_IKE,
				 .spi_len = 8,
				 .spi = spi,
				 .proposals = o->row,
				 .n = o->n,
				 .with_dh = true};
}

bool ike_sa_rekey_possible(const struct ike_config *config, const struct ike_session *s)
{
	const struct ike_connection *c = ike_connection_find(config, s->connection);
	return c && c->n_ike > 0 && c->ike[0].n_dh > 0 && s->ike[0].state == IKE_SA_ESTABLISHED &&
	       !s->ike[0].window.outstanding && !(s->features & IKE_ENDS) &&
	       (ike_sa_is_used(&s->ike[0]) || s->ike[1].state != IKE_SA_REKEYED);
}

bool ike_sa_rekey_ask(struct ike_builder *b, const struct ike_env *env, struct ike_session *s,
		      const struct ike_request *request)
{
	const struct ike_connection *c = ike_connection_find(env->config, s->connection);
	uint16_t group = request->group ? request->group : s->ike[0].suite.dh;
	struct ike_finish f = {.corrected = request->group != DH_NONE};
	struct offered offered;
	struct sa_offer offer;
	struct dh_result ke;
	bool ok;

	assert(c);
	do
		f.spi = entropy_u64(env->entropy);
	while (f.spi == 0);
	entropy_draw(env->entropy, f.nonce, sizeof(f.nonce));
	offered = what_is_offered(c, &s->ike[0].suite);
	if (!is_offered(&offered, group))
		group = offered.row[0].dh[0];
	ok = dh_desk_generate(env->dh, group, env->entropy, &ke) == OK;
	if (ok) {
		f.dh = ke.pair;
		offer = offer_of(&offered, f.spi);
		ike_add_sa_offer(b, &offer);
		ike_add_nonce(b, f.nonce, sizeof(f.nonce));
		ike_add_ke(b, group, ke.public_value, ke.len);
		blob_set(&s->ike[0].finish, finish_encode(&f));
		ok = s->ike[0].finish != NULL;
	}
	dh_result_cleanse(&ke);
	OPENSSL_cleanse(&f, sizeof(f));
	return ok;
}

/* ---- The answer ---- */

static void answer_error(struct ike_step *s, const struct ike_notify *error, const struct ike_finish *f)
{
	char text[NOTIFY_TEXT_LEN];
	struct offered offered = {.n = 0};
	CBS data = error->data;
	uint16_t group;

	if (s->connection)
		offered = what_is_offered(s->connection, &s->sa->suite);
	ike_note(s->out, "client does not rekey the IKE SA: %s", notify_format(error->type, text));
	if (error->type == IKE_NOTIFY_INVALID_KE_PAYLOAD && !f->corrected && CBS_get_u16(&data, &group) &&
	    CBS_len(&data) == 0 && group != f->dh.group && dh_supported(group) &&
	    is_offered(&offered, group))
		s->follow = (struct ike_request){.purpose = IKE_PURPOSE_REKEY_IKE, .group = group};
}

/* 2.18: "SPIi, SPIr, Ni, and Nr from the new exchange". */
static struct ike_sa *replacement_make(const struct ike_step *s, const struct sa_choice *choice,
				     struct ike_key_input *input, const struct ike_finish *f)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));

	assert(sa);
	sa->spi_i = input->spi_i = f->spi;
	sa->spi_r = input->spi_r = choice->spi;
	sa->suite = choice->suite;
	sa->state = IKE_SA_ESTABLISHED;
	sa->original_initiator = true;
	sa->made_ms = s->env->now_ms;
	ike_keys_rekey(&sa->keys, &sa->suite, &s->sa->keys, &s->sa->suite, input);
	secret_cleanse(&sa->keys.pi);
	secret_cleanse(&sa->keys.pr);
	return sa;
}

static bool install(struct ike_step *s, const struct ike_finish *f)
{
	const struct ike_half ours = {f->nonce, &f->dh, s->env->dh};
	struct dh_secret shared = {0};
	struct ike_key_input input;
	struct sa_choice choice;
	struct offered offered;
	struct sa_offer offer;
	bool ok;

	if (!s->connection || s->sa != &s->next->ike[0])
		return false;
	offered = what_is_offered(s->connection, &s->sa->suite);
	offer = offer_of(&offered, f->spi);
	ok = ike_answer_suite(&choice, &offer, &ours, s->message) &&
	     ike_answer_keys(&input, &shared, &ours, &choice.suite, s->sa->suite.prf, s->message) &&
	     ike_nonce_fits(&s->message->nonce, choice.suite.prf);
	if (ok)
		s->replacement = replacement_make(s, &choice, &input, f);
	dh_secret_cleanse(&shared);
	return ok;
}

void ike_step_sa_rekey_answer(struct ike_step *s)
{
	const struct ike_notify *error = ike_message_error(s->message);
	struct ike_finish f;

	if (!finish_decode(&f, s->sa->finish))
		ike_note(s->out, "the record that finishes our rekey of the IKE SA is unreadable");
	else if (s->content == OK && error)
		answer_error(s, error, &f);
	else if (s->content != OK || !install(s, &f))
		ike_note(s->out, "client's answer to our rekey of the IKE SA is refused");
	else
		ike_note(s->out, "IKE SA rekeyed by us");
	OPENSSL_cleanse(&f, sizeof(f));
}
