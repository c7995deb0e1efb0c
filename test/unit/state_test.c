/* SPDX-License-Identifier: Apache-2.0 */
/* The replicated state machine, command by command; test/unit/state_property_test.c
 * has what must hold for any sequence of them. */
#include "cluster/state.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define L 65536u

/* ---- Commands in one line ---- */

static struct apply_result apply(struct state *s, struct command *c)
{
	struct apply_result r;

	state_apply(s, c, &r);
	command_fini(c);
	return r;
}

static struct apply_result node_up(struct state *s, uint64_t id, uint64_t incarnation)
{
	struct command c = {.type = COMMAND_NODE_UP};

	c.node_up.id = id;
	c.node_up.incarnation = incarnation;
	c.node_up.name[0] = (char)('a' + id % 26);
	return apply(s, &c);
}

static struct apply_result node_down(struct state *s, uint64_t id, uint64_t incarnation, uint64_t heir)
{
	struct command c = {.type = COMMAND_NODE_DOWN, .node_down = {id, incarnation, heir}};

	return apply(s, &c);
}

static struct apply_result hold(struct state *s, uint64_t id, uint64_t incarnation, bool slots)
{
	struct command c = {.type = COMMAND_ADDRESS_HOLD, .address_hold = {id, incarnation, slots}};

	return apply(s, &c);
}

static void pass(struct state *s, uint64_t delta_ms)
{
	struct command c = {.type = COMMAND_CLUSTER_TIME, .cluster_time = {.delta_ms = delta_ms}};

	assert_int_equal(apply(s, &c).status, OK);
}

static struct apply_result put_at(struct state *s, uint32_t seed, uint32_t slot)
{
	struct command c = {.type = COMMAND_SESSION_PUT};

	sample_session(&c.session_put.ike, seed);
	c.session_put.slot = slot;
	c.session_put.lease = L;
	return apply(s, &c);
}

static struct apply_result put(struct state *s, uint32_t seed)
{
	return put_at(s, seed, seed % STATE_SLOTS);
}

static struct apply_result del(struct state *s, uint64_t id)
{
	const struct session *x = state_session(s, id);
	struct command c = {.type = COMMAND_SESSION_DEL};

	c.session_del.session = id;
	c.session_del.serial = x ? x->serial : 1;
	return apply(s, &c);
}

/* A step from the session as it is; the caller changes it. */
static struct command step_of(const struct state *s, uint64_t id)
{
	const struct session *x = state_session(s, id);
	struct command c = {.type = COMMAND_SESSION_STEP};

	assert_non_null(x);
	c.session_step.session = id;
	c.session_step.serial = x->serial;
	c.session_step.lease = L;
	ike_session_copy(&c.session_step.ike, &x->ike);
	return c;
}

static struct apply_result renew(struct state *s, uint32_t spi_in, int64_t epoch, uint64_t end,
				 uint64_t mark)
{
	struct command c = {.type = COMMAND_SEQ_BATCH};

	c.seq_batch.n = 1;
	c.seq_batch.rows = malloc(sizeof(*c.seq_batch.rows));
	c.seq_batch.rows[0] = (struct seq_row){spi_in, epoch, end, mark};
	return apply(s, &c);
}

static struct apply_result move(struct state *s, uint64_t id, int64_t epoch, uint64_t to,
				const struct seq_row *row)
{
	struct command c = {.type = COMMAND_OWNER_MOVE};

	c.owner_move.session = id;
	c.owner_move.epoch = epoch;
	c.owner_move.to = to;
	if (row)
		c.owner_move.rows[c.owner_move.n++] = *row;
	return apply(s, &c);
}

static int64_t epoch_of(const struct state *s, uint64_t id)
{
	return session_epoch(s, state_session(s, id));
}

static uint64_t owner_of(const struct state *s, uint64_t id)
{
	return session_slot(s, state_session(s, id))->node;
}

/* Three nodes 1, 2, 3 in incarnations 11, 12, 13; node 1 holds address and slots. */
static struct state *cluster_of_three(void)
{
	struct state *s = state_new();

