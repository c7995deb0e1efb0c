/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of what `baton init` and the lab offer. */
#include "test/bench/handshakes_config.h"
#include "proto/auth/credential.h"
#include "proto/auth/trust.h"

#include <openssl/pem.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool wrong(const char *what, const char *why)
{
	fprintf(stderr, "handshakes: %s: %s\n", what, why);
	return false;
}

/* Without the white space at its end. */
static bool secret_read(uint8_t out[SECRET_MAX], size_t *len, const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		return wrong(path, strerror(errno));
	*len = fread(out, 1, SECRET_MAX, f);
	fclose(f);
	while (*len > 0 && isspace(out[*len - 1]))
		--*len;
	return true;
}

static bool certificate_from(struct initiator_config *c, const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *leaf = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	const char *why = "no certificate with its key behind it";

	c->own = credentials_new();
	if (c->own && leaf && key)
		why = credentials_add(c->own, &leaf, 1, key);
	X509_free(leaf);
	EVP_PKEY_free(key);
	if (f)
		fclose(f);
	return why ? wrong(path, why) : true;
}

static bool trust_read(struct initiator_config *c, const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *ca = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	const char *why = "no certificate";

	c->trust = trust_new();
	c->unix_now = time(NULL);
	if (c->trust && ca)
		why = trust_add_ca(c->trust, ca);
	X509_free(ca);
	if (f)
		fclose(f);
	return why ? wrong(path, why) : true;
}

static bool method_read(struct initiator_config *c, const struct load *load)
{
	uint8_t secret[SECRET_MAX];
	size_t len;

	if (strcmp(load->method, "pubkey") == 0) {
		c->auth = &initiator_pubkey;
		return certificate_from(c, load->file);
	}
	if (!secret_read(secret, &len, load->file))
		return false;
	if (strcmp(load->method, "psk") == 0) {
		secret_set(&c->psk, secret, len);
		return true;
	}
	if (strcmp(load->method, "eap-mschapv2") != 0)
		return wrong(load->method, "no such method; there are psk, pubkey and eap-mschapv2");
	c->auth = &initiator_eap_mschapv2;
	snprintf(c->user, sizeof(c->user), "%s", load->id);
	return nt_hash_of(&c->password, secret, len) == OK || wrong(load->file, "not UTF-8");
}

bool load_config(struct initiator_config *c, const struct load *load)
{
	struct prefix any;

	memset(c, 0, sizeof(*c));
	if (address_parse(&c->remote.address, load->address) != OK ||
	    prefix_parse(&any, "0.0.0.0/0") != OK || ike_id_parse(&c->id, load->id) != OK ||
	    (load->gateway && ike_id_parse(&c->remote_id, load->gateway) != OK) ||
	    proposal_parse_ike(&c->ike[0], "aes128gcm16-prfsha256-x25519", NULL) != OK ||
	    proposal_parse_esp(&c->esp[0], "aes128gcm16", NULL) != OK)
		return wrong(load->address, "bad address or identity");
	c->remote.port = 4500;
	c->n_ike = c->n_esp = 1;
	c->tsi.n = c->tsr.n = 1;
	c->tsi.ts[0] = c->tsr.ts[0] = ts_from_prefix(&any);
	c->request_address = c->fake_nat = true;
	return (!load->ca || trust_read(c, load->ca)) && method_read(c, load);
}
