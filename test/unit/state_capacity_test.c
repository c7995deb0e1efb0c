/* SPDX-License-Identifier: Apache-2.0 */
/* Room in the replicated state: which commands full tables refuse, which always find room, and how
 * sessions that follow one another (make before break) are counted. */
#include "cluster/level.h"
#include "test/lib/apply.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct state *through_snapshot(struct state *s)
{
	struct blob *octets = state_encode(s);
	struct state *read = state_decode(octets->data, octets->len, LEVEL);

	assert_non_null(read);
	blob_unref(octets);
	state_free(s);
	return read;
}

static struct command put_within(uint32_t seed, uint32_t sessions, uint32_t places)
{
	struct command c = {.type = COMMAND_SESSION_PUT};

	sample_session(&c.session_put.ike, seed);
	c.session_put.lease = APPLY_LEASE;
	c.session_put.room = (struct room){sessions, places};
	return c;
}

/* Two commands were on their way when there was room for one. A command that takes no further room
 * always finds it: a rekey, a client that starts anew. */
static void test_room(void **unused)
{
	struct state *s = apply_three_nodes();
	struct command c;

	(void)unused;
	c = put_within(1, 9, 5);
	assert_int_equal(apply_command(s, &c).status, OK);
	c = put_within(2, 9, 5);
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_places(s), 4);
	c = put_within(3, 9, 5);
	assert_int_equal(apply_command(s, &c).status, ERR_FULL);
	c = put_within(3, 2, 0);
	assert_int_equal(apply_command(s, &c).status, ERR_FULL);
	c = put_within(3, 2, 4); /* INITIAL_CONTACT. */
	c.session_put.supersedes[c.session_put.n_supersedes++] = 2;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_places(s), 4);

	c = apply_step_of(s, 1); /* The replacement of its Child SA. */
	sample_child(&c.session_step.ike.child[1], 0x2001, false);
	c.session_step.ike.child[1].replaces = c.session_step.ike.child[0].spi_in;
	c.session_step.ike.n_child = 2;
	c.session_step.room.places = 4;
	assert_int_equal(apply_command(s, &c).status, OK);
	c = apply_step_of(s, 1); /* One of its own. */
	sample_child(&c.session_step.ike.child[2], 0x2002, false);
	c.session_step.ike.n_child = 3;
	c.session_step.room.places = 4;
	assert_int_equal(apply_command(s, &c).status, ERR_FULL);
	c = apply_step_of(s, 1);
	c.session_step.ike.child[0] = c.session_step.ike.child[1];
	c.session_step.ike.n_child = 1;
	c.session_step.room.places = 1; /* The limit was lowered: what takes less goes on. */
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_places(s), 4);
	s = through_snapshot(s);
	assert_int_equal(state_places(s), 4);
	apply_del(s, 1);
	assert_int_equal(state_places(s), 2);
	state_free(s);
}

/* The next session of the same identity, which follows that one. */
static struct command follow_within(const struct state *s, uint32_t seed, uint64_t from, struct room room)
{
	struct command c = put_within(seed, room.sessions, room.places);

	c.session_put.ike.peer_id = state_session(s, from)->ike.peer_id;
	c.session_put.ike.virtual_ip = state_session(s, from)->ike.virtual_ip;
	c.session_put.takes_from = from;
	return c;
}

static void assert_taken(const struct state *s, uint32_t sessions, uint32_t places)
{
	struct room taken = state_taken(s);

	assert_int_equal(taken.sessions, sessions);
	assert_int_equal(taken.places, places);
}

