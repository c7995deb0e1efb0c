/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA (RFC 7296 1.3), as the client that asks: a further Child SA, the
 * rekey of one or of the IKE SA; and as the client that is asked to take part when the
 * gateway rekeys a Child SA.
 *
 * When both rekey the same Child SA at once there are two replacements, and four nonces tell which
 * one stays: "the SA created with the lowest of the four nonces ... SHOULD be closed by the
 * endpoint that created it" (2.8.1), and the side that made the survivor deletes what it
 * replaced. */
#include "proto/ike/initiator_step.h"
#include "proto/crypto/dh.h"
#include "proto/ike/answer.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/select.h"
#include "proto/mutant.h"

#include <openssl/mem.h>

#include <string.h>

/* ---- Asking ---- */

void initiator_esp_offer(const struct initiator *i, uint16_t group, struct initiator_esp_offer *o)
{
	memcpy(o->esp, i->config.esp, sizeof(o->esp));
	o->offer = (struct sa_offer){.protocol = IKE_PROTOCOL_ESP,
				     .spi_len = 4,
				     .spi = i->new_spi,
				     .proposals = o->esp,
				     .n = i->config.n_esp,
				     .with_dh = group != DH_NONE};
	for (size_t k = 0; k < o->offer.n; k++) {
		if (group == DH_NONE || o->esp[k].n_dh > 0)
			continue;
		o->esp[k].dh[0] = group;
		o->esp[k].n_dh = 1;
	}
}

static void add_nonce(struct initiator *i, struct ike_builder *b)
{
	entropy_draw(&i->entropy, i->nonce_i, sizeof(i->nonce_i));
	ike_add_nonce(b, i->nonce_i, sizeof(i->nonce_i));
}

static struct blob *send_child(struct initiator *i, enum initiator_purpose purpose, uint32_t old,
			       uint16_t group)
{
	struct initiator_esp_offer esp;
	struct ike_builder b;

	if (!initiator_can_ask(i, 0))
		return NULL;
	initiator_begin(i, 0, IKE_EXCHANGE_CREATE_CHILD_SA, &b);
	if (purpose == INITIATOR_REKEY_CHILD)
		ike_add_notify_esp(&b, IKE_NOTIFY_REKEY_SA, old);
	i->new_spi = initiator_draw_esp_spi(i);
	initiator_esp_offer(i, group, &esp);
	ike_add_sa_offer(&b, &esp.offer);
	add_nonce(i, &b);
	if (group != DH_NONE) {
		initiator_draw_dh(i, group);
		initiator_add_ke(i, &b);
	} else {
		dh_keypair_cleanse(&i->dh);
	}
	ike_add_ts(&b, IKE_PAYLOAD_TSi, &i->config.tsi);
	ike_add_ts(&b, IKE_PAYLOAD_TSr, &i->config.tsr);
	i->ike[0].purpose_arg = old;
	return initiator_send(i, 0, purpose, &b);
}

struct blob *initiator_create_child(struct initiator *i, uint16_t group)
{
	return send_child(i, INITIATOR_NEW_CHILD, 0, group);
}

struct blob *initiator_create_child_rekey(struct initiator *i, uint32_t spi_in, uint16_t group)
{
	if (!initiator_is_settled(i, spi_in))
		return NULL;
	return send_child(i, INITIATOR_REKEY_CHILD, spi_in, group);
}

static struct sa_offer ike_offer(const struct initiator *i)
{
	return (struct sa_offer){.protocol = IKE_PROTOCOL_IKE,
				 .spi_len = 8,
				 .spi = i->new_spi,
				 .proposals = i->config.ike,
				 .n = i->config.n_ike,
				 .with_dh = true};
}

struct blob *initiator_create_ike_rekey(struct initiator *i, uint16_t group)
{
	struct sa_offer offer;
	struct ike_builder b;

	if (!initiator_can_ask(i, 0) || i->ike[1].state != 0)
		return NULL;
	initiator_begin(i, 0, IKE_EXCHANGE_CREATE_CHILD_SA, &b);
	i->new_spi = initiator_draw_ike_spi(i);
	offer = ike_offer(i);
	ike_add_sa_offer(&b, &offer);
	add_nonce(i, &b);
	initiator_draw_dh(i, group ? group : i->ike[0].suite.dh);
	initiator_add_ke(i, &b);
	return initiator_send(i, 0, INITIATOR_REKEY_IKE, &b);
}

/* ---- The answer ---- */