	for (uint64_t id = 1; id <= 3; id++)
		assert_int_equal(node_up(s, id, 10 + id).status, OK);
	assert_true(hold(s, 1, 11, true).slots_changed);
	return s;
}

/* ---- Nodes and slots ---- */

static void test_node_up(void **unused)
{
	struct state *s = state_new();
	struct apply_result r = node_up(s, 7, 70);

	(void)unused;
	assert_true(r.nodes_changed && r.slots_changed && !r.holder_changed);
	assert_string_equal(state_node(s, 7)->name, "h");
	assert_true(state_node(s, 7)->up);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 7); /* Its private one, ... */
	assert_int_equal(state_slot(s, STATE_SLOTS)->epoch, 1);
	assert_int_equal(state_slot(s, 0)->node, 0); /* ... and nothing else. */
	r = node_up(s, 7, 70);
	assert_int_equal(r.status, OK);
	assert_false(r.nodes_changed || r.slots_changed);
	assert_int_equal(node_up(s, 0, 1).status, ERR_MALFORMED);
	for (uint64_t id = 8; id < 8 + STATE_NODES_MAX - 1; id++)
		assert_int_equal(node_up(s, id, 1).status, OK);
	assert_int_equal(node_up(s, 99, 1).status, ERR_FULL);
	state_free(s);
}

static void test_node_restart(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session, incarnation;
	struct apply_result r;

	(void)unused;
	assert_int_equal(epoch_of(s, id), 1);
	r = node_up(s, 1, 21); /* Back before anyone missed it: it forgot where it stood. */
	assert_true(r.slots_changed && r.holder_changed);
	assert_int_equal(epoch_of(s, id), 2);
	assert_int_equal(owner_of(s, id), 1);
	assert_int_equal(session_slot(s, state_session(s, id))->incarnation, 21);
	assert_int_equal(session_slot(s, state_session(s, id))->previous_incarnation, 11);
	assert_int_equal(state_holder(s, &incarnation), 1);
	assert_int_equal(incarnation, 21);
	assert_int_equal(node_down(s, 1, 11, 2).status, ERR_STALE); /* The old one is over. */
	assert_int_equal(epoch_of(s, id), 2);
	state_free(s);
}

static void test_node_down_heir(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	const struct slot *slot;
	struct apply_result r;

	(void)unused;
	assert_int_equal(node_down(s, 1, 11, 9).status, ERR_STALE); /* Heir unknown, ... */
	assert_int_equal(node_down(s, 1, 11, 1).status, ERR_STALE); /* ... itself, ... */
	assert_int_equal(node_down(s, 3, 13, 2).status, OK);
	assert_int_equal(node_down(s, 1, 11, 3).status, ERR_STALE); /* ... or down. */
	assert_int_equal(epoch_of(s, id), 1);
	r = node_down(s, 1, 11, 2);
	assert_true(r.slots_changed && r.holder_changed && r.nodes_changed);
	assert_int_equal(epoch_of(s, id), 2);
	slot = session_slot(s, state_session(s, id));
	assert_int_equal(slot->node, 2);
	assert_int_equal(slot->incarnation, 12);
	assert_int_equal(slot->previous_node, 1);
	assert_int_equal(slot->previous_incarnation, 11);
	assert_int_equal(state_holder(s, NULL), 2);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 2); /* The private slot too. */
	assert_int_equal(node_down(s, 1, 11, 2).status, ERR_STALE); /* A late repetition. */
	assert_int_equal(epoch_of(s, id), 2);
	assert_int_equal(node_up(s, 1, 11).status, OK); /* It was only cut off. */
	assert_int_equal(epoch_of(s, id), 2);
	assert_int_equal(owner_of(s, id), 2);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 1);
	state_free(s);
}

