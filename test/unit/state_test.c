/* SPDX-License-Identifier: Apache-2.0 */
/* The replicated state machine, command by command: nodes, slots, sequence state, time.
 * state_sessions_test.c has the sessions, state_pool_test.c the pool, state_property_test.c the
 * properties of any sequence. */
#include "cluster/level.h"
#include "cluster/state/mark.h"
#include "test/lib/apply.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Nodes and slots ---- */

static void test_node_up(void **unused)
{
	struct state *s = state_new();
	struct apply_result r = apply_up(s, 7, 70);

	(void)unused;
	assert_true(r.nodes_changed && r.slots_changed && !r.holder_changed);
	assert_string_equal(state_node(s, 7)->name, "h");
	assert_true(state_node(s, 7)->up);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 7); /* Its private one, ... */
	assert_int_equal(state_slot(s, STATE_SLOTS)->epoch, 1);
	assert_int_equal(state_slot(s, 0)->node, 0); /* ... and nothing else. */
	r = apply_up(s, 7, 70);
	assert_int_equal(r.status, OK);
	assert_false(r.nodes_changed || r.slots_changed);
	assert_int_equal(apply_up(s, 0, 1).status, ERR_MALFORMED);
	for (uint64_t id = 8; id < 8 + STATE_NODES_MAX - 1; id++)
		assert_int_equal(apply_up(s, id, 1).status, OK);
	assert_int_equal(apply_up(s, 99, 1).status, ERR_FULL);
	state_free(s);
}

static void test_node_restart(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session, incarnation;
	struct apply_result r;

	(void)unused;
	assert_int_equal(epoch_of(s, id), 1);
	r = apply_up(s, 1, 21); /* Back before anyone missed it: it forgot where it stood. */
	assert_true(r.slots_changed && r.holder_changed);
	assert_int_equal(epoch_of(s, id), 2);
	assert_int_equal(owner_of(s, id), 1);
	assert_int_equal(session_slot(s, state_session(s, id))->incarnation, 21);
	assert_int_equal(session_slot(s, state_session(s, id))->previous_incarnation, 11);
	assert_int_equal(state_holder(s, &incarnation), 1);
	assert_int_equal(incarnation, 21);
	assert_int_equal(apply_down(s, 1, 11, 2).status, ERR_STALE); /* The old one is over. */
	assert_int_equal(epoch_of(s, id), 2);
	state_free(s);
}

static void test_node_down_successor(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	const struct slot *slot;
	struct apply_result r;

	(void)unused;
	assert_int_equal(apply_down(s, 1, 11, 9).status, ERR_STALE); /* Successor unknown, ... */
	assert_int_equal(apply_down(s, 1, 11, 1).status, ERR_STALE); /* ... itself, ... */
	assert_int_equal(apply_down(s, 3, 13, 2).status, OK);
	assert_int_equal(apply_down(s, 1, 11, 3).status, ERR_STALE); /* ... or down. */
	assert_int_equal(epoch_of(s, id), 1);
	r = apply_down(s, 1, 11, 2);
	assert_true(r.slots_changed && r.holder_changed && r.nodes_changed);
	assert_int_equal(epoch_of(s, id), 2);
	slot = session_slot(s, state_session(s, id));
	assert_int_equal(slot->node, 2);
	assert_int_equal(slot->incarnation, 12);
	assert_int_equal(slot->previous_node, 1);
	assert_int_equal(slot->previous_incarnation, 11);
	assert_int_equal(state_holder(s, NULL), 2);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 2); /* The private slot too. */
	assert_int_equal(apply_down(s, 1, 11, 2).status, ERR_STALE); /* A late repetition. */
	assert_int_equal(epoch_of(s, id), 2);
	assert_int_equal(apply_up(s, 1, 11).status, OK); /* It was only cut off. */
	assert_int_equal(epoch_of(s, id), 2);
	assert_int_equal(owner_of(s, id), 2);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 1);
	state_free(s);
}

