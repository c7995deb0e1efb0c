/* SPDX-License-Identifier: Apache-2.0 */
/* The state as a snapshot, and back. A snapshot is made slice by slice (cut.c), and each slice is
 * sealed at once:
 *
 *   { length (4) | sealed part }*     a part: series (16) | number (4) | last (1) | octets
 *
 * Series, number and last bind the parts: none can be left out, moved, or inserted from another
 * snapshot. */
#include "cluster/core/snapshot.h"

#include "cluster/raft/raft_message.h"
#include "cluster/core/rooms.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_SERIES_LEN 16u

struct snapshots {
	uint8_t series[SNAPSHOT_SERIES_LEN];
	struct blob **part;  /* Sealed. */
	size_t n, room, len; /* len: of all, with their lengths. */
	bool written;        /* There are no more. */
	struct blob *whole;  /* They are joined there, ... */
	size_t joined, joined_len; /* ... so many so far. */
};

#define PART_LENGTH_LEN 4u
#define PART_HEADER_LEN (SNAPSHOT_SERIES_LEN + 4u + 1u)
#define PART_MAX (1u << 20) /* Octets of a part. */
#define JOIN_PARTS 16u /* In one slice: copying is much faster than writing. */

_Static_assert(FRAME_LEN_MAX >= CONSENSUS_SNAPSHOT_MAX + (1u << 20), "a snapshot fits a frame");

/* ---- Making ---- */

static void seal_part(struct core *c, const uint8_t *octets, size_t len, bool last)
{
	struct snapshots *x = c->snapshots;
	struct blob *sealed;
	CBB plain;
	int ok = CBB_init(&plain, PART_HEADER_LEN + len) &&
		 CBB_add_bytes(&plain, x->series, sizeof(x->series)) &&
		 CBB_add_u32(&plain, (uint32_t)x->n) && CBB_add_u8(&plain, last) &&
		 CBB_add_bytes(&plain, octets, len) && CBB_flush(&plain);

	assert(ok);
	sealed = seal_create(c->seal, SEAL_SNAPSHOT_PART, &c->entropy, CBB_data(&plain),
			     CBB_len(&plain));
	CBB_cleanup(&plain); /* Cleanses. */
	x->len += PART_LENGTH_LEN + sealed->len;
	if (x->n == x->room) {
		x->room = x->room ? 2 * x->room : 16;
		x->part = realloc(x->part, x->room * sizeof(struct blob *));
		assert(x->part);
	}
	x->part[x->n++] = sealed;
}

/* One slice. It is longer than it should be when much has gone unwritten since the one before. */
static void seal_slice(struct core *c, const struct blob *octets, bool last)
{
	static const uint8_t none[1];
	const uint8_t *at = octets ? octets->data : none;
	size_t left = octets ? octets->len : 0;

	for (; left > PART_MAX; at += PART_MAX, left -= PART_MAX)
		seal_part(c, at, PART_MAX, false);
	seal_part(c, at, left, last);
}

/* Copies some more parts into one blob; true: that was all. Copying all at once, or growing the
 * blob, would take too long for snapshots of 100 MB. */
static bool join(struct snapshots *x)
{
	if (!x->whole)
		x->whole = blob_new(NULL, x->len);
	for (unsigned i = 0; i < JOIN_PARTS && x->joined < x->n; i++) {
		struct blob *b = x->part[x->joined];
		uint8_t *to = x->whole->data + x->joined_len;

		to[0] = 0;
		to[1] = (uint8_t)(b->len >> 16);
		to[2] = (uint8_t)(b->len >> 8);
		to[3] = (uint8_t)b->len;
		memcpy(to + PART_LENGTH_LEN, b->data, b->len);
		x->joined_len += PART_LENGTH_LEN + b->len;
		blob_set(&x->part[x->joined++], NULL);
	}
	return x->joined == x->n;
}

void snapshot_forget(struct core *c)
{
	struct snapshots *x = c->snapshots;

	for (; x->joined < x->n; x->joined++)
		blob_unref(x->part[x->joined]);
	free(x->part);
	blob_unref(x->whole);
	memset(x, 0, sizeof(*x));
	state_cut_drop(c->state);
}

struct blob *snapshot_slice(struct core *c, bool begin)
{
	struct snapshots *x = c->snapshots;
	struct blob *whole;

	if (begin) {
		snapshot_forget(c);
		state_cut_begin(c->state);
		entropy_draw(&c->entropy, x->series, sizeof(x->series));
	}
	if (!x->written) {
		struct blob *octets =
			state_cut_next(c->state, c->config->snapshot_slice, &x->written);

		seal_slice(c, octets, x->written);
		blob_unref(octets);
		return NULL;
	}
	if (!join(x))
		return NULL;
	whole = blob_ref(x->whole);
	snapshot_forget(c);
	return whole;
}

/* ---- Reading ---- */

/* One part off the front of in, its octets added to out. */
static enum status open_part(const struct seal_key *k, CBS *in, uint8_t series[SNAPSHOT_SERIES_LEN],
			     uint32_t number, uint8_t *last, CBB *out)
{
	uint32_t len, n;
	struct blob *plain = NULL;
	CBS sealed, part, mine;
	enum status s;

	if (!CBS_get_u32(in, &len) || !CBS_get_bytes(in, &sealed, len))
		return ERR_MALFORMED;
	s = seal_open(k, SEAL_SNAPSHOT_PART, CBS_data(&sealed), CBS_len(&sealed), &plain);
	if (s != OK)
		return s;
	CBS_init(&part, plain ? plain->data : NULL, plain ? plain->len : 0);
	if (!CBS_get_bytes(&part, &mine, SNAPSHOT_SERIES_LEN) || !CBS_get_u32(&part, &n) ||
	    !CBS_get_u8(&part, last) || *last > 1 || n != number ||
	    (number > 0 && !CBS_mem_equal(&mine, series, SNAPSHOT_SERIES_LEN)))
		s = ERR_DAMAGED;
	if (s == OK) {
		int ok = CBB_add_bytes(out, CBS_data(&part), CBS_len(&part));

		assert(ok);
		memcpy(series, CBS_data(&mine), SNAPSHOT_SERIES_LEN);
	}
	blob_unref(plain);
	return s;
}

enum status snapshot_open(const struct seal_key *k, const uint8_t *data, size_t len, uint8_t own,
			  struct state **state)
{
	uint8_t series[SNAPSHOT_SERIES_LEN] = {0}, last = 0;
	enum status s = OK;
	CBB octets;
	CBS in;
	int ok;

	*state = NULL;
	CBS_init(&in, data, len);
	ok = CBB_init(&octets, len);
	for (uint32_t i = 0; s == OK && !last; i++)
		s = open_part(k, &in, series, i, &last, &octets);
	if (s == OK && CBS_len(&in) != 0)
		s = ERR_MALFORMED;
	ok = ok && CBB_flush(&octets);
	assert(ok);
	if (s == OK && state_level_of(CBB_data(&octets), CBB_len(&octets)) > own)
		s = ERR_UNSUPPORTED;
	if (s == OK)
		*state = state_decode(CBB_data(&octets), CBB_len(&octets), own);
	CBB_cleanup(&octets); /* Cleanses. */
	return s != OK || *state ? s : ERR_MALFORMED;
}

void snapshot_init(struct core *c)
{
	c->snapshots = core_room(sizeof(*c->snapshots));
}

void snapshot_fini(struct core *c)
{
	snapshot_forget(c);
	free(c->snapshots);
}