static void test_node_down_rendezvous(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t before[STATE_SLOTS];
	unsigned with_2 = 0;

	(void)unused;
	assert_int_equal(node_down(s, 1, 11, 0).status, OK);
	assert_int_equal(state_holder(s, NULL), 0);
	for (uint32_t i = 0; i < STATE_SLOTS; i++) {
		before[i] = state_slot(s, i)->node;
		assert_true(before[i] == 2 || before[i] == 3);
		assert_int_equal(state_slot(s, i)->epoch, 2);
		with_2 += before[i] == 2;
	}
	assert_in_range(with_2, STATE_SLOTS * 2 / 5, STATE_SLOTS * 3 / 5);
	assert_int_equal(node_up(s, 1, 31).status, OK);
	assert_int_equal(node_down(s, 2, 12, 0).status, OK);
	for (uint32_t i = 0; i < STATE_SLOTS; i++) { /* Only what 2 had has moved. */
		assert_true(before[i] == 2 || state_slot(s, i)->node == 3);
		assert_int_equal(state_slot(s, i)->epoch, before[i] == 2 ? 3 : 2);
	}
	assert_int_equal(node_down(s, 1, 31, 0).status, OK);
	assert_int_equal(node_down(s, 3, 13, 0).status, OK); /* Nobody is left. */
	assert_int_equal(state_slot(s, 0)->node, 0);
	assert_int_equal(node_up(s, 3, 33).status, OK);
	assert_int_equal(state_slot(s, 0)->node, 0);
	assert_true(hold(s, 3, 33, true).slots_changed);
	assert_int_equal(state_slot(s, 0)->node, 3);
	state_free(s);
}

static void test_address_hold(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	struct apply_result r;

	(void)unused;
	assert_int_equal(hold(s, 2, 99, true).status, ERR_STALE);
	assert_int_equal(hold(s, 9, 1, true).status, ERR_STALE);
	r = hold(s, 1, 11, true); /* Has it all already. */
	assert_false(r.slots_changed || r.holder_changed);
	r = hold(s, 2, 12, false);
	assert_true(r.holder_changed && !r.slots_changed);
	assert_int_equal(owner_of(s, id), 1);
	assert_int_equal(hold(s, 1, 11, false).status, OK);
	r = hold(s, 2, 12, true);
	assert_true(r.holder_changed && r.slots_changed);
	assert_int_equal(owner_of(s, id), 2);
	assert_int_equal(epoch_of(s, id), 2);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 1); /* Empty: it stays 1's own. */
	state_free(s);
}

static void test_node_gone(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	struct command c = {.type = COMMAND_NODE_GONE, .node_gone = {1}};

	(void)unused;
	assert_int_equal(apply(s, &c).status, OK);
	assert_null(state_node(s, 1));
	assert_null(state_node_at(s, 0));
	assert_int_equal(owner_of(s, id), 2); /* It held all: the first that is up does now. */
	assert_int_equal(state_holder(s, NULL), 2);
	c = (struct command){.type = COMMAND_NODE_GONE, .node_gone = {1}};
	assert_int_equal(apply(s, &c).status, ERR_NOT_FOUND);
	assert_int_equal(node_up(s, 4, 14).status, OK); /* Takes the place. */
	assert_int_equal(state_node_at(s, 0)->id, 4);
	assert_int_equal(state_slot(s, STATE_SLOTS)->node, 4);
	state_free(s);
}

/* ---- Sessions ---- */

