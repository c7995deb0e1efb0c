/* SPDX-License-Identifier: Apache-2.0 */
/* Does a stranger's certificate count here? In this order: it can be read; a chain leads from it to
 * a configured CA, over certificates that the peer sent along (no others are fetched), all valid
 * now, none revoked; it is made for this purpose; it names the peer's identity; that identity may
 * connect. BoringSSL builds the chain, with one candidate for each step and bounded depth, so CAs
 * that have issued each other end in a refusal.
 *
 * Purpose, RFC 4945 5.1.3: key usage, if there is any, must allow signatures (3.2); extended
 * key usage, if there is any, must be for IKE (3.12) or, as certificates of clients are made
 * today, clientAuth or any. A gateway's may be for serverAuth.
 *
 * The time is an argument. Nothing here is remembered. */
#include "proto/auth/trust.h"

#include "proto/mutant.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pool.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trust *trust_new(void)
{
	struct trust *t = calloc(1, sizeof(*t));

	assert(t);
	t->refs = 1;
	t->store = X509_STORE_new();
	assert(t->store);
	return t;
}

struct trust *trust_ref(struct trust *t)
{
	if (t)
		t->refs++;
	return t;
}

void trust_unref(struct trust *t)
{
	if (!t || --t->refs > 0)
		return;
	X509_STORE_free(t->store);
	sk_X509_CRL_pop_free(t->crls, X509_CRL_free);
	for (size_t i = 0; i < t->n_cas; i++)
		X509_free(t->ca_cert[i]);
	free(t);
}

struct trust *trust_copy(const struct trust *t)
{
	struct trust *copy = trust_new();

	for (size_t i = 0; i < t->n_cas; i++)
		if (trust_add_ca(copy, t->ca_cert[i]))
			abort(); /* It was good before. */
	memcpy(copy->id, t->id, sizeof(copy->id));
	copy->n_ids = t->n_ids;
	return copy;
}

const char *trust_add_ca(struct trust *t, X509 *ca)
{
	if (t->n_cas == TRUST_CAS_MAX)
		return "there are more than 32 CAs";
	if (X509_check_ca(ca) == 0)
		return "it holds a certificate that is not a CA's";
	if (!X509_STORE_add_cert(t->store, ca))
		return "it holds a certificate that cannot be used";
	certificate_ca_hash(ca, t->ca[t->n_cas]);
	X509_up_ref(ca);
	t->ca_cert[t->n_cas++] = ca;
	return NULL;
}

void trust_demand_crls(struct trust *t)
{
	if (!t->crls)
		t->crls = sk_X509_CRL_new_null();
	assert(t->crls);
}

const char *trust_add_crl(struct trust *t, X509_CRL *crl)
{
	trust_demand_crls(t);
	if (sk_X509_CRL_num(t->crls) == TRUST_CRLS_MAX)
		return "there are more than 64 CRLs";
	X509_CRL_up_ref(crl);
	if (!sk_X509_CRL_push(t->crls, crl))
		abort();
	return NULL;
}

bool trust_same_crls(const struct trust *a, const struct trust *b)
{
	size_t n = a->crls ? sk_X509_CRL_num(a->crls) : 0;

	if (!a->crls != !b->crls || (b->crls ? sk_X509_CRL_num(b->crls) : 0) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (X509_CRL_match(sk_X509_CRL_value(a->crls, i), sk_X509_CRL_value(b->crls, i)) != 0)
			return false;
	return true;
}

const char *trust_add_id(struct trust *t, const struct ike_id *pattern)
{
	if (t->n_ids == TRUST_IDS_MAX)
		return "there are more than 64";
	t->id[t->n_ids++] = *pattern;
	return NULL;
}

bool trust_admits(const struct trust *t, const struct ike_id *id)
{
	for (size_t i = 0; i < t->n_ids; i++)
		if (ike_id_matches(id, &t->id[i]))
			return true;
	return t->n_ids == 0;
}

/* ---- Verifying ---- */

static bool is_for_ike(const X509 *leaf, bool gateway)
{
	/* id-kp-ipsecIKE, and iKEIntermediate, as it was before that had a number. */
	static const char *const purposes[] = {"1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.8.2.2",
					       "2.5.29.37.0", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"};
	const size_t n = sizeof(purposes) / sizeof(purposes[0]) - (gateway ? 0 : 1);
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
	bool found = false;
	char oid[64];

	if (!usage) /* None, for anything; or one that cannot be read, which counts as wrong below. */
		return X509_get_ext_by_NID(leaf, NID_ext_key_usage, -1) < 0;
	for (size_t i = 0; i < sk_ASN1_OBJECT_num(usage); i++)
		for (size_t k = 0; k < n; k++)
			if (OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usage, i), 1) > 0)
				found |= strcmp(oid, purposes[k]) == 0;
	sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
	return found;
}

