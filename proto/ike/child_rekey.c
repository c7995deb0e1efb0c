/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA as initiator: the gateway rekeys a Child SA itself (RFC 7296 1.3.3, 2.8, 2.17),
 * because its sequence numbers run out or may no longer be used.
 *
 * 	<--  HDR, SK {N(REKEY_SA), SA, Ni, [KEi,] TSi, TSr}
 * 	HDR, SK {SA, Nr, [KEr,] TSi, TSr}  -->
 * 	<--  HDR, SK {D(old)}          by the same commit as the new Child SA
 * 	HDR, SK {D(old)}  -->
 *
 * The node that leads when the answer comes finishes the rekey: everything it needs besides the
 * answer (SPI, nonce, private DH value) is committed with the request, as ike_sa.finish. The step
 * that consumes the answer also makes the next request outstanding (a DELETE, or one more try with
 * the group that the client wants), so it cannot be forgotten between two leaders.
 *
 * Both sides may rekey the same Child SA at once. We reply as usual and let the four nonces decide,
 * as 2.25.1 and 2.8.1 say. TEMPORARY_FAILURE would be simpler, but strongSwan answers our request
 * as usual while its own is outstanding, and has the nonce rule; if refused, it would consider its
 * old Child SA installed again, treat our DELETE as the end of the connection (updown,
 * close_action), and try once more after a quarter of a minute, with an SPI that is gone. */
#include "proto/ike/child_rekey.h"
#include "proto/crypto/dh.h"
#include "proto/ike/answer.h"
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/notify_text.h"
#include "proto/ike/outcome.h"
#include "proto/ike/select.h"
#include "proto/ike/session_step.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

/* ---- What finishes it ---- */

struct finish {
	uint32_t spi_in;                    /* The future Child SA's. */
	bool pfs;                           /* Only offered with a group: what it replaces has one. */
	bool corrected;                     /* With the group that the client asked for. */
	uint8_t nonce[IKE_NONCE_LEN];       /* Ni */
	struct dh_keypair dh;               /* Group DH_NONE: no KEi. */
	uint32_t rival;                     /* spi_in of what the client made in its place meanwhile, */
	uint8_t rival_nonce[IKE_NONCE_MAX]; /* the lower nonce of that exchange. */
	uint8_t rival_nonce_len;            /* 0: there is none. */
};

static void finish_cleanse(struct finish *f)
{
	OPENSSL_cleanse(f, sizeof(*f));
}

/* NULL: no memory. */
static struct blob *finish_encode(const struct finish *f)
{
	const struct secret *x = &f->dh.private_value;
	struct blob *out = NULL;
	size_t x_len = x->len;
	CBB b, piece;

	if (MUTANT(MUTANT_REQUEST_NO_DH))
		x_len = 0;
	if (CBB_init(&b, 512) && CBB_add_u32(&b, f->spi_in) && CBB_add_u8(&b, f->pfs) &&
	    CBB_add_u8(&b, f->corrected) && CBB_add_bytes(&b, f->nonce, sizeof(f->nonce)) &&
	    CBB_add_u16(&b, f->dh.group) && CBB_add_u16_length_prefixed(&b, &piece) &&
	    CBB_add_bytes(&piece, x->bytes, x_len) && CBB_add_u32(&b, f->rival) &&
	    CBB_add_u8_length_prefixed(&b, &piece) &&
	    CBB_add_bytes(&piece, f->rival_nonce, f->rival_nonce_len) && CBB_flush(&b))
		out = blob_new(CBB_data(&b), CBB_len(&b));
	CBB_cleanup(&b); /* Cleanses. */
	return out;
}

