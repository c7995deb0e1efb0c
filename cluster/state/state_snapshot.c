/* SPDX-License-Identifier: Apache-2.0 */
/* The replicated state as octets: level, scalars, nodes, slots, revoked identities, tombstones,
 * freed addresses, reports to RADIUS, sessions. Canonical, so the digest of the octets is that of the state: places in
 * their order, sessions by id, tombstones and freed addresses in the order in which they were made.
 *
 * Reading checks whatever apply() relies on: every command keeps each rule below, so a snapshot
 * that breaks one was not made by us. The digest is computed piece by piece, without the whole in
 * memory. */
#include "cluster/level.h"
#include "cluster/state/accounting_report.h"
#include "cluster/state/state_internal.h"
#include "proto/mutant.h"

#include <openssl/sha.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_CHUNK (64u * 1024u)

/* ---- Writing ---- */

/* Octets go to cbb; when a digest is computed, from there into it. */
struct sink {
	CBB cbb;
	SHA256_CTX *sha;
};

static void sink_begin(struct sink *k, SHA256_CTX *sha)
{
	int ok = CBB_init(&k->cbb, DIGEST_CHUNK);

	assert(ok);
	k->sha = sha;
}

static void sink_drain(struct sink *k, size_t from)
{
	int ok = CBB_flush(&k->cbb);

	assert(ok);
	if (!k->sha || CBB_len(&k->cbb) < from)
		return;
	SHA256_Update(k->sha, CBB_data(&k->cbb), CBB_len(&k->cbb));
	CBB_cleanup(&k->cbb); /* Cleanses: there are keys in it. */
	sink_begin(k, k->sha);
}

/* Writing only reads the state. */
static void state_write(struct state *s, struct sink *k)
{
	struct codec c = {.out = &k->cbb};
	uint32_t n_tombstones = HASH_CNT(hh, s->tombstones), n_freed = HASH_CNT(hh, s->freed);
	uint32_t n_sessions = (uint32_t)state_sessions(s), n_reports = (uint32_t)state_reports(s);
	const struct accounting_report *r = NULL;

	codec_head(&c, s, s->level);
	codec_u32(&c, &n_tombstones);
	for (struct tombstone *t = s->tombstones; t; t = t->hh.next) {
		codec_tombstone(&c, t);
		sink_drain(k, DIGEST_CHUNK);
	}
	codec_u32(&c, &n_freed);
	for (struct freed *f = s->freed; f; f = f->hh.next) {
		codec_freed(&c, f);
		sink_drain(k, DIGEST_CHUNK);
	}
	codec_u32(&c, &n_reports);
	while ((r = state_next_report(s, r)) != NULL) {
		codec_report(&c, s, (struct accounting_report *)r);
		sink_drain(k, DIGEST_CHUNK);
	}
	codec_u32(&c, &n_sessions);
	for (size_t i = 0; i < s->list.n; i++) {
		if (s->list.item[i].entry)
			codec_session_record(&c, s, &s->list.item[i].entry->s);
		sink_drain(k, DIGEST_CHUNK);
	}
	sink_drain(k, 0);
	assert(!c.bad);
}

struct blob *state_encode(const struct state *s)
{
	struct sink k;
	struct blob *b;

	sink_begin(&k, NULL);
	state_write((struct state *)s, &k);
	b = blob_new(CBB_data(&k.cbb), CBB_len(&k.cbb));
	CBB_cleanup(&k.cbb);
	return b;
}

void state_digest(const struct state *s, uint8_t digest[32])
{
	struct sink k;
	SHA256_CTX sha;

	SHA256_Init(&sha);
	sink_begin(&k, &sha);
	state_write((struct state *)s, &k);
	CBB_cleanup(&k.cbb);
	SHA256_Final(digest, &sha);
}

/* ---- Reading ---- */

static void read_tombstones(struct codec *c, struct state *s)
{
	uint32_t n = 0;
	uint64_t at_ms = 0;

	codec_u32(c, &n);
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		struct tombstone t = {0}, *added = NULL;

		codec_tombstone(c, &t);
		codec_check(c, t.at_ms >= at_ms && t.at_ms <= s->time_ms);
		at_ms = t.at_ms;
		if (!c->bad)
			added = tombstone_add(s, t.pair[0], t.pair[1], t.peer, t.at_ms);
		codec_check(c, added != NULL);
		if (!added) {
			ike_datagrams_unref(t.final_response);
			return;
		}
		added->final_response = t.final_response;
		memcpy(added->request_hash, t.request_hash, sizeof(t.request_hash));
	}
}

static void read_freed(struct codec *c, struct state *s)
{
	uint32_t n = 0;
	uint64_t at_ms = 0;

	codec_u32(c, &n);
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		struct freed f = {0};

		codec_freed(c, &f);
		codec_check(c, f.at_ms >= at_ms && f.at_ms <= s->time_ms);
		at_ms = f.at_ms;
		if (!c->bad)
			codec_check(c, freed_add(s, &f.address, f.peer, f.at_ms));
	}
}

static void read_reports(struct codec *c, struct state *s)
{
	uint32_t n = 0;
	uint64_t id = 0;

	codec_u32(c, &n);
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		struct accounting_report *r = calloc(1, sizeof(*r));

		assert(r);
		codec_report(c, s, r);
		codec_check(c, r->id > id);
		if (c->bad) {
			blob_unref(r->attributes);
			free(r);
			return;
		}
		id = r->id;
		codec_check(c, accounting_insert(s, r));
	}
}

static bool session_admissible(const struct state *s, const struct session *x, uint64_t previous_id)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++)
		if (x->ike.ike[i].state != 0 &&
		    state_tombstone(s, x->ike.ike[i].spi_i, x->ike.ike[i].spi_r))
			return false;
	return x->id > previous_id && x->id <= s->last_session && x->serial > 0 &&
	       !(x->ike.virtual_ip.family != 0 && freed_contains(s, &x->ike.virtual_ip));
}

static void read_sessions(struct codec *c, struct state *s)
{
	uint32_t n = 0;
	uint64_t id = 0;

	codec_u32(c, &n);
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		struct session_entry *e = calloc(1, sizeof(*e));

		assert(e);
		codec_session_record(c, s, &e->s);
		if (c->bad || !session_admissible(s, &e->s, id) || session_insert(s, e) != OK) {
			session_entry_free(e);
			c->bad = true;
			return;
		}
		id = e->s.id;
	}
	codec_check(c, c->bad || pool_link(s));
}

uint8_t state_level_of(const uint8_t *data, size_t len)
{
	return len > 0 ? data[0] : 0;
}

struct state *state_decode(const uint8_t *data, size_t len, uint8_t own)
{
	struct state *s = state_new();
	CBS in;
	struct codec c = {.in = &in};

	CBS_init(&in, data, len);
	codec_head(&c, s, own);
	if (!c.bad)
		read_tombstones(&c, s);
	if (!c.bad)
		read_freed(&c, s);
	if (!c.bad)
		read_reports(&c, s);
	if (!c.bad)
		read_sessions(&c, s);
	if (c.bad || CBS_len(&in) != 0) {
		state_free(s);
		return NULL;
	}
	return s;
}
