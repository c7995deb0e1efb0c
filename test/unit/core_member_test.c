/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of nodes that must not take part, or not as they are: foreign, old, copied and wiped
 * stores (DESIGN sections 7 and 9). */
#include "cluster/core/unready.h"
#include "test/lib/story.h"

#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_serves(struct story *l)
{
	assert_int_not_equal(story_leader(l), STORY_NODES);
	assert_int_not_equal(story_holder(l), STORY_NODES);
	story_run(l, 700);
	story_client_send(l, initiator_create_dpd(&l->client));
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
	assert_true(l->client.counts.responses >= 1);
}

/* Node 3's store is that of a node of another cluster. */
static void make_foreign(struct story *l)
{
	struct story other;

	story_init(&other, 3);
	other.draws = 1000; /* Another cluster id. */
	other.node[2].raft_id = 5000;
	for (uint32_t i = 0; i < 3; i++)
		story_start(&other, i);
	story_run(&other, 1000);
	story_kill(&other, 2);
	story_image_put(l, 2, story_image_copy(&other, 2));
	blob_set(&l->node[2].identity, blob_ref(other.node[2].identity));
	l->node[2].raft_id = 5000;
	story_fini(&other);
}

static void a_node_of_another_cluster_goes_and_harms_nobody(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	story_lose(&l, 2);
	story_run(&l, 500);
	story_client_listen(&l);
	make_foreign(&l);
	story_start(&l, 2);
	story_run(&l, 500);
	assert_int_equal(l.node[2].exited, 1);
	assert_int_equal(l.node[0].exited, -1);
	assert_int_equal(l.node[1].exited, -1);
	assert_serves(&l);
	story_fini(&l);
}

/* The same at a cold start, when no node is accepted yet. */
static void a_foreign_node_at_a_cold_start_goes_alone(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	story_kill_all(&l);
	make_foreign(&l);
	story_start(&l, 2);
	story_start(&l, 0);
	story_start(&l, 1);
	story_run(&l, 3000);
	assert_int_equal(l.node[2].exited, 1);
	assert_int_equal(l.node[0].exited, -1);
	assert_int_equal(l.node[1].exited, -1);
	story_client_listen(&l);
	assert_serves(&l);
	story_fini(&l);
}

static void an_old_copy_of_a_store_is_refused(void **unused)
{
	struct store_image old;
	struct story l;
	uint32_t f;

	(void)unused;
	story_begin(&l, 3);
	f = story_third(&l);
	old = story_image_copy(&l, f);
	story_client_connect(&l);
	story_run(&l, 2500); /* ClusterTime tells what it has stored. */
	story_kill(&l, f);
	story_image_put(&l, f, old);
	story_start(&l, f);
	story_run(&l, 100);
	assert_int_equal(l.node[f].exited, 1);
	assert_non_null(strstr(l.node[f].exit_text, "old copy"));
	assert_serves(&l);
	story_fini(&l);
}

/* A node may lose entries that it stored but no leader committed: that is no old copy. */
static void a_truncated_tail_is_no_old_copy(void **unused)
{
	struct story l;
	uint32_t leader;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	leader = story_leader(&l);
	story_cut_off(&l, leader);
	story_run(&l, 2500); /* It goes on with its ClusterTime, for itself. */
	assert_int_not_equal(story_leader(&l), STORY_NODES);
	story_kill(&l, leader);
	story_start(&l, leader);
	story_run(&l, 2500);
	assert_int_equal(l.node[leader].exited, -1);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(l.node[i].exited, -1);
	story_client_listen(&l);
	assert_serves(&l);
	story_fini(&l);
}

/* A copy of a founder's store: the founding record names its node. A copy of a joiner's: the
 * running original refutes it. */
