/* SPDX-License-Identifier: Apache-2.0 */
/* I6, "a deleted SA never comes back": an IKE SPI pair that leaves the table, with its session or
 * with a rekeyed IKE SA, becomes a tombstone in the same command, and a pair that has one is
 * refused. They are kept in the order in which they were made, oldest first, and go after
 * TOMBSTONE_MS.
 *
 * A client with a key can make them as fast as it makes IKE SAs, so they are counted, in total and
 * by client: the proposer sees to it that a client with too many of them gets no new IKE SA
 * (exchange_env.c). apply() itself refuses none: a deletion must not fail. So there are at most as
 * many as that limit, plus the IKE SAs that lived when it was reached. */
#include "cluster/state/state_internal.h"
#include "proto/ike/ike_config.h"
#include "proto/mutant.h"
#include "proto/crypto/prf.h"
#include "proto/wire/wire.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct tombstone *tombstone_find(const struct state *s, uint64_t spi_i, uint64_t spi_r)
{
	const uint64_t pair[2] = {spi_i, spi_r};
	struct tombstone *t;

	HASH_FIND(hh, s->tombstones, pair, sizeof(pair), t);
	return t;
}

bool state_tombstone(const struct state *s, uint64_t spi_i, uint64_t spi_r)
{
	return tombstone_find(s, spi_i, spi_r) != NULL;
}

struct ike_datagrams *state_final_response(const struct state *s, uint64_t spi_i, uint64_t spi_r,
				      const uint8_t *request_hash)
{
	struct tombstone *t = tombstone_find(s, spi_i, spi_r);

	if (!t || (request_hash && CRYPTO_memcmp(request_hash, t->request_hash, IKE_HASH_LEN) != 0))
		return NULL;
	return t->final_response;
}

void tombstone_say(struct state *s, uint64_t spi_i, uint64_t spi_r, struct ike_datagrams *final_response,
		   const uint8_t request_hash[IKE_HASH_LEN])
{
	struct tombstone *t = tombstone_find(s, spi_i, spi_r);

	if (!t || !final_response || t->final_response)
		return;
	t->final_response = ike_datagrams_ref(final_response);
	memcpy(t->request_hash, request_hash, sizeof(t->request_hash));
}

/* ---- Whose they are ---- */

uint64_t tombstone_peer(struct ike_client client)
{
	uint8_t octets[8 + 1 + IKE_ID_MAX], hash[IKE_HASH_LEN];
	struct ike_id key = ike_id_key(client.id); /* Spelled otherwise it is the same one. */
	uint64_t peer = 0;

	wire_put_u64(octets, client.realm);
	octets[8] = key.type;
	memcpy(octets + 9, key.data, key.len);
	hash_sha256(octets, 9 + (size_t)key.len, hash);
	for (unsigned i = 0; i < sizeof(peer); i++)
		peer = peer << 8 | hash[i]; /* It is replicated: the same on any machine. */
	return peer ? peer : 1;
}

static struct peer_tombstones *peer_tombstones_find(const struct state *s, uint64_t peer)
{
	struct peer_tombstones *m;

	HASH_FIND(hh, s->peer_tombstones, &peer, sizeof(peer), m);
	return m;
}

static void peer_count(struct state *s, uint64_t peer)
{
	struct peer_tombstones *m = peer_tombstones_find(s, peer);

	if (peer == 0)
		return;
	if (!m) {
		m = calloc(1, sizeof(*m));
		assert(m);
		m->peer = peer;
		HASH_ADD(hh, s->peer_tombstones, peer, sizeof(m->peer), m);
	}
	m->n++;
}

static void peer_discount(struct state *s, uint64_t peer)
{
	struct peer_tombstones *m = peer_tombstones_find(s, peer);

	if (peer == 0)
		return;
	assert(m && m->n > 0);
	if (--m->n > 0)
		return;
	HASH_DEL(s->peer_tombstones, m);
	free(m);
}

size_t state_tombstones(const struct state *s, struct ike_client client)
{
	const struct peer_tombstones *m;

	if (!client.id)
		return HASH_CNT(hh, s->tombstones);
	m = peer_tombstones_find(s, tombstone_peer(client));
	return m ? m->n : 0;
}

/* ---- Coming and going ---- */

struct tombstone *tombstone_add(struct state *s, uint64_t spi_i, uint64_t spi_r, uint64_t peer,
				uint64_t at_ms)
{
	struct tombstone *t = tombstone_find(s, spi_i, spi_r);

	if (t)
		return NULL;
	t = calloc(1, sizeof(*t));
	assert(t);
	t->pair[0] = spi_i;
	t->pair[1] = spi_r;
	t->peer = peer;
	t->at_ms = at_ms;
	HASH_ADD(hh, s->tombstones, pair, sizeof(t->pair), t);
	peer_count(s, peer);
	return t;
}

static void tombstone_free(struct state *s, struct tombstone *t)
{
	cut_before_tombstone_goes(s, t);
	HASH_DEL(s->tombstones, t);
	peer_discount(s, t->peer);
	ike_datagrams_unref(t->final_response);
	free(t);
}

/* The oldest stand first. */
void tombstones_sweep(struct state *s)
{
	uint64_t kept_ms = TOMBSTONE_MS;

	if (MUTANT(MUTANT_TOMBSTONE_SHORT))
		kept_ms = 0;
	while (s->tombstones && s->time_ms - s->tombstones->at_ms >= kept_ms)
		tombstone_free(s, s->tombstones);
}

void tombstones_fini(struct state *s)
{
	struct tombstone *t, *next;

	HASH_ITER(hh, s->tombstones, t, next)
		tombstone_free(s, t);
}
