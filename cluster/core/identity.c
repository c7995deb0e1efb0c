/* SPDX-License-Identifier: Apache-2.0 */
/* The identity record as octets, strictly read: it comes from a disk or from another node. */
#include "cluster/core/identity.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <string.h>

#define IDENTITY_VERSION 1u

/* Raft accepts no member twice, and this record is used again at every start. */
static bool is_new_founder(const struct identity *id, const struct consensus_member *m)
{
	for (size_t i = 0; i < id->n_founders; i++)
		if (id->founder[i].id == m->id || strcmp(id->founder[i].address, m->address) == 0)
			return false;
	return m->id != 0 && m->address[0] != '\0';
}

/* version | cluster id | own Raft id (0 in a frame) | n | n x (Raft id | name) */
struct blob *identity_encode(const struct identity *id, uint64_t own)
{
	CBB out, name;
	struct blob *b;
	int ok = CBB_init(&out, 256) && CBB_add_u8(&out, IDENTITY_VERSION) &&
		 CBB_add_u64(&out, id->cluster_id) && CBB_add_u64(&out, own) &&
		 CBB_add_u8(&out, (uint8_t)id->n_founders);

	for (size_t i = 0; ok && i < id->n_founders; i++) {
		const struct consensus_member *m = &id->founder[i];

		ok = CBB_add_u64(&out, m->id) && CBB_add_u8_length_prefixed(&out, &name) &&
		     CBB_add_bytes(&name, (const uint8_t *)m->address, strlen(m->address)) &&
		     CBB_flush(&out);
	}
	assert(ok);
	b = blob_new(CBB_data(&out), CBB_len(&out));
	CBB_cleanup(&out);
	return b;
}

enum status identity_decode(struct identity *id, uint64_t *own, const uint8_t *data, size_t len)
{
	CBS in, name;
	uint8_t version, n;

	memset(id, 0, sizeof(*id));
	CBS_init(&in, data, len);
	if (!CBS_get_u8(&in, &version) || version != IDENTITY_VERSION ||
	    !CBS_get_u64(&in, &id->cluster_id) || id->cluster_id == 0 || !CBS_get_u64(&in, own) ||
	    !CBS_get_u8(&in, &n) || n > CLUSTER_NODES_MAX)
		return ERR_MALFORMED;
	for (id->n_founders = 0; id->n_founders < n; id->n_founders++) {
		struct consensus_member *m = &id->founder[id->n_founders];

		if (!CBS_get_u64(&in, (uint64_t *)&m->id) ||
		    !CBS_get_u8_length_prefixed(&in, &name) || CBS_len(&name) >= CLUSTER_NAME_MAX)
			return ERR_MALFORMED;
		memcpy(m->address, CBS_data(&name), CBS_len(&name));
		if (!is_new_founder(id, m))
			return ERR_MALFORMED;
		m->voter = true;
	}
	return CBS_len(&in) == 0 ? OK : ERR_MALFORMED;
}

bool identity_names(const struct identity *id, uint64_t raft_id)
{
	for (size_t i = 0; i < id->n_founders; i++)
		if (id->founder[i].id == raft_id)
			return true;
	return false;
}