static void a_copy_goes(bool of_founder)
{
	struct story l;

	story_begin(&l, 3);
	story_client_connect(&l);
	if (!of_founder) {
		story_kill(&l, 0);
		story_wipe(&l, 0);
		story_suspect(&l, 0);
		story_run(&l, 500);
		story_start(&l, 0);
		story_run(&l, 5000);
		story_client_listen(&l);
	}
	story_lose(&l, 2);
	story_run(&l, 500);
	story_client_listen(&l);
	story_image_put(&l, 2, story_image_copy(&l, 0));
	blob_set(&l.node[2].identity, blob_ref(l.node[0].identity));
	l.node[2].raft_id = l.node[0].raft_id;
	story_start(&l, 2);
	story_run(&l, 500);
	assert_int_equal(l.node[2].exited, 1);
	assert_int_equal(l.node[0].exited, -1);
	assert_int_equal(l.node[1].exited, -1);
	assert_serves(&l);
	story_fini(&l);
}

static void a_copy_of_a_founder_goes(void **unused)
{
	(void)unused;
	a_copy_goes(true);
}

static void a_copy_of_a_joined_node_goes(void **unused)
{
	(void)unused;
	a_copy_goes(false);
}

/* Two hosts made from one image, with a data directory in it that is still empty. */
static void copies_of_an_empty_store_found_nothing(void **unused)
{
	struct story l;

	(void)unused;
	story_init(&l, 3);
	l.node[2].raft_id = l.node[1].raft_id;
	story_start_all(&l);
	story_run(&l, 500);
	assert_null(l.node[0].identity);
	assert_int_equal(l.node[0].exited, -1);
	assert_int_equal(l.node[2].exited, 1);
	/* Wiped, it is one of three. */
	for (uint32_t i = 1; i < 3; i++)
		story_kill(&l, i);
	story_wipe(&l, 2);
	story_start(&l, 1);
	story_start(&l, 2);
	story_run(&l, 2000);
	story_client_connect(&l);
	assert_serves(&l);
	story_fini(&l);
}

/* version | cluster id | 0 | n | n x (Raft id | name), as a node would be told. */
static struct blob *identity_frame(uint64_t id_1, const char *name_1, size_t name_1_len)
{
	static const uint8_t begin[] = { FRAME_IDENTITY, 1, 0, 0, 0, 0, 0, 0, 0, 9,
					 0, 0, 0, 0, 0, 0, 0, 0, 2 };
	uint8_t f[128], *p = f;

	memcpy(p, begin, sizeof(begin));
	p += sizeof(begin);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t id = i ? id_1 : 1000;
		size_t len = i ? name_1_len : 2;

		for (unsigned k = 0; k < 8; k++)
			*p++ = (uint8_t)(id >> (56 - 8 * k));
		*p++ = (uint8_t)len;
		memcpy(p, i ? name_1 : "n1", len);
		p += len;
	}
	return blob_new(f, (size_t)(p - f));
}

static void founders_are_not_named_twice(void **unused)
{
	static const struct {
		uint64_t id;
		const char *name;
		size_t len;
	} bad[] = { { 1000, "n2", 2 }, { 1001, "n1", 2 }, { 1001, "n1\0x", 4 },
		    { 1001, "", 0 },   { 1001, "\0", 1 }, { 0, "n2", 2 } };
	struct story l;

	(void)unused;
	story_init(&l, 3); /* Without the third node the cluster is not founded. */
	story_start(&l, 0);
	story_start(&l, 1);
	story_run(&l, 100);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		story_frame(&l, 0, 1, identity_frame(bad[i].id, bad[i].name, bad[i].len));
		story_run(&l, 100);
		assert_null(l.node[1].identity);
	}
	story_frame(&l, 0, 1, identity_frame(1001, "n2", 2));
	story_run(&l, 100);
	assert_non_null(l.node[1].identity);
	story_fini(&l);
}

static void assert_rejoined(struct story *l, uint32_t node)
{
	struct core_status status;

	core_status(l->node[node].core, &status);
	assert_true(status.ready);
	assert_int_equal(state_sessions(core_state(l->node[node].core)), 1);
	for (uint32_t i = 0, found = 0; i < STATE_NODES_MAX; i++) {
		const struct node_record *n = state_node_at(core_state(l->node[node].core), i);

		found += n != NULL;
		assert_true(found <= l->n);
		assert_true(!n || n->id == l->node[0].raft_id || n->id == l->node[1].raft_id ||
			    n->id == l->node[2].raft_id);
	}
}

