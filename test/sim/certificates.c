/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a whole run: the gateway's, and one for each client, by one CA. Their keys are
 * Ed25519, which signs the same way each time, so a seed stays one run. Clients show theirs, or
 * have a PSK and trust the gateway's. */
#include "test/sim/certificates.h"

#include "test/lib/pki.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600

enum bad { BAD_NOT, BAD_EXPIRED, BAD_EARLY, BAD_REVOKED, BADS };

struct certificates {
	struct pki pki;
	struct trust *trust; /* The gateway's, with CRLs; NULL: it asks for no certificate. */
	struct credentials *client[CLIENTS_MAX];
	enum bad bad[CLIENTS_MAX];
};

const char *certificates_bad(const struct full *f, unsigned i)
{
	static const char *const why[BADS] = {
		[BAD_EXPIRED] = "has expired",
		[BAD_EARLY] = "is not valid yet",
		[BAD_REVOKED] = "is revoked",
	};

	return f->certificates ? why[f->certificates->bad[i]] : NULL;
}

static uint8_t number_of(unsigned client)
{
	return (uint8_t)(10 + client);
}

/* Some clients are not to be let in, whatever the clocks show; a sweep has none. */
static void draw_bad(struct full *f)
{
	struct random r;

	random_init(&r, f->world.seed ^ CLOCKS_SALT ^ 1);
	for (unsigned i = 1; i < f->plan.clients && !f->sweep; i++)
		if (random_chance(&r, 300))
			f->certificates->bad[i] = (enum bad)random_between(&r, BAD_EXPIRED, BAD_REVOKED);
}

static void add_crl(struct trust *t, const struct pki_cert *issuer, const uint8_t *numbers, size_t n)
{
	X509_CRL *crl = pki_revoke(issuer, numbers, n, 0, 0);
	const char *why = trust_add_crl(t, crl);

	assert(!why);
	X509_CRL_free(crl);
}

/* Serial numbers have one octet here: of many clients, several have the same one, and none is revoked. */
static void demand_certificates(struct full *f)
{
	struct certificates *x = f->certificates;
	uint8_t revoked[CLIENTS_MAX];
	size_t n = 0;

	draw_bad(f);
	for (unsigned i = 0; i < f->plan.clients; i++)
		if (x->bad[i] == BAD_REVOKED && f->plan.clients > UINT8_MAX - (unsigned)number_of(0))
			x->bad[i] = BAD_EXPIRED;
		else if (x->bad[i] == BAD_REVOKED)
			revoked[n++] = number_of(i);
	x->trust = pki_trust(&x->pki.root);
	add_crl(x->trust, &x->pki.root, revoked, 0);
	add_crl(x->trust, &x->pki.ca, revoked, n);
	f->connection.auth = &ike_auth_pubkey;
	f->connection.clients = x->trust;
}

void certificates_begin(struct full *f)
{
	struct ike_connection *c = &f->connection;

	if (f->plan.certificates == CERTIFICATES_NONE)
		return;
	f->certificates = calloc(1, sizeof(*f->certificates));
	assert(f->certificates);
	pki_init(&f->certificates->pki, PKI_ED25519);
	c->own = f->certificates->pki.own;
	if (f->plan.certificates == CERTIFICATES_BOTH)
		demand_certificates(f);
}

static struct credentials *issue(struct full *f, unsigned i)
{
	struct certificates *x = f->certificates;
	char name[IKE_ID_MAX + 1] = "";
	struct pki_wish wish = {.subject = "O=sim, CN=client", .issuer = &x->pki.ca, .dns = name,
				.number = number_of(i)};
	struct credentials *c;
	struct pki_cert leaf;

	memcpy(name, f->secret[i].id.data, f->secret[i].id.len);
	if (x->bad[i] == BAD_EXPIRED)
		wish.until = PKI_NOW - HOUR;
	if (x->bad[i] == BAD_EARLY)
		wish.from = PKI_NOW + HOUR;
	leaf = pki_issue(&wish);
	c = pki_credentials(&leaf, &x->pki.ca);
	pki_cert_free(&leaf);
	return c;
}

void certificates_client(struct full *f, unsigned i, struct initiator_config *c)
{
	struct certificates *x = f->certificates;

	if (!x)
		return;
	c->trust = x->pki.trust;
	c->unix_now = PKI_NOW;
	if (f->plan.certificates == CERTIFICATES_MIXED)
		return;
	if (!x->client[i])
		x->client[i] = issue(f, i);
	c->own = x->client[i];
	c->auth = &initiator_pubkey;
}

void certificates_end(struct full *f)
{
	if (!f->certificates)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		credentials_unref(f->certificates->client[i]);
	trust_unref(f->certificates->trust);
	pki_fini(&f->certificates->pki);
	free(f->certificates);
}
