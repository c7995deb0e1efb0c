/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions in the replicated state: put, step, delete, refusals, and the order in which they are
 * read. */
#include "cluster/level.h"
#include "test/lib/apply.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Sessions ---- */

static void test_put(void **unused)
{
	struct state *s = apply_three_nodes();
	struct apply_result r = apply_put(s, 5);
	const struct session *x = state_session(s, r.session);
	struct command c = {.type = COMMAND_SESSION_PUT};
	unsigned child = 9;

	(void)unused;
	assert_int_equal(r.session, 1);
	assert_int_equal(x->serial, 1);
	assert_int_equal(x->first_epoch, 1);
	assert_int_equal(x->noticed_epoch, 1); /* Nothing to tell the client. */
	assert_int_equal(x->seq[0].start, 1);
	assert_int_equal(x->seq[0].end0, 1 + APPLY_LEASE);
	assert_ptr_equal(state_session_by_ike(s, 5, ~UINT64_C(5)), x);
	assert_ptr_equal(state_session_by_spi(s, 0x1005, &child), x);
	assert_int_equal(child, 0);
	assert_ptr_equal(state_next_session_of(s, ike_session_client(&x->ike), 0), x);
	assert_null(state_session_by_ike(s, ~UINT64_C(5), 5));
	assert_null(state_session_by_spi(s, 0x1006, NULL));
	assert_int_equal(state_sessions(s), 1);
	assert_int_equal(state_child_sas(s), 1);

	assert_int_equal(apply_put(s, 5).status, ERR_STALE); /* The SPI pair is in use. */
	assert_int_equal(apply_put_at(s, 6, STATE_SLOTS).status, ERR_MALFORMED);
	sample_session(&c.session_put.ike, 6);
	c.session_put.ike.virtual_ip = x->ike.virtual_ip;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS); /* I6 */
	c = (struct command){.type = COMMAND_SESSION_PUT};
	sample_session(&c.session_put.ike, 6);
	c.session_put.ike.child[0].spi_in = 0x1005;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS);
	c = (struct command){.type = COMMAND_SESSION_PUT};
	sample_session(&c.session_put.ike, 6);
	c.session_put.ike.child[1] = c.session_put.ike.child[0];
	c.session_put.ike.n_child = 2;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS); /* Twice in itself. */
	assert_int_equal(state_sessions(s), 1);
	assert_int_equal(apply_put(s, 6).session, 2); /* A refused one uses up no id. */
	state_free(s);
}

static void test_put_supersedes(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t first = apply_put(s, 5).session, second = apply_put(s, 6).session;
	struct command c = {.type = COMMAND_SESSION_PUT};
	struct apply_result r;

	(void)unused;
	/* Same client, new IKE SA; it gets its address and even its SPI again. */
	sample_session(&c.session_put.ike, 7);
	c.session_put.ike.peer_id = state_session(s, first)->ike.peer_id;
	c.session_put.ike.virtual_ip = state_session(s, first)->ike.virtual_ip;
	c.session_put.ike.child[0].spi_in = 0x1005;
	c.session_put.supersedes[0] = first;
	c.session_put.supersedes[1] = 77;    /* Gone already. */
	c.session_put.supersedes[2] = first; /* Twice. */
	c.session_put.n_supersedes = 3;
	r = apply_command(s, &c);
	assert_int_equal(r.status, OK);
	assert_int_equal(r.n_superseded, 1);
	assert_int_equal(r.superseded[0], first);
	assert_null(state_session(s, first));
	assert_true(state_tombstone(s, 5, ~UINT64_C(5)));
	assert_int_equal(state_session_by_spi(s, 0x1005, NULL)->id, r.session);
	assert_int_equal(state_next_session(s, 0)->id, second);
	assert_int_equal(state_next_session(s, second)->id, r.session);

	/* A refused one supersedes nothing. */
	c = (struct command){.type = COMMAND_SESSION_PUT};
	sample_session(&c.session_put.ike, 5); /* tombstone */
	c.session_put.supersedes[0] = second;
	c.session_put.n_supersedes = 1;
	r = apply_command(s, &c);
	assert_int_equal(r.status, ERR_STALE);
	assert_int_equal(r.n_superseded, 0);
	assert_non_null(state_session(s, second));
	state_free(s);
}

