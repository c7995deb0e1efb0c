/* SPDX-License-Identifier: Apache-2.0 */
/* The established half of the test client: message windows, its own requests, and
 * answers to the gateway's. The handshake and CREATE_CHILD_SA contents are in
 * initiator_exchange.c.
 *
 * Everything that the responder does is done here once more and independently,
 * except codec and cryptography, which have vectors of their own. */
#include "test/lib/initiator.h"

#include "proto/ike_payload.h"
#include "proto/prf.h"
#include "proto/sk.h"

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

void initiator_fini(struct initiator *i)
{
	for (size_t k = 0; k < IKE_SA_MAX; k++) {
		blob_unref(i->ike[k].last_response);
		blob_unref(i->ike[k].outstanding);
	}
	blob_unref(i->cookie);
	blob_unref(i->init_request);
	blob_unref(i->init_response);
	OPENSSL_cleanse(i, sizeof(*i));
}

struct child_sa *initiator_find_child(struct initiator *i, uint32_t spi_in)
{
	for (size_t k = 0; k < i->n_child; k++)
		if (i->child[k].spi_in == spi_in)
			return &i->child[k];
	return NULL;
}

static void remove_child(struct initiator *i, const struct child_sa *child)
{
	size_t at = (size_t)(child - i->child);

	i->n_child--;
	memmove(&i->child[at], &i->child[at + 1], (i->n_child - at) * sizeof(*child));
}

static void remove_sa(struct initiator *i, struct ike_sa *sa)
{
	if (sa == &i->ike[0])
		i->state = INITIATOR_CLOSED;
	blob_unref(sa->last_response);
	blob_unref(sa->outstanding);
	memset(sa, 0, sizeof(*sa));
}

/* ---- Messages ---- */

struct blob *initiator_seal(struct initiator *i, const struct ike_sa *sa, struct ike_builder *b)
{
	struct sk_direction ours = sk_direction_of(&sa->suite, &sa->keys, true);
	struct blob *clear, *out;

	if (ike_builder_finish(b, &clear) != OK)
		abort();
	if (sk_seal(&ours, &i->iv, &i->entropy, clear->data, clear->len, &out) != OK)
		abort();
	blob_unref(clear);
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
		.flags = IKE_FLAG_INITIATOR,
		.message_id = i->ike[which].next_request_out,
	};

	ike_builder_init_message(b, &h);
}

struct blob *initiator_send(struct initiator *i, size_t which, enum initiator_purpose purpose,
			    struct ike_builder *b)
{
	struct ike_sa *sa = &i->ike[which];

	assert(!sa->outstanding);
	sa->outstanding = initiator_seal(i, sa, b);
	sa->purpose = purpose;
	return blob_ref(sa->outstanding);
}

struct blob *initiator_retransmit(const struct initiator *i)
{
	if (i->state == INITIATOR_INIT_SENT)
		return blob_ref(i->init_request);
	for (size_t k = 0; k < IKE_SA_MAX; k++)
		if (i->ike[k].outstanding)
			return blob_ref(i->ike[k].outstanding);
	return NULL;
}

/* ---- Its own requests ---- */

static bool can_ask(const struct initiator *i, size_t which)
{
	return i->state == INITIATOR_ESTABLISHED && i->ike[which].state != 0 &&
	       !i->ike[which].outstanding;
}

struct blob *initiator_create_dpd(struct initiator *i)
{
	struct ike_builder b;

	if (!can_ask(i, 0))
		return NULL;
	initiator_begin(i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	return initiator_send(i, 0, INITIATOR_DPD, &b);
}

struct blob *initiator_create_child_delete(struct initiator *i, uint32_t spi_in)
{
	struct ike_builder b;

	if (!can_ask(i, 0))
		return NULL;
	initiator_begin(i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	ike_add_delete_esp(&b, &spi_in, 1);
	i->ike[0].purpose_arg = spi_in;
	return initiator_send(i, 0, INITIATOR_DELETE_CHILD, &b);
}

struct blob *initiator_create_ike_delete(struct initiator *i, size_t which)
{
	struct ike_builder b;

	if (!can_ask(i, which))
		return NULL;
	initiator_begin(i, which, IKE_EXCHANGE_INFORMATIONAL, &b);
	ike_add_delete_ike(&b);
	return initiator_send(i, which, INITIATOR_DELETE_IKE, &b);
}

struct blob *initiator_create_move(struct initiator *i, const struct endpoint *local)
{
	struct ike_builder b;

	if (!can_ask(i, 0))
		return NULL;
	i->config.local = *local;
	initiator_begin(i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	ike_add_notify(&b, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
	ike_add_notify(&b, IKE_NOTIFY_COOKIE2, "round trip", 10);
	return initiator_send(i, 0, INITIATOR_MOVE, &b);
}

/* ---- Answers to its requests ---- */

static void consume_response(struct initiator *i, struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_notify *error = ike_message_error(m);
	enum initiator_purpose purpose = sa->purpose;
	struct child_sa *child;

	i->counts.responses++;
	i->error = error ? error->type : 0;
	blob_set(&sa->outstanding, NULL);
	sa->purpose = INITIATOR_NOTHING;
	sa->next_request_out++;
	switch (purpose) {
	case INITIATOR_REKEY_CHILD:
	case INITIATOR_NEW_CHILD:
	case INITIATOR_REKEY_IKE:
		sa->purpose = purpose; /* initiator_consume_child() clears it. */
		initiator_consume_child(i, sa, m);
		break;
	case INITIATOR_DELETE_CHILD:
		child = initiator_find_child(i, sa->purpose_arg);
		if (child)
			remove_child(i, child);
		break;
	case INITIATOR_DELETE_IKE:
		remove_sa(i, sa);
		break;
	case INITIATOR_NOTHING:
	case INITIATOR_DPD:
	case INITIATOR_MOVE:
	case INITIATOR_OTHER:
		break;
	}
}

/* ---- The gateway's requests ---- */

static void count_notice(struct initiator *i, const struct ike_message *m)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_TAKEOVER);
	uint64_t epoch;
	CBS data;

