/* SPDX-License-Identifier: Apache-2.0 */
/* The initiator's front door, and its own INFORMATIONAL requests.
 *
 * 	a datagram
 * 	  |- IKE_SA_INIT, while we wait for it          initiator_auth.c
 * 	  '- on one of our IKE SAs
 * 	       |- response, ID = outstanding, same exchange, authenticates
 * 	       |- a fragment of one of the next three: kept until all have come
 * 	       |- request,  ID = expected - 1, same bytes, or cut otherwise: the cached response
 * 	       |- request,  ID = expected, authenticates: one exchange
 * 	       |- request,  ID = 0, where RFC 6311 was agreed on: sets the message IDs
 * 	       '- anything else is ignored, and nothing changes
 *
 * The window is in window.c. An authenticated request with malformed content is answered with
 * INVALID_SYNTAX and ends the IKE SA, here as at the responder (RFC 7296 2.21.3).
 *
 * Not here: EAP, certificates, rekeying of the IKE SA by the
 * gateway (refused with NO_ADDITIONAL_SAS), a Child SA that the gateway asks for out
 * of the blue (likewise). */
#include "proto/ike/initiator_step.h"
#include "proto/crypto/dh.h"
#include "proto/ike/child_make.h"
#include "proto/ike/fragment.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/nat.h"
#include "proto/ike/sk.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void initiator_init(struct initiator *i, const struct initiator_config *config,
		    const uint8_t seed[ENTROPY_SEED_LEN])
{
	memset(i, 0, sizeof(*i));
	i->config = *config;
	entropy_init(&i->entropy, seed);
	i->iv.salt = entropy_u32(&i->entropy);
}

static void drop_sa(struct ike_sa *sa)
{
	ike_window_fini(&sa->window);
	OPENSSL_cleanse(sa, sizeof(*sa));
}

static void drop_all(struct initiator *i)
{
	for (size_t k = 0; k < IKE_SA_MAX; k++)
		drop_sa(&i->ike[k]);
	blob_set(&i->cookie, NULL);
	blob_set(&i->init_request, NULL);
	blob_set(&i->init_response, NULL);
	blob_set(&i->auth_state, NULL);
	ike_datagrams_set(&i->sync.response, NULL);
	ike_reassembly_clear(&i->request);
	ike_reassembly_clear(&i->response);
	dh_keypair_cleanse(&i->dh);
	memset(&i->rekeyed, 0, sizeof(i->rekeyed));
	OPENSSL_cleanse(i->child, sizeof(i->child));
	i->n_child = 0;
}

void initiator_fini(struct initiator *i)
{
	drop_all(i);
	OPENSSL_cleanse(i, sizeof(*i));
}

void initiator_end(struct initiator *i, enum initiator_state state, uint16_t error)
{
	drop_all(i);
	i->state = state;
	i->error = error;
}

void initiator_remove_sa(struct initiator *i, struct ike_sa *sa)
{
	if (sa == &i->ike[0])
		initiator_end(i, INITIATOR_CLOSED, i->error);
	else
		drop_sa(sa);
}

struct child_sa *initiator_find_child(struct initiator *i, uint32_t spi_in)
{
	for (size_t k = 0; k < i->n_child; k++)
		if (i->child[k].spi_in == spi_in)
			return &i->child[k];
	return NULL;
}

struct child_sa *initiator_child_by_spi_out(struct initiator *i, uint32_t spi_out)
{
	for (size_t k = 0; k < i->n_child; k++)
		if (i->child[k].spi_out == spi_out)
			return &i->child[k];
	return NULL;
}

bool initiator_is_settled(const struct initiator *i, uint32_t spi_in)
{
	return spi_in != i->rekeyed.made || i->rekeyed.settled;
}

struct blob *initiator_ignore(struct initiator *i)
{
	i->counts.ignored++;
	return NULL;
}

/* ---- What is drawn ---- */

uint32_t initiator_draw_esp_spi(struct initiator *i)
{
	uint32_t spi;

	do
		spi = entropy_u32(&i->entropy);
	while (spi < 256 || initiator_find_child(i, spi));
	return spi;
}

uint64_t initiator_draw_ike_spi(struct initiator *i)
{
	uint64_t spi;

	do
		spi = entropy_u64(&i->entropy);
	while (spi == 0);
	return spi;
}

