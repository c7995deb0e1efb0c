/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot takes a while on its way, and its follower says nothing meanwhile: there is one copy of it, and
 * nothing long behind it. What is lost is sent again. */
#include "test/lib/raft_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG 10000u

static void submit_long(struct lab_node *l)
{
	struct blob *b = blob_new(NULL, LONG);

	memset(b->data, 'x', LONG);
	assert_int_equal(consensus_submit(l->c, lab_now_ms, b), OK);
	lab_pass();
}

/* One that was away for so long that it needs the snapshot, which is now on its way. */
static struct lab_node *far_behind(struct lab_node **leader)
{
	struct lab_node *l, *f;

	lab_init();
	for (unsigned i = 1; i <= 3; i++)
		lab_nodes[i].snapshot_bytes = 4 * LONG;
	*leader = l = lab_start_three();
	f = lab_follower();
	f->cut = true;
	for (unsigned i = 0; i < 20; i++)
		submit_long(l);
	lab_run(1000);
	assert_non_null(l->c->snapshot);
	f->slow = true;
	f->cut = false;
	for (unsigned i = 0; !f->deaf && i < 1000; i++)
		lab_run(1);
	assert_true(f->deaf);
	return f;
}

static void expect_caught_up(struct lab_node *l, struct lab_node *f)
{
	lab_run(1000);
	assert_ptr_equal(lab_leader(), l);
	assert_int_equal(f->n_state, l->n_state);
	assert_memory_equal(f->state, l->state, l->n_state);
	lab_fini();
}

static void one_is_sent_at_a_time(void **state)
{
	struct lab_node *l, *f = far_behind(&l);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		submit_long(l);
		lab_run(50);
	}
	assert_int_equal(f->snapshots_sent, 1);
	assert_true(lab_longest_held < LONG);
	lab_hear(f, false);
	f->slow = false;
	expect_caught_up(l, f);
}

/* It installs it for a while, and answers heartbeats meanwhile. */
static void nor_while_it_is_installed(void **state)
{
	struct lab_node *l, *f = far_behind(&l);

	(void)state;
	lab_run(1000);
	f->slow = false;
	f->no_disk = true;
	lab_hear(f, false);
	lab_run(1000);
	assert_int_equal(f->restores, 0);
	assert_int_equal(f->snapshots_sent, 1);
	f->no_disk = false;
	lab_run(100);
	assert_int_equal(f->restores, 1);
	expect_caught_up(l, f);
}

static void a_lost_one_is_sent_again(void **state)
{
	struct lab_node *l, *f = far_behind(&l);

	(void)state;
	lab_run(100);
	f->slow = false;
	lab_hear(f, true);
	lab_run(1000);
	assert_int_equal(f->snapshots_sent, 2);
	assert_int_equal(f->restores, 1);
	expect_caught_up(l, f);
}

/* Of the next leader it gets one, whatever the last one had sent. */
static void the_next_leader_sends_its_own(void **state)
{
	struct lab_node *l, *f = far_behind(&l), *next = NULL;

	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		if (&lab_nodes[i] != l && &lab_nodes[i] != f)
			next = &lab_nodes[i];
	f->slow = false;
	lab_hear(f, true);
	assert_int_equal(consensus_transfer(l->c, lab_now_ms, next->id), OK);
	lab_run(500);
	assert_ptr_equal(lab_leader(), next);
	assert_int_equal(f->snapshots_sent, 2);
	assert_false(consensus_snapshot_awaited(l->c, f->id));
	expect_caught_up(next, f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_sent_at_a_time),
		cmocka_unit_test(nor_while_it_is_installed),
		cmocka_unit_test(a_lost_one_is_sent_again),
		cmocka_unit_test(the_next_leader_sends_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