static void test_node_down_rendezvous(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t before[STATE_SLOTS];
	unsigned with_2 = 0;

	(void)unused;
	assert_int_equal(apply_down(s, 1, 11, 0).status, OK);
	assert_int_equal(state_holder(s, NULL), 0);
	for (uint32_t i = 0; i < STATE_SLOTS; i++) {
		before[i] = state_slot(s, i)->node;
		assert_true(before[i] == 2 || before[i] == 3);
		assert_int_equal(state_slot(s, i)->epoch, 2);
		with_2 += before[i] == 2;
	}
	assert_in_range(with_2, STATE_SLOTS * 2 / 5, STATE_SLOTS * 3 / 5);
	assert_int_equal(apply_up(s, 1, 31).status, OK);
	assert_int_equal(apply_down(s, 2, 12, 0).status, OK);
	for (uint32_t i = 0; i < STATE_SLOTS; i++) { /* Only what 2 had has moved. */
		assert_true(before[i] == 2 || state_slot(s, i)->node == 3);
		assert_int_equal(state_slot(s, i)->epoch, before[i] == 2 ? 3 : 2);
	}
	assert_int_equal(apply_down(s, 1, 31, 0).status, OK);
	assert_int_equal(apply_down(s, 3, 13, 0).status, OK); /* Nobody is left. */
	assert_int_equal(state_slot(s, 0)->node, 0);
	assert_int_equal(apply_up(s, 3, 33).status, OK);
	assert_int_equal(state_slot(s, 0)->node, 0);
	assert_true(apply_hold(s, 3, 33, true).slots_changed);
	assert_int_equal(state_slot(s, 0)->node, 3);
	state_free(s);
}

static struct apply_result up_with(struct state *s, uint64_t id, uint64_t hash)
{
	struct command c = {.type = COMMAND_NODE_UP};

	c.node_up.id = id;
	c.node_up.incarnation = 10 + id;
	c.node_up.config_hash = hash;
	c.node_up.level = LEVEL;
	return apply_command(s, &c);
}

/* A node that runs may take another policy: it is up already, and nothing of its moves. */
static void test_policy_may_change_while_up(void **unused)
{
	struct command c, up = {.type = COMMAND_NODE_UP,
				.node_up = {.id = 1, .incarnation = 11, .config_hash = 7,
					    .policy_hash = 2, .level = LEVEL}};
	struct state *s = state_new();
	struct apply_result r;
	int64_t epoch;

	(void)unused;
	assert_true(up_with(s, 1, 7).nodes_changed);
	assert_true(apply_hold(s, 1, 11, true).slots_changed);
	epoch = state_slot(s, 0)->epoch;
	c = up;
	r = apply_command(s, &c);
	assert_true(r.status == OK && r.nodes_changed && !r.slots_changed && !r.holder_changed);
	assert_int_equal(state_node(s, 1)->policy_hash, 2);
	assert_int_equal(state_slot(s, 0)->epoch, epoch);
	c = up;
	r = apply_command(s, &c);
	assert_true(r.status == OK && !r.nodes_changed);
	/* Its next process brings its own. */
	c = up;
	c.node_up.incarnation = 12;
	c.node_up.policy_hash = 3;
	r = apply_command(s, &c);
	assert_true(r.nodes_changed && r.slots_changed);
	assert_int_equal(state_node(s, 1)->policy_hash, 3);
	state_free(s);
}

/* Of nodes 1 to 4, 3 has another configuration than the others: 1, lost or removed, leaves
 * nothing to it, as long as another that has the right one is up. */
static void test_other_configuration_inherits_last(void **unused)
{
	(void)unused;
	for (unsigned gone = 0; gone < 2; gone++)
		for (unsigned alone = 0; alone < 2; alone++) {
			struct command down = {.type = COMMAND_NODE_DOWN,
					       .node_down = {1, 11, 0, 7}};
			struct command remove = {.type = COMMAND_NODE_GONE, .node_gone = {1, 7}};
			struct state *s = state_new();
			unsigned with_3 = 0, with_4 = 0;

			for (uint64_t id = 1; id <= 4; id++)
				up_with(s, id, id == 3 ? 8 : 7);
			assert_int_equal(apply_hold(s, 1, 11, true).status, OK);
			if (alone) {
				apply_down(s, 2, 12, 3);
				apply_down(s, 4, 14, 3);
			}
			assert_int_equal(apply_command(s, gone ? &remove : &down).status, OK);
			for (uint32_t i = 0; i < STATE_SLOTS; i++) {
				with_3 += state_slot(s, i)->node == 3;
				with_4 += state_slot(s, i)->node == 4;
			}
			assert_int_equal(with_3, alone ? STATE_SLOTS : 0);
			/* A removed holder's slots stay together. */
			assert_int_equal(with_4 > 0, !alone && !gone);
			state_free(s);
		}
}

/* The holder is removed: the first node that is ready inherits, not the first. */
static void test_other_configuration_holds_last(void **unused)
{
	struct command remove = {.type = COMMAND_NODE_GONE, .node_gone = {1, 7}};
	struct state *s = state_new();

	(void)unused;
	for (uint64_t id = 1; id <= 3; id++)
		up_with(s, id, id == 2 ? 8 : 7);
	assert_int_equal(apply_hold(s, 1, 11, true).status, OK);
	assert_int_equal(apply_command(s, &remove).status, OK);
	assert_int_equal(state_holder(s, NULL), 3);
	assert_int_equal(state_slot(s, 0)->node, 3);
	state_free(s);
}

