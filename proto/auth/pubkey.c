/* SPDX-License-Identifier: Apache-2.0 */
/* auth = "pubkey": the client shows a certificate and signs, and so do we, in one round:
 *
 * 	IDi, CERT..., [CERTREQ,] AUTH, SA, TS ...  -->       asked outside: is it the client? and
 * 	                                                     our own signature
 * 	                  <--  IDr, CERT..., AUTH, SA, TS ...
 *
 * Whatever is wrong with its proof, the client hears AUTHENTICATION_FAILED. */
#include "proto/auth/method.h"
#include "proto/auth/own.h"
#include "proto/auth/trust.h"
#include "proto/crypto/signature.h"
#include "proto/ike/ike_message.h"
#include "proto/mutant.h"

static bool pubkey_takes(const struct ike_message *first)
{
	if (!ike_message_has(first, IKE_PAYLOAD_AUTH))
		return false;
	switch (first->auth.method) {
	case SIGNATURE_RSA:
	case SIGNATURE_ECDSA_256:
	case SIGNATURE_ECDSA_384:
	case SIGNATURE_DIGITAL:
		return true;
	default:
		return false;
	}
}

static enum ike_auth_verdict pubkey_begin(struct ike_auth_round *r)
{
	return auth_own_ask(r, true);
}

/* Its own certificate comes first. The caller frees it. */
static X509 *leaf_of(const struct ike_message *first)
{
	for (uint8_t i = 0; i < first->n_cert; i++)
		if (first->cert[i].encoding == IKE_CERT_X509_SIGNATURE)
			return certificate_read(first->cert[i].data);
	return NULL;
}

static bool is_revoked(void *ctx, const struct ike_id *id)
{
	const struct ike_env *env = ((const struct ike_auth_round *)ctx)->env;

	if (MUTANT(MUTANT_OTHER_NAMES_ENTER))
		return false;
	return env->revoked && env->revoked(env->ctx, id);
}

/* RFC 4301 4.4.2.1: the SA's lifetime is "constrained by the validity intervals of the certificates". Those
 * of CAs are longer, as a rule; the gateway looks at them when the client comes. */
static void end_with(struct ike_auth_round *r, const X509 *leaf)
{
	int64_t end, left;

	if (r->env->unix_now == 0 || !ASN1_TIME_to_posix(X509_get0_notAfter(leaf), &end))
		return;
	left = end - (int64_t)r->env->unix_now;
	r->grant.session_s = left < 1 ? 1 : left > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

/* One certificate may have several names, and its client chooses by which it comes: whoever is revoked under
 * one is under all. */
static bool leaf_admits(struct ike_auth_round *r)
{
	X509 *leaf = leaf_of(r->first);
	bool good = leaf != NULL;

	if (!leaf)
		r->why = "its certificate cannot be read";
	if (good && certificate_any_name(leaf, is_revoked, r)) {
		r->why = "its certificate has a name that is revoked";
		good = false;
	}
	if (good)
		end_with(r, leaf);
	X509_free(leaf);
	return good;
}

static enum ike_auth_verdict pubkey_answer(struct ike_auth_round *r)
{
	if (!auth_own_answered(r))
		return AUTH_VERDICT_REFUSE;
	/* The policy may be another one than that by which the certificate was judged. */
	if (!r->connection->clients || r->connection->clients->n_cas == 0) {
		r->why = "its connection trusts no CA any more";
		return AUTH_VERDICT_REFUSE;
	}
	if (!leaf_admits(r))
		return AUTH_VERDICT_REFUSE;
	return AUTH_VERDICT_DONE; /* client_ids may be others by now: auth.c asks them. */
}

static void pubkey_finish(const struct ike_auth_round *r, struct ike_builder *b)
{
	auth_own_add(r, r->answer, b);
}

const struct ike_auth_method ike_auth_pubkey = {
	.name = "pubkey",
	.vouches_alone = true,
	.takes = pubkey_takes,
	.begin = pubkey_begin,
	.answer = pubkey_answer,
	.finish = pubkey_finish,
};