/* What we offered, and what of it the answer may take. */
static uint16_t plan_of(struct child_plan *plan, const struct initiator *i,
			const struct ike_message *m)
{
	const struct ike_half ours = {i->nonce_i, &i->dh, NULL};
	struct initiator_esp_offer esp;
	struct child_question q = {&esp.offer, &i->config.tsi, &i->config.tsr, &ours, .cut = false};

	initiator_esp_offer(i, i->dh.group, &esp);
	return ike_child_answer(plan, &q, (struct child_list){i->child, i->n_child}, m);
}

uint16_t initiator_take_child(struct initiator *i, const struct ike_sa *sa,
			      const struct ike_message *m, const struct ike_key_input *input)
{
	const struct ike_half ours = {i->nonce_i, &i->dh, NULL};
	struct ike_key_input fresh = *input;
	struct dh_secret shared = {0};
	struct child_plan plan;
	uint16_t error = plan_of(&plan, i, m);

	if (!error && CBS_len(&input->nonce_r) == 0 &&
	    !ike_answer_keys(&fresh, &shared, &ours, &plan.choice.suite, sa->suite.prf, m))
		error = IKE_NOTIFY_INVALID_SYNTAX;
	if (!error)
		ike_child_create(&i->child[i->n_child++], &plan, (uint32_t)i->new_spi, sa, &fresh,
				 true);
	dh_secret_cleanse(&shared);
	return error;
}

/* Our rekey is done. Was there another one of the same Child SA, even before ours (the gateway may
 * not have our answer), and which replacement stays? If not ours, its DELETE goes out. */
static struct blob *settle(struct initiator *i, uint32_t old, const struct ike_message *m)
{
	struct child_sa *made = &i->child[i->n_child - 1];
	const struct initiator_rekeyed *rival = &i->rekeyed;
	CBS theirs, ours;

	made->replaces = old;
	if (rival->old != old || !initiator_find_child(i, rival->made))
		return NULL;
	if (MUTANT(MUTANT_RIVAL_FORGOTTEN))
		return NULL;
	CBS_init(&ours, i->nonce_i, sizeof(i->nonce_i));
	if (ike_nonce_is_lower(m->nonce, ours))
		ours = m->nonce;
	CBS_init(&theirs, rival->nonce, rival->nonce_len);
	if (ike_nonce_is_lower(theirs, ours))
		return NULL; /* Ours stays: the gateway closes its own, we the old one. */
	made->replaces = 0;
	return initiator_create_child_delete(i, made->spi_in);
}

void initiator_replace(struct initiator *i)
{
	i->ike[1] = i->ike[0];
	i->ike[1].state = IKE_SA_REKEYED;
	i->ike[0] = i->replacement;
	OPENSSL_cleanse(&i->replacement, sizeof(i->replacement));
	ike_datagrams_set(&i->sync.response, NULL);
	memset(&i->sync, 0, sizeof(i->sync));
}

static uint16_t take_ike(struct initiator *i, const struct ike_message *m)
{
	const struct ike_half ours = {i->nonce_i, &i->dh, NULL};
	const struct sa_offer offer = ike_offer(i);
	struct ike_sa sa = {.state = IKE_SA_ESTABLISHED, .original_initiator = true};
	struct dh_secret shared = {0};
	struct ike_key_input input;
	struct sa_choice choice;
	uint16_t error = 0;

	if (!ike_answer_suite(&choice, &offer, &ours, m)) {
		error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
	} else if (!ike_answer_keys(&input, &shared, &ours, &choice.suite, i->ike[0].suite.prf, m) ||
		   !ike_nonce_fits(&m->nonce, choice.suite.prf)) {
		error = IKE_NOTIFY_INVALID_SYNTAX;
	} else {
		sa.spi_i = input.spi_i = i->new_spi;
		sa.spi_r = input.spi_r = choice.spi;
		sa.suite = choice.suite;
		ike_keys_rekey(&sa.keys, &sa.suite, &i->ike[0].keys, &i->ike[0].suite, &input);
		secret_cleanse(&sa.keys.pi);
		secret_cleanse(&sa.keys.pr);
		i->replacement = sa;
		initiator_replace(i);
	}
	dh_secret_cleanse(&shared);
	OPENSSL_cleanse(&sa, sizeof(sa));
	return error;
}

struct blob *initiator_consume_child(struct initiator *i, struct ike_sa *sa,
				     enum initiator_purpose purpose, const struct ike_message *m)
{
	const struct ike_key_input fresh = {.shared = NULL};
	uint16_t refused;

