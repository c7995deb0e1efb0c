/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of any sequence of commands, tried with random ones that often touch the same nodes,
 * slots, SPIs and addresses:
 *
 *   - a refused command has changed nothing;
 *   - equal commands give equal digests, also through snapshots in between;
 *   - I7: an epoch has one owner, and a new owner comes with epoch + 1;
 *   - I6: no address has two sessions, no SPI pair comes back;
 *   - I1: a later epoch's lease begins after all numbers that an earlier one could send. */
#include "cluster/state/mark.h"
#include "cluster/state/state.h"
#include "test/lib/apply.h"
#include "test/lib/follow.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SESSIONS_MAX 128u
#define PAIRS_MAX 4096u
#define TOMBSTONE_MS 600000u

/* A session as it was before the command. */
struct seen {
	uint64_t id, node, incarnation;
	int64_t epoch;
	unsigned n_child;
	uint32_t spi_in[IKE_CHILD_MAX];
	struct seq_lease lease[IKE_CHILD_MAX];
	uint64_t mark[IKE_CHILD_MAX], late[IKE_CHILD_MAX];
	uint64_t pair[IKE_SA_MAX][2];
	bool has_pair[IKE_SA_MAX];
};

/* A snapshot in pieces, of the state as it was, while commands go on. */
struct cut {
	struct blob *expected; /* NULL: none is being written. */
	uint8_t *got;
	size_t len;
	unsigned pieces, whole, dropped;
};

struct world {
	struct state *s;
	uint64_t random;
	uint64_t step;
	struct seen seen[SESSIONS_MAX];
	unsigned n_seen;
	struct { uint64_t pair[2], gone_ms; } gone[PAIRS_MAX];
	unsigned n_gone;
	unsigned accepted[COMMAND_COA + 1];
	unsigned new_epochs, leases, pairs;
	struct cut cut;
	uint64_t cut_random; /* Its own source, so that the commands stay the same. */
};

static const struct session *some_session(struct world *w)
{
	const struct session *x = state_next_session(w->s, 0);
	size_t n = state_sessions(w->s);

	for (uint64_t skip = n ? sample_random(&w->random) % n : 0; skip > 0; skip--)
		x = state_next_session(w->s, x->id);
	return x;
}

/* Aims most commands at something that is there. */
static void next_command(struct world *w, struct command *c)
{
	const struct session *x = some_session(w);
	const struct node_record *n;

	sample_command(c, &w->random);
	n = c->type == COMMAND_NODE_DOWN      ? state_node(w->s, c->node_down.id)
	    : c->type == COMMAND_ADDRESS_HOLD ? state_node(w->s, c->address_hold.node)
					      : NULL;
	if (n && c->type == COMMAND_NODE_DOWN)
		c->node_down.incarnation = n->incarnation;
	else if (n)
		c->address_hold.incarnation = n->incarnation;
	if (!x || sample_random(&w->random) % 8 == 0)
		return;
	switch (c->type) {
	case COMMAND_SESSION_PUT:
		if (c->session_put.n_supersedes > 0)
			c->session_put.supersedes[0] = x->id;
		break;
	case COMMAND_SESSION_STEP:
		c->session_step.session = x->id;
		c->session_step.serial = x->serial;
		if (x->ike.n_child > 0 && c->session_step.ike.n_child > 0 &&
		    c->session_step.ike.child[c->session_step.ike.n_child - 1].spi_in != 0)
			c->session_step.ike.child[0] = x->ike.child[0];
		break;
	case COMMAND_SESSIONS_END:
		c->sessions_end.session[0] = x->id;
		break;
	case COMMAND_SESSION_DEL:
		c->session_del.session = x->id;
		c->session_del.serial = x->serial;
		break;
	case COMMAND_OWNER_MOVE:
		c->owner_move.session = x->id;
		c->owner_move.epoch = session_epoch(w->s, x);
		for (uint32_t i = 0; i < c->owner_move.n && i < x->ike.n_child; i++) {
			struct seq_lease lease = lease_at(&x->seq[i], c->owner_move.epoch);

			c->owner_move.rows[i].spi_in = x->ike.child[i].spi_in;
			if (lease.end > lease.start)
				c->owner_move.rows[i].end =
					lease.start +
					sample_random(&w->random) % (lease.end - lease.start + 1);
		}
		break;
	case COMMAND_SEQ_BATCH:
		for (uint32_t i = 0; i < c->seq_batch.n && i < x->ike.n_child; i++) {
			c->seq_batch.rows[i].spi_in = x->ike.child[i].spi_in;
			c->seq_batch.rows[i].epoch = session_epoch(w->s, x);
		}
		break;
	default:
		break;
	}
}