static void test_address_hold(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	struct apply_result r;

	(void)unused;
	assert_int_equal(apply_hold(s, 2, 99, true).status, ERR_STALE);
	assert_int_equal(apply_hold(s, 9, 1, true).status, ERR_STALE);
	r = apply_hold(s, 1, 11, true); /* Has it all already. */
	assert_false(r.slots_changed || r.holder_changed);
	r = apply_hold(s, 2, 12, false);
	assert_true(r.holder_changed && !r.slots_changed);
	assert_int_equal(owner_of(s, id), 1);
	assert_int_equal(apply_hold(s, 1, 11, false).status, OK);
	r = apply_hold(s, 2, 12, true);
	assert_true(r.holder_changed && r.slots_changed);
	assert_int_equal(owner_of(s, id), 2);
	assert_int_equal(epoch_of(s, id), 2);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 1); /* Empty: it stays 1's own. */
	state_free(s);
}

static void test_node_gone(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	struct command c = {.type = COMMAND_NODE_GONE, .node_gone = {.id = 1}};

	(void)unused;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_null(state_node(s, 1));
	assert_null(state_node_at(s, 0));
	assert_int_equal(owner_of(s, id), 2); /* It held all: the first that is up does now. */
	assert_int_equal(state_holder(s, NULL), 2);
	c = (struct command){.type = COMMAND_NODE_GONE, .node_gone = {.id = 1}};
	assert_int_equal(apply_command(s, &c).status, ERR_NOT_FOUND);
	assert_int_equal(apply_up(s, 4, 14).status, OK); /* Takes the place. */
	assert_int_equal(state_node_at(s, 0)->id, 4);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 4);
	state_free(s);
}

/* ---- Sequence state ---- */

static void test_seq_batch(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session;
	const struct seq_record *r = &state_session(s, id)->seq[0];

	(void)unused;
	assert_true(apply_row(s, 0x1005, 1, 100000, 10).sequence_changed);
	assert_int_equal(r->end0, 100000);
	assert_int_equal(r->mark, 10);
	assert_false(apply_row(s, 0x1005, 1, 0, 9).sequence_changed); /* Marks only rise. */
	assert_int_equal(r->mark, 10);
	apply_down(s, 1, 11, 2);
	assert_int_equal(mark_floor(r, 2), 10);
	assert_true(apply_row(s, 0x1005, 1, 900000, 30).sequence_changed); /* Of an epoch that is over: */
	assert_int_equal(lease_at(r, 2).end, 100000 + APPLY_LEASE);     /* not its lease, ... */
	assert_int_equal(r->mark, 10);
	assert_int_equal(r->late, 30);                                  /* ... but its mark. */
	assert_int_equal(mark_floor(r, 2), 30);
	apply_row(s, 0x1005, 3, 900000, 40); /* Of one that has not begun. */
	assert_int_equal(mark_floor(r, 3), 30);
	assert_int_equal(r->end0, 100000);
	apply_row(s, 0x1005, 2, 900000, UINT64_C(1) << 32); /* No such number without ESN. */
	assert_int_equal(r->e0, 2);
	assert_int_equal(r->start, 100000);
	assert_int_equal(r->end0, 900000);
	assert_int_equal(mark_floor(r, 3), 30);
	apply_row(s, 0x1005, 2, 0, 70); /* Its own is no floor for an owner. */
	assert_int_equal(r->mark, 70);
	assert_int_equal(mark_floor(r, 2), 30);
	assert_int_equal(mark_floor(r, 3), 70);
	apply_row(s, 0x1005, 1, 0, 60); /* Later still. */
	assert_int_equal(mark_floor(r, 2), 60);
	assert_int_equal(mark_floor(r, 3), 70);
	assert_int_equal(apply_row(s, 0x7777, 2, 5, 5).status, OK); /* Unknown: skipped. */
	state_free(s);
}