/* Make before break at the bound: the session that follows another takes its room, once. */
static void follow(bool address)
{
	struct state *s = apply_three_nodes();
	const struct room full = {2, 4};
	struct command c = put_within(1, 2, 4);

	if (!address)
		c.session_put.ike.virtual_ip.family = 0;
	assert_int_equal(apply_command(s, &c).status, OK);
	c = put_within(2, 2, 4);
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_taken(s, 2, 4);
	c = put_within(3, 2, 4); /* Somebody else. */
	assert_int_equal(apply_command(s, &c).status, ERR_FULL);
	c = follow_within(s, 3, 1, full);
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_sessions(s), 3);
	assert_taken(s, 2, 4);
	c = apply_step_of(s, 3); /* It rekeys while both are there. */
	sample_child(&c.session_step.ike.child[1], 0x2003, false);
	c.session_step.ike.child[1].replaces = c.session_step.ike.child[0].spi_in;
	c.session_step.ike.n_child = 2;
	c.session_step.room = full;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_taken(s, 2, 4);
	c = follow_within(s, 4, 3, full); /* The one before it has not ended. */
	assert_int_equal(apply_command(s, &c).status, ERR_FULL);
	s = through_snapshot(s);
	assert_taken(s, 2, 4);
	apply_del(s, 1);
	assert_taken(s, 2, 4);
	c = follow_within(s, 4, 3, full);
	c.session_put.ike.peer_id = state_session(s, 2)->ike.peer_id; /* No session follows another identity's. */
	assert_int_equal(apply_command(s, &c).status, address ? ERR_EXISTS : ERR_FULL);
	apply_del(s, 2);
	assert_taken(s, 1, 2);
	apply_del(s, 3);
	assert_taken(s, 0, 0);
	state_free(s);
}

static void test_follow(void **unused)
{
	(void)unused;
	follow(true);
	follow(false);
}

/* INITIAL_CONTACT out of a row of sessions, some of which stay. */
static void test_follow_supersedes(void **unused)
{
	struct state *s = apply_three_nodes();
	struct command c = put_within(1, 0, 0);

	(void)unused;
	assert_int_equal(apply_command(s, &c).status, OK);
	for (uint32_t n = 2; n <= 4; n++) {
		c = follow_within(s, n, n - 1, (struct room){0, 0});
		assert_int_equal(apply_command(s, &c).status, OK);
	}
	assert_taken(s, 3, 6);
	c = follow_within(s, 5, 2, (struct room){3, 6});
	c.session_put.supersedes[0] = 4;
	c.session_put.supersedes[1] = 3;
	c.session_put.n_supersedes = 2;
	assert_int_equal(apply_command(s, &c).status, OK); /* 1, 2, 5 */
	assert_taken(s, 2, 4);
	apply_del(s, 2);
	assert_taken(s, 1, 2);
	assert_int_equal(state_session(s, 1)->followed_by, 5);
	apply_del(s, 5);
	assert_taken(s, 1, 2);
	assert_int_equal(state_session(s, 1)->followed_by, 0);
	state_free(s);
}

/* Two of an identity that were on their way together, and one that follows. */
static void test_identity(void **unused)
{
	struct state *s = apply_three_nodes();
	struct command c;

	(void)unused;
	apply_put(s, 1);
	apply_put(s, 2); /* Another identity's. */
	for (uint32_t most = 0; most <= 3; most++) {
		c = put_within(3 + most, 0, 0);
		c.session_put.ike.peer_id = state_session(s, 1)->ike.peer_id;
		c.session_put.identity_max = most;
		assert_int_equal(apply_command(s, &c).status, most == 0 || most == 3 ? OK : ERR_FULL);
	}
	c = put_within(10, 0, 0); /* Four, but it is after one of them. */
	c.session_put.ike.peer_id = state_session(s, 1)->ike.peer_id;
	c.session_put.ike.virtual_ip = state_session(s, 1)->ike.virtual_ip;
	c.session_put.takes_from = 1;
	c.session_put.identity_max = 3;
	assert_int_equal(apply_command(s, &c).status, OK);
	c = put_within(11, 0, 0);
	c.session_put.ike.peer_id = state_session(s, 1)->ike.peer_id;
	c.session_put.identity_max = 1;
	c.session_put.n_supersedes = 3;
	c.session_put.supersedes[0] = 3;
	c.session_put.supersedes[1] = 4;
	c.session_put.supersedes[2] = 5;
	assert_int_equal(apply_command(s, &c).status, ERR_FULL); /* The first one has its address back. */
	c = put_within(11, 0, 0);
	c.session_put.ike.peer_id = state_session(s, 1)->ike.peer_id;
	c.session_put.identity_max = 1;
	c.session_put.n_supersedes = 4;
	for (unsigned i = 0; i < 4; i++)
		c.session_put.supersedes[i] = i == 0 ? 1 : 2 + i;
	assert_int_equal(apply_command(s, &c).status, OK);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_follow_supersedes),
		cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