static void test_delete(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	struct command c = {.type = COMMAND_SESSION_DEL};
	struct apply_result r;

	(void)unused;
	c.session_del.session = id;
	c.session_del.serial = 2;
	assert_int_equal(apply_command(s, &c).status, ERR_STALE);
	r = apply_del(s, id);
	assert_true(r.status == OK && r.session_deleted && r.session == id);
	assert_int_equal(apply_del(s, id).status, ERR_NOT_FOUND);
	assert_int_equal(state_sessions(s), 0);
	assert_int_equal(state_child_sas(s), 0);
	assert_null(state_session_by_spi(s, 0x1005, NULL));
	/* I6: a recorded IKE_AUTH brings nothing back, for 10 minutes of cluster time. */
	assert_int_equal(apply_put(s, 5).status, ERR_STALE);
	apply_time(s, 599999);
	assert_int_equal(apply_put(s, 5).status, ERR_STALE);
	apply_time(s, 1);
	assert_false(state_tombstone(s, 5, ~UINT64_C(5)));
	assert_int_equal(apply_put(s, 5).session, 2); /* Ids are not used again. */
	state_free(s);
}

static struct state *through_snapshot(struct state *s)
{
	struct blob *octets = state_encode(s);
	struct state *read = state_decode(octets->data, octets->len, LEVEL);

	assert_non_null(read);
	blob_unref(octets);
	state_free(s);
	return read;
}

/* Tombstones are counted, all and by identity, whichever way a session or an IKE SA goes. */
static void test_tombstones_counted(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session, other = apply_put(s, 6).session;
	struct ike_id peer = state_session(s, id)->ike.peer_id;
	struct ike_id stranger = state_session(s, other)->ike.peer_id;
	struct command c = apply_step_of(s, id);

	(void)unused;
	assert_int_equal(state_tombstones(s, (struct ike_client){0}), 0);
	c.session_step.ike.ike[0].spi_r = 77; /* Rekeyed, and the old one deleted. */
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_tombstones(s, (struct ike_client){&peer, 1}), 1);
	assert_int_equal(state_tombstones(s, (struct ike_client){&stranger, 1}), 0);
	apply_time(s, 1000);
	assert_int_equal(apply_del(s, id).status, OK);
	assert_int_equal(apply_del(s, other).status, OK);
	s = through_snapshot(s);
	assert_int_equal(state_tombstones(s, (struct ike_client){0}), 3);
	assert_int_equal(state_tombstones(s, (struct ike_client){&peer, 1}), 2);
	assert_int_equal(state_tombstones(s, (struct ike_client){&stranger, 1}), 1);
	apply_time(s, 599000);
	assert_int_equal(state_tombstones(s, (struct ike_client){&peer, 1}), 1);
	apply_time(s, 1000);
	assert_int_equal(state_tombstones(s, (struct ike_client){&peer, 1}), 0);
	assert_int_equal(state_tombstones(s, (struct ike_client){0}), 0);
	state_free(s);
}