static void look(struct world *w)
{
	w->n_seen = 0;
	for (const struct session *x = state_next_session(w->s, 0); x;
	     x = state_next_session(w->s, x->id)) {
		struct seen *o = &w->seen[w->n_seen++];

		assert_true(w->n_seen < SESSIONS_MAX);
		o->id = x->id;
		o->node = session_slot(w->s, x)->node;
		o->incarnation = session_slot(w->s, x)->incarnation;
		o->epoch = session_epoch(w->s, x);
		o->n_child = x->ike.n_child;
		for (unsigned i = 0; i < o->n_child; i++) {
			o->spi_in[i] = x->ike.child[i].spi_in;
			o->lease[i] = lease_at(&x->seq[i], o->epoch);
			o->mark[i] = x->seq[i].mark;
			o->late[i] = x->seq[i].late;
		}
		for (unsigned i = 0; i < IKE_SA_MAX; i++) {
			o->has_pair[i] = x->ike.ike[i].state != 0;
			o->pair[i][0] = x->ike.ike[i].spi_i;
			o->pair[i][1] = x->ike.ike[i].spi_r;
		}
	}
}

/* How far the owner of the ending epoch may have sent: to the end of its lease, or, in a hand-over,
 * to the number at which it stopped. */
static uint64_t sent_until(const struct command *c, const struct seen *o, unsigned i)
{
	uint64_t until = o->lease[i].end;

	for (uint32_t k = 0; c->type == COMMAND_OWNER_MOVE && k < c->owner_move.n; k++)
		if (c->owner_move.rows[k].spi_in == o->spi_in[i] &&
		    c->owner_move.rows[k].end >= o->lease[i].start &&
		    c->owner_move.rows[k].end <= o->lease[i].end)
			until = c->owner_move.rows[k].end;
	return until;
}

static void check_leases(struct world *w, const struct command *c, const struct seen *o,
			 const struct session *x, int64_t epoch)
{
	for (unsigned i = 0; i < o->n_child; i++) {
		unsigned k;
		const struct session *user = state_session_by_spi(w->s, o->spi_in[i], &k);
		struct seq_lease now;

		if (user != x)
			continue;
		now = lease_at(&x->seq[k], epoch);
		w->leases++;
		assert_true(x->seq[k].mark >= o->mark[i]);
		assert_true(x->seq[k].late >= o->late[i]);
		/* The next owner refuses all numbers up to any mark. */
		assert_true(mark_floor(&x->seq[k], epoch + 1) >= o->mark[i]);
		assert_true(mark_floor(&x->seq[k], epoch + 1) >= o->late[i]);
		if (epoch == o->epoch) {
			assert_int_equal(now.start, o->lease[i].start);
			assert_true(now.end >= o->lease[i].end);
		} else if (now.start < sent_until(c, o, i)) {
			fail_msg("step %llu: a number of epoch %lld again in %lld",
				 (unsigned long long)w->step, (long long)o->epoch,
				 (long long)epoch);
		}
	}
}

static void note_gone(struct world *w, const struct seen *o)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct session *user;

		if (!o->has_pair[i])
			continue;
		user = state_session_by_ike(w->s, o->pair[i][0], o->pair[i][1]);
		if (user) {
			assert_int_equal(user->id, o->id); /* Never handed to another one. */
			continue;
		}
		assert_true(state_tombstone(w->s, o->pair[i][0], o->pair[i][1]));
		assert_true(w->n_gone < PAIRS_MAX);
		memcpy(w->gone[w->n_gone].pair, o->pair[i], sizeof(o->pair[i]));
		w->gone[w->n_gone++].gone_ms = state_time_ms(w->s);
	}
}

