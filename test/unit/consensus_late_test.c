/* SPDX-License-Identifier: Apache-2.0 */
/* A late message of a past term is answered in the current term: a leader that leads again must not
 * read in the answer that anything was stored. And followers that are to know at once what is committed. */
#include "test/lib/raft_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A follower has an entry in memory, but not on its disk, and the third node is away. The late
 * message comes from the leader itself, so the answer goes there. */
static void answer(struct blob *(*late)(struct lab_node *f))
{
	struct lab_node *l, *f;

	lab_init();
	l = lab_start_three();
	f = lab_follower();
	assert_true(consensus_term(l->c) > 1);
	for (unsigned i = 1; i <= 3; i++)
		lab_nodes[i].cut = &lab_nodes[i] != l && &lab_nodes[i] != f;
	f->no_disk = true;
	lab_submit(l, 'a');
	lab_run(10);
	assert_int_equal(consensus_last_index(f->c), consensus_last_index(l->c));
	assert_int_equal(l->n_state, 0);
	lab_receive(f, l->id, late(f));
	assert_int_equal(l->n_state, 0);
	f->no_disk = false;
	lab_run(10);
	assert_int_equal(l->n_state, 1);
	lab_fini();
}

static struct blob *entries(struct lab_node *f)
{
	(void)f;
	return lab_append_entries(1, 0, 0, 0, NULL, 0);
}

static struct blob *snapshot(struct lab_node *f)
{
	struct store_snapshot s = { 1, 1, 1, f->c->configuration, f->c->configuration };
	struct raft_message m = { .type = RAFT_INSTALL_SNAPSHOT, .install_snapshot.term = 1 };

	return consensus_message_encode(&m, NULL, &s);
}

static void late_entries_are_not_stored(void **state)
{
	(void)state;
	answer(entries);
}

static void a_late_snapshot_is_not_stored(void **state)
{
	(void)state;
	answer(snapshot);
}

/* No entry goes into the log for it, and nobody's disk is waited for. */
static void followers_are_told_at_once(void **state)
{
	struct lab_node *l, *f[2];
	uint64_t last;

	(void)state;
	lab_init();
	l = lab_start_three();
	lab_run(10);
	for (unsigned i = 1, n = 0; i <= 3; i++)
		if (&lab_nodes[i] != l)
			f[n++] = &lab_nodes[i];
	f[1]->no_disk = true; /* It is late. */
	assert_int_equal(lab_submit(l, 'a'), OK);
	lab_pass();
	assert_int_equal(l->n_state, 1);
	assert_int_equal(f[0]->n_state, 0);
	assert_int_equal(consensus_tell(f[0]->c, lab_now_ms), ERR_NOT_LEADER);
	last = consensus_last_index(l->c);
	l->no_disk = f[0]->no_disk = true;
	assert_int_equal(lab_submit(l, 'b'), OK); /* Waits for our disk; the notice overtakes it. */
	assert_int_equal(consensus_tell(l->c, lab_now_ms), OK);
	lab_deliver();
	assert_int_equal(f[0]->n_state, 1);
	assert_int_equal(f[1]->n_state, 0); /* It says no word of it before it has it on its disk ... */
	lab_sync_one(f[1]);
	lab_deliver();
	lab_deliver();
	assert_int_equal(f[1]->n_state, 1); /* ... and then it is told. */
	assert_int_equal(consensus_last_index(l->c), last + 1);
	assert_int_equal(consensus_last_index(f[0]->c), last);
	l->no_disk = f[0]->no_disk = f[1]->no_disk = false;
	lab_run(200);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(lab_nodes[i].n_state, 2);
	lab_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_entries_are_not_stored),
		cmocka_unit_test(a_late_snapshot_is_not_stored),
		cmocka_unit_test(followers_are_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