/* A record of our own, but it came from the store: nothing is taken on trust. */
static bool finish_decode(struct finish *f, const struct blob *from)
{
	uint8_t pfs, corrected;
	CBS in, x, nonce;

	memset(f, 0, sizeof(*f));
	if (!from)
		return false;
	CBS_init(&in, from->data, from->len);
	if (!CBS_get_u32(&in, &f->spi_in) || !CBS_get_u8(&in, &pfs) || !CBS_get_u8(&in, &corrected) ||
	    !CBS_copy_bytes(&in, f->nonce, sizeof(f->nonce)) || !CBS_get_u16(&in, &f->dh.group) ||
	    !CBS_get_u16_length_prefixed(&in, &x) || CBS_len(&x) > SECRET_MAX ||
	    !CBS_get_u32(&in, &f->rival) || !CBS_get_u8_length_prefixed(&in, &nonce) ||
	    CBS_len(&in) != 0 || pfs > 1 || corrected > 1 || f->spi_in < 256 ||
	    (f->dh.group == DH_NONE ? CBS_len(&x) != 0 : !dh_supported(f->dh.group)))
		return false;
	f->pfs = pfs;
	f->corrected = corrected;
	secret_set(&f->dh.private_value, CBS_data(&x), CBS_len(&x));
	f->rival_nonce_len = (uint8_t)CBS_len(&nonce);
	if (f->rival_nonce_len > 0)
		memcpy(f->rival_nonce, CBS_data(&nonce), f->rival_nonce_len);
	return true;
}

/* ---- What is offered ---- */

struct rekey_offer {
	struct proposal esp[2 * CONNECTION_PROPOSALS_MAX];
	struct sa_offer offer;
};

static bool names_group(const struct proposal *p, uint16_t group)
{
	for (size_t i = 0; i < p->n_dh; i++)
		if (p->dh[i] == group)
			return true;
	return false;
}

/* A proposal that names no group, with all that we speak: ours first. */
static void add_groups(struct proposal *p, uint16_t first)
{
	p->dh[p->n_dh++] = first;
	for (size_t i = 0; i < DH_STRONG_COUNT && p->n_dh < PROPOSAL_CHOICES; i++)
		if (dh_strong[i] != first)
			p->dh[p->n_dh++] = dh_strong[i];
}

/* As configured. If no group is configured, a client may still insist on one, as it may when it
 * asks itself (sa_select_esp()); so there is a second row, with groups. If the replaced SA has a
 * group, there is only that row: never weaker than before. */
static void offer_make(struct rekey_offer *o, const struct ike_connection *c, const struct finish *f)
{
	size_t n = 0;

	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < c->n_esp; i++)
		if (c->esp[i].n_dh > 0 || !f->pfs)
			o->esp[n++] = c->esp[i];
	for (size_t i = 0; i < c->n_esp && f->dh.group != DH_NONE; i++) {
		if (c->esp[i].n_dh > 0)
			continue;
		o->esp[n] = c->esp[i];
		add_groups(&o->esp[n++], f->dh.group);
	}
	o->offer = (struct sa_offer){.protocol = IKE_PROTOCOL_ESP,
				     .spi_len = 4,
				     .spi = f->spi_in,
				     .proposals = o->esp,
				     .n = n,
				     .with_dh = true};
}

/* The group for our KE: that of the old Child SA, else the first one configured. */
static uint16_t group_for(const struct ike_connection *c, uint16_t wanted)
{
	bool free_choice = false;

	for (size_t i = 0; i < c->n_esp; i++) {
		free_choice |= c->esp[i].n_dh == 0;
		if (wanted != DH_NONE && (c->esp[i].n_dh == 0 ? dh_is_strong(wanted) : names_group(&c->esp[i], wanted)))
			return wanted;
	}
	for (size_t i = 0; i < c->n_esp; i++)
		for (size_t k = 0; k < c->esp[i].n_dh; k++)
			if (c->esp[i].dh[k] != DH_NONE)
				return c->esp[i].dh[k];
	return free_choice ? DH_CURVE25519 : DH_NONE;
}

/* ---- The request ---- */

bool ike_rekey_possible(const struct ike_config *config, const struct ike_session *s,
			uint32_t spi_in)
{
	const struct ike_connection *c = ike_connection_find(config, s->connection);

	return c && c->n_esp > 0 && ike_session_places_with(s, spi_in) <= IKE_CHILD_MAX &&
	       s->ike[0].state == IKE_SA_ESTABLISHED && !s->ike[0].window.outstanding &&
	       ike_session_has_child(s, spi_in);
}

