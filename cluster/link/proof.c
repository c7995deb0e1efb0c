/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier sends nothing back. It computes the MAC from what it expects, and takes from the frame
 * only the incarnation, which the MAC covers. It compares all MACs with all keys, in constant time,
 * so nothing tells which one was nearly right. */
#include "cluster/link/proof.h"

#include "cluster/link/frame.h"

#include <openssl/bytestring.h>
#include <openssl/hkdf.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define PROOF_VERSION 1u
#define MAC_LEN 32u
#define NAME_MAX_LEN 63u

static const char secret_label[] = "baton link"; /* With its NUL, then the name. */
static const char both_label[] = "baton link, both";
static const char own_label[] = "baton link, own";
static const char mac_label[] = "baton link proof";

void proof_secret_derive(const uint8_t storage_key[32], const char *node,
			 uint8_t out[PROOF_SECRET_LEN])
{
	uint8_t info[sizeof(secret_label) + NAME_MAX_LEN];
	size_t len = strlen(node);
	int ok;

	assert(len <= NAME_MAX_LEN);
	memcpy(info, secret_label, sizeof(secret_label));
	memcpy(info + sizeof(secret_label), node, len);
	ok = HKDF(out, PROOF_SECRET_LEN, EVP_sha256(), storage_key, 32, NULL, 0, info,
		  sizeof(secret_label) + len);
	assert(ok);
}

void proof_keys_add(struct proof_keys *k, const uint8_t *dials, const uint8_t *listens)
{
	const char *label = dials && listens ? both_label : own_label;
	uint8_t secrets[2 * PROOF_SECRET_LEN];
	size_t len = 0;
	int ok;

	assert(k->n < PROOF_KEYS_MAX && (dials || listens));
	if (dials) {
		memcpy(secrets, dials, PROOF_SECRET_LEN);
		len = PROOF_SECRET_LEN;
	}
	if (listens) {
		memcpy(secrets + len, listens, PROOF_SECRET_LEN);
		len += PROOF_SECRET_LEN;
	}
	ok = HKDF(k->key[k->n++], 32, EVP_sha256(), secrets, len, NULL, 0, (const uint8_t *)label,
		  strlen(label));
	assert(ok);
	OPENSSL_cleanse(secrets, sizeof(secrets));
}

static int add_name(CBB *out, const char *name)
{
	CBB text;

	return CBB_add_u8_length_prefixed(out, &text) &&
	       CBB_add_bytes(&text, (const uint8_t *)name, strlen(name)) && CBB_flush(out);
}

static void mac(const uint8_t key[32], const struct proof_claim *c, uint8_t out[MAC_LEN])
{
	uint8_t text[sizeof(mac_label) + PROOF_EXPORTER_LEN + 9 + 2 * (1 + NAME_MAX_LEN)];
	unsigned mac_len = 0;
	size_t len = 0;
	CBB b;
	int ok = CBB_init_fixed(&b, text, sizeof(text)) &&
		 CBB_add_bytes(&b, (const uint8_t *)mac_label, sizeof(mac_label)) &&
		 CBB_add_bytes(&b, c->exporter, PROOF_EXPORTER_LEN) &&
		 CBB_add_u8(&b, (uint8_t)c->role) && CBB_add_u64(&b, c->incarnation) &&
		 add_name(&b, c->sender) && add_name(&b, c->receiver);

	ok = ok && CBB_finish(&b, NULL, &len) &&
	     HMAC(EVP_sha256(), key, 32, text, len, out, &mac_len) && mac_len == MAC_LEN;
	assert(ok);
	OPENSSL_cleanse(text, sizeof(text));
}

size_t proof_create(const struct proof_keys *k, const struct proof_claim *claim,
		    uint8_t out[PROOF_LEN_MAX])
{
	uint8_t *room;
	size_t len = 0;
	CBB b;
	int ok = CBB_init_fixed(&b, out, PROOF_LEN_MAX) && CBB_add_u8(&b, FRAME_PROOF) &&
		 CBB_add_u8(&b, PROOF_VERSION) && CBB_add_u8(&b, (uint8_t)claim->role) &&
		 CBB_add_u64(&b, claim->incarnation) && CBB_add_u8(&b, (uint8_t)k->n);

	assert(k->n > 0);
	for (unsigned i = 0; ok && i < k->n; i++) {
		ok = CBB_add_space(&b, &room, MAC_LEN);
		if (ok)
			mac(k->key[i], claim, room);
	}
	ok = ok && CBB_finish(&b, NULL, &len);
	assert(ok);
	return len;
}

/* Is any of the MACs by any of the keys? */
static bool is_proved(const struct proof_keys *k, const struct proof_claim *c, CBS macs)
{
	unsigned found = 0;

	for (unsigned i = 0; i < k->n; i++) {
		uint8_t own[MAC_LEN];

		mac(k->key[i], c, own);
		for (size_t at = 0; at < CBS_len(&macs); at += MAC_LEN)
			found |= CRYPTO_memcmp(own, CBS_data(&macs) + at, MAC_LEN) == 0;
		OPENSSL_cleanse(own, sizeof(own));
	}
	return found;
}

enum status proof_verify(const struct proof_keys *k, const struct proof_claim *expected,
			 const uint8_t *frame, size_t len, uint64_t *incarnation)
{
	struct proof_claim claim = *expected;
	uint8_t type, version, role, n;
	CBS in;

	*incarnation = 0;
	CBS_init(&in, frame, len);
	if (!CBS_get_u8(&in, &type) || type != FRAME_PROOF || !CBS_get_u8(&in, &version) ||
	    version != PROOF_VERSION || !CBS_get_u8(&in, &role) ||
	    (role != PROOF_DIALS && role != PROOF_LISTENS) ||
	    !CBS_get_u64(&in, &claim.incarnation) || !CBS_get_u8(&in, &n) || n == 0 ||
	    n > PROOF_KEYS_MAX || CBS_len(&in) != n * (size_t)MAC_LEN)
		return ERR_MALFORMED;
	if (role != expected->role)
		return ERR_AUTH;
	if (!is_proved(k, &claim, in))
		return ERR_AUTH;
	*incarnation = claim.incarnation;
	return OK;
}