/* The answer to a DELETE stays with the tombstone, in snapshots too. */
static void test_final_response(void **unused)
{
	struct state *s = apply_three_nodes(), *read;
	uint64_t id = apply_put(s, 5).session;
	struct command c = {.type = COMMAND_SESSION_DEL};
	uint8_t hash[IKE_HASH_LEN];
	struct blob *b;

	(void)unused;
	c.session_del.session = id;
	c.session_del.serial = 1;
	memset(c.session_del.request_hash, 7, IKE_HASH_LEN);
	c.session_del.final_response = ike_datagrams_of(blob_new("gone", 4));
	memset(hash, 7, sizeof(hash));
	assert_int_equal(apply_command(s, &c).status, OK);
	b = state_encode(s);
	read = state_decode(b->data, b->len, LEVEL);
	assert_non_null(read);
	for (unsigned i = 0; i < 2; i++) {
		struct state *x = i ? read : s;
		struct ike_datagrams *word = state_final_response(x, 5, ~UINT64_C(5), hash);

		assert_non_null(word);
		assert_memory_equal(ike_datagrams_only(word)->data, "gone", 4);
		assert_ptr_equal(state_final_response(x, 5, ~UINT64_C(5), NULL), word);
		assert_null(state_final_response(x, 5, 5, hash));
	}
	hash[0]++;
	assert_null(state_final_response(s, 5, ~UINT64_C(5), hash));
	apply_time(s, 600000);
	assert_null(state_final_response(s, 5, ~UINT64_C(5), NULL));
	blob_unref(b);
	state_free(read);
	state_free(s);
}

static void test_step(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	struct command c, late;
	const struct session *x;

	(void)unused;
	late = apply_step_of(s, id);
	assert_int_equal(apply_row(s, 0x1005, 1, 200000, 50).status, OK);
	assert_int_equal(apply_down(s, 1, 11, 2).status, OK);
	/* --> CREATE_CHILD_SA: a second Child SA beside the first, which goes on. */
	c = apply_step_of(s, id);
	sample_child(&c.session_step.ike.child[1], 0x2000, true);
	c.session_step.ike.n_child = 2;
	c.session_step.ike.ike[0].window.next_in = 3;
	assert_int_equal(apply_command(s, &c).status, OK);
	x = state_session(s, id);
	assert_int_equal(x->serial, 2);
	assert_int_equal(x->seq[0].e0, 1);
	assert_int_equal(x->seq[0].end0, 200000);
	assert_int_equal(x->seq[0].mark, 50);
	assert_int_equal(x->seq[1].e0, 2); /* Born in the current epoch. */
	assert_int_equal(x->seq[1].start, 1);
	assert_int_equal(x->seq[1].limit, UINT64_C(1) << 40);
	assert_int_equal(state_child_sas(s), 2);

	assert_int_equal(apply_command(s, &late).status, ERR_STALE); /* Computed before. */
	/* --> DELETE of the first: the second keeps its record in its new place. */
	c = apply_step_of(s, id);
	c.session_step.ike.child[0] = c.session_step.ike.child[1];
	c.session_step.ike.n_child = 1;
	assert_int_equal(apply_command(s, &c).status, OK);
	x = state_session(s, id);
	assert_int_equal(x->seq[0].limit, UINT64_C(1) << 40);
	assert_null(state_session_by_spi(s, 0x1005, NULL));
	assert_ptr_equal(state_session_by_spi(s, 0x2000, NULL), x);
	state_free(s);
}

static void test_step_refused(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	struct command c;

	(void)unused;
	apply_put(s, 6);
	c = apply_step_of(s, id); /* Another session's inbound SPI. */
	sample_child(&c.session_step.ike.child[1], 0x1006, false);
	c.session_step.ike.n_child = 2;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS);
	c = apply_step_of(s, id); /* The same SPI with other keys: numbers would start anew. */
	c.session_step.ike.child[0].out.encr[3] ^= 1;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS);
	c = apply_step_of(s, id);
	c.session_step.ike.child[0].suite.esn ^= 1;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS);
	c = apply_step_of(s, id); /* Another session's address. */
	c.session_step.ike.virtual_ip.octets[3] = 6;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS);
	c = apply_step_of(s, id); /* Another session's SPI pair. */
	c.session_step.ike.ike[0].spi_i = 6;
	c.session_step.ike.ike[0].spi_r = ~UINT64_C(6);
	assert_int_equal(apply_command(s, &c).status, ERR_STALE);
	c = apply_step_of(s, id);
	c.session_step.session = 99;
	assert_int_equal(apply_command(s, &c).status, ERR_NOT_FOUND);
	assert_int_equal(state_session(s, id)->serial, 1);
	state_free(s);
}