bool ike_rekey_ask(struct ike_builder *b, const struct ike_env *env, struct ike_session *s,
		   const struct ike_request *request)
{
	const struct ike_connection *c = ike_connection_find(env->config, s->connection);
	const struct child_sa *old = ike_session_find_child(s, request->spi_in);
	struct finish f = {.corrected = request->group != DH_NONE};
	struct dh_result ke = {.len = 0};
	struct rekey_offer o;
	bool ok = true;

	assert(c && old);
	f.spi_in = env->draw_spi(env->ctx, env->entropy);
	f.pfs = old->suite.dh != DH_NONE;
	entropy_draw(env->entropy, f.nonce, sizeof(f.nonce));
	f.dh.group = group_for(c, request->group ? request->group : old->suite.dh);
	if (f.dh.group != DH_NONE) {
		ok = dh_desk_generate(env->dh, f.dh.group, env->entropy, &ke) == OK;
		f.dh.private_value = ke.pair.private_value;
	}
	offer_make(&o, c, &f);
	ok = ok && o.offer.n > 0;
	if (ok) {
		/* 3.10.1: "the SPI the exchange initiator would expect in inbound ESP packets" */
		ike_add_notify_esp(b, IKE_NOTIFY_REKEY_SA, old->spi_in);
		ike_add_sa_offer(b, &o.offer);
		ike_add_nonce(b, f.nonce, sizeof(f.nonce));
		if (f.dh.group != DH_NONE)
			ike_add_ke(b, f.dh.group, ke.public_value, ke.len);
		ike_add_ts(b, IKE_PAYLOAD_TSi, &old->local);
		ike_add_ts(b, IKE_PAYLOAD_TSr, &old->remote);
		s->ike[0].purpose_arg = old->spi_in;
		blob_set(&s->ike[0].finish, finish_encode(&f));
		ok = s->ike[0].finish != NULL;
	}
	dh_result_cleanse(&ke);
	finish_cleanse(&f);
	return ok;
}

/* ---- The client does the same ---- */

void ike_rekey_collides(struct ike_sa *sa, uint32_t rival, CBS ni, CBS nr)
{
	CBS lower = ike_nonce_is_lower(ni, nr) ? ni : nr;
	struct finish f;

	if (finish_decode(&f, sa->finish)) {
		f.rival = rival;
		/* Its first 255 octets decide as well as all 256. */
		f.rival_nonce_len = (uint8_t)(CBS_len(&lower) < 255 ? CBS_len(&lower) : 255);
		memcpy(f.rival_nonce, CBS_data(&lower), f.rival_nonce_len);
		blob_set(&sa->finish, finish_encode(&f));
	}
	finish_cleanse(&f);
}

/* "the SA created with the lowest of the four nonces used in the two exchanges SHOULD be
 * closed by the endpoint that created it" (2.8.1). Is that ours? */
static bool ours_is_redundant(const struct ike_step *s, const struct finish *f)
{
	CBS ours, theirs;

	if (f->rival_nonce_len == 0 || !ike_session_has_child(s->next, f->rival))
		return false;
	CBS_init(&ours, f->nonce, sizeof(f->nonce));
	if (ike_nonce_is_lower(s->message->nonce, ours))
		ours = s->message->nonce;
	CBS_init(&theirs, f->rival_nonce, f->rival_nonce_len);
	return ike_nonce_is_lower(ours, theirs);
}

/* ---- The answer ---- */

static void then_delete(struct ike_step *s, uint32_t spi_in)
{
	s->follow = (struct ike_request){.purpose = IKE_PURPOSE_DELETE_CHILD, .spi_in = spi_in};
}

/* What the client has made for us, and we will not have. */
static void then_delete_made(struct ike_step *s, const struct finish *f)
{
	if (MUTANT(MUTANT_REFUSED_KEPT))
		return;
	then_delete(s, f->spi_in);
}

