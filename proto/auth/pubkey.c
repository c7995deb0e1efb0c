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

static enum ike_auth_verdict pubkey_answer(struct ike_auth_round *r)
{
	if (!auth_own_answered(r))
		return AUTH_VERDICT_REFUSE;
	/* The policy may be another one than that by which the certificate was judged. */
	if (!r->connection->clients || r->connection->clients->n_cas == 0) {
		r->why = "its connection trusts no CA any more";
		return AUTH_VERDICT_REFUSE;
	}
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