static void a_wiped_node_joins_again(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	for (uint32_t i = 0; i < 3; i++) {
		story_lose(&l, i);
		story_run(&l, 500);
		story_client_listen(&l);
		story_wipe(&l, i);
		story_start(&l, i);
		story_run(&l, 6000);
		story_client_listen(&l);
		assert_rejoined(&l, i);
		assert_serves(&l);
	}
	story_fini(&l);
}

/* So fast that no node missed it: its old id is still up, and owns everything. */
static void a_holder_wiped_in_no_time_loses_its_sessions_to_another(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	old = story_holder(&l);
	story_kill(&l, old);
	story_wipe(&l, old);
	story_start(&l, old);
	story_run(&l, 6000);
	story_client_listen(&l);
	assert_rejoined(&l, old);
	assert_serves(&l);
	story_fini(&l);
}

static void two_wiped_nodes_found_nothing(void **unused)
{
	struct core_status status;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	story_kill_all(&l);
	story_wipe(&l, 0);
	story_wipe(&l, 1);
	story_start_all(&l);
	story_run(&l, 5000);
	assert_int_equal(story_leader(&l), STORY_NODES);
	assert_null(l.node[0].identity);
	assert_null(l.node[1].identity);
	core_status(l.node[2].core, &status);
	assert_true(status.quorum_wiped);
	story_fini(&l);
}

/* Founding needs all nodes, and names the missing; a node that is alone says so; so does one that leaves. */
static void unready_has_a_reason(void **unused)
{
	char text[UNREADY_TEXT_LEN];
	struct event shutdown = { .type = EVENT_SHUTDOWN };
	struct story l;
	uint32_t f;

	(void)unused;
	story_init(&l, 3);
	story_start(&l, 0);
	story_start(&l, 1);
	story_run(&l, 1000);
	assert_true(core_unready(l.node[0].core) & 1u << UNREADY_NO_LEADER);
	assert_false(core_unready(l.node[0].core) & 1u << UNREADY_WIPED);
	core_unready_text(l.node[0].core, UNREADY_NO_LEADER, text);
	assert_non_null(strstr(text, "found"));
	assert_non_null(strstr(text, "nothing is heard of n3"));
	story_start(&l, 2);
	story_run(&l, 2000);
	f = story_third(&l);
	assert_int_equal(core_unready(l.node[f].core), 0);
	story_cut_off(&l, f);
	story_run(&l, 1000);
	assert_true(core_unready(l.node[f].core) & 1u << UNREADY_ISOLATED);
	core_unready_text(l.node[f].core, UNREADY_ISOLATED, text);
	assert_non_null(strstr(text, ", n")); /* Both others. */
	story_rejoin(&l, f);
	story_run(&l, 2000);
	assert_int_equal(core_unready(l.node[f].core), 0);
	f = story_leader(&l);
	l.now_us++;
	story_event(&l, f, &shutdown);
	assert_true(l.node[f].exited >= 0 || core_unready(l.node[f].core) & 1u << UNREADY_LEAVING);
	story_fini(&l);
}

/* The log tells an orderly leave from a loss; and a node that comes back does not report old log
 * entries as news. */
static void a_planned_leave_is_no_accident_and_history_no_news(void **unused)
{
	struct event shutdown = { .type = EVENT_SHUTDOWN };
	struct story l;
	uint32_t f;

	(void)unused;
	story_begin(&l, 3);
	f = story_third(&l);
	story_event(&l, f, &shutdown);
	story_run(&l, 3000);
	assert_true(l.node[f].exited >= 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(story_happened(&l, i, "node_left"), i != f || story_happened(&l, f, "node_left"));
		assert_int_equal(story_happened(&l, i, "node_down"), 0);
	}
	story_kill(&l, f);
	story_start(&l, f);
	story_run(&l, 2000);
	assert_int_equal(core_unready(l.node[f].core), 0);
	story_lose(&l, f);
	story_run(&l, 1000);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(story_happened(&l, i, "node_down"), i != f);
	story_start(&l, f);
	story_run(&l, 2000);
	assert_int_equal(core_unready(l.node[f].core), 0);
	assert_int_equal(story_happened(&l, f, "node_down"), 0);
	story_fini(&l);
}