static void test_owner_move(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t id = apply_put(s, 5).session, other = apply_put(s, 6).session;
	struct seq_row row = {0x1005, 1, 777, 99, 0, {0}};
	const struct session *x = state_session(s, id);
	struct apply_result r;

	(void)unused;
	assert_int_equal(apply_move(s, id, 0, 2, &row).status, ERR_STALE);
	assert_int_equal(apply_move(s, id, 1, 9, &row).status, ERR_NOT_FOUND);
	assert_int_equal(apply_move(s, 99, 1, 2, &row).status, ERR_NOT_FOUND);
	assert_int_equal(apply_move(s, id, 1, 1, &row).status, ERR_EXISTS); /* Has it. */
	r = apply_move(s, id, 1, 2, &row);
	assert_true(r.status == OK && r.session == id);
	assert_int_equal(x->slot, STATE_SLOTS + 1);
	assert_int_equal(owner_of(s, id), 2);
	assert_int_equal(epoch_of(s, id), 2); /* By exactly one. */
	assert_int_equal(epoch_of(s, other), 1);
	assert_int_equal(x->seq[0].e0, 2);
	assert_int_equal(x->seq[0].start, 777);
	assert_int_equal(x->seq[0].end0, 777 + APPLY_LEASE);
	assert_int_equal(x->seq[0].mark, 99);
	assert_int_equal(apply_move(s, id, 1, 3, &row).status, ERR_STALE); /* A late repetition. */

	/* Node 2 is lost, its successor 3 serves the session; 2 comes back without it. */
	assert_int_equal(apply_down(s, 2, 12, 3).status, OK);
	assert_int_equal(epoch_of(s, id), 3);
	assert_int_equal(apply_up(s, 2, 22).status, OK);
	assert_int_equal(owner_of(s, id), 3);
	assert_int_equal(epoch_of(s, id), 3);
	/* It may be handed back: it is alone in the slot, which then goes with it. */
	assert_int_equal(apply_move(s, id, 3, 2, NULL).status, OK);
	assert_int_equal(owner_of(s, id), 2);
	assert_int_equal(epoch_of(s, id), 4);
	/* Without an exact number the next lease begins after the old one. */
	assert_int_equal(x->seq[0].start, 777 + APPLY_LEASE + APPLY_LEASE);
	state_free(s);
}

/* A session's previous owner need not be its slot's. */
static void test_owner_in(void **unused)
{
	struct state *s = apply_three_nodes(), *back;
	uint64_t id = apply_put(s, 5).session, other = apply_put(s, 6).session, node, incarnation;
	struct blob *octets;

	(void)unused;
	assert_true(session_owner_in(s, state_session(s, id), 1, &node, &incarnation));
	assert_true(node == 1 && incarnation == 11);
	assert_false(session_owner_in(s, state_session(s, id), 0, &node, &incarnation)); /* Unborn. */
	assert_int_equal(apply_move(s, id, 1, 3, NULL).status, OK);
	assert_true(session_owner_in(s, state_session(s, id), 2, &node, &incarnation));
	assert_true(node == 3 && incarnation == 13);
	assert_true(session_owner_in(s, state_session(s, id), 1, &node, &incarnation));
	assert_true(node == 1 && incarnation == 11);
	octets = state_encode(s);
	back = state_decode(octets->data, octets->len, LEVEL);
	assert_non_null(back);
	assert_true(session_owner_in(back, state_session(back, id), 1, &node, &incarnation));
	assert_true(node == 1 && incarnation == 11);
	blob_unref(octets);
	state_free(back);
	/* The slot changes hands with the session in it. */
	assert_int_equal(apply_down(s, 3, 13, 2).status, OK);
	assert_true(session_owner_in(s, state_session(s, id), 2, &node, &incarnation));
	assert_true(node == 3 && incarnation == 13);
	assert_true(session_owner_in(s, state_session(s, id), 1, &node, &incarnation));
	assert_true(node == 1 && incarnation == 11);
	/* Two changes of a slot ago nobody knows. */
	assert_int_equal(apply_down(s, 1, 11, 2).status, OK);
	assert_true(session_owner_in(s, state_session(s, other), 1, &node, &incarnation));
	assert_int_equal(node, 1);
	assert_int_equal(apply_up(s, 3, 33).status, OK);
	assert_int_equal(apply_down(s, 2, 12, 3).status, OK);
	assert_true(session_owner_in(s, state_session(s, other), 2, &node, &incarnation));
	assert_int_equal(node, 2);
	assert_false(session_owner_in(s, state_session(s, other), 1, &node, &incarnation));
	state_free(s);
}

