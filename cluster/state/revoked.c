/* SPDX-License-Identifier: Apache-2.0 */
/* Identities that are no longer let in. One is looked up without regard to case, as its secret is. There
 * are STATE_REVOKED_MAX at most; one more is refused where it is revoked (ending.c). */
#include "cluster/state/state_internal.h"
#include "proto/ike/ike_config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct revoked *revoked_find(const struct state *s, const struct ike_id *id)
{
	struct ike_id key = ike_id_key(id);
	struct revoked *x;

	HASH_FIND(hh, s->revoked, &key, sizeof(key), x);
	return x;
}

bool state_is_revoked(const struct state *s, const struct ike_id *id)
{
	return revoked_find(s, id) != NULL;
}

size_t state_revoked(const struct state *s)
{
	return HASH_CNT(hh, s->revoked);
}

const struct ike_id *state_next_revoked(const struct state *s, const struct ike_id *after)
{
	const struct revoked *x = after ? revoked_find(s, after) : NULL;

	x = !after ? s->revoked : x ? x->hh.next : NULL;
	return x ? &x->id : NULL;
}

void revoked_add(struct state *s, const struct ike_id *id)
{
	struct revoked *x = calloc(1, sizeof(*x));

	assert(x);
	x->id = ike_id_key(id);
	HASH_ADD(hh, s->revoked, id, sizeof(x->id), x);
}

static void drop(struct state *s, struct revoked *x)
{
	HASH_DEL(s->revoked, x);
	free(x);
}

void revoked_remove(struct state *s, const struct ike_id *id)
{
	struct revoked *x = revoked_find(s, id);

	assert(x);
	drop(s, x);
}

void revoked_fini(struct state *s)
{
	struct revoked *x, *next;

	HASH_ITER(hh, s->revoked, x, next)
		drop(s, x);
}

/* ---- In a snapshot ---- */

static void read_revoked(struct codec *c, struct state *s)
{
	struct ike_id id = {0}, key;

	codec_id(c, &id);
	key = ike_id_key(&id);
	codec_check(c, id.len > 0 && memcmp(key.data, id.data, id.len) == 0 &&
			       !state_is_revoked(s, &id));
	if (!c->bad)
		revoked_add(s, &id);
}

void codec_revoked(struct codec *c, struct state *s)
{
	uint32_t n = (uint32_t)state_revoked(s);

	codec_count(c, &n, STATE_REVOKED_MAX);
	for (uint32_t i = 0; codec_reads(c) && i < n && !c->bad; i++)
		read_revoked(c, s);
	for (struct revoked *x = s->revoked; !codec_reads(c) && x; x = x->hh.next)
		codec_id(c, &x->id);
}
