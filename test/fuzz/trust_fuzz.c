/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a stranger. The first octet says what the rest is: 0 a chain in DER, two octets
 * of length before each, to be verified against a CA with a CRL; 1 a CERTREQ payload's body, by
 * which one of our certificates is chosen; 2 and 3 an image from the process that reads files
 * (credential_image.h), which is our own, but still must not be read past its end.
 *
 * Only certificates that our CA has issued are accepted, every refusal says why, and a certificate
 * is always chosen. An accepted image is written and accepted again. */
#include "proto/auth/credential_image.h"
#include "test/lib/pki.h"

#include <assert.h>
#include <stdlib.h>

/* runs: 4000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct pki *ours(void)
{
	static struct pki *p;
	static const uint8_t nobody = 99;
	X509_CRL *crl;

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	assert(p);
	pki_init(p, PKI_ED25519);
	crl = pki_revoke(&p->root, &nobody, 1, 0, 0);
	assert(!trust_add_crl(p->trust, crl));
	X509_CRL_free(crl);
	crl = pki_revoke(&p->ca, &nobody, 1, 0, 0);
	assert(!trust_add_crl(p->trust, crl));
	X509_CRL_free(crl);
	return p;
}

static void verify(CBS in)
{
	struct certificate_claim claim = {.unix_now = PKI_NOW};
	char why[TRUST_WHY_LEN] = "";
	CBS cert[IKE_CERTS_MAX];
	struct ike_id id;
	EVP_PKEY *key;

	if (ike_id_parse(&id, "cl") != OK)
		abort();
	claim.id = &id;
	claim.cert = cert;
	while (claim.n < IKE_CERTS_MAX && CBS_get_u16_length_prefixed(&in, &cert[claim.n]))
		claim.n++;
	key = trust_verify(ours()->trust, &claim, why);
	if (key)
		assert(EVP_PKEY_cmp(key, ours()->client.key) == 1);
	else
		assert(why[0]);
	EVP_PKEY_free(key);
}

static void choose(CBS in)
{
	struct ike_message m = {.n_certreq = 1, .certreq = {{.encoding = IKE_CERT_X509_SIGNATURE, .data = in}}};
	const struct credential_wish wish = {.hashes = UINT32_MAX, .message = &m};
	struct signature_scheme scheme;

	assert(credentials_choose(ours()->own, &wish, &scheme) == &ours()->own->list[0]);
}

static void take_own(CBS in, bool again)
{
	struct credentials *c;
	CBB out;

	if (!credentials_take(&in, &c)) {
		assert(!c && !again);
		return;
	}
	if (!CBB_init(&out, 1024))
		abort();
	credentials_put(&out, c);
	credentials_unref(c);
	CBS_init(&in, CBB_data(&out), CBB_len(&out));
	if (!again)
		take_own(in, true);
	CBB_cleanup(&out);
}

static void take_trust(CBS in, bool again)
{
	struct trust *t;
	CBB out;

	if (!trust_take(&in, &t)) {
		assert(!t && !again);
		return;
	}
	if (!CBB_init(&out, 1024))
		abort();
	trust_put(&out, t);
	trust_unref(t);
	CBS_init(&in, CBB_data(&out), CBB_len(&out));
	if (!again)
		take_trust(in, true);
	CBB_cleanup(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CBS in;

	if (len < 1)
		return 0;
	CBS_init(&in, data + 1, len - 1);
	switch (data[0] % 4) {
	case 0:
		verify(in);
		break;
	case 1:
		choose(in);
		break;
	case 2:
		take_own(in, false);
		break;
	default:
		take_trust(in, false);
	}
	return 0;
}