static void test_put(void **unused)
{
	struct state *s = cluster_of_three();
	struct apply_result r = put(s, 5);
	const struct session *x = state_session(s, r.session);
	struct command c = {.type = COMMAND_SESSION_PUT};
	unsigned child = 9;

	(void)unused;
	assert_int_equal(r.session, 1);
	assert_int_equal(x->serial, 1);
	assert_int_equal(x->first_epoch, 1);
	assert_int_equal(x->noticed_epoch, 1); /* Nothing to tell the client. */
	assert_int_equal(x->seq[0].start, 1);
	assert_int_equal(x->seq[0].end0, 1 + L);
	assert_ptr_equal(state_session_by_ike(s, 5, ~UINT64_C(5)), x);
	assert_ptr_equal(state_session_by_spi(s, 0x1005, &child), x);
	assert_int_equal(child, 0);
	assert_ptr_equal(state_next_session_of(s, &x->ike.peer_id, 0), x);
	assert_null(state_session_by_ike(s, ~UINT64_C(5), 5));
	assert_null(state_session_by_spi(s, 0x1006, NULL));
	assert_int_equal(state_sessions(s), 1);
	assert_int_equal(state_child_sas(s), 1);

	assert_int_equal(put(s, 5).status, ERR_STALE); /* The SPI pair is in use. */
	assert_int_equal(put_at(s, 6, STATE_SLOTS).status, ERR_MALFORMED);
	sample_session(&c.session_put.ike, 6);
	c.session_put.ike.virtual_ip = x->ike.virtual_ip;
	assert_int_equal(apply(s, &c).status, ERR_EXISTS); /* I6 */
	c = (struct command){.type = COMMAND_SESSION_PUT};
	sample_session(&c.session_put.ike, 6);
	c.session_put.ike.child[0].spi_in = 0x1005;
	assert_int_equal(apply(s, &c).status, ERR_EXISTS);
	c = (struct command){.type = COMMAND_SESSION_PUT};
	sample_session(&c.session_put.ike, 6);
	c.session_put.ike.child[1] = c.session_put.ike.child[0];
	c.session_put.ike.n_child = 2;
	assert_int_equal(apply(s, &c).status, ERR_EXISTS); /* Twice in itself. */
	assert_int_equal(state_sessions(s), 1);
	assert_int_equal(put(s, 6).session, 2); /* A refused one uses up no id. */
	state_free(s);
}

static void test_put_supersedes(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t first = put(s, 5).session, second = put(s, 6).session;
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
	r = apply(s, &c);
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
	r = apply(s, &c);
	assert_int_equal(r.status, ERR_STALE);
	assert_int_equal(r.n_superseded, 0);
	assert_non_null(state_session(s, second));
	state_free(s);
}

static void test_delete(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	struct command c = {.type = COMMAND_SESSION_DEL};
	struct apply_result r;

	(void)unused;
	c.session_del.session = id;
	c.session_del.serial = 2;
	assert_int_equal(apply(s, &c).status, ERR_STALE);
	r = del(s, id);
	assert_true(r.status == OK && r.session_deleted && r.session == id);
	assert_int_equal(del(s, id).status, ERR_NOT_FOUND);
	assert_int_equal(state_sessions(s), 0);
	assert_int_equal(state_child_sas(s), 0);
	assert_null(state_session_by_spi(s, 0x1005, NULL));
	/* I6: a recorded IKE_AUTH brings nothing back, for 10 minutes of cluster time. */
	assert_int_equal(put(s, 5).status, ERR_STALE);
	pass(s, 599999);
	assert_int_equal(put(s, 5).status, ERR_STALE);
	pass(s, 1);
	assert_false(state_tombstone(s, 5, ~UINT64_C(5)));
	assert_int_equal(put(s, 5).session, 2); /* Ids are not used again. */
	state_free(s);
}

static void test_step(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	struct command c, late;
	const struct session *x;

	(void)unused;
	late = step_of(s, id);
	assert_int_equal(renew(s, 0x1005, 1, 200000, 50).status, OK);
	assert_int_equal(node_down(s, 1, 11, 2).status, OK);
	/* --> CREATE_CHILD_SA: a second Child SA beside the first, which goes on. */
	c = step_of(s, id);
	sample_child(&c.session_step.ike.child[1], 0x2000, true);
	c.session_step.ike.n_child = 2;
	c.session_step.ike.ike[0].next_request_in = 3;
	assert_int_equal(apply(s, &c).status, OK);
	x = state_session(s, id);
	assert_int_equal(x->serial, 2);
	assert_int_equal(x->seq[0].e0, 1);
	assert_int_equal(x->seq[0].end0, 200000);
	assert_int_equal(x->seq[0].mark, 50);
	assert_int_equal(x->seq[1].e0, 2); /* Born in the current epoch. */
	assert_int_equal(x->seq[1].start, 1);
	assert_int_equal(x->seq[1].limit, UINT64_C(1) << 40);
	assert_int_equal(state_child_sas(s), 2);

	assert_int_equal(apply(s, &late).status, ERR_STALE); /* Computed before. */
	/* --> DELETE of the first: the second keeps its record in its new place. */
	c = step_of(s, id);
	c.session_step.ike.child[0] = c.session_step.ike.child[1];
	c.session_step.ike.n_child = 1;
	assert_int_equal(apply(s, &c).status, OK);
	x = state_session(s, id);
	assert_int_equal(x->seq[0].limit, UINT64_C(1) << 40);
	assert_null(state_session_by_spi(s, 0x1005, NULL));
	assert_ptr_equal(state_session_by_spi(s, 0x2000, NULL), x);
	state_free(s);
}