	if (!n)
		return;
	data = n->data;
	if (!CBS_get_u64(&data, &epoch) || !CBS_get_u64(&data, &i->notice_node))
		return;
	i->notice_epoch = (int64_t)epoch;
	i->counts.notices++;
}

static void answer_deletes(struct initiator *i, const struct ike_message *m, struct ike_builder *b,
			   bool *closes)
{
	for (size_t k = 0; k < m->n_delete; k++) {
		CBS spis = m->del[k].spis;
		uint32_t spi;

		if (m->del[k].protocol == IKE_PROTOCOL_IKE)
			*closes = true;
		while (m->del[k].protocol == IKE_PROTOCOL_ESP && ike_delete_next(&spis, &spi)) {
			for (size_t c = 0; c < i->n_child; c++) {
				if (i->child[c].spi_out != spi)
					continue;
				ike_add_delete_esp(b, &i->child[c].spi_in, 1);
				remove_child(i, &i->child[c]);
				break;
			}
		}
	}
}

static struct blob *consume_request(struct initiator *i, struct ike_sa *sa,
				    const struct ike_message *m, const uint8_t *data, size_t len)
{
	struct ike_header h = m->header;
	struct blob *reply;
	struct ike_builder b;
	bool closes = false;

	h.flags = IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE;
	ike_builder_init_message(&b, &h);
	if (h.exchange == IKE_EXCHANGE_INFORMATIONAL) {
		count_notice(i, m);
		answer_deletes(i, m, &b, &closes);
	} else {
		ike_add_notify(&b, IKE_NOTIFY_NO_ADDITIONAL_SAS, NULL, 0);
	}
	reply = initiator_seal(i, sa, &b);
	i->counts.requests++;
	sa->next_request_in++;
	hash_sha256(data, len, sa->last_request_hash);
	blob_set(&sa->last_response, blob_ref(reply));
	if (closes)
		remove_sa(i, sa);
	return reply;
}

/* ---- The window ---- */

/* Opens a message of the gateway on sa into plain. */
static bool open_message(const struct ike_sa *sa, const uint8_t *data, size_t len, uint8_t *plain,
			 struct ike_message *m)
{
	struct sk_direction theirs = sk_direction_of(&sa->suite, &sa->keys, false);
	uint8_t first;
	CBS chain;

	return ike_message_parse(m, data, len) == OK &&
	       sk_open(&theirs, data, len, plain, &chain, &first) == DROP_NONE &&
	       ike_message_parse_content(m, first, CBS_data(&chain), CBS_len(&chain)) == OK &&
	       ike_message_check(m) == DROP_NONE;
}

static struct blob *ignore(struct initiator *i)
{
	i->counts.ignored++;
	return NULL;
}

static struct blob *consume_opened(struct initiator *i, struct ike_sa *sa,
				   const struct ike_message *m, const uint8_t *data, size_t len)
{
	if (!(m->header.flags & IKE_FLAG_RESPONSE))
		return consume_request(i, sa, m, data, len);
	if (m->header.exchange == IKE_EXCHANGE_AUTH) {
		blob_set(&sa->outstanding, NULL);
		sa->purpose = INITIATOR_NOTHING;
		sa->next_request_out++;
		initiator_consume_auth(i, m);
	} else {
		consume_response(i, sa, m);
	}
	return NULL;
}

static struct blob *consume_protected(struct initiator *i, struct ike_sa *sa,
				      const struct ike_header *h, const uint8_t *data, size_t len)
{
	uint8_t hash[IKE_HASH_LEN];
	struct ike_message m;
	struct blob *out;
	uint8_t *plain;

	if (h->flags & IKE_FLAG_INITIATOR)
		return ignore(i);
	if (h->flags & IKE_FLAG_RESPONSE) {
		if (!sa->outstanding || h->message_id != sa->next_request_out)
			return ignore(i);
	} else if (h->message_id + 1 == sa->next_request_in && sa->last_response) {
		hash_sha256(data, len, hash);
		if (memcmp(hash, sa->last_request_hash, sizeof(hash)) != 0)
			return ignore(i);
		i->counts.repeated++;
		return blob_ref(sa->last_response);
	} else if (h->message_id != sa->next_request_in || i->state != INITIATOR_ESTABLISHED) {
		return ignore(i);
	}
	plain = malloc(len);
	assert(plain);
	if (open_message(sa, data, len, plain, &m))
		out = consume_opened(i, sa, &m, data, len);
	else
		out = ignore(i);
	free(plain);
	return out;
}

struct blob *initiator_consume(struct initiator *i, const uint8_t *data, size_t len)
{
	struct ike_header h;

	if (ike_header_parse(&h, data, len) != DROP_NONE)
		return ignore(i);
	if (h.exchange == IKE_EXCHANGE_SA_INIT)
		return initiator_consume_init(i, data, len);
	for (size_t k = 0; k < IKE_SA_MAX; k++)
		if (i->ike[k].state != 0 && i->ike[k].spi_i == h.spi_i && i->ike[k].spi_r == h.spi_r)
			return consume_protected(i, &i->ike[k], &h, data, len);
	return ignore(i);
}
