/* SPDX-License-Identifier: Apache-2.0 */
/* Question: kind, connection; certificates or none ...; sign or not ... Every part has its length;
 * octets left over make the question invalid. A question comes from ourselves or from the leader
 * before us, sealed, but it contains what a stranger sent. */
#include "proto/auth/outside.h"

#include "proto/mutant.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_NO, ANSWER_YES };

/* ---- Question ---- */

static bool put_u8(CBB *out, CBS piece)
{
	CBB in;

	return CBB_add_u8_length_prefixed(out, &in) && CBB_add_bytes(&in, CBS_data(&piece), CBS_len(&piece)) &&
	       CBB_flush(out);
}

static bool put_u16(CBB *out, CBS piece)
{
	CBB in;

	return CBB_add_u16_length_prefixed(out, &in) && CBB_add_bytes(&in, CBS_data(&piece), CBS_len(&piece)) &&
	       CBB_flush(out);
}

static CBS piece_of(const void *data, size_t len)
{
	CBS piece;

	CBS_init(&piece, data, len);
	return piece;
}

static bool put_verify(CBB *out, const struct auth_question_parts *q)
{
	if (!CBB_add_u8(out, q->id.type) || !put_u8(out, piece_of(q->id.data, q->id.len)) ||
	    !CBB_add_u8(out, q->n_certs))
		return false;
	for (uint8_t i = 0; i < q->n_certs; i++)
		if (!put_u16(out, q->cert[i]))
			return false;
	return CBB_add_u8(out, q->auth_method) && put_u16(out, q->auth) && put_u16(out, q->octets);
}

static bool put_sign(CBB *out, const struct auth_question_parts *q)
{
	return CBB_add_bytes(out, q->hash, sizeof(q->hash)) && CBB_add_u8(out, q->scheme.method) &&
	       CBB_add_u8(out, q->scheme.algorithm) && put_u16(out, q->own_octets);
}

struct blob *auth_question_encode(const struct auth_question_parts *q)
{
	struct blob *b = NULL;
	CBB out;

	if (!CBB_init(&out, 1024))
		abort();
	if (CBB_add_u8(&out, AUTH_QUESTION_SIGNATURES) &&
	    put_u8(&out, piece_of(q->connection, strlen(q->connection))) && CBB_add_u8(&out, q->verify) &&
	    (!q->verify || put_verify(&out, q)) && CBB_add_u8(&out, q->sign) &&
	    (!q->sign || put_sign(&out, q)) && CBB_len(&out) <= IKE_AUTH_QUESTION_MAX)
		b = blob_new(CBB_data(&out), CBB_len(&out));
	CBB_cleanup(&out);
	return b;
}

static bool read_bool(CBS *in, bool *v)
{
	uint8_t octet;

	if (!CBS_get_u8(in, &octet) || octet > 1)
		return false;
	*v = octet;
	return true;
}

static bool read_verify(struct auth_question_parts *q, CBS *in)
{
	CBS id;

	if (!CBS_get_u8(in, &q->id.type) || !CBS_get_u8_length_prefixed(in, &id) || CBS_len(&id) > IKE_ID_MAX ||
	    !CBS_get_u8(in, &q->n_certs) || q->n_certs > IKE_CERTS_MAX)
		return false;
	q->id.len = (uint8_t)CBS_len(&id);
	if (q->id.len > 0)
		memcpy(q->id.data, CBS_data(&id), q->id.len);
	for (uint8_t i = 0; i < q->n_certs; i++)
		if (!CBS_get_u16_length_prefixed(in, &q->cert[i]))
			return false;
	return CBS_get_u8(in, &q->auth_method) && CBS_get_u16_length_prefixed(in, &q->auth) &&
	       CBS_get_u16_length_prefixed(in, &q->octets);
}

static bool read_sign(struct auth_question_parts *q, CBS *in)
{
	return CBS_copy_bytes(in, q->hash, sizeof(q->hash)) && CBS_get_u8(in, &q->scheme.method) &&
	       CBS_get_u8(in, &q->scheme.algorithm) && CBS_get_u16_length_prefixed(in, &q->own_octets);
}

/* ---- The work ---- */

struct auth_job {
	struct blob *question; /* What q views. */
	struct auth_question_parts q;
	char connection[256];
	struct trust *trust;
	struct credentials *own;
	EVP_PKEY *key; /* Our own. */
	char why[TRUST_WHY_LEN]; /* Empty: yes. */
	struct blob *auth;
};