static void test_step_refused(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	struct command c;

	(void)unused;
	put(s, 6);
	c = step_of(s, id); /* Another session's inbound SPI. */
	sample_child(&c.session_step.ike.child[1], 0x1006, false);
	c.session_step.ike.n_child = 2;
	assert_int_equal(apply(s, &c).status, ERR_EXISTS);
	c = step_of(s, id); /* The same SPI with other keys: numbers would start anew. */
	c.session_step.ike.child[0].out.encr[3] ^= 1;
	assert_int_equal(apply(s, &c).status, ERR_EXISTS);
	c = step_of(s, id);
	c.session_step.ike.child[0].suite.esn ^= 1;
	assert_int_equal(apply(s, &c).status, ERR_EXISTS);
	c = step_of(s, id); /* Another session's address. */
	c.session_step.ike.virtual_ip.octets[3] = 6;
	assert_int_equal(apply(s, &c).status, ERR_EXISTS);
	c = step_of(s, id); /* Another session's SPI pair. */
	c.session_step.ike.ike[0].spi_i = 6;
	c.session_step.ike.ike[0].spi_r = ~UINT64_C(6);
	assert_int_equal(apply(s, &c).status, ERR_STALE);
	c = step_of(s, id);
	c.session_step.session = 99;
	assert_int_equal(apply(s, &c).status, ERR_NOT_FOUND);
	assert_int_equal(state_session(s, id)->serial, 1);
	state_free(s);
}

/* RFC 7296 2.18: a new IKE SA beside the old one, then the old one is deleted. */
static void test_ike_rekey(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	struct command c = step_of(s, id);
	struct ike_sa *sa = c.session_step.ike.ike;

	(void)unused;
	sa[1] = sa[0];
	sa[1].state = IKE_SA_REKEYED;
	sa[0].spi_i = 500;
	sa[0].spi_r = 501;
	blob_ref(sa[0].last_response); /* Both places hold them now. */
	blob_ref(sa[0].outstanding);
	assert_int_equal(apply(s, &c).status, OK);
	assert_int_equal(state_session_by_ike(s, 500, 501)->id, id);
	assert_int_equal(state_session_by_ike(s, 5, ~UINT64_C(5))->id, id);
	assert_false(state_tombstone(s, 5, ~UINT64_C(5)));

	c = step_of(s, id);
	blob_set(&c.session_step.ike.ike[1].last_response, NULL);
	blob_set(&c.session_step.ike.ike[1].outstanding, NULL);
	memset(&c.session_step.ike.ike[1], 0, sizeof(struct ike_sa));
	assert_int_equal(apply(s, &c).status, OK);
	assert_null(state_session_by_ike(s, 5, ~UINT64_C(5)));
	assert_true(state_tombstone(s, 5, ~UINT64_C(5)));

	c = step_of(s, id); /* The pair does not come back, not even to its own session. */
	c.session_step.ike.ike[0].spi_i = 5;
	c.session_step.ike.ike[0].spi_r = ~UINT64_C(5);
	assert_int_equal(apply(s, &c).status, ERR_STALE);
	state_free(s);
}

