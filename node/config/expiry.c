/* SPDX-License-Identifier: Apache-2.0 */
#include "node/config/expiry.h"

#include "proto/auth/credential.h"
#include "proto/auth/trust.h"

#include <openssl/err.h>

#include <assert.h>
#include <string.h>

#define DAY_S 86400

const char *expiry_key(enum expiry_kind kind)
{
	static const char *const keys[EXPIRY_KINDS] = { "cert_file", "client_ca_file", "crl_file" };

	return keys[kind];
}

static int64_t seconds_between(const ASN1_TIME *from, const ASN1_TIME *until)
{
	int days = 0, seconds = 0;

	if (!from || !until || !ASN1_TIME_diff(&days, &seconds, from, until))
		return -1;
	return (int64_t)days * DAY_S + seconds;
}

int64_t expiry_seconds(const ASN1_TIME *until, int64_t unix_now)
{
	ASN1_TIME *now = ASN1_TIME_set(NULL, unix_now);
	int64_t left = seconds_between(now, until);

	ASN1_TIME_free(now);
	return left;
}

static void fill(struct expiry *e, const ASN1_TIME *from, const ASN1_TIME *until, int64_t unix_now)
{
	e->from = from;
	e->until = until;
	e->left_s = expiry_seconds(until, unix_now);
	e->span_s = seconds_between(from, until);
}

void expiry_of(struct expiry *e, X509 *x, int64_t unix_now)
{
	X509_NAME_oneline(X509_get_subject_name(x), e->name, sizeof(e->name));
	fill(e, X509_get0_notBefore(x), X509_get0_notAfter(x), unix_now);
}

bool expiry_is_soon(const struct expiry *e, unsigned days)
{
	int64_t most = (int64_t)days * DAY_S;

	if (e->kind == EXPIRY_CRL && e->span_s / 10 < most)
		most = e->span_s / 10;
	return e->left_s < most;
}

static void each_own(const struct credentials *own, int64_t unix_now, expiry_visit *visit, void *ctx)
{
	struct expiry e = { .kind = EXPIRY_CERT };

	for (e.file = 0; e.file < own->n; e.file++)
		for (size_t i = 0; i < own->list[e.file].n_certs; i++) {
			const struct blob *der = own->list[e.file].cert[i];
			CBS in;
			X509 *x;

			CBS_init(&in, der->data, der->len);
			x = certificate_read(in);
			if (!x)
				continue;
			expiry_of(&e, x, unix_now);
			visit(ctx, &e);
			X509_free(x);
		}
}

static void each_of_clients(const struct trust *t, int64_t unix_now, expiry_visit *visit, void *ctx)
{
	struct expiry e = { .kind = EXPIRY_CA };

	for (size_t i = 0; i < t->n_cas; i++) {
		expiry_of(&e, t->ca_cert[i], unix_now);
		visit(ctx, &e);
	}
	e.kind = EXPIRY_CRL;
	for (size_t i = 0; t->crls && i < sk_X509_CRL_num(t->crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(t->crls, i);

		if (!X509_CRL_get0_nextUpdate(crl))
			continue; /* It stays valid. */
		X509_NAME_oneline(X509_CRL_get_issuer(crl), e.name, sizeof(e.name));
		fill(&e, X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_nextUpdate(crl), unix_now);
		visit(ctx, &e);
	}
}

void expiry_each(const struct ike_connection *c, int64_t unix_now, expiry_visit *visit, void *ctx)
{
	if (c->own)
		each_own(c->own, unix_now, visit, ctx);
	if (c->clients)
		each_of_clients(c->clients, unix_now, visit, ctx);
	ERR_clear_error();
}

struct firsts {
	struct expiry *of;
	unsigned there;
};

static void take_first(void *ctx, const struct expiry *e)
{
	struct firsts *f = ctx;

	if ((f->there & 1u << e->kind) && f->of[e->kind].left_s <= e->left_s)
		return;
	f->there |= 1u << e->kind;
	f->of[e->kind] = *e;
	f->of[e->kind].from = f->of[e->kind].until = NULL;
}

unsigned expiry_first(const struct ike_connection *c, int64_t unix_now, struct expiry first[EXPIRY_KINDS])
{
	struct firsts f = { .of = first };

	expiry_each(c, unix_now, take_first, &f);
	return f.there;
}