static void another_configuration_is_not_ready(void **unused)
{
	char text[UNREADY_TEXT_LEN];
	struct core_status status;
	struct story l;
	uint32_t f;

	(void)unused;
	story_begin(&l, 3);
	f = story_third(&l);
	story_kill(&l, f);
	l.config[f].hash = 7;
	story_start(&l, f);
	story_run(&l, 1000);
	core_status(l.node[f].core, &status);
	assert_false(status.ready);
	assert_int_equal(core_unready(l.node[f].core), 1u << UNREADY_DIFFERS);
	core_unready_text(l.node[f].core, UNREADY_DIFFERS, text);
	assert_non_null(strstr(text, l.config[0].node[story_leader(&l)]));
	core_status(l.node[story_leader(&l)].core, &status);
	assert_true(status.ready);
	story_fini(&l);
}

/* The holder is lost; one of the others has another configuration. */
static void another_configuration_is_no_successor(void **unused)
{
	uint32_t f, holder, leader;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	holder = story_holder(&l);
	leader = story_leader(&l);
	f = 3 - leader - holder;
	story_kill(&l, f);
	l.config[f].hash = 7;
	story_start(&l, f);
	story_run(&l, 1000);
	story_lose(&l, holder);
	story_run(&l, 2000);
	assert_int_equal(story_holder(&l), leader);
	assert_int_equal(story_leader(&l), leader);
	story_fini(&l);
}

/* Behind a load balancer slots are spread, but not to a node with another configuration. */
static void another_configuration_gets_no_share(void **unused)
{
	uint32_t f, lost, leader;
	const struct state *s;
	struct story l;

	(void)unused;
	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].mode = SERVICE_LB;
		l.config[i].hash = 6;
	}
	for (uint32_t i = 0; i < 3; i++)
		story_start(&l, i);
	story_run(&l, 2000);
	leader = story_leader(&l);
	lost = story_holder(&l);
	assert_int_not_equal(leader, lost);
	f = 3 - leader - lost;
	story_kill(&l, f);
	l.config[f].hash = 7;
	story_start(&l, f);
	story_run(&l, 1000);
	story_kill(&l, lost);
	story_suspect(&l, lost);
	story_run(&l, 1000);
	s = core_state(l.node[leader].core);
	for (uint32_t i = 0; i < STATE_SLOTS; i++)
		assert_int_equal(state_slot(s, i)->node, l.node[leader].raft_id);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_of_another_cluster_goes_and_harms_nobody),
		cmocka_unit_test(a_foreign_node_at_a_cold_start_goes_alone),
		cmocka_unit_test(an_old_copy_of_a_store_is_refused),
		cmocka_unit_test(a_truncated_tail_is_no_old_copy),
		cmocka_unit_test(a_copy_of_a_founder_goes),
		cmocka_unit_test(a_copy_of_a_joined_node_goes),
		cmocka_unit_test(copies_of_an_empty_store_found_nothing),
		cmocka_unit_test(founders_are_not_named_twice),
		cmocka_unit_test(a_wiped_node_joins_again),
		cmocka_unit_test(a_holder_wiped_in_no_time_loses_its_sessions_to_another),
		cmocka_unit_test(two_wiped_nodes_found_nothing),
		cmocka_unit_test(unready_has_a_reason),
		cmocka_unit_test(a_planned_leave_is_no_accident_and_history_no_news),
		cmocka_unit_test(another_configuration_is_not_ready),
		cmocka_unit_test(another_configuration_is_no_successor),
		cmocka_unit_test(another_configuration_gets_no_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