static void test_notice(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	struct command c;

	(void)unused;
	node_down(s, 1, 11, 2);
	assert_int_equal(epoch_of(s, id), 2);
	c = step_of(s, id);
	c.session_step.noticed = true;
	c.session_step.epoch = 2;
	assert_int_equal(apply(s, &c).status, OK);
	assert_int_equal(state_session(s, id)->noticed_epoch, 2);
	assert_int_equal(state_session(s, id)->acknowledged_epoch, 1);
	c = step_of(s, id);
	c.session_step.acknowledged = true;
	c.session_step.epoch = 2;
	assert_int_equal(apply(s, &c).status, OK);
	assert_int_equal(state_session(s, id)->acknowledged_epoch, 2);
	c = step_of(s, id);
	c.session_step.noticed = c.session_step.acknowledged = true;
	c.session_step.epoch = 1; /* Late, ... */
	assert_int_equal(apply(s, &c).status, OK);
	c = step_of(s, id);
	c.session_step.noticed = c.session_step.acknowledged = true;
	c.session_step.epoch = 3; /* ... or before it can be. */
	assert_int_equal(apply(s, &c).status, OK);
	assert_int_equal(state_session(s, id)->noticed_epoch, 2);
	assert_int_equal(state_session(s, id)->acknowledged_epoch, 2);
	state_free(s);
}

/* ---- Sequence state ---- */

static void test_seq_batch(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session;
	const struct seq_record *r = &state_session(s, id)->seq[0];

	(void)unused;
	assert_true(renew(s, 0x1005, 1, 100000, 10).sequence_changed);
	assert_int_equal(r->end0, 100000);
	assert_int_equal(r->mark, 10);
	assert_false(renew(s, 0x1005, 1, 0, 9).sequence_changed); /* Marks only rise. */
	assert_int_equal(r->mark, 10);
	node_down(s, 1, 11, 2);
	renew(s, 0x1005, 1, 900000, 30); /* Lease of an epoch that is over; its mark counts. */
	assert_int_equal(lease_at(r, 2).end, 100000 + L);
	assert_int_equal(r->mark, 30);
	renew(s, 0x1005, 3, 900000, 40); /* Of one that has not begun. */
	assert_int_equal(r->mark, 30);
	assert_int_equal(r->end0, 100000);
	renew(s, 0x1005, 2, 900000, UINT64_C(1) << 32); /* No such number without ESN. */
	assert_int_equal(r->e0, 2);
	assert_int_equal(r->start, 100000);
	assert_int_equal(r->end0, 900000);
	assert_int_equal(r->mark, 30);
	assert_int_equal(renew(s, 0x7777, 2, 5, 5).status, OK); /* Unknown: skipped. */
	state_free(s);
}

static void test_owner_move(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t id = put(s, 5).session, other = put(s, 6).session;
	struct seq_row row = {0x1005, 1, 777, 99};
	const struct session *x = state_session(s, id);
	struct apply_result r;

	(void)unused;
	assert_int_equal(move(s, id, 0, 2, &row).status, ERR_STALE);
	assert_int_equal(move(s, id, 1, 9, &row).status, ERR_NOT_FOUND);
	assert_int_equal(move(s, 99, 1, 2, &row).status, ERR_NOT_FOUND);
	assert_int_equal(move(s, id, 1, 1, &row).status, ERR_EXISTS); /* Has it. */
	r = move(s, id, 1, 2, &row);
	assert_true(r.status == OK && r.session == id);
	assert_int_equal(x->slot, STATE_SLOTS + 1);
	assert_int_equal(owner_of(s, id), 2);
	assert_int_equal(epoch_of(s, id), 2); /* By exactly one. */
	assert_int_equal(epoch_of(s, other), 1);
	assert_int_equal(x->seq[0].e0, 2);
	assert_int_equal(x->seq[0].start, 777);
	assert_int_equal(x->seq[0].end0, 777 + L);
	assert_int_equal(x->seq[0].mark, 99);
	assert_int_equal(move(s, id, 1, 3, &row).status, ERR_STALE); /* A late repetition. */

	/* Node 2 is lost, its heir 3 serves the session; 2 comes back without it. */
	assert_int_equal(node_down(s, 2, 12, 3).status, OK);
	assert_int_equal(epoch_of(s, id), 3);
	assert_int_equal(node_up(s, 2, 22).status, OK);
	assert_int_equal(owner_of(s, id), 3);
	assert_int_equal(epoch_of(s, id), 3);
	/* It may be handed back: it is alone in the slot, which then goes with it. */
	assert_int_equal(move(s, id, 3, 2, NULL).status, OK);
	assert_int_equal(owner_of(s, id), 2);
	assert_int_equal(epoch_of(s, id), 4);
	/* What was not said exactly begins behind the old lease. */
	assert_int_equal(x->seq[0].start, 777 + L + L);
	state_free(s);
}