/* The groups come from our own configuration: only lack of memory is left to fail. */
void initiator_draw_dh(struct initiator *i, uint16_t group)
{
	uint8_t public_value[DH_PUBLIC_MAX];
	size_t len;

	dh_keypair_cleanse(&i->dh);
	if (dh_generate(group, &i->entropy, &i->dh, public_value, &len) != OK)
		abort();
}

void initiator_add_ke(const struct initiator *i, struct ike_builder *b)
{
	uint8_t public_value[DH_PUBLIC_MAX];
	size_t len;

	if (dh_public(&i->dh, public_value, &len) != OK)
		abort();
	ike_add_ke(b, i->dh.group, public_value, len);
}

/* ---- Messages ---- */

/* What we say fits a datagram and the keys fit the suite; what is left is memory. */
struct ike_datagrams *initiator_seal(struct initiator *i, const struct ike_sa *sa, struct ike_builder *b)
{
	struct ike_sealer sealer = {
		.ours = sk_direction_of(&sa->suite, &sa->keys, sa->original_initiator),
		.iv = &i->iv,
		.entropy = &i->entropy,
	};
	struct ike_datagrams *out;

	if (i->features & IKE_PEER_FRAGMENTATION)
		sealer.datagram_max = ike_fragment_room(i->config.fragment_size,
							i->config.remote.address.family);
	if (ike_seal(&sealer, b, &out) != OK)
		abort();
	return out;
}

void initiator_begin(const struct initiator *i, size_t which, uint8_t exchange,
		     struct ike_builder *b)
{
	struct ike_header h = {
		.spi_i = i->ike[which].spi_i,
		.spi_r = i->ike[which].spi_r,
		.major = 2,
		.exchange = exchange,
		.flags = i->ike[which].original_initiator ? IKE_FLAG_INITIATOR : 0,
		.message_id = i->ike[which].window.next_out,
	};

	ike_builder_init_message(b, &h);
}

struct blob *initiator_send(struct initiator *i, size_t which, enum initiator_purpose purpose,
			    struct ike_builder *b)
{
	struct ike_sa *sa = &i->ike[which];

	ike_window_ask(&sa->window, initiator_seal(i, sa, b));
	sa->purpose = purpose;
	return initiator_first(sa->window.outstanding);
}

struct blob *initiator_retransmit(const struct initiator *i)
{
	if (i->state == INITIATOR_INIT_SENT)
		return blob_ref(i->init_request);
	for (size_t k = 0; k < IKE_SA_MAX; k++)
		if (i->ike[k].window.outstanding)
			return initiator_first(i->ike[k].window.outstanding);
	return NULL;
}

/* ---- Its own requests ---- */

bool initiator_can_ask(const struct initiator *i, size_t which)
{
	return i->state == INITIATOR_ESTABLISHED && i->ike[which].state != 0 &&
	       !i->ike[which].window.outstanding;
}

struct blob *initiator_create_dpd(struct initiator *i)
{
	struct ike_builder b;

	if (!initiator_can_ask(i, 0))
		return NULL;
	initiator_begin(i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	return initiator_send(i, 0, INITIATOR_DPD, &b);
}

struct blob *initiator_create_child_delete(struct initiator *i, uint32_t spi_in)
{
	struct ike_builder b;

	if (!initiator_can_ask(i, 0))
		return NULL;
	initiator_begin(i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	ike_add_delete_esp(&b, &spi_in, 1);
	i->ike[0].purpose_arg = spi_in;
	return initiator_send(i, 0, INITIATOR_DELETE_CHILD, &b);
}

struct blob *initiator_refuse_child(struct initiator *i, uint16_t error)
{
	i->error = error;
	return initiator_create_child_delete(i, (uint32_t)i->new_spi);
}

struct blob *initiator_create_ike_delete(struct initiator *i, size_t which)
{
	struct ike_builder b;

	if (!initiator_can_ask(i, which))
		return NULL;
	initiator_begin(i, which, IKE_EXCHANGE_INFORMATIONAL, &b);
	ike_add_delete_ike(&b);
	return initiator_send(i, which, INITIATOR_DELETE_IKE, &b);
}

struct blob *initiator_create_move(struct initiator *i, const struct endpoint *local)
{
	struct ike_path path = {.local = &i->config.local, .remote = &i->config.remote};
	const struct endpoint hidden = {.address = {.family = 4}};
	struct ike_builder b;

