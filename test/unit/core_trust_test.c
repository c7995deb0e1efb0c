/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of what one node accepts from another: little, and only from a node that can know (DESIGN
 * sections 3 and 5). A misled or false node sends what it should not. */
#include "cluster/level.h"
#include "test/lib/story.h"
#include "test/unit/same.h"

#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Three nodes and a client; owner, leader, and the third node. */
struct roles {
	uint32_t owner, leader, third;
	uint32_t spi_in;
};

static struct roles begin(struct story *l)
{
	struct roles r;

	story_begin(l, 3);
	story_client_connect(l);
	r.owner = story_holder(l);
	r.leader = story_leader(l);
	r.third = story_third(l);
	r.spi_in = story_spi(l);
	return r;
}

static const struct session *session(const struct story *l, const struct roles *r, unsigned *child)
{
	const struct session *s =
		state_session_by_spi(core_state(l->node[r->leader].core), r->spi_in, child);

	assert_non_null(s);
	return s;
}

static int64_t epoch(const struct story *l, const struct roles *r)
{
	unsigned child;

	return session_epoch(core_state(l->node[r->leader].core), session(l, r, &child));
}

static uint64_t incarnation(const struct story *l, uint32_t node)
{
	const struct node_record *n =
		state_node(core_state(l->node[node].core), l->node[node].raft_id);

	assert_non_null(n);
	return n->incarnation;
}

/* A mark far above what the client has sent would shut it out for good. */
static void marks_come_from_an_owner_alone(void **unused)
{
	struct story l;
	struct roles r = begin(&l);
	struct frame_mark row = { r.spi_in, epoch(&l, &r), 1000000 };
	uint64_t own = incarnation(&l, r.third);
	unsigned child;

	(void)unused;
	story_frame(&l, r.third, r.owner, frame_create_marks(FRAME_MARKS, own, &row, 1));
	story_frame(&l, r.third, r.leader, frame_create_marks(FRAME_MARKS, own, &row, 1));
	assert_int_equal(story_sad(&l, r.owner, r.spi_in)->window.floor, 0);
	story_lose(&l, r.owner);
	story_run(&l, 1500);
	assert_int_not_equal(story_holder(&l), r.owner);
	assert_int_equal(story_sad(&l, story_holder(&l), r.spi_in)->window.floor, 0);
	assert_int_equal(session(&l, &r, &child)->seq[child].mark, 0);
	story_fini(&l);
}

static void propose(struct story *l, uint32_t from, uint32_t to, struct command *c)
{
	struct blob *b = command_encode(c, LEVEL);
	struct frame f = { .type = FRAME_PROPOSE };

	assert_non_null(b);
	f.bytes.data = b->data;
	f.bytes.len = b->len;
	story_frame(l, from, to, frame_create(&f));
	blob_unref(b);
	command_fini(c);
	story_run(l, 50);
}

static void leases_and_marks_are_proposed_by_an_owner_alone(void **unused)
{
	struct command c = { .type = COMMAND_SEQ_BATCH };
	struct story l;
	struct roles r = begin(&l);
	struct seq_record before;
	unsigned child;

	(void)unused;
	before = session(&l, &r, &child)->seq[child];
	c.seq_batch.n = 1;
	c.seq_batch.rows = calloc(1, sizeof(*c.seq_batch.rows));
	c.seq_batch.rows[0].spi_in = r.spi_in;
	c.seq_batch.rows[0].epoch = epoch(&l, &r);
	c.seq_batch.rows[0].end = UINT64_C(1) << 31;
	c.seq_batch.rows[0].mark = 1000000;
	propose(&l, r.third, r.leader, &c);
	assert_memory_equal(&before, &session(&l, &r, &child)->seq[child], sizeof(before));
	story_fini(&l);
}

/* Only a leader may delete sessions, move addresses, or declare nodes lost. */
static void a_node_proposes_nothing_about_others(void **unused)
{
	struct command del = { .type = COMMAND_SESSION_DEL };
	struct command down = { .type = COMMAND_NODE_DOWN };
	struct command hold = { .type = COMMAND_ADDRESS_HOLD };
	struct story l;
	struct roles r = begin(&l);
	unsigned child;
	uint64_t id = session(&l, &r, &child)->id;

	(void)unused;
	del.session_del.session = id;
	del.session_del.serial = session(&l, &r, &child)->serial;
	propose(&l, r.third, r.leader, &del);
	assert_non_null(state_session(core_state(l.node[r.leader].core), id));
	down.node_down = (struct node_down){ l.node[r.owner].raft_id, incarnation(&l, r.owner),
					     l.node[r.third].raft_id, 0 };
	propose(&l, r.third, r.leader, &down);
	hold.address_hold = (struct address_hold){ l.node[r.third].raft_id,
						   incarnation(&l, r.third), true };
	propose(&l, r.third, r.leader, &hold);
	assert_int_equal(story_holder(&l), r.owner);
	story_fini(&l);
}