static void check_changes(struct world *w, const struct command *c)
{
	for (unsigned i = 0; i < w->n_seen; i++) {
		const struct seen *o = &w->seen[i];
		const struct session *x = state_session(w->s, o->id);
		const struct slot *slot;
		bool same_owner;

		note_gone(w, o);
		if (!x)
			continue;
		slot = session_slot(w->s, x);
		same_owner = slot->node == o->node && slot->incarnation == o->incarnation;
		assert_int_equal(session_epoch(w->s, x), o->epoch + !same_owner); /* I7 */
		w->new_epochs += !same_owner;
		check_leases(w, c, o, x, session_epoch(w->s, x));
	}
	for (unsigned i = 0; i < w->n_gone; i++) /* I6 */
		if (state_time_ms(w->s) - w->gone[i].gone_ms < TOMBSTONE_MS)
			assert_null(state_session_by_ike(w->s, w->gone[i].pair[0],
							 w->gone[i].pair[1]));
}

static void check_tables(struct world *w)
{
	size_t children = 0;
	struct room taken = follow_taken(w->s, &w->pairs);

	for (const struct session *x = state_next_session(w->s, 0); x;
	     x = state_next_session(w->s, x->id)) {
		const struct session *y;
		unsigned at;

		for (unsigned i = 0; i < x->ike.n_child; i++) {
			assert_ptr_equal(state_session_by_spi(w->s, x->ike.child[i].spi_in, &at), x);
			assert_int_equal(at, i);
		}
		for (y = state_next_session(w->s, x->id); y; y = state_next_session(w->s, y->id))
			if (x->ike.virtual_ip.family != 0 && !x->followed_by && !y->followed_by)
				assert_false(address_equal(&x->ike.virtual_ip, &y->ike.virtual_ip));
		assert_ptr_equal(state_next_session_of(w->s, ike_session_client(&x->ike), x->id - 1), x);
		assert_ptr_equal(state_next_session_named(w->s, &x->ike.peer_id, x->id - 1), x);
		children += x->ike.n_child;
	}
	assert_int_equal(taken.sessions, state_taken(w->s).sessions);
	assert_int_equal(taken.places, state_taken(w->s).places);
	assert_int_equal(children, state_child_sas(w->s));
}

static void assert_same(const struct state *a, const struct state *b)
{
	uint8_t x[32], y[32];

	state_digest(a, x);
	state_digest(b, y);
	assert_memory_equal(x, y, 32);
}

static struct state *through_snapshot(struct state *s)
{
	struct blob *octets = state_encode(s);
	struct state *back = state_decode(octets->data, octets->len, UINT8_MAX);

	assert_non_null(back);
	assert_same(s, back);
	blob_unref(octets);
	state_free(s);
	return back;
}

static void cut_end(struct cut *x)
{
	blob_set(&x->expected, NULL);
	free(x->got);
	x->got = NULL;
	x->len = 0;
}

static void cut_go_on(struct cut *x, struct state *s, uint64_t *random)
{
	bool whole;
	struct blob *b;

	if (!x->expected || sample_random(random) % 200 == 0) {
		x->dropped += x->expected != NULL;
		cut_end(x);
		x->expected = state_encode(s);
		state_cut_begin(s);
	}
	if (sample_random(random) % 2 == 0)
		return;
	b = state_cut_next(s, 1 + sample_random(random) % 150, &whole);
	x->pieces++;
	if (b) {
		x->got = realloc(x->got, x->len + b->len);
		memcpy(x->got + x->len, b->data, b->len);
		x->len += b->len;
		blob_unref(b);
	}
	if (!whole)
		return;
	assert_int_equal(x->len, x->expected->len);
	assert_memory_equal(x->got, x->expected->data, x->len);
	x->whole++;
	cut_end(x);
}

static void run(uint64_t seed, struct world *total)
{
	struct world *w = calloc(1, sizeof(*w));
	struct state *other = state_new();
	uint8_t before[32];

	w->s = state_new();
	w->random = w->cut_random = seed;
	state_digest(w->s, before);
	for (w->step = 0; w->step < 400; w->step++) {
		struct command c;
		struct apply_result r, r2;
		uint8_t after[32];

		next_command(w, &c);
		follow_some(w->s, &c, &w->cut_random);
		look(w);
		state_apply(w->s, &c, &r);
		state_digest(w->s, after);
		if (r.status != OK)
			assert_memory_equal(before, after, 32);
		else
			w->accepted[c.type]++;
		memcpy(before, after, sizeof(before));
		if (c.type == COMMAND_CLUSTER_TIME && w->n_gone > PAIRS_MAX / 2)
			w->n_gone = 0;
		check_changes(w, &c);
		check_tables(w);
		cut_go_on(&w->cut, w->s, &w->cut_random);

		state_apply(other, &c, &r2);
		assert_memory_equal(&r, &r2, sizeof(r));
		if (sample_random(&w->random) % 32 == 0)
			other = through_snapshot(other);
		if (w->step % 8 == 0)
			assert_same(w->s, other);
		command_fini(&c);
	}
	assert_same(w->s, other);
	for (unsigned i = 0; i <= COMMAND_COA; i++)
		total->accepted[i] += w->accepted[i];
	cut_end(&w->cut);
	total->cut.pieces += w->cut.pieces;
	total->cut.whole += w->cut.whole;
	total->cut.dropped += w->cut.dropped;
	total->new_epochs += w->new_epochs;
	total->leases += w->leases;
	total->pairs += w->pairs;
	state_free(w->s);
	state_free(other);
	free(w);
}

