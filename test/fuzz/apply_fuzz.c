/* SPDX-License-Identifier: Apache-2.0 */
/* The replicated state under any commands, as a faulty member could have them committed. The first
 * octet chooses the state to begin with; commands follow, put end to end as in a log entry.
 *
 * What must hold after each: a refused command has changed nothing; an epoch has one owner, and
 * none goes back (I7); no virtual IP or inbound SPI has two sessions, and a deleted SPI pair stays
 * deleted (I6); a later epoch's lease begins after the end of each earlier one (I1). At the end a
 * snapshot gives the same state. apply_fuzz --record DIR writes lists of sample commands. */
#include "cluster/level.h"
#include "cluster/state/state.h"
#include "test/fuzz/record.h"
#include "test/lib/sample.c"

#include <assert.h>
#include <stdlib.h>

/* runs: 300 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max, unsigned seed);

#define BASES 4u
#define SESSIONS_SEEN 64u
#define COMMANDS_MAX 40u
#define COMMANDS_SPLIT 64u
#define ROOM (256u << 10)

/* ---- What must hold ---- */

struct seen {
	uint64_t id, node, incarnation, spi_i, spi_r;
	int64_t epoch;
	uint32_t spi_in[IKE_CHILD_MAX];
	uint64_t end[IKE_CHILD_MAX];
	unsigned n_child;
};

static struct seen before[SESSIONS_SEEN];
static size_t n_before;
static uint8_t was[32]; /* The digest. */

static struct seen see(const struct state *s, const struct session *x)
{
	struct seen y = {.id = x->id, .epoch = session_epoch(s, x), .n_child = x->ike.n_child,
			 .node = session_slot(s, x)->node, .incarnation = session_slot(s, x)->incarnation,
			 .spi_i = x->ike.ike[0].spi_i, .spi_r = x->ike.ike[0].spi_r};

	for (unsigned i = 0; i < y.n_child; i++) {
		y.spi_in[i] = x->ike.child[i].spi_in;
		y.end[i] = lease_at(&x->seq[i], y.epoch).end;
	}
	return y;
}

static void see_all(const struct state *s)
{
	n_before = 0;
	for (const struct session *x = state_next_session(s, 0); x && n_before < SESSIONS_SEEN;
	     x = state_next_session(s, x->id))
		before[n_before++] = see(s, x);
}

static void check_leases(const struct session *x, const struct seen *now, const struct seen *old, bool moved)
{
	for (unsigned i = 0; i < now->n_child; i++)
		for (unsigned k = 0; k < old->n_child; k++) {
			struct seq_lease l = lease_at(&x->seq[i], now->epoch);

			if (now->spi_in[i] != old->spi_in[k])
				continue;
			if (now->epoch == old->epoch) /* Only longer. */
				assert(l.end >= old->end[k]);
			else if (!moved) /* OwnerMove tells where the old owner has stopped. */
				assert(l.start >= old->end[k] || l.start == l.end);
		}
}

static void check_change(const struct state *s, const struct seen *old, bool moved)
{
	const struct session *x = state_session(s, old->id);
	struct seen now;

	if (!x) {
		assert(!state_session_by_ike(s, old->spi_i, old->spi_r));
		assert(state_tombstone(s, old->spi_i, old->spi_r));
		return;
	}
	now = see(s, x);
	assert(now.epoch >= old->epoch);
	if (now.epoch == old->epoch)
		assert(now.node == old->node && now.incarnation == old->incarnation);
	check_leases(x, &now, old, moved);
}

static void check_unique(const struct state *s)
{
	for (const struct session *x = state_next_session(s, 0); x; x = state_next_session(s, x->id)) {
		for (unsigned i = 0; i < x->ike.n_child; i++)
			assert(state_session_by_spi(s, x->ike.child[i].spi_in, NULL) == x);
		for (const struct session *y = state_next_session(s, x->id); y && x->ike.virtual_ip.family;
		     y = state_next_session(s, y->id))
			assert(x->followed_by || y->followed_by ||
			       !address_equal(&x->ike.virtual_ip, &y->ike.virtual_ip));
	}
}

static void apply(struct state *s, const struct command *c)
{
	uint8_t is[32];
	struct apply_result r;

	see_all(s);
	state_apply(s, c, &r);
	state_digest(s, is);
	if (r.status != OK) {
		assert(memcmp(was, is, sizeof(was)) == 0);
		return;
	}
	memcpy(was, is, sizeof(was));
	for (size_t i = 0; i < n_before; i++)
		check_change(s, &before[i], c->type == COMMAND_OWNER_MOVE);
	check_unique(s);
}