static bool question_read(struct auth_job *j, const struct blob *question)
{
	uint8_t kind;
	CBS in, name;

	CBS_init(&in, question->data, question->len);
	if (!CBS_get_u8(&in, &kind) || kind != AUTH_QUESTION_SIGNATURES ||
	    !CBS_get_u8_length_prefixed(&in, &name) || CBS_contains_zero_byte(&name) ||
	    !read_bool(&in, &j->q.verify) || (j->q.verify && !read_verify(&j->q, &in)) ||
	    !read_bool(&in, &j->q.sign) || (j->q.sign && !read_sign(&j->q, &in)) || CBS_len(&in) != 0)
		return false;
	if (CBS_len(&name) > 0)
		memcpy(j->connection, CBS_data(&name), CBS_len(&name));
	return true;
}

struct auth_job *auth_job_new(const struct ike_config *config, const struct blob *question)
{
	struct auth_job *j = calloc(1, sizeof(*j));

	assert(j);
	/* A copy of its own: blobs are counted by one thread. */
	j->question = question ? blob_new(question->data, question->len) : NULL;
	if (!j->question || !question_read(j, j->question)) {
		blob_unref(j->question);
		free(j);
		return NULL;
	}
	for (size_t i = 0; i < config->n_connections; i++) {
		const struct ike_connection *c = &config->connections[i];
		const struct credential *found;

		if (strcmp(c->name, j->connection) != 0)
			continue;
		j->trust = trust_ref(c->clients);
		j->own = credentials_ref(c->own);
		found = j->q.sign ? credentials_find(j->own, j->q.hash) : NULL;
		j->key = found ? found->key : NULL;
		break;
	}
	return j;
}

static void refuse(struct auth_job *j, const char *why)
{
	snprintf(j->why, sizeof(j->why), "%s", why);
}

/* First the identity, then the signature: a refusal names the first thing that is wrong. */
static bool verify(struct auth_job *j, const struct auth_clock *clock)
{
	const struct certificate_claim claim = {
		.id = &j->q.id, .cert = j->q.cert, .n = j->q.n_certs, .unix_now = clock->unix_now};
	const char *why = NULL;
	EVP_PKEY *key;
	bool good;

	if (!j->trust) {
		refuse(j, "its connection is no longer configured");
		return false;
	}
	if (clock->wrong) {
		snprintf(j->why, sizeof(j->why), "clock: %s, so it judges no certificate", clock->wrong);
		return false;
	}
	key = trust_verify(j->trust, &claim, j->why);
	if (!key)
		return false;
	good = signature_verify(key, j->q.auth_method, j->q.auth, j->q.octets, &why);
	if (MUTANT(MUTANT_CERT_AUTH_UNCHECKED))
		good = true;
	EVP_PKEY_free(key);
	if (!good)
		refuse(j, why);
	return good;
}

void auth_job_run(struct auth_job *j, const struct auth_clock *clock)
{
	if ((j->q.verify && !verify(j, clock)) || !j->q.sign)
		return;
	j->auth = j->key ? signature_create(j->key, &j->q.scheme, j->q.own_octets) : NULL;
	if (!j->auth)
		refuse(j, j->key ? "our certificate's key does not sign" : "our certificate is no "
									   "longer configured");
}

struct blob *auth_job_end(struct auth_job *j)
{
	size_t n = strlen(j->why);
	struct blob *answer;

	if (n > 0) {
		answer = blob_new(NULL, 1 + n + 1);
		answer->data[0] = ANSWER_NO;
		memcpy(answer->data + 1, j->why, n + 1);
	} else {
		answer = blob_new(NULL, 1 + CREDENTIAL_HASH_LEN + 1 + (j->auth ? j->auth->len : 0));
		memset(answer->data, 0, answer->len);
		answer->data[0] = ANSWER_YES;
		memcpy(answer->data + 1, j->q.hash, CREDENTIAL_HASH_LEN);
		if (j->auth) {
			answer->data[1 + CREDENTIAL_HASH_LEN] = j->q.scheme.method;
			memcpy(answer->data + 2 + CREDENTIAL_HASH_LEN, j->auth->data, j->auth->len);
		}
	}
	blob_unref(j->auth);
	blob_unref(j->question);
	trust_unref(j->trust);
	credentials_unref(j->own);
	free(j);
	return answer;
}

bool auth_outcome_read(struct auth_outcome *o, const struct blob *answer)
{
	uint8_t verdict;
	CBS in;

	memset(o, 0, sizeof(*o));
	if (!answer)
		return false;
	CBS_init(&in, answer->data, answer->len);
	if (!CBS_get_u8(&in, &verdict))
		return false;
	if (verdict == ANSWER_NO) {
		if (CBS_len(&in) < 2 || CBS_data(&in)[CBS_len(&in) - 1] != '\0')
			return false;
		o->why = (const char *)CBS_data(&in);
		return true;
	}
	if (verdict != ANSWER_YES || !CBS_copy_bytes(&in, o->hash, sizeof(o->hash)) || !CBS_get_u8(&in, &o->method))
		return false;
	o->auth = in;
	return true;
}
