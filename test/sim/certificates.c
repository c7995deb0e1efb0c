/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a whole run: the gateway's, and one for each client, by one CA. Their keys are
 * Ed25519, which signs the same way each time, so a seed stays one run. Clients show theirs, or
 * have a PSK and trust the gateway's. */
#include "test/sim/certificates.h"

#include "test/lib/pki.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct certificates {
	struct pki pki;
	struct credentials *client[CLIENTS_MAX];
};

int64_t certificates_now(const struct full *f)
{
	return PKI_NOW + (int64_t)(f->world.now_us / SECOND);
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
	if (f->plan.certificates == CERTIFICATES_MIXED)
		return;
	c->auth = &ike_auth_pubkey;
	c->clients = f->certificates->pki.trust;
}

static struct credentials *issue(struct full *f, unsigned i)
{
	struct certificates *x = f->certificates;
	char name[IKE_ID_MAX + 1] = "";
	struct credentials *c;
	struct pki_cert leaf;

	memcpy(name, f->secret[i].id.data, f->secret[i].id.len);
	leaf = pki_issue(&(struct pki_wish){.subject = "O=sim, CN=client", .issuer = &x->pki.ca, .dns = name,
					    .number = (uint8_t)(10 + i)});
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
	pki_fini(&f->certificates->pki);
	free(f->certificates);
}