/* RFC 7296 2.18: a new IKE SA beside the old one, then the old one is deleted. */
/* Its row is of the current epoch, or says nothing. A Child SA's volume stays when it goes. */
static void test_volume(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	const struct session *x = state_session(s, id);
	struct command c = { .type = COMMAND_SEQ_BATCH };
	struct volume sum;

	(void)unused;
	for (int64_t epoch = 0; epoch < 3; epoch++) {
		c = (struct command){ .type = COMMAND_SEQ_BATCH };
		c.seq_batch.n = 1;
		c.seq_batch.rows = calloc(1, sizeof(*c.seq_batch.rows));
		c.seq_batch.rows[0].spi_in = 0x1005;
		c.seq_batch.rows[0].epoch = epoch; /* 1 is the current one. */
		c.seq_batch.rows[0].volume = (struct volume){ 90 + (uint64_t)epoch, 1, 7, 1 };
		apply_command(s, &c);
	}
	assert_int_equal(x->seq[0].volume.octets_in, 91);
	assert_int_equal(x->seq[0].volume.octets_out, 7);
	c = apply_step_of(s, id); /* A rekey: another one beside it. */
	c.session_step.ike.child[1] = c.session_step.ike.child[0];
	c.session_step.ike.child[1].spi_in = 0x2005;
	c.session_step.ike.n_child = 2;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(session_volume(x).octets_in, 91);
	assert_true(volume_is_zero(&x->seq[1].volume));
	c = apply_step_of(s, id); /* The old one goes. */
	c.session_step.ike.child[0] = c.session_step.ike.child[1];
	c.session_step.ike.n_child = 1;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_true(volume_is_zero(&x->seq[0].volume));
	sum = session_volume(x);
	assert_int_equal(sum.octets_in, 91);
	assert_int_equal(sum.packets_out, 1);
	assert_int_equal(sum.octets_out, 7);
	state_free(s);
}

static void test_ike_rekey(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	struct command c = apply_step_of(s, id);
	struct ike_sa *sa = c.session_step.ike.ike;

	(void)unused;
	sa[1] = sa[0];
	sa[1].state = IKE_SA_REKEYED;
	sa[0].spi_i = 500;
	sa[0].spi_r = 501;
	ike_datagrams_ref(sa[0].window.response); /* Both places hold them now. */
	ike_datagrams_ref(sa[0].window.outstanding);
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_session_by_ike(s, 500, 501)->id, id);
	assert_int_equal(state_session_by_ike(s, 5, ~UINT64_C(5))->id, id);
	assert_false(state_tombstone(s, 5, ~UINT64_C(5)));

	c = apply_step_of(s, id);
	ike_datagrams_set(&c.session_step.ike.ike[1].window.response, NULL);
	ike_datagrams_set(&c.session_step.ike.ike[1].window.outstanding, NULL);
	memset(&c.session_step.ike.ike[1], 0, sizeof(struct ike_sa));
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_null(state_session_by_ike(s, 5, ~UINT64_C(5)));
	assert_true(state_tombstone(s, 5, ~UINT64_C(5)));

	c = apply_step_of(s, id); /* The pair does not come back, not even to its own session. */
	c.session_step.ike.ike[0].spi_i = 5;
	c.session_step.ike.ike[0].spi_r = ~UINT64_C(5);
	assert_int_equal(apply_command(s, &c).status, ERR_STALE);
	state_free(s);
}

static void test_notice(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	struct command c;

	(void)unused;
	apply_down(s, 1, 11, 2);
	assert_int_equal(epoch_of(s, id), 2);
	c = apply_step_of(s, id);
	c.session_step.noticed = true;
	c.session_step.epoch = 2;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_session(s, id)->noticed_epoch, 2);
	assert_int_equal(state_session(s, id)->acknowledged_epoch, 1);
	c = apply_step_of(s, id);
	c.session_step.acknowledged = true;
	c.session_step.epoch = 2;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_session(s, id)->acknowledged_epoch, 2);
	c = apply_step_of(s, id);
	c.session_step.noticed = c.session_step.acknowledged = true;
	c.session_step.epoch = 1; /* Late, ... */
	assert_int_equal(apply_command(s, &c).status, OK);
	c = apply_step_of(s, id);
	c.session_step.noticed = c.session_step.acknowledged = true;
	c.session_step.epoch = 3; /* ... or before it can be. */
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_session(s, id)->noticed_epoch, 2);
	assert_int_equal(state_session(s, id)->acknowledged_epoch, 2);
	state_free(s);
}