	if (!initiator_can_ask(i, 0))
		return NULL;
	i->config.local = *local;
	initiator_begin(i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	ike_add_notify(&b, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
	if (i->config.fake_nat) /* Matches nothing. */
		path.local = &hidden;
	ike_nat_add(&b, i->ike[0].spi_i, i->ike[0].spi_r, &path);
	ike_add_notify(&b, IKE_NOTIFY_COOKIE2, "round trip", 10);
	return initiator_send(i, 0, INITIATOR_MOVE, &b);
}

/* ---- Answers to its requests ---- */

static uint16_t error_of(const struct ike_opened *o)
{
	const struct ike_notify *error = ike_message_error(&o->message);

	if (o->content != OK)
		return o->content == ERR_UNSUPPORTED ? IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD
						     : IKE_NOTIFY_INVALID_SYNTAX;
	return error ? error->type : 0;
}

static struct blob *consume_response(struct initiator *i, struct ike_sa *sa,
				     const struct ike_opened *o)
{
	enum initiator_purpose purpose = sa->purpose;

	i->counts.responses++;
	i->error = error_of(o);
	ike_window_answered(&sa->window);
	sa->purpose = INITIATOR_NOTHING;
	/* 2.21.3: the gateway did not understand us and has deleted its end. */
	if (o->content == OK && i->error == IKE_NOTIFY_INVALID_SYNTAX) {
		initiator_remove_sa(i, sa);
		return NULL;
	}
	switch (purpose) {
	case INITIATOR_REKEY_CHILD:
	case INITIATOR_NEW_CHILD:
	case INITIATOR_REKEY_IKE:
		if (o->content != OK && purpose != INITIATOR_REKEY_IKE)
			return initiator_refuse_child(i, i->error);
		return initiator_consume_child(i, sa, purpose, &o->message);
	case INITIATOR_DELETE_CHILD:
		child_list_remove(i->child, &i->n_child, sa->purpose_arg);
		break;
	case INITIATOR_DELETE_IKE:
		initiator_remove_sa(i, sa);
		break;
	case INITIATOR_NOTHING:
	case INITIATOR_DPD:
	case INITIATOR_MOVE:
	case INITIATOR_OTHER:
		break;
	}
	return NULL;
}

/* ---- The gateway's requests ---- */

static struct blob *consume_request(struct initiator *i, struct ike_sa *sa,
				    const struct ike_opened *o, const struct ike_datagrams *message)
{
	struct ike_header h = ike_reply_header(&o->message.header);
	struct ike_datagrams *reply;
	struct ike_builder b;
	struct blob *out;
	bool closes = false;

	/* 2.3, window 1: it asks again only when it has our last answer. The absence of the
	 * replaced Child SA would not show that: we may have deleted it ourselves. */
	if (sa == &i->ike[0])
		i->rekeyed.settled = true;
	ike_builder_init_message(&b, &h);
	if (o->content != OK) {
		ike_add_content_error(&b, o);
		closes = o->content == ERR_MALFORMED;
	} else if (h.exchange == IKE_EXCHANGE_INFORMATIONAL) {
		initiator_answer_informational(i, &o->message, &b, &closes);
	} else {
		/* 2.21.3: fatal in both peers. */
		closes = initiator_answer_child(i, sa, &o->message, &b) == IKE_NOTIFY_INVALID_SYNTAX;
	}
	reply = initiator_seal(i, sa, &b);
	i->counts.requests++;
	ike_window_respond(&sa->window, message, reply);
	out = initiator_first(reply);
	if (closes)
		initiator_remove_sa(i, sa);
	else if (i->replacement.state != 0)
		initiator_replace(i);
	return out;
}

/* ---- The window ---- */

static bool is_last_sync(const struct initiator *i, const uint8_t *data, size_t len)
{
	uint8_t hash[IKE_HASH_LEN];

	hash_sha256(data, len, hash);
	return CRYPTO_memcmp(hash, i->sync.request_hash, sizeof(hash)) == 0;
}

/* The cached response, if first begins the request it answers. */
static struct blob *cached(struct initiator *i, const struct ike_sa *sa, const struct ike_header *h,
			   const struct blob *first)
{
	enum ike_window_position place = ike_window_position(&sa->window, h, first->data, first->len);
	const struct sk_direction theirs = initiator_theirs(sa);
	const struct ike_datagrams *response = NULL;

	if (place == IKE_WINDOW_REPEATED ||
	    (place == IKE_WINDOW_RECUT &&
	     ike_authenticate(&theirs, first->data, first->len) == DROP_NONE))
		response = sa->window.response;
	else if (h->message_id == 0 && i->sync.response && initiator_may_sync(i, sa) &&
		 is_last_sync(i, first->data, first->len))
		response = i->sync.response;
	i->counts.repeated += response != NULL;
	return response ? initiator_first(response) : NULL;
}

/* Only the two exchanges of an established IKE SA. */
static struct blob *consume_protected_request(struct initiator *i, struct ike_sa *sa,
					      const struct ike_header *h,
					      const struct ike_datagrams *message)
{
	const struct blob *first = message->datagram[0];
	struct sk_direction theirs = initiator_theirs(sa);
	struct blob *out = cached(i, sa, h, first);
	bool next = ike_window_position(&sa->window, h, first->data, first->len) == IKE_WINDOW_NEXT;
	bool sync = h->message_id == 0 && initiator_may_sync(i, sa);
	struct ike_opened o;

	if (out)
		return out;
	if (i->state != INITIATOR_ESTABLISHED || (!next && !sync) ||
	    (h->exchange != IKE_EXCHANGE_CREATE_CHILD_SA && h->exchange != IKE_EXCHANGE_INFORMATIONAL) ||
	    ike_open(&o, &theirs, message) != DROP_NONE)
		return initiator_ignore(i);
	if (sync && o.content == OK && initiator_is_sync(&o.message))
		out = initiator_answer_sync(i, &o.message, first->data, first->len);
	else if (next)
		out = consume_request(i, sa, &o, message);
	else
		out = initiator_ignore(i);
	ike_opened_fini(&o);
	return out;
}

static struct blob *consume_protected_response(struct initiator *i, struct ike_sa *sa,
					       const struct ike_header *h,
					       const struct ike_datagrams *message)
{
	const struct blob *first = message->datagram[0];
	struct sk_direction theirs = initiator_theirs(sa);
	struct ike_opened o;
	struct blob *out;

	/* An answer repeats the exchange type of its question (3.1). */
	if (ike_window_position(&sa->window, h, first->data, first->len) != IKE_WINDOW_ANSWER ||
	    h->exchange != ike_window_asked(&sa->window) || ike_open(&o, &theirs, message) != DROP_NONE)
		return initiator_ignore(i);
	if (h->exchange == IKE_EXCHANGE_AUTH) {
		ike_window_answered(&sa->window);
		sa->purpose = INITIATOR_NOTHING;
		i->error = error_of(&o);
		out = initiator_consume_auth(i, &o);
	} else {
		out = consume_response(i, sa, &o);
	}
	ike_opened_fini(&o);
	return out;
}

struct blob *initiator_consume(struct initiator *i, const uint8_t *data, size_t len)
{
	struct ike_datagrams *message;
	struct ike_header h;
	struct blob *out;

	if (ike_header_parse(&h, data, len) != DROP_NONE)
		return initiator_ignore(i);
	if (h.exchange == IKE_EXCHANGE_SA_INIT)
		return initiator_consume_init(i, data, len);
	for (size_t k = 0; k < IKE_SA_MAX; k++) {
		struct ike_sa *sa = &i->ike[k];

		if (sa->state == 0 || sa->spi_i != h.spi_i || sa->spi_r != h.spi_r)
			continue;
		if (!(h.flags & IKE_FLAG_INITIATOR) != sa->original_initiator) /* 3.1 */
			return initiator_ignore(i);
		message = initiator_collect(i, sa, &h, data, len);
		if (!message)
			return NULL;
		out = h.flags & IKE_FLAG_RESPONSE ? consume_protected_response(i, sa, &h, message)
						  : consume_protected_request(i, sa, &h, message);
		ike_datagrams_unref(message);
		return out;
	}
	return initiator_ignore(i);
}