static const char *purpose_refused(X509 *leaf, bool gateway)
{
	/* All bits, where there is no such extension. */
	uint32_t usage = X509_get_key_usage(leaf);

	if (X509_get_extension_flags(leaf) & EXFLAG_INVALID)
		return "its extensions cannot be read";
	if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		return "its key usage does not allow signatures";
	if (!is_for_ike(leaf, gateway))
		return "its extended key usage is for another purpose";
	return NULL;
}

static bool is_strange(int error)
{
	return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
	       error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	       error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
}

/* In our words, if an operator is likely to see it. */
static const char *chain_text(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "has expired";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "is not valid yet";
	case X509_V_ERR_CERT_REVOKED:
		return "is revoked";
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return "needs a CRL of its issuer, and crl_file has none";
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return "needs a newer CRL of its issuer: that in crl_file has expired";
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return "has a CRL that is not valid yet";
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
		return "is at the end of a chain that is too long";
	default:
		return X509_verify_cert_error_string(error);
	}
}

static void chain_refuse(char why[TRUST_WHY_LEN], int error, int depth)
{
	if (is_strange(error))
		snprintf(why, TRUST_WHY_LEN, "its certificate is not issued by a CA in client_ca_file");
	else if (depth > 0)
		snprintf(why, TRUST_WHY_LEN, "the CA %d above its certificate %s", depth, chain_text(error));
	else
		snprintf(why, TRUST_WHY_LEN, "its certificate %s", chain_text(error));
}

/* A CA is trusted because client_ca_file contains it, even one below a root: it needs no CRL of its
 * own issuer. */
static int on_error(int ok, X509_STORE_CTX *v)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(v);
	int depth = X509_STORE_CTX_get_error_depth(v);

	if (ok || X509_STORE_CTX_get_error(v) != X509_V_ERR_UNABLE_TO_GET_CRL || depth == 0 ||
	    (size_t)depth + 1 != sk_X509_num(chain))
		return ok;
	X509_STORE_CTX_set_error(v, X509_V_OK);
	return 1;
}

static bool chain_verify(const struct trust *t, X509 *leaf, STACK_OF(X509) *others, int64_t unix_now,
			 char why[TRUST_WHY_LEN])
{
	X509_STORE_CTX *v = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *p;
	bool ok;

	assert(v && X509_STORE_CTX_init(v, t->store, leaf, others));
	p = X509_STORE_CTX_get0_param(v);
	X509_VERIFY_PARAM_set_time_posix(p, unix_now);
	X509_VERIFY_PARAM_set_depth(p, TRUST_DEPTH_MAX);
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
	if (MUTANT(MUTANT_CERT_TIME_UNCHECKED))
		X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_NO_CHECK_TIME);
	if (t->crls) {
		X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
		X509_STORE_CTX_set0_crls(v, t->crls);
		X509_STORE_CTX_set_verify_cb(v, on_error);
	}
	ok = X509_verify_cert(v) == 1;
	if (!ok)
		chain_refuse(why, X509_STORE_CTX_get_error(v), X509_STORE_CTX_get_error_depth(v));
	X509_STORE_CTX_free(v);
	ERR_clear_error();
	return ok;
}

static bool leaf_verify(const struct trust *t, X509 *leaf, const struct certificate_claim *c,
			char why[TRUST_WHY_LEN])
{
	const char *refused = purpose_refused(leaf, c->gateway);
	bool named = certificate_names(leaf, c->id);

	if (MUTANT(MUTANT_CERT_NAME_UNCHECKED))
		named = true;
	if (refused)
		snprintf(why, TRUST_WHY_LEN, "its certificate: %s", refused);
	else if (!named)
		snprintf(why, TRUST_WHY_LEN, "its certificate is for another identity");
	else if (!trust_admits(t, c->id))
		snprintf(why, TRUST_WHY_LEN, "client_ids has no such identity");
	else
		return true;
	return false;
}

EVP_PKEY *trust_verify(const struct trust *t, const struct certificate_claim *c, char why[TRUST_WHY_LEN])
{
	STACK_OF(X509) *others = sk_X509_new_null();
	X509 *leaf = c->n > 0 ? certificate_read(c->cert[0]) : NULL;
	EVP_PKEY *key = NULL;

	assert(others);
	for (size_t i = 1; i < c->n; i++) {
		X509 *x = certificate_read(c->cert[i]);

		if (x && !sk_X509_push(others, x))
			abort();
	}
	if (!leaf)
		snprintf(why, TRUST_WHY_LEN, "%s", c->n > 0 ? "its certificate cannot be read"
							     : "it sends no certificate");
	else if (chain_verify(t, leaf, others, c->unix_now, why) && leaf_verify(t, leaf, c, why))
		key = X509_get_pubkey(leaf);
	if (leaf && !key && !why[0])
		snprintf(why, TRUST_WHY_LEN, "its certificate has a key that cannot be read");
	sk_X509_pop_free(others, X509_free);
	X509_free(leaf);
	ERR_clear_error();
	return key;
}