	if (purpose == INITIATOR_REKEY_IKE) {
		refused = i->error ? 0 : take_ike(i, m);
		dh_keypair_cleanse(&i->dh);
		/* The gateway has gone over to an IKE SA that we will not have. */
		if (refused)
			initiator_end(i, INITIATOR_FAILED, refused);
		return NULL;
	}
	/* 2.25: the side that gets it "SHOULD silently delete the Child SA (if it still
	 * exists)". */
	if (i->error == IKE_NOTIFY_CHILD_SA_NOT_FOUND && purpose == INITIATOR_REKEY_CHILD)
		child_list_remove(i->child, &i->n_child, sa->purpose_arg);
	refused = i->error ? 0 : initiator_take_child(i, sa, m, &fresh);
	dh_keypair_cleanse(&i->dh);
	if (refused)
		return initiator_refuse_child(i, refused);
	return !i->error && purpose == INITIATOR_REKEY_CHILD ? settle(i, sa->purpose_arg, m) : NULL;
}

/* ---- The gateway rekeys ---- */

/* The Child SA that N(REKEY_SA) names: the gateway's inbound SPI is the one we send to. */
static struct child_sa *rekeyed_child(struct initiator *i, const struct ike_notify *n, uint32_t *spi)
{
	CBS data = n->spi;

	*spi = 0;
	if (n->protocol != IKE_PROTOCOL_ESP || !CBS_get_u32(&data, spi) || CBS_len(&data) != 0)
		return NULL;
	return initiator_child_by_spi_out(i, *spi);
}

/* RFC 7296 2.25.1, 2.25.2: our own exchanges go first. An SA that we have replaced counts as being
 * closed, "whether or not" the DELETE has left (2.8.2 says so of IKE SAs). */
static bool is_busy_with(const struct initiator *i, const struct ike_sa *sa,
			 const struct child_sa *old)
{
	for (size_t k = 0; k < i->n_child; k++)
		if (i->child[k].replaces == old->spi_in)
			return true;
	switch ((enum initiator_purpose)sa->purpose) {
	case INITIATOR_DELETE_CHILD:
		return sa->purpose_arg == old->spi_in;
	case INITIATOR_REKEY_IKE:
	case INITIATOR_DELETE_IKE:
		return true;
	default:
		return false;
	}
}

/* It is inserted before the one that it replaces: that one carries our packets until the gateway
 * deletes it, because only then does the gateway surely have the new one. */
static void insert_before(struct initiator *i, const struct child_sa *made, uint32_t old)
{
	size_t at = 0;

	while (i->child[at].spi_in != old)
		at++;
	memmove(&i->child[at + 1], &i->child[at], (i->n_child - at) * sizeof(*made));
	i->child[at] = *made;
	i->n_child++;
}

static void note_rekeyed(struct initiator *i, uint32_t old, uint32_t made, CBS ni, CBS nr)
{
	CBS lower = ike_nonce_is_lower(ni, nr) ? ni : nr;

	i->rekeyed = (struct initiator_rekeyed){.old = old, .made = made};
	i->rekeyed.nonce_len = (uint16_t)CBS_len(&lower);
	memcpy(i->rekeyed.nonce, CBS_data(&lower), i->rekeyed.nonce_len);
}

static uint16_t rekey(struct initiator *i, const struct ike_sa *sa, const struct child_sa *old,
		      const struct ike_message *m, struct ike_builder *b)
{
	const struct child_terms terms = {.proposals = i->config.esp,
					  .n_proposals = i->config.n_esp,
					  .dh = SA_DH_NEGOTIATE,
					  .local = &old->local,
					  .remote = &old->remote};
	struct child_response r = {.reply = b, .entropy = &i->entropy};
	struct child_plan plan;
	struct child_sa made;
	CBS nonce;
	uint16_t error = ike_child_negotiate(&plan, &terms,
					     (struct child_list){i->child, i->n_child}, m);

	r.spi_in = initiator_draw_esp_spi(i);
	if (!error && (!ike_nonce_fits(&m->nonce, sa->suite.prf) ||
		       !ike_child_respond(&r, &made, &plan, sa, m)))
		error = IKE_NOTIFY_INVALID_SYNTAX;
	if (error == IKE_NOTIFY_INVALID_KE_PAYLOAD)
		ike_add_notify_u16(b, error, plan.choice.suite.dh);
	else if (error)
		ike_add_notify(b, error, NULL, 0);
	if (error)
		return error;
	i->counts.rekeys++;
	CBS_init(&nonce, r.nonce, sizeof(r.nonce));
	note_rekeyed(i, old->spi_in, made.spi_in, m->nonce, nonce);
	insert_before(i, &made, old->spi_in);
	OPENSSL_cleanse(&made, sizeof(made));
	return 0;
}