static void check_snapshot(const struct state *s)
{
	struct blob *b = state_encode(s);
	struct state *again = state_decode(b->data, b->len, UINT8_MAX);
	uint8_t one[32], two[32];

	assert(again);
	state_digest(s, one);
	state_digest(again, two);
	assert(memcmp(one, two, sizeof(one)) == 0);
	state_free(again);
	blob_unref(b);
}

/* ---- The input ---- */

/* Nothing; three nodes; some sessions; many changes of everything. */
static struct state *base_state(unsigned which)
{
	static const unsigned length[BASES] = {0, 12, 60, 400};
	static struct blob *encoded[BASES];
	uint64_t random = 11;
	struct state *s;

	if (!encoded[which]) {
		s = state_new();
		for (unsigned i = 0; i < length[which]; i++) {
			struct command c;
			struct apply_result r;

			sample_command(&c, &random);
			state_apply(s, &c, &r);
			command_fini(&c);
		}
		encoded[which] = state_encode(s);
		state_free(s);
	}
	s = state_decode(encoded[which]->data, encoded[which]->len, UINT8_MAX);
	assert(s);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct state *s;
	struct command c;

	if (len < 1)
		return 0;
	s = base_state(data[0] % BASES);
	state_digest(s, was);
	data++;
	len--;
	for (unsigned n = 0; n < COMMANDS_MAX && len > 0 && command_decode(&c, &data, &len, LEVEL) == OK; n++) {
		apply(s, &c);
		command_fini(&c);
	}
	check_snapshot(s);
	state_free(s);
	return 0;
}

/* ---- Seeds ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = record_dir(*argc, *argv);
	static uint8_t octets[ROOM];
	uint64_t stream = 1;

	for (unsigned i = 0; dir && i < 32; i++) {
		size_t len = 0;

		for (unsigned n = 0; n < 2 + i; n++) {
			struct command c;
			struct blob *b;

			sample_command(&c, &stream);
			b = command_encode(&c, LEVEL);
			if (len + b->len <= sizeof(octets)) {
				memcpy(octets + len, b->data, b->len);
				len += b->len;
			}
			blob_unref(b);
			command_fini(&c);
		}
		record_seed(dir, i, (int)(i % BASES), octets, len);
	}
	if (dir)
		exit(0);
	return 0;
}

/* ---- Mutations: by commands, and by what a command means ---- */

static uint64_t chance;
static uint8_t out[ROOM];

/* Where the commands begin and the last one ends. */
static size_t split(const uint8_t *data, size_t len, size_t at[COMMANDS_SPLIT + 1])
{
	const uint8_t *p = data + 1;
	size_t left = len ? len - 1 : 0, n = 0;
	struct command c;

	at[0] = 1;
	while (n < COMMANDS_SPLIT && left > 0 && command_decode(&c, &p, &left, LEVEL) == OK) {
		command_fini(&c);
		at[++n] = (size_t)(p - data);
	}
	return n;
}

static size_t put(const uint8_t *data, size_t len, size_t at, size_t max)
{
	if (at + len > max || at + len > sizeof(out))
		return at;
	memcpy(out + at, data, len);
	return at + len;
}

static size_t put_sample(size_t at, size_t max)
{
	struct command c;
	struct blob *b;

	sample_command(&c, &chance);
	b = command_encode(&c, LEVEL);
	at = put(b->data, b->len, at, max);
	blob_unref(b);
	command_fini(&c);
	return at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t at[COMMANDS_SPLIT + 1], n, from, len;

	chance = seed;
	n = split(data, size, at);
	if (size == 0 || below(&chance, 3) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	from = below(&chance, (uint32_t)n + 1);
	len = put(data, at[from], 0, max_size);
	switch (below(&chance, 4)) {
	case 0:
		if (n > 0) /* Again. */
			len = put(data + at[from / 2], at[from / 2 + (n > from / 2)] - at[from / 2], len, max_size);
		break;
	case 1:
		from += from < n; /* Out. */
		break;
	default:
		len = put_sample(len, max_size);
	}
	len = put(data + at[from], at[n] - at[from], len, max_size);
	memcpy(data, out, len);
	return len;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *to, size_t max, unsigned seed)
{
	size_t one[COMMANDS_SPLIT + 1], two[COMMANDS_SPLIT + 1], n, m, from, len;

	chance = seed;
	n = split(a, a_len, one);
	m = split(b, b_len, two);
	if (n == 0 || m == 0)
		return 0;
	from = two[below(&chance, (uint32_t)m)];
	len = put(a, one[1 + below(&chance, (uint32_t)n)], 0, max);
	len = put(b + from, two[m] - from, len, max);
	memcpy(to, out, len);
	return len;
}