static void answer_error(struct ike_step *s, const struct ike_notify *error, const struct finish *f)
{
	const uint32_t old = s->sa->purpose_arg;
	char text[NOTIFY_TEXT_LEN];
	CBS data = error->data;
	uint16_t group;

	ike_note(s->out, "client does not rekey the Child SA: %s", notify_format(error->type, text));
	switch (error->type) {
	case IKE_NOTIFY_CHILD_SA_NOT_FOUND:
		/* 2.25: "SHOULD silently delete the Child SA (if it still exists)". */
		ike_child_remove(s->next, old);
		break;
	case IKE_NOTIFY_INVALID_KE_PAYLOAD:
		/* Once; ike_rekey_ask() offers it only if it may. */
		if (f->corrected || !CBS_get_u16(&data, &group) || CBS_len(&data) != 0 ||
		    group == f->dh.group || !dh_supported(group) || !s->connection ||
		    group_for(s->connection, group) != group ||
		    !ike_session_has_child(s->next, old))
			break;
		s->follow = (struct ike_request){.purpose = IKE_PURPOSE_REKEY_CHILD,
						 .spi_in = old,
						 .group = group};
		break;
	default:
		break; /* It stays as it is; the rekey may be tried again later. */
	}
}

/* The Child SA that the client agreed to, in the session. Returns 0 or what is wrong with it. */
static uint16_t install(struct ike_step *s, const struct child_sa *old, const struct finish *f)
{
	const struct ike_half ours = {f->nonce, &f->dh, s->env->dh};
	struct child_list have = {s->next->child, s->next->n_child};
	struct child_sa *child = &s->next->child[have.n];
	struct dh_secret shared = {0};
	struct ike_key_input input;
	struct rekey_offer o;
	struct child_question q = {&o.offer, &old->local, &old->remote, &ours, .cut = true};
	struct child_plan plan;
	uint16_t error;

	offer_make(&o, s->connection, f);
	error = ike_child_admit(s->env, s->next, old->spi_in);
	if (!error)
		error = ike_child_answer(&plan, &q, have, s->message);
	if (!error && !ike_answer_keys(&input, &shared, &ours, &plan.choice.suite,
				       s->sa->suite.prf, s->message))
		error = IKE_NOTIFY_INVALID_SYNTAX;
	if (!error && !ours_is_redundant(s, f)) {
		ike_child_create(child, &plan, f->spi_in, s->sa, &input, true);
		child->replaces = old->spi_in;
		child->made_ms = s->env->now_ms;
		s->next->n_child++;
		then_delete(s, old->spi_in);
		if (MUTANT(MUTANT_OLD_DROPPED))
			ike_child_remove(s->next, old->spi_in);
		ike_note(s->out, "Child SA rekeyed by us%s", input.shared ? ", with KE" : "");
	} else if (!error) {
		then_delete_made(s, f);
		ike_note(s->out, "client has rekeyed the Child SA at the same time, and its replacement "
				 "stays");
	}
	dh_secret_cleanse(&shared);
	return error;
}

void ike_step_rekey_answer(struct ike_step *s)
{
	const struct child_sa *old = ike_session_find_child(s->next, s->sa->purpose_arg);
	const struct ike_notify *error = ike_message_error(s->message);
	uint16_t refused = IKE_NOTIFY_INVALID_SYNTAX;
	struct finish f;

	if (!finish_decode(&f, s->sa->finish)) {
		ike_note(s->out, "the record that finishes our rekey is unreadable");
	} else if (s->content == OK && error) {
		answer_error(s, error, &f);
	} else {
		/* A Child SA that the client has made and we refuse is deleted; also if the client
		 * deleted the old one meanwhile, because then it wants neither. */
		if (s->content == OK && old && s->connection &&
		    !ike_session_has_child(s->next, f.spi_in))
			refused = install(s, old, &f);
		if (refused) {
			then_delete_made(s, &f);
			ike_note(s->out, "client's answer to our rekey is refused: %u", refused);
		}
		if (!old)
			ike_note(s->out, "client has deleted the Child SA that we were rekeying");
	}
	finish_cleanse(&f);
}