/* A refused node is not heard, whatever it sends. */
static void a_refused_node_is_not_heard(void **unused)
{
	static const uint8_t word[] = "nothing that the gateway would say";
	struct frame hello = { .type = FRAME_HELLO }, f = { .type = FRAME_SEND };
	struct story l;
	struct roles r = begin(&l);

	(void)unused;
	f.datagram.local = l.client.config.remote;
	f.datagram.remote = l.client.config.local;
	f.datagram.data = word;
	f.datagram.len = sizeof(word);
	story_frame(&l, r.third, r.owner, frame_create(&f));
	assert_int_equal(l.n_to_client, 1); /* So far it is one of us. */
	hello.hello.level = LEVEL;
	hello.hello.raft_id = l.node[r.third].raft_id;
	hello.hello.incarnation = incarnation(&l, r.third);
	hello.hello.cluster_id = 42;
	story_frame(&l, r.third, r.owner, frame_create(&hello));
	assert_int_equal(story_happened(&l, r.owner, "refused"), 1);
	story_frame(&l, r.third, r.owner, frame_create(&f));
	assert_int_equal(l.n_to_client, 1);
	story_swallow(&l);
	story_fini(&l);
}

static uint32_t watched_from, watched_to;
static unsigned told;

static bool count_told(const struct story *l, uint32_t from, uint32_t to, const struct blob *frame)
{
	(void)l;
	if (from == watched_from && to == watched_to)
		told += frame->data[0] != FRAME_HELLO && frame->data[0] != FRAME_REFUSED;
	return false;
}

/* ... and hears of no client, no vote and no mark. */
static void a_refused_node_is_told_nothing(void **unused)
{
	struct frame hello = { .type = FRAME_HELLO };
	struct story l;
	struct roles r = begin(&l);
	const struct sad_entry *e = story_entry(&l, r.owner);

	(void)unused;
	watched_from = r.owner;
	watched_to = r.leader;
	told = 0;
	l.loses = count_told;
	story_report(&l, r.owner, e, SA_REPORT_PEER, 1);
	assert_true(told > 0); /* An owner's reports go to the leader. */
	hello.hello.level = LEVEL;
	hello.hello.raft_id = l.node[r.leader].raft_id;
	hello.hello.incarnation = incarnation(&l, r.leader);
	hello.hello.cluster_id = 42;
	story_frame(&l, r.leader, r.owner, frame_create(&hello));
	assert_true(core_node_refused(l.node[r.owner].core, r.leader));
	assert_false(core_node_linked(l.node[r.owner].core, r.leader));
	told = 0;
	story_report(&l, r.owner, e, SA_REPORT_PEER, 2);
	story_run(&l, 100);
	assert_int_equal(told, 0);
	story_fini(&l);
}

/* REFUSED may end a process: only a node that has said who it is can send it. */
static void nobody_unknown_ends_a_node(void **unused)
{
	static const char why[] = "because";
	struct frame f = { .type = FRAME_REFUSED, .bytes = { (const uint8_t *)why, sizeof(why) } };
	struct story l;
	unsigned before;

	(void)unused;
	story_init(&l, 3);
	l.lost_type = FRAME_HELLO;
	story_start_all(&l);
	story_run(&l, 100);
	before = story_happened(&l, 0, "refused_by");
	story_frame(&l, 1, 0, frame_create(&f));
	story_frame(&l, 2, 0, frame_create(&f));
	assert_int_equal(l.node[0].exited, -1);
	assert_int_equal(story_happened(&l, 0, "refused_by"), before);
	story_fini(&l);
}

/* The lost owner may have told another node a newer mark than the successor. */
static void a_successor_lets_nothing_in_before_it_has_all_marks(void **unused)
{
	struct story l;
	struct roles r = begin(&l);
	struct sad_entry *e;
	uint64_t seq;
	int64_t at;

	(void)unused;
	l.lost_type = FRAME_MARKS_DONE;
	story_lose(&l, r.owner);
	story_run(&l, 3);
	assert_true(story_holder(&l) == r.leader || story_holder(&l) == r.third);
	e = story_sad(&l, story_holder(&l), r.spi_in);
	assert_true(e->granted);
	assert_int_equal(sad_entry_check(e, 1, &seq, &at), DROP_NONE);
	assert_int_equal(sad_entry_accept(e, seq, at), DROP_DEFERRED_EXPIRED);
	assert_int_equal(sad_entry_draw(e, &seq), DROP_NONE); /* Outward at once. */
	story_fini(&l);
}

/* RFC 7296 2.1: "the responder MUST remember each response until it receives a request
 * whose sequence number is larger". */
static void a_repeated_init_gets_the_same_bytes(void **unused)
{
	struct initiator i;
	struct story l;
	struct roles r = begin(&l);
	struct blob *request;

	(void)unused;
	story_client_other(&l, &i, &l.client.config);
	request = initiator_create_init(&i);
	assert_non_null(request);
	for (unsigned k = 0; k < 3; k++)
		story_datagram(&l, k == 1 ? r.third : r.owner, &i, request); /* Through any node. */
	assert_int_equal(l.n_to_client, 3);
	for (unsigned k = 1; k < 3; k++)
		assert_same(l.to_client[k], l.to_client[0]);
	story_swallow(&l);
	blob_unref(request);
	initiator_fini(&i);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_come_from_an_owner_alone),
		cmocka_unit_test(leases_and_marks_are_proposed_by_an_owner_alone),
		cmocka_unit_test(a_node_proposes_nothing_about_others),
		cmocka_unit_test(a_refused_node_is_not_heard),
		cmocka_unit_test(a_refused_node_is_told_nothing),
		cmocka_unit_test(nobody_unknown_ends_a_node),
		cmocka_unit_test(a_successor_lets_nothing_in_before_it_has_all_marks),
		cmocka_unit_test(a_repeated_init_gets_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