static void test_random_commands(void **unused)
{
	struct world *total = calloc(1, sizeof(*total));

	(void)unused;
	for (uint64_t seed = 1; seed <= 32; seed++)
		run(seed, total);
	/* The run was no empty one: every command was accepted often enough, ... */
	for (unsigned type = COMMAND_SESSION_PUT; type <= COMMAND_COA; type++)
		if (total->accepted[type] < 25)
			fail_msg("command %u was accepted %u times only", type,
				 total->accepted[type]);
	assert_true(total->new_epochs > 500); /* ... sessions changed owners, ... */
	assert_true(total->leases > 2000);    /* ... and their SAs lived on. */
	assert_true(total->pairs > 1000);     /* Clients followed themselves. */
	assert_true(total->cut.whole > 100 && total->cut.dropped > 10 &&
		    total->cut.pieces > 5 * total->cut.whole);
	free(total);
}

/* ---- Snapshots ---- */

static struct state *state_after(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	struct state *s;

	w->s = state_new();
	w->random = seed;
	for (unsigned i = 0; i < 120; i++) {
		struct command c;

		next_command(w, &c);
		apply_command(w->s, &c);
	}
	s = w->s;
	free(w);
	return s;
}

/* One that came to have some sessions. */
static struct state *busy_state(void)
{
	for (uint64_t seed = 1;; seed++) {
		struct state *s = state_after(seed);

		if (state_sessions(s) > 3)
			return s;
		state_free(s);
	}
}

static void test_snapshot_strict(void **unused)
{
	struct state *s = busy_state();
	struct blob *octets = state_encode(s);
	uint8_t *copy = malloc(octets->len + 1);
	unsigned refused = 0;

	(void)unused;
	memcpy(copy, octets->data, octets->len);
	copy[octets->len] = 0;
	assert_null(state_decode(copy, octets->len + 1, UINT8_MAX));
	for (size_t cut = 0; cut < octets->len; cut += 1 + cut / 512) {
		uint8_t *exact = malloc(cut + 1);

		memcpy(exact, octets->data, cut);
		assert_null(state_decode(exact, cut, UINT8_MAX));
		free(exact);
	}
	/* One octet changed, with strides after the front: refused, or another state in its one form. */
	for (size_t i = 0; i < octets->len; i += 1 + i / 2048) {
		struct state *back;

		copy[i] ^= (uint8_t)(1u << (i % 8));
		back = state_decode(copy, octets->len, UINT8_MAX);
		refused += !back;
		if (back) {
			struct blob *again = state_encode(back);

			assert_int_equal(again->len, octets->len);
			assert_memory_equal(again->data, copy, again->len);
			blob_unref(again);
			state_free(back);
		}
		copy[i] = octets->data[i];
	}
	assert_true(refused > 100);
	free(copy);
	blob_unref(octets);
	state_free(s);
}

/* The digest is that of the octets, also when they are more than one piece. */
static void test_digest(void **unused)
{
	struct state *s = apply_three_nodes(), *back;
	struct blob *octets;

	(void)unused;
	for (uint32_t seed = 1; seed <= 300; seed++)
		assert_int_equal(apply_put(s, seed).status, OK);
	octets = state_encode(s);
	assert_true(octets->len > 2 * 65536);
	back = state_decode(octets->data, octets->len, UINT8_MAX);
	assert_same(s, back);
	assert_int_equal(apply_del(back, 300).status, OK);
	assert_int_equal(apply_put(back, 301).session, 301);
	state_free(back);
	blob_unref(octets);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_commands),
		cmocka_unit_test(test_snapshot_strict),
		cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