static void test_move_without_slot(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t a = put(s, 5).session, b = put(s, 6).session;

	(void)unused;
	assert_int_equal(move(s, a, 1, 2, NULL).status, OK);
	assert_int_equal(move(s, b, 1, 2, NULL).status, OK);
	node_down(s, 2, 12, 3);
	node_up(s, 2, 22);
	/* Node 2's private slot serves two sessions at 3; 2 owns no other. */
	assert_int_equal(move(s, a, 3, 2, NULL).status, ERR_FULL);
	assert_int_equal(epoch_of(s, a), 3);
	assert_int_equal(move(s, b, 3, 1, NULL).status, OK); /* One leaves: then it can. */
	assert_int_equal(move(s, a, 3, 2, NULL).status, OK);
	assert_int_equal(epoch_of(s, a), 4);
	assert_int_equal(epoch_of(s, b), 4);
	state_free(s);
}

/* ---- Time, order, identities ---- */

static void test_cluster_time(void **unused)
{
	struct state *s = cluster_of_three();
	struct command c = {.type = COMMAND_CLUSTER_TIME};

	(void)unused;
	c.cluster_time.delta_ms = 40;
	c.cluster_time.n = 2;
	c.cluster_time.stored[0].id = 2;
	c.cluster_time.stored[0].stored_index = 9;
	c.cluster_time.stored[1].id = 77; /* Unknown */
	apply(s, &c);
	assert_int_equal(state_time_ms(s), 40);
	assert_int_equal(state_node(s, 2)->stored_index, 9);
	c = (struct command){.type = COMMAND_CLUSTER_TIME};
	c.cluster_time.n = 1;
	c.cluster_time.stored[0].id = 2;
	c.cluster_time.stored[0].stored_index = 8;
	apply(s, &c);
	assert_int_equal(state_node(s, 2)->stored_index, 9); /* Only rises. */
	pass(s, UINT64_MAX);
	assert_int_equal(state_time_ms(s), UINT64_MAX);
	state_free(s);
}

static void test_order(void **unused)
{
	struct state *s = cluster_of_three();
	uint64_t expected = 0;
	size_t seen = 0;

	(void)unused;
	for (uint32_t seed = 1; seed <= 500; seed++)
		assert_int_equal(put(s, seed).session, seed);
	for (uint64_t id = 1; id <= 500; id++) /* So many that the list is compacted. */
		if (id % 7 != 0)
			assert_int_equal(del(s, id).status, OK);
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
	struct state *s = cluster_of_three();
	struct ike_id same, none = {.type = 2, .len = 1, .data = "x"};
	struct command c;

	(void)unused;
	for (uint32_t seed = 1; seed <= 4; seed++) {
		c = (struct command){.type = COMMAND_SESSION_PUT};
		sample_session(&c.session_put.ike, seed);
		if (seed == 1)
			same = c.session_put.ike.peer_id;
		if (seed != 3)
			c.session_put.ike.peer_id = same;
		assert_int_equal(apply(s, &c).status, OK);
	}
	same.data[same.len] = 0xff; /* What lies behind an identity is not part of it. */
	assert_int_equal(state_next_session_of(s, &same, 0)->id, 1);
	assert_int_equal(state_next_session_of(s, &same, 1)->id, 2);
	assert_int_equal(state_next_session_of(s, &same, 2)->id, 4);
	assert_int_equal(state_next_session_of(s, &same, 3)->id, 4); /* From another's. */
	assert_null(state_next_session_of(s, &same, 4));
	assert_null(state_next_session_of(s, &none, 0));
	del(s, 2);
	assert_int_equal(state_next_session_of(s, &same, 1)->id, 4);
	c = step_of(s, 3); /* Joins between the two that are there. */
	c.session_step.ike.peer_id = same;
	assert_int_equal(apply(s, &c).status, OK);
	assert_int_equal(state_next_session_of(s, &same, 1)->id, 3);
	assert_int_equal(state_next_session_of(s, &same, 3)->id, 4);
	state_free(s);
}

