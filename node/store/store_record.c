/* SPDX-License-Identifier: Apache-2.0 */
/* A record is a MAC and a body. The MAC is HMAC-SHA256 over the kind and the body, and for a log
 * entry also over its index and the MAC of the entry before it: so an entry verifies only in its
 * place, after its predecessor, and the last one's MAC stands for the whole log. Commands and
 * snapshots are sealed before they get here (cluster/core/seal.h): nothing in this file needs to be
 * secret. */
#include "node/store/store_record.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAGIC "batonst1"

void record_key_init(struct record_key *k, const uint8_t *key, size_t len, const char *cluster)
{
	static const uint8_t label[] = "store key id";
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	assert(HMAC(EVP_sha256(), key, len, label, sizeof(label), digest, &n));
	memcpy(k->id, digest, sizeof(k->id));
	assert(HMAC(EVP_sha256(), key, len, (const uint8_t *)cluster, strlen(cluster), k->mac_key,
		    &n));
	assert(n == STORE_MAC_LEN);
}

void record_key_fini(struct record_key *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

size_t record_entry_key(uint64_t index, uint8_t key[RECORD_KEY_MAX])
{
	key[0] = RECORD_ENTRY;
	for (unsigned i = 0; i < 8; i++)
		key[1 + i] = (uint8_t)(index >> (56 - 8 * i));
	return RECORD_KEY_MAX;
}

/* MAC over kind | index | before | body; index and before are fixed-length. */
static void mac_compute(const struct record_key *k, enum record_kind kind, uint64_t index,
			const uint8_t *before, const uint8_t *body, size_t len,
			uint8_t mac[STORE_MAC_LEN])
{
	static const uint8_t none[STORE_MAC_LEN];
	uint8_t head[RECORD_KEY_MAX];
	unsigned n = 0;
	HMAC_CTX ctx;

	record_entry_key(index, head);
	head[0] = (uint8_t)kind;
	HMAC_CTX_init(&ctx);
	assert(HMAC_Init_ex(&ctx, k->mac_key, sizeof(k->mac_key), EVP_sha256(), NULL));
	assert(HMAC_Update(&ctx, head, sizeof(head)));
	assert(HMAC_Update(&ctx, before ? before : none, STORE_MAC_LEN));
	assert(HMAC_Update(&ctx, body, len));
	assert(HMAC_Final(&ctx, mac, &n) && n == STORE_MAC_LEN);
	HMAC_CTX_cleanup(&ctx);
}

/* Splits a record and compares its MAC with the computed one. */
static bool record_verify(const struct record_key *k, enum record_kind kind, uint64_t index,
			  const uint8_t *before, const uint8_t *data, size_t len, CBS *body)
{
	uint8_t mac[STORE_MAC_LEN];
	CBS cbs, have;

	CBS_init(&cbs, data, len);
	if (!CBS_get_bytes(&cbs, &have, STORE_MAC_LEN))
		return false;
	*body = cbs;
	mac_compute(k, kind, index, before, CBS_data(&cbs), CBS_len(&cbs), mac);
	if (MUTANT(MUTANT_STORE_FLIPPED))
		return true;
	return CRYPTO_memcmp(mac, CBS_data(&have), STORE_MAC_LEN) == 0;
}

/* Room for a record with len octets of body; the MAC is written by record_seal(). */
static struct blob *record_new(size_t len)
{
	struct blob *b = blob_new(NULL, STORE_MAC_LEN + len);

	memset(b->data, 0, STORE_MAC_LEN);
	return b;
}

static void record_seal(const struct record_key *k, enum record_kind kind, uint64_t index,
			const uint8_t *before, struct blob *b, uint8_t *mac)
{
	mac_compute(k, kind, index, before, b->data + STORE_MAC_LEN, b->len - STORE_MAC_LEN,
		    b->data);
	if (mac)
		memcpy(mac, b->data, STORE_MAC_LEN);
}

/* Writes through a fixed CBB into a record whose body length was computed before. */
static void body_begin(struct blob *b, CBB *cbb)
{
	assert(CBB_init_fixed(cbb, b->data + STORE_MAC_LEN, b->len - STORE_MAC_LEN));
}

static void body_end(struct blob *b, CBB *cbb)
{
	size_t len = 0;

	assert(CBB_finish(cbb, NULL, &len));
	assert(len == b->len - STORE_MAC_LEN);
}

static size_t blob_len(const struct blob *b)
{
	return b ? b->len : 0;
}

static void add_blob(CBB *cbb, const struct blob *b)
{
	if (b)
		assert(CBB_add_bytes(cbb, b->data, b->len));
}

struct blob *record_entry_create(const struct record_key *k, const struct log_entry *e,
				 const uint8_t before[STORE_MAC_LEN], uint8_t mac[STORE_MAC_LEN])
{
	struct blob *b = record_new(8 + 1 + blob_len(e->data));
	CBB cbb;

	body_begin(b, &cbb);
	assert(CBB_add_u64(&cbb, e->term) && CBB_add_u8(&cbb, e->type));
	add_blob(&cbb, e->data);
	body_end(b, &cbb);
	record_seal(k, RECORD_ENTRY, e->index, before, b, mac);
	return b;
}

bool record_entry_open(const struct record_key *k, uint64_t index, const uint8_t *data, size_t len,
		       const uint8_t before[STORE_MAC_LEN], struct log_entry *e,
		       uint8_t mac[STORE_MAC_LEN])
{
	CBS body;

	if (!record_verify(k, RECORD_ENTRY, index, before, data, len, &body))
		return false;
	e->index = index;
	if (!CBS_get_u64(&body, &e->term) || !CBS_get_u8(&body, &e->type))
		return false;
	e->data = blob_new(CBS_data(&body), CBS_len(&body));
	memcpy(mac, data, STORE_MAC_LEN);
	return true;
}

struct blob *record_snapshot_create(const struct record_key *k, const struct store_snapshot *s,
				    uint8_t mac[STORE_MAC_LEN])
{
	struct blob *b =
		record_new(8 * 3 + 4 + blob_len(s->configuration) + blob_len(s->data));
	CBB cbb;

	body_begin(b, &cbb);
	assert(CBB_add_u64(&cbb, s->index) && CBB_add_u64(&cbb, s->term) &&
	       CBB_add_u64(&cbb, s->configuration_index) &&
	       CBB_add_u32(&cbb, (uint32_t)blob_len(s->configuration)));
	add_blob(&cbb, s->configuration);
	add_blob(&cbb, s->data);
	body_end(b, &cbb);
	record_seal(k, RECORD_SNAPSHOT, 0, NULL, b, mac);
	return b;
}

bool record_snapshot_open(const struct record_key *k, const uint8_t *data, size_t len,
			  const uint8_t mac[STORE_MAC_LEN], struct store_snapshot **out)
{
	struct store_snapshot *s;
	uint32_t n;
	CBS body, configuration;

	if (!record_verify(k, RECORD_SNAPSHOT, 0, NULL, data, len, &body) ||
	    CRYPTO_memcmp(data, mac, STORE_MAC_LEN) != 0)
		return false;
	s = calloc(1, sizeof(*s));
	assert(s);
	if (!CBS_get_u64(&body, &s->index) || !CBS_get_u64(&body, &s->term) ||
	    !CBS_get_u64(&body, &s->configuration_index) || !CBS_get_u32(&body, &n) ||
	    !CBS_get_bytes(&body, &configuration, n)) {
		free(s);
		return false;
	}
	s->configuration = blob_new(CBS_data(&configuration), CBS_len(&configuration));
	s->data = blob_new(CBS_data(&body), CBS_len(&body));
	*out = s;
	return true;
}

struct blob *record_identity_create(const struct record_key *k, const struct blob *identity,
				    uint8_t mac[STORE_MAC_LEN])
{
	struct blob *b = record_new(blob_len(identity));

	if (identity)
		memcpy(b->data + STORE_MAC_LEN, identity->data, identity->len);
	record_seal(k, RECORD_IDENTITY, 0, NULL, b, mac);
	return b;
}

bool record_identity_open(const struct record_key *k, const uint8_t *data, size_t len,
			  const uint8_t mac[STORE_MAC_LEN], struct blob **identity)
{
	CBS body;

	if (!record_verify(k, RECORD_IDENTITY, 0, NULL, data, len, &body) ||
	    CRYPTO_memcmp(data, mac, STORE_MAC_LEN) != 0)
		return false;
	*identity = blob_new(CBS_data(&body), CBS_len(&body));
	return true;
}

struct blob *record_header_create(const struct record_key *k, const struct record_header *h,
				  uint8_t mac[STORE_MAC_LEN])
{
	size_t cluster = strlen(h->cluster), node = strlen(h->node);
	struct blob *b =
		record_new(8 + STORE_KEY_ID_LEN + STORE_ID_LEN + 8 + 1 + cluster + node);
	CBB cbb;

	body_begin(b, &cbb);
	assert(CBB_add_bytes(&cbb, (const uint8_t *)HEADER_MAGIC, 8) &&
	       CBB_add_bytes(&cbb, h->key_id, STORE_KEY_ID_LEN) &&
	       CBB_add_bytes(&cbb, h->store_id, STORE_ID_LEN) && CBB_add_u64(&cbb, h->raft_id) &&
	       CBB_add_u8(&cbb, (uint8_t)cluster) &&
	       CBB_add_bytes(&cbb, (const uint8_t *)h->cluster, cluster) &&
	       CBB_add_bytes(&cbb, (const uint8_t *)h->node, node));
	body_end(b, &cbb);
	record_seal(k, RECORD_HEADER, 0, NULL, b, mac);
	return b;
}

bool record_header_parse(const uint8_t *data, size_t len, struct record_header *h)
{
	CBS cbs, magic, cluster;

	memset(h, 0, sizeof(*h));
	CBS_init(&cbs, data, len);
	if (!CBS_skip(&cbs, STORE_MAC_LEN) || !CBS_get_bytes(&cbs, &magic, 8) ||
	    memcmp(CBS_data(&magic), HEADER_MAGIC, 8) != 0 ||
	    !CBS_copy_bytes(&cbs, h->key_id, STORE_KEY_ID_LEN) ||
	    !CBS_copy_bytes(&cbs, h->store_id, STORE_ID_LEN) || !CBS_get_u64(&cbs, &h->raft_id) ||
	    !CBS_get_u8_length_prefixed(&cbs, &cluster) ||
	    CBS_len(&cluster) >= sizeof(h->cluster) || CBS_contains_zero_byte(&cluster) ||
	    CBS_len(&cbs) >= sizeof(h->node) || CBS_contains_zero_byte(&cbs))
		return false;
	memcpy(h->cluster, CBS_data(&cluster), CBS_len(&cluster));
	memcpy(h->node, CBS_data(&cbs), CBS_len(&cbs));
	return h->raft_id != 0;
}

bool record_header_verify(const struct record_key *k, const uint8_t *data, size_t len,
			  const uint8_t mac[STORE_MAC_LEN])
{
	CBS body;

	return record_verify(k, RECORD_HEADER, 0, NULL, data, len, &body) &&
	       CRYPTO_memcmp(data, mac, STORE_MAC_LEN) == 0;
}

struct blob *record_tip_create(const struct record_key *k, const struct record_tip *t)
{
	struct blob *b = record_new(8 * 8 + 5 * STORE_MAC_LEN);
	CBB cbb;

	body_begin(b, &cbb);
	assert(CBB_add_u64(&cbb, t->counter) && CBB_add_u64(&cbb, t->term) &&
	       CBB_add_u64(&cbb, t->voted_for) && CBB_add_u64(&cbb, t->incarnation) &&
	       CBB_add_u64(&cbb, t->newest_ms) && CBB_add_u64(&cbb, t->logged_ms) &&
	       CBB_add_u64(&cbb, t->first) && CBB_add_u64(&cbb, t->last) &&
	       CBB_add_bytes(&cbb, t->base, STORE_MAC_LEN) &&
	       CBB_add_bytes(&cbb, t->chain, STORE_MAC_LEN) &&
	       CBB_add_bytes(&cbb, t->snapshot, STORE_MAC_LEN) &&
	       CBB_add_bytes(&cbb, t->identity, STORE_MAC_LEN) &&
	       CBB_add_bytes(&cbb, t->header, STORE_MAC_LEN));
	body_end(b, &cbb);
	record_seal(k, RECORD_TIP, 0, NULL, b, NULL);
	return b;
}

bool record_tip_open(const struct record_key *k, const uint8_t *data, size_t len,
		     struct record_tip *t)
{
	CBS b;

	memset(t, 0, sizeof(*t));
	return record_verify(k, RECORD_TIP, 0, NULL, data, len, &b) &&
	       CBS_get_u64(&b, &t->counter) && CBS_get_u64(&b, &t->term) &&
	       CBS_get_u64(&b, &t->voted_for) && CBS_get_u64(&b, &t->incarnation) &&
	       CBS_get_u64(&b, &t->newest_ms) && CBS_get_u64(&b, &t->logged_ms) &&
	       CBS_get_u64(&b, &t->first) && CBS_get_u64(&b, &t->last) &&
	       CBS_copy_bytes(&b, t->base, STORE_MAC_LEN) &&
	       CBS_copy_bytes(&b, t->chain, STORE_MAC_LEN) &&
	       CBS_copy_bytes(&b, t->snapshot, STORE_MAC_LEN) &&
	       CBS_copy_bytes(&b, t->identity, STORE_MAC_LEN) &&
	       CBS_copy_bytes(&b, t->header, STORE_MAC_LEN) && CBS_len(&b) == 0 &&
	       t->first >= 1 && t->last >= t->first - 1 && t->last < UINT64_MAX;
}

struct blob *record_tip_file_create(const struct record_key *k, uint64_t counter,
				    const uint8_t store_id[STORE_ID_LEN])
{
	struct blob *b = record_new(8 + STORE_ID_LEN);
	CBB cbb;

	body_begin(b, &cbb);
	assert(CBB_add_u64(&cbb, counter) && CBB_add_bytes(&cbb, store_id, STORE_ID_LEN));
	body_end(b, &cbb);
	record_seal(k, RECORD_TIP_FILE, 0, NULL, b, NULL);
	return b;
}

bool record_tip_file_open(const struct record_key *k, const uint8_t *data, size_t len,
			  const uint8_t store_id[STORE_ID_LEN], uint64_t *counter)
{
	CBS b;

	return record_verify(k, RECORD_TIP_FILE, 0, NULL, data, len, &b) &&
	       CBS_get_u64(&b, counter) && CBS_len(&b) == STORE_ID_LEN &&
	       memcmp(CBS_data(&b), store_id, STORE_ID_LEN) == 0;
}
