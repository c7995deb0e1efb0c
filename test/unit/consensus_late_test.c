/* SPDX-License-Identifier: Apache-2.0 */
/* A late message of a past term is answered in the current term: a leader that leads again must not
 * read in the answer that anything was stored. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_entries_are_not_stored),
		cmocka_unit_test(a_late_snapshot_is_not_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
