/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of our certificate follows from what the client announced in IKE_SA_INIT (hashes) and
 * asks for in its first IKE_AUTH request (CERTREQ). The signed octets are the same in every round:
 * our IKE_SA_INIT response, its nonce, our identity (RFC 7296 2.15). */
#include "proto/auth/own.h"

#include "proto/auth/outside.h"
#include "proto/ike/ike_keys.h"

#include <string.h>

bool auth_own_is_certificate(const struct ike_auth_round *r)
{
	return r->connection && r->connection->own;
}

/* What it announced in IKE_SA_INIT. */
static uint32_t hashes_of(const struct ike_half_open *h)
{
	const struct ike_notify *n = NULL;
	struct ike_message m;

	if (h->request && ike_message_parse(&m, h->request->data, h->request->len) == OK)
		n = ike_message_notify(&m, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS);
	return n ? signature_hashes_read(n->data) : 0;
}

static void parts_verify(struct auth_question_parts *q, const struct ike_auth_round *r)
{
	const struct ike_message *m = r->message;

	q->verify = true;
	q->id = r->peer;
	for (uint8_t i = 0; i < m->n_cert; i++)
		if (m->cert[i].encoding == IKE_CERT_X509_SIGNATURE)
			q->cert[q->n_certs++] = m->cert[i].data;
	q->auth_method = m->auth.method;
	q->auth = m->auth.data;
}

static bool parts_sign(struct auth_question_parts *q, const struct ike_auth_round *r)
{
	const struct credential_wish wish = {
		.hashes = hashes_of(r->half_open),
		.pss = ike_message_has(r->message, IKE_PAYLOAD_AUTH) &&
		       signature_is_pss(r->message->auth.method, r->message->auth.data),
		.message = r->message,
	};
	const struct credential *c = credentials_choose(r->connection->own, &wish, &q->scheme);

	if (!c)
		return false;
	q->sign = true;
	memcpy(q->hash, c->hash, sizeof(q->hash));
	return true;
}

/* The body of our ID payload: type, 3 reserved octets, data. */
static CBS id_body(const struct ike_id *id, uint8_t room[4 + IKE_ID_MAX])
{
	CBS body;

	memset(room, 0, 4);
	room[0] = id->type;
	memcpy(room + 4, id->data, id->len);
	CBS_init(&body, room, 4u + id->len);
	return body;
}

enum ike_auth_verdict auth_own_ask(struct ike_auth_round *r, bool verify)
{
	struct auth_question_parts q = {.connection = NULL};
	uint8_t body[4 + IKE_ID_MAX];
	struct blob *theirs = NULL, *ours = NULL;

	if (!r->connection) {
		r->why = "no connection for this IDr and these proposals";
		return AUTH_VERDICT_REFUSE;
	}
	q.connection = r->connection->name;
	if (verify) {
		struct auth_octets o = ike_auth_octets(r->half_open, true, r->message->idi.body);

		parts_verify(&q, r);
		theirs = auth_octets_join(r->half_open->suite.prf, &o);
		CBS_init(&q.octets, theirs->data, theirs->len);
	}
	if (parts_sign(&q, r)) {
		struct auth_octets o =
			ike_auth_octets(r->half_open, false, id_body(&r->connection->local_id, body));

		ours = auth_octets_join(r->half_open->suite.prf, &o);
		CBS_init(&q.own_octets, ours->data, ours->len);
		r->question = auth_question_encode(&q);
		r->why = r->question ? NULL : "its messages and certificates are too long";
	} else {
		r->why = "it can verify none of our certificates: it announces no hash that their keys take";
	}
	blob_unref(theirs);
	blob_unref(ours);
	return r->question ? AUTH_VERDICT_ASK : AUTH_VERDICT_REFUSE;
}

bool auth_own_answered(struct ike_auth_round *r)
{
	struct auth_outcome o;

	if (!auth_outcome_read(&o, r->answer))
		r->why = "no answer came from outside";
	else if (o.why)
		r->why = o.why;
	else if (o.method == 0 || !credentials_find(r->connection->own, o.hash))
		r->why = "our certificate is no longer configured";
	else
		return true;
	return false;
}

void auth_own_add(const struct ike_auth_round *r, const struct blob *answer, struct ike_builder *b)
{
	const struct credential *c = NULL;
	struct auth_outcome o;

	if (auth_outcome_read(&o, answer) && !o.why)
		c = credentials_find(r->connection->own, o.hash);
	if (!c) { /* Known not to be: auth_own_answered(). */
		b->failed = true;
		return;
	}
	ike_add_id(b, IKE_PAYLOAD_IDr, &r->connection->local_id);
	for (uint8_t i = 0; i < c->n_certs; i++)
		ike_add_cert(b, IKE_PAYLOAD_CERT, c->cert[i]->data, c->cert[i]->len);
	ike_add_auth(b, o.method, CBS_data(&o.auth), CBS_len(&o.auth));
}