/* A hand-over of an exact SA says up to which number it accepted; or no node knows. */
static void test_owner_move_exact(void **unused)
{
	struct state *s = apply_three_nodes(), *back;
	struct command put = {.type = COMMAND_SESSION_PUT}, raise = {.type = COMMAND_SEQ_BATCH};
	struct seq_row row = {0x1005, 2, 0, 4000, 0, {0}};
	const struct session *x;
	struct blob *octets;
	uint64_t id;

	(void)unused;
	sample_session(&put.session_put.ike, 5);
	put.session_put.slot = 5;
	put.session_put.lease = APPLY_LEASE;
	put.session_put.horizon = 5001;
	id = apply_command(s, &put).session;
	x = state_session(s, id);
	assert_int_equal(x->seq[0].horizon, 5001);
	assert_int_equal(x->seq[0].made_in, 1);
	/* It only grows, and only the owner of the epoch raises it. */
	for (int64_t epoch = 0; epoch <= 2; epoch++) {
		raise.seq_batch.n = 1;
		raise.seq_batch.rows = calloc(1, sizeof(*raise.seq_batch.rows));
		raise.seq_batch.rows[0] = (struct seq_row){0x1005, epoch, 0, 0, 6000 - (uint64_t)epoch, {0}};
		raise.type = COMMAND_SEQ_BATCH;
		apply_command(s, &raise);
		assert_int_equal(x->seq[0].horizon, epoch < 1 ? 5001 : 5999);
	}
	assert_int_equal(apply_move(s, id, 1, 2, NULL).status, OK);
	assert_int_equal(x->seq[0].mark, 5998); /* Nothing below the horizon again. */
	row.mark = 5999;
	assert_int_equal(apply_move(s, id, 2, 3, &row).status, OK);
	assert_int_equal(x->seq[0].mark, 5999);
	assert_int_equal(x->seq[0].horizon, 5999);
	octets = state_encode(s);
	back = state_decode(octets->data, octets->len, LEVEL);
	assert_non_null(back);
	assert_int_equal(state_session(back, id)->seq[0].horizon, 5999);
	assert_int_equal(state_session(back, id)->seq[0].made_in, 1);
	blob_unref(octets);
	state_free(back);
	state_free(s);
}

static void test_move_without_slot(void **unused)
{
	struct state *s = apply_three_nodes();
	uint64_t a = apply_put(s, 5).session, b = apply_put(s, 6).session;

	(void)unused;
	assert_int_equal(apply_move(s, a, 1, 2, NULL).status, OK);
	assert_int_equal(apply_move(s, b, 1, 2, NULL).status, OK);
	apply_down(s, 2, 12, 3);
	apply_up(s, 2, 22);
	/* Node 2's private slot serves two sessions at 3; 2 owns no other. */
	assert_int_equal(apply_move(s, a, 3, 2, NULL).status, ERR_FULL);
	assert_int_equal(epoch_of(s, a), 3);
	assert_int_equal(apply_move(s, b, 3, 1, NULL).status, OK); /* One leaves: then it can. */
	assert_int_equal(apply_move(s, a, 3, 2, NULL).status, OK);
	assert_int_equal(epoch_of(s, a), 4);
	assert_int_equal(epoch_of(s, b), 4);
	state_free(s);
}

/* ---- Time ---- */

static void test_cluster_time(void **unused)
{
	struct state *s = apply_three_nodes();
	struct command c = {.type = COMMAND_CLUSTER_TIME};

	(void)unused;
	c.cluster_time.delta_ms = 40;
	c.cluster_time.n = 2;
	c.cluster_time.stored[0].id = 2;
	c.cluster_time.stored[0].stored_index = 9;
	c.cluster_time.stored[1].id = 77; /* Unknown */
	apply_command(s, &c);
	assert_int_equal(state_time_ms(s), 40);
	assert_int_equal(state_node(s, 2)->stored_index, 9);
	c = (struct command){.type = COMMAND_CLUSTER_TIME};
	c.cluster_time.n = 1;
	c.cluster_time.stored[0].id = 2;
	c.cluster_time.stored[0].stored_index = 8;
	apply_command(s, &c);
	assert_int_equal(state_node(s, 2)->stored_index, 9); /* Only rises. */
	apply_time(s, UINT64_MAX);
	assert_int_equal(state_time_ms(s), UINT64_MAX);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_up),
		cmocka_unit_test(test_node_restart),
		cmocka_unit_test(test_node_down_successor),
		cmocka_unit_test(test_node_down_rendezvous),
		cmocka_unit_test(test_policy_may_change_while_up),
		cmocka_unit_test(test_other_configuration_inherits_last),
		cmocka_unit_test(test_other_configuration_holds_last),
		cmocka_unit_test(test_address_hold),
		cmocka_unit_test(test_node_gone),
		cmocka_unit_test(test_seq_batch),
		cmocka_unit_test(test_owner_move),
		cmocka_unit_test(test_owner_in),
		cmocka_unit_test(test_owner_move_exact),
		cmocka_unit_test(test_move_without_slot),
		cmocka_unit_test(test_cluster_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
