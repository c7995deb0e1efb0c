/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing under the storage key. The key itself only feeds HMAC-SHA256 (RFC 2104,
 * here as a key derivation with one block of output): each purpose has a key of
 * its own, and the key id says "this key in this cluster" without telling anything
 * about it. AES-256-GCM-SIV because a restored disk or a cloned machine may repeat
 * its random state: a repeated nonce then shows that two plaintexts were equal,
 * and nothing else (RFC 8452 1).
 *
 * Unresolved: rotation. A ring of keys, chosen by the id in the header, needs only
 * seal_open() to look one up. */
#include "cluster/core/seal.h"
#include "proto/mutant.h"

#include <openssl/aead.h>
#include <openssl/bytestring.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SEAL_VERSION 1u
#define SEAL_ID_LEN 4u
#define SEAL_NONCE_LEN 12u
#define SEAL_TAG_LEN 16u
#define SEAL_HEADER_LEN (1u + SEAL_ID_LEN + SEAL_NONCE_LEN)
#define SEAL_CLUSTER_MAX 63u
#define SEAL_AD_MAX (SEAL_HEADER_LEN + 1u + SEAL_CLUSTER_MAX)

struct seal_key {
	uint8_t master[32];
	uint8_t id[SEAL_ID_LEN];
	EVP_AEAD_CTX aead;
	char cluster[SEAL_CLUSTER_MAX + 1];
};

void seal_derive(const struct seal_key *k, const char *label, uint8_t out[32])
{
	unsigned len = 0;
	const uint8_t *mac = HMAC(EVP_sha256(), k->master, sizeof(k->master),
				  (const uint8_t *)label, strlen(label), out, &len);

	assert(mac && len == 32);
}

struct seal_key *seal_key_new(const uint8_t key[32], const char *cluster)
{
	struct seal_key *k = calloc(1, sizeof(*k));
	char label[sizeof("baton seal id ") + SEAL_CLUSTER_MAX] = "baton seal id ";
	uint8_t derived[32];
	int ok;

	assert(k);
	assert(strlen(cluster) <= SEAL_CLUSTER_MAX);
	memcpy(k->master, key, sizeof(k->master));
	strcpy(k->cluster, cluster);
	strcat(label, cluster);
	seal_derive(k, label, derived);
	memcpy(k->id, derived, sizeof(k->id));
	seal_derive(k, "baton seal", derived);
	ok = EVP_AEAD_CTX_init(&k->aead, EVP_aead_aes_256_gcm_siv(), derived, sizeof(derived),
			       SEAL_TAG_LEN, NULL);
	assert(ok);
	OPENSSL_cleanse(derived, sizeof(derived));
	return k;
}

void seal_key_free(struct seal_key *k)
{
	if (!k)
		return;
	EVP_AEAD_CTX_cleanup(&k->aead);
	OPENSSL_cleanse(k, sizeof(*k));
	free(k);
}

/* Header, kind, cluster: a snapshot cannot pass for a command, nor one cluster's
 * record for another's. */
static size_t seal_associated(const struct seal_key *k, enum seal_kind kind, const uint8_t *header,
			      uint8_t ad[SEAL_AD_MAX])
{
	size_t name_len = strlen(k->cluster);

	memcpy(ad, header, SEAL_HEADER_LEN);
	ad[SEAL_HEADER_LEN] = (uint8_t)kind;
	memcpy(ad + SEAL_HEADER_LEN + 1, k->cluster, name_len);
	return SEAL_HEADER_LEN + 1 + name_len;
}

struct blob *seal_create(const struct seal_key *k, enum seal_kind kind, struct entropy *e,
			 const uint8_t *plain, size_t len)
{
	struct blob *b = blob_new(NULL, len + SEAL_OVERHEAD);
	uint8_t ad[SEAL_AD_MAX];
	uint8_t *nonce = b->data + 1 + SEAL_ID_LEN, *body = b->data + SEAL_HEADER_LEN;
	size_t ad_len, out_len = 0;
	int ok;

	b->data[0] = SEAL_VERSION;
	memcpy(b->data + 1, k->id, sizeof(k->id));
	entropy_draw(e, nonce, SEAL_NONCE_LEN);
	if (MUTANT(MUTANT_SEAL_NONCE_CONSTANT))
		memset(nonce, 0, SEAL_NONCE_LEN);
	ad_len = seal_associated(k, kind, b->data, ad);
	ok = EVP_AEAD_CTX_seal(&k->aead, body, &out_len, len + SEAL_TAG_LEN, nonce, SEAL_NONCE_LEN,
			       plain, len, ad, ad_len);
	assert(ok && out_len == len + SEAL_TAG_LEN);
	return b;
}

enum status seal_open(const struct seal_key *k, enum seal_kind kind, const uint8_t *sealed,
		      size_t len, struct blob **plain)
{
	CBS in, id, nonce;
	uint8_t version, spare[1];
	uint8_t ad[SEAL_AD_MAX];
	struct blob *b;
	size_t room, out_len = 0;

	*plain = NULL;
	CBS_init(&in, sealed, len);
	if (!CBS_get_u8(&in, &version) || version != SEAL_VERSION ||
	    !CBS_get_bytes(&in, &id, SEAL_ID_LEN) || !CBS_get_bytes(&in, &nonce, SEAL_NONCE_LEN) ||
	    CBS_len(&in) < SEAL_TAG_LEN)
		return ERR_MALFORMED;
	if (!CBS_mem_equal(&id, k->id, sizeof(k->id)))
		return ERR_FOREIGN;
	room = CBS_len(&in) - SEAL_TAG_LEN;
	b = blob_new(NULL, room); /* NULL when room is 0: the empty blob. */
	if (!EVP_AEAD_CTX_open(&k->aead, b ? b->data : spare, &out_len, room, CBS_data(&nonce),
			       CBS_len(&nonce), CBS_data(&in), CBS_len(&in), ad,
			       seal_associated(k, kind, sealed, ad))) {
		blob_unref(b);
		return ERR_DAMAGED;
	}
	assert(out_len == room);
	*plain = b;
	return OK;
}