/* ---- Order and identities ---- */

static void test_order(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t expected = 0;
	size_t seen = 0;

	(void)unused;
	for (uint32_t seed = 1; seed <= 500; seed++)
		assert_int_equal(apply_put(s, seed).session, seed);
	for (uint64_t id = 1; id <= 500; id++) /* So many that the list is compacted. */
		if (id % 7 != 0)
			assert_int_equal(apply_del(s, id).status, OK);
	for (const struct session *x = state_next_session(s, 0); x;
	     x = state_next_session(s, x->id)) {
		expected += 7;
		assert_int_equal(x->id, expected);
		assert_ptr_equal(state_session(s, x->id), x);
		seen++;
	}
	assert_int_equal(seen, 500 / 7);
	assert_int_equal(state_sessions(s), seen);
	assert_int_equal(state_next_session(s, 8)->id, 14); /* From one that is gone. */
	state_free(s);
}

static void test_peers(void **unused)
{
	struct state *s = apply_three_nodes();
	struct ike_id same, none = {.type = 2, .len = 1, .data = "x"};
	const struct ike_client client = {&same, 1}, namesake = {&same, 2};
	struct command c;

	(void)unused;
	for (uint32_t seed = 1; seed <= 5; seed++) {
		c = (struct command){.type = COMMAND_SESSION_PUT};
		sample_session(&c.session_put.ike, seed);
		if (seed == 1)
			same = c.session_put.ike.peer_id;
		if (seed != 3)
			c.session_put.ike.peer_id = same;
		if (seed == 5) /* The same name, by other means. */
			c.session_put.ike.realm = 2;
		assert_int_equal(apply_command(s, &c).status, OK);
	}
	same.data[same.len] = 0xff; /* Octets after an identity are not part of it. */
	assert_int_equal(state_next_session_of(s, client, 0)->id, 1);
	assert_int_equal(state_next_session_of(s, client, 1)->id, 2);
	assert_int_equal(state_next_session_of(s, client, 2)->id, 4);
	assert_int_equal(state_next_session_of(s, client, 3)->id, 4); /* From another's. */
	assert_null(state_next_session_of(s, client, 4));
	assert_null(state_next_session_of(s, (struct ike_client){&none, 1}, 0));
	assert_int_equal(state_next_session_of(s, namesake, 0)->id, 5);
	assert_null(state_next_session_of(s, namesake, 5));
	assert_int_equal(state_next_session_named(s, &same, 2)->id, 4);
	assert_int_equal(state_next_session_named(s, &same, 4)->id, 5);
	assert_null(state_next_session_named(s, &same, 5));
	apply_del(s, 2);
	assert_int_equal(state_next_session_of(s, client, 1)->id, 4);
	c = apply_step_of(s, 3); /* Joins between the two that are there. */
	c.session_step.ike.peer_id = same;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_next_session_of(s, client, 1)->id, 3);
	assert_int_equal(state_next_session_of(s, client, 3)->id, 4);
	c = apply_step_of(s, 4);
	c.session_step.ike.realm = 2;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_null(state_next_session_of(s, client, 3));
	assert_int_equal(state_next_session_of(s, namesake, 0)->id, 4);
	c = apply_step_of(s, 4);
	c.session_step.ike.realm = 0; /* Nobody's. */
	assert_int_equal(apply_command(s, &c).status, ERR_MALFORMED);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_put_supersedes),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_tombstones_counted),
		cmocka_unit_test(test_final_response),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_step_refused),
		cmocka_unit_test(test_volume),
		cmocka_unit_test(test_ike_rekey),
		cmocka_unit_test(test_notice),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