/* ---- The pool ---- */

static uint32_t pick(const struct state *s, const char *pool, const char *wanted, uint64_t rest_ms)
{
	struct prefix p;
	struct address w, out;

	assert_int_equal(prefix_parse(&p, pool), OK);
	if (wanted)
		assert_int_equal(address_parse(&w, wanted), OK);
	return state_pool_pick(s, &p, wanted ? &w : NULL, rest_ms, &out) ? address_to_ipv4(&out) & 0xff
									  : 0xffff;
}

static void test_pool(void **unused)
{
	struct state *s = cluster_of_three();

	(void)unused; /* sample_session(n) has 10.30.0.n */
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 0), 1); /* 0 is the network. */
	for (uint32_t n = 1; n <= 5; n++) {
		assert_int_equal(pick(s, "10.30.0.0/29", NULL, 0), n);
		put(s, n);
	}
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.6", 0), 6);
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.3", 0), 6);  /* In use. */
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.7", 0), 6);  /* Broadcast. */
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.9.9", 0), 6);  /* Elsewhere. */
	put(s, 6);
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 0), 0xffff);
	pass(s, 1000);
	del(s, 4);
	pass(s, 1000);
	del(s, 2);
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 5000), 0xffff); /* They rest. */
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.2", 5000), 0xffff);
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 0), 4); /* The oldest first ... */
	pass(s, 4000);
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 5000), 4);
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.2", 5000), 4);
	pass(s, 1000);
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.2", 5000), 2);
	pass(s, 600000 - 5000); /* ... until both count as never used: then the lowest. */
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 5000), 2);
	/* The same addresses in another pool; one too small for a broadcast. */
	assert_int_equal(pick(s, "10.30.0.2/31", NULL, 0), 2);
	assert_int_equal(pick(s, "10.30.0.4/32", NULL, 0), 4);
	assert_int_equal(pick(s, "10.30.0.5/32", NULL, 0), 0xffff);
	state_free(s);
}

static void test_pool_ipv6(void **unused)
{
	struct state *s = cluster_of_three();
	struct prefix p;
	struct address out, expected;
	struct command c = {.type = COMMAND_SESSION_PUT};

	(void)unused;
	assert_int_equal(prefix_parse(&p, "2001:db8:1::/64"), OK);
	assert_int_equal(address_parse(&expected, "2001:db8:1::1"), OK);
	assert_true(state_pool_pick(s, &p, NULL, 0, &out));
	assert_true(address_equal(&out, &expected));
	sample_session(&c.session_put.ike, 5);
	c.session_put.ike.virtual_ip = out;
	assert_int_equal(apply(s, &c).status, OK);
	assert_int_equal(address_parse(&expected, "2001:db8:1::2"), OK);
	assert_true(state_pool_pick(s, &p, NULL, 0, &out));
	assert_true(address_equal(&out, &expected));
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_up),
		cmocka_unit_test(test_node_restart),
		cmocka_unit_test(test_node_down_heir),
		cmocka_unit_test(test_node_down_rendezvous),
		cmocka_unit_test(test_address_hold),
		cmocka_unit_test(test_node_gone),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_put_supersedes),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_step_refused),
		cmocka_unit_test(test_ike_rekey),
		cmocka_unit_test(test_notice),
		cmocka_unit_test(test_seq_batch),
		cmocka_unit_test(test_owner_move),
		cmocka_unit_test(test_move_without_slot),
		cmocka_unit_test(test_cluster_time),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_pool_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