static uint16_t refuse(struct ike_builder *b, uint16_t error)
{
	ike_add_notify(b, error, NULL, 0);
	return error;
}

/* 3.3.1: the Protocol ID of the first proposal. */
static bool is_for_ike(const CBS *sa)
{
	return CBS_len(sa) > 5 && CBS_data(sa)[5] == IKE_PROTOCOL_IKE;
}

/* The gateway is the original initiator of what comes of it. */
static uint16_t rekey_ike(struct initiator *i, const struct ike_sa *sa, const struct ike_message *m,
			  struct ike_builder *b)
{
	struct ike_key_input input = {.nonce_i = m->nonce};
	struct ike_sa *next = &i->replacement;
	uint8_t nonce[IKE_NONCE_LEN];
	struct sa_choice choice;
	struct dh_result ke;

	if (sa_select_ike(&choice, &m->sa, i->config.ike, i->config.n_ike, 8, m->ke.group) != OK)
		return refuse(b, IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
	if (choice.ke_mismatch) {
		ike_add_notify_u16(b, IKE_NOTIFY_INVALID_KE_PAYLOAD, choice.suite.dh);
		return IKE_NOTIFY_INVALID_KE_PAYLOAD;
	}
	if (choice.spi == 0 || !ike_nonce_fits(&m->nonce, choice.suite.prf) ||
	    dh_desk_respond(NULL, m->ke.group, m->ke.data, &i->entropy, &ke) != OK)
		return refuse(b, IKE_NOTIFY_INVALID_SYNTAX);
	entropy_draw(&i->entropy, nonce, sizeof(nonce));
	CBS_init(&input.nonce_r, nonce, sizeof(nonce));
	input.shared = &ke.shared;
	memset(next, 0, sizeof(*next));
	next->state = IKE_SA_ESTABLISHED;
	next->suite = choice.suite;
	next->spi_i = input.spi_i = choice.spi;
	next->spi_r = input.spi_r = initiator_draw_ike_spi(i);
	ike_keys_rekey(&next->keys, &next->suite, &sa->keys, &sa->suite, &input);
	secret_cleanse(&next->keys.pi);
	secret_cleanse(&next->keys.pr);
	ike_add_sa_answer(b, &choice, next->spi_r);
	ike_add_nonce(b, nonce, sizeof(nonce));
	ike_add_ke(b, choice.suite.dh, ke.public_value, ke.len);
	dh_result_cleanse(&ke);
	i->counts.ike_rekeys++;
	return 0;
}

/* 2.25.2: not while Child SAs are made, rekeyed or closed, nor while we do the same. */
static bool may_rekey_ike(const struct initiator *i, const struct ike_sa *sa)
{
	return i->ike[1].state == 0 &&
	       (sa->purpose == INITIATOR_NOTHING || sa->purpose == INITIATOR_DPD ||
		sa->purpose == INITIATOR_MOVE || sa->purpose == INITIATOR_OTHER);
}

uint16_t initiator_answer_child(struct initiator *i, struct ike_sa *sa,
				const struct ike_message *m, struct ike_builder *b)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_REKEY_SA);
	const struct child_sa *old;
	uint32_t spi;

	if (sa != &i->ike[0]) /* 2.25.2: nothing new on an IKE SA that is replaced. */
		return refuse(b, IKE_NOTIFY_TEMPORARY_FAILURE);
	if (is_for_ike(&m->sa))
		return may_rekey_ike(i, sa) ? rekey_ike(i, sa, m, b)
					    : refuse(b, IKE_NOTIFY_TEMPORARY_FAILURE);
	if (!n)
		return refuse(b, IKE_NOTIFY_NO_ADDITIONAL_SAS);
	old = rekeyed_child(i, n, &spi);
	if (old && is_busy_with(i, sa, old))
		return refuse(b, IKE_NOTIFY_TEMPORARY_FAILURE);
	if (old)
		return rekey(i, sa, old, m, b);
	/* It may be what the gateway has made for us, and its answer is still on its way. */
	if (sa->purpose == INITIATOR_REKEY_CHILD || sa->purpose == INITIATOR_NEW_CHILD)
		return refuse(b, IKE_NOTIFY_TEMPORARY_FAILURE);
	ike_add_notify_esp(b, IKE_NOTIFY_CHILD_SA_NOT_FOUND, spi);
	return IKE_NOTIFY_CHILD_SA_NOT_FOUND;
}
