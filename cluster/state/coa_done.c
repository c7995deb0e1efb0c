/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of RADIUS servers (RFC 5176) that were carried out. A request is known by the hash of
 * its octets, and its outcome is remembered longer than its Event-Timestamp can be fresh
 * (RADIUS_COA_WINDOW_S before and after now). So whoever sends it again, the server or somebody
 * who recorded it, gets the same answer from any leader, and nothing else happens. Only somebody
 * who knows a server's secret can fill the memory; when it is full, further requests are refused
 * until the oldest is forgotten. */
#include "cluster/state/coa_done.h"

#include "cluster/state/state_internal.h"
#include "proto/auth/radius_coa.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MS (3u * RADIUS_COA_WINDOW_S * 1000u) /* Cluster time may run a little fast. */

static struct coa_done *find(const struct state *s, const uint8_t hash[IKE_HASH_LEN])
{
	struct coa_done *d;

	HASH_FIND(hh, s->coa, hash, IKE_HASH_LEN, d);
	return d;
}

bool state_coa(const struct state *s, const uint8_t hash[IKE_HASH_LEN], uint16_t *error)
{
	const struct coa_done *d = find(s, hash);

	if (d)
		*error = d->error;
	return d != NULL;
}

size_t state_coas(const struct state *s)
{
	return HASH_COUNT(s->coa);
}

/* They are in the order of their time. */
void coa_sweep(struct state *s)
{
	while (s->coa && s->time_ms - s->coa->at_ms >= KEPT_MS) {
		struct coa_done *d = s->coa;

		HASH_DEL(s->coa, d);
		free(d);
	}
}

void coa_add(struct state *s, const struct coa_done *of)
{
	struct coa_done *d = malloc(sizeof(*d));

	assert(d);
	*d = *of;
	HASH_ADD(hh, s->coa, hash, IKE_HASH_LEN, d);
}

void coa_fini(struct state *s)
{
	struct coa_done *d, *next;

	HASH_ITER(hh, s->coa, d, next)
	{
		HASH_DEL(s->coa, d);
		free(d);
	}
}

/* ---- In a snapshot ---- */

static void codec_done(struct codec *c, struct coa_done *d)
{
	codec_octets(c, d->hash, sizeof(d->hash));
	codec_u16(c, &d->error);
	codec_u64(c, &d->at_ms);
}

void codec_coa(struct codec *c, struct state *s)
{
	uint32_t n = (uint32_t)state_coas(s);
	uint64_t at_ms = 0;

	codec_count(c, &n, STATE_COA_MAX);
	for (uint32_t i = 0; codec_reads(c) && i < n && !c->bad; i++) {
		struct coa_done d = {0};

		codec_done(c, &d);
		codec_check(c, d.at_ms >= at_ms && d.at_ms <= s->time_ms && !find(s, d.hash));
		at_ms = d.at_ms;
		if (!c->bad)
			coa_add(s, &d);
	}
	for (struct coa_done *d = s->coa; !codec_reads(c) && d; d = d->hh.next)
		codec_done(c, d);
}
