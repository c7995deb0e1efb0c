/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a virtual IP: never one in use, nor one that still rests. */
#include "cluster/level.h"
#include "cluster/state/state_internal.h"
#include "test/lib/apply.h"
#include "test/lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- The pool ---- */

static struct command takes(const struct state *s, uint32_t seed, uint64_t from);

static uint32_t pick(const struct state *s, const char *pool, const char *wanted, uint64_t rest_ms)
{
	struct prefix p;
	struct address w, out;

	assert_int_equal(prefix_parse(&p, pool), OK);
	if (wanted)
		assert_int_equal(address_parse(&w, wanted), OK);
	return state_pool_pick(s, &p, &(struct pool_wish){wanted ? &w : NULL, {0}}, rest_ms, NULL, &out)
		       ? address_to_ipv4(&out) & 0xff
		       : 0xffff;
}

/* A client that asks for its old address, or for any, gets the old one at once; no other client
 * does, and it gets no other resting one. If it had two, it gets the later one first. */
static void test_pool_same_client(void **unused)
{
	struct state *s = apply_three_nodes();
	struct blob *octets;
	struct prefix p;
	struct address had, other, out;
	struct ike_id peer, stranger;

	(void)unused;
	assert_int_equal(prefix_parse(&p, "10.30.0.0/29"), OK);
	for (uint32_t n = 1; n <= 6; n++)
		apply_put(s, n);
	peer = state_session(s, 3)->ike.peer_id;
	had = state_session(s, 3)->ike.virtual_ip;
	stranger = state_session(s, 4)->ike.peer_id;
	other = state_session(s, 5)->ike.virtual_ip;
	apply_del(s, 3);
	apply_del(s, 5);
	octets = state_encode(s); /* Another node knows it too. */
	state_free(s);
	s = state_decode(octets->data, octets->len, LEVEL);
	assert_non_null(s);
	blob_unref(octets);
	assert_false(state_pool_pick(s, &p, &(struct pool_wish){&had, {&stranger, 1}}, 5000, NULL, &out));
	assert_false(state_pool_pick(s, &p, &(struct pool_wish){NULL, {&stranger, 1}}, 5000, NULL, &out));
	assert_false(state_pool_pick(s, &p, &(struct pool_wish){&had, {0}}, 5000, NULL, &out));
	assert_true(state_pool_pick(s, &p, &(struct pool_wish){NULL, {&peer, 1}}, 5000, NULL, &out));
	assert_true(address_equal(&out, &had));
	assert_true(state_pool_pick(s, &p, &(struct pool_wish){&other, {&peer, 1}}, 5000, NULL, &out));
	assert_true(address_equal(&out, &had));
	assert_true(state_pool_pick(s, &p, &(struct pool_wish){&had, {&peer, 1}}, 5000, NULL, &out));
	assert_true(address_equal(&out, &had));
	state_free(s);
}

/* The session of sample_session(seed), as another one of peer-1; with that address. */
static void put_of_first(struct state *s, uint32_t seed, const struct address *ip)
{
	struct command c = {.type = COMMAND_SESSION_PUT};
	struct ike_session first;

	sample_session(&first, 1);
	sample_session(&c.session_put.ike, seed);
	c.session_put.ike.peer_id = first.peer_id;
	ike_session_fini(&first);
	if (ip)
		c.session_put.ike.virtual_ip = *ip;
	c.session_put.slot = seed % STATE_SLOTS;
	c.session_put.lease = APPLY_LEASE;
	assert_int_equal(apply_command(s, &c).status, OK);
}

static bool is_this(const void *ctx, const struct address *a)
{
	return address_equal(a, ctx);
}

/* An identity with three addresses frees them one after the other. */
static void test_pool_several(void **unused)
{
	static const uint32_t order[] = {2, 3, 1};
	struct state *s = apply_three_nodes();
	struct address had[4], out;
	struct prefix p;
	struct ike_id peer;

	(void)unused;
	assert_int_equal(prefix_parse(&p, "10.30.0.0/16"), OK);
	for (uint32_t n = 1; n <= 3; n++) {
		put_of_first(s, n, NULL);
		had[n] = state_session(s, n)->ike.virtual_ip;
	}
	peer = state_session(s, 1)->ike.peer_id;
	for (size_t i = 0; i < 3; i++) {
		apply_del(s, order[i]);
		assert_true(state_pool_pick(s, &p, &(struct pool_wish){NULL, {&peer, 1}}, 5000, NULL, &out));
		assert_true(address_equal(&out, &had[order[i]]));
	}
	/* The last is on its way to somebody. */
	assert_true(state_pool_pick(s, &p, &(struct pool_wish){NULL, {&peer, 1}}, 5000,
				    &(struct pool_taken){.is = is_this, .ctx = &had[1]}, &out));
	assert_true(address_equal(&out, &had[3]));
	/* One in the middle is used again, then goes with age like the others. */
	put_of_first(s, 4, &had[3]);
	assert_true(state_pool_pick(s, &p, &(struct pool_wish){NULL, {&peer, 1}}, 5000,
				    &(struct pool_taken){.is = is_this, .ctx = &had[1]}, &out));
	assert_true(address_equal(&out, &had[2]));
	apply_time(s, 700000);
	assert_true(state_pool_pick(s, &p, &(struct pool_wish){NULL, {&peer, 1}}, 5000, NULL, &out));
	assert_true(address_equal(&out, &had[1])); /* However long ago. */
	state_free(s);
}

static void test_pool(void **unused)
{
	struct state *s = apply_three_nodes();

	(void)unused; /* sample_session(n) has 10.30.0.n */
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 0), 1); /* 0 is the network. */
	for (uint32_t n = 1; n <= 5; n++) {
		assert_int_equal(pick(s, "10.30.0.0/29", NULL, 0), n);
		apply_put(s, n);
	}
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.6", 0), 6);
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.3", 0), 6);  /* In use. */
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.7", 0), 6);  /* Broadcast. */
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.9.9", 0), 6);  /* Elsewhere. */
	apply_put(s, 6);
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 0), 0xffff);
	apply_time(s, 1000);
	apply_del(s, 4);
	apply_time(s, 1000);
	apply_del(s, 2);
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 5000), 0xffff); /* They rest. */
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.2", 5000), 0xffff);
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 0), 4); /* The oldest first ... */
	apply_time(s, 4000);
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 5000), 4);
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.2", 5000), 4);
	apply_time(s, 1000);
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.2", 5000), 2);
	apply_time(s, 600000 - 5000); /* ... however long ago: who had the other may come back. */
	assert_int_equal(pick(s, "10.30.0.0/29", NULL, 5000), 4);
	/* The same addresses in another pool; one too small for a broadcast. */
	assert_int_equal(pick(s, "10.30.0.2/31", NULL, 0), 2);
	assert_int_equal(pick(s, "10.30.0.4/32", NULL, 0), 4);
	assert_int_equal(pick(s, "10.30.0.5/32", NULL, 0), 0xffff);
	state_free(s);
}

/* Only that many are remembered: beyond, those freed longest ago count as never used. */
static void test_pool_remembers(void **unused)
{
	struct state *s = apply_three_nodes();
	struct prefix p;
	struct address first, out;
	struct ike_id peer;
	uint64_t last = 0;

	(void)unused;
	assert_int_equal(prefix_parse(&p, "10.0.0.0/8"), OK);
	for (uint32_t n = 1; n <= STATE_FREED_MAX + 1; n++) {
		struct command c = {.type = COMMAND_SESSION_PUT};

		sample_session(&c.session_put.ike, n);
		c.session_put.lease = APPLY_LEASE;
		c.session_put.ike.virtual_ip.octets[1] = (uint8_t)(n >> 16);
		c.session_put.ike.virtual_ip.octets[2] = (uint8_t)(n >> 8);
		c.session_put.ike.virtual_ip.octets[3] = (uint8_t)n;
		if (n == 1) {
			peer = c.session_put.ike.peer_id;
			first = c.session_put.ike.virtual_ip;
		}
		last = apply_command(s, &c).session;
		apply_del(s, last);
		if (n == STATE_FREED_MAX) {
			apply_time(s, 3600000);
			assert_true(state_pool_pick(s, &p, &(struct pool_wish){NULL, {&peer, 1}}, 0, NULL, &out));
			assert_true(address_equal(&out, &first));
		}
	}
	apply_time(s, 600000);
	assert_int_equal(pick(s, "10.0.0.0/8", NULL, 0), 1);
	assert_false(freed_contains(s, &first));
	state_free(s);
}

static void test_pool_use(void **unused)
{
	struct state *s = apply_three_nodes();
	struct prefix p, half;
	struct command c;

	(void)unused;
	assert_int_equal(prefix_parse(&p, "10.30.0.0/29"), OK);
	assert_int_equal(prefix_parse(&half, "10.30.0.0/30"), OK);
	assert_int_equal(state_pool_use(s, &p).used, 0);
	assert_int_equal(state_pool_use(s, &p).size, 6);
	for (uint32_t n = 1; n <= 5; n++)
		apply_put(s, n);
	assert_int_equal(state_pool_use(s, &p).used, 5);
	assert_int_equal(state_pool_use(s, &half).used, 3); /* Looked at for the first time. */
	c = takes(s, 9, 1); /* One address, two sessions. */
	c.session_put.ike.peer_id = state_session(s, 1)->ike.peer_id;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(state_pool_use(s, &p).used, 5);
	apply_del(s, 6);
	assert_int_equal(state_pool_use(s, &p).used, 5);
	apply_del(s, 1);
	apply_del(s, 2);
	assert_int_equal(state_pool_use(s, &p).used, 3);
	assert_int_equal(state_pool_use(s, &half).used, 1);
	state_free(s);
}

static struct command takes(const struct state *s, uint32_t seed, uint64_t from)
{
	struct command c = {.type = COMMAND_SESSION_PUT};

	sample_session(&c.session_put.ike, seed);
	c.session_put.lease = APPLY_LEASE;
	c.session_put.takes_from = from;
	c.session_put.ike.virtual_ip = state_session(s, 1)->ike.virtual_ip;
	return c;
}

static uint64_t user(const struct state *s)
{
	struct address a;

	assert_int_equal(address_parse(&a, "10.30.0.1"), OK);
	return state_address_user(s, &a, NULL, 0);
}

/* Make before break: the address passes along a row of sessions of one identity, and back when the
 * last one goes; to no other, and only from a session that has it. */
static void test_pass(void **unused)
{
	struct state *s = apply_three_nodes();
	const uint64_t gone[] = {3, 1, 2};
	struct apply_result r;
	struct command c;

	(void)unused;
	apply_put(s, 1);
	c = takes(s, 2, 1); /* Another identity. */
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS);
	for (uint32_t n = 2; n <= 3; n++) {
		c = takes(s, n, n - 1);
		c.session_put.ike.peer_id = state_session(s, 1)->ike.peer_id;
		r = apply_command(s, &c);
		assert_true(r.status == OK && r.n_passed == 1 && r.passed[0] == n - 1);
		assert_int_equal(user(s), n);
	}
	c = takes(s, 4, 2); /* Has passed on. */
	c.session_put.ike.peer_id = state_session(s, 1)->ike.peer_id;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS);
	assert_int_equal(state_session(s, 1)->followed_by, 2);
	c = apply_step_of(s, 1); /* What only receives goes on otherwise ... */
	assert_int_equal(apply_command(s, &c).status, OK);
	c = apply_step_of(s, 1); /* ... with the address that it had. */
	c.session_step.ike.virtual_ip.octets[3] = 9;
	assert_int_equal(apply_command(s, &c).status, ERR_EXISTS);
	for (unsigned i = 0; i < 2; i++) { /* The same after a snapshot. */
		struct blob *octets = state_encode(s);
		struct state *read = state_decode(octets->data, octets->len, LEVEL);

		assert_non_null(read);
		blob_unref(octets);
		state_free(s);
		s = read;
		if (i == 0)
			assert_int_equal(apply_del(s, 2).n_passed, 0); /* Out of the middle. */
	}
	assert_int_equal(state_session(s, 1)->followed_by, 3);
	assert_int_equal(state_address_user(s, &state_session(s, 1)->ike.virtual_ip, gone, 1), 1);
	assert_int_equal(state_address_user(s, &state_session(s, 1)->ike.virtual_ip, gone, 3), 0);
	r = apply_del(s, 3);
	assert_true(r.n_passed == 1 && r.passed[0] == 1);
	assert_int_equal(user(s), 1);
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.1", 0), 2);
	apply_del(s, 1);
	assert_int_equal(user(s), 0);
	assert_int_equal(pick(s, "10.30.0.0/29", "10.30.0.1", 0), 1);
	state_free(s);
}

static void test_pool_ipv6(void **unused)
{
	struct state *s = apply_three_nodes();
	struct prefix p;
	struct address out, expected;
	struct command c = {.type = COMMAND_SESSION_PUT};

	(void)unused;
	assert_int_equal(prefix_parse(&p, "2001:db8:1::/64"), OK);
	assert_int_equal(address_parse(&expected, "2001:db8:1::1"), OK);
	assert_true(state_pool_pick(s, &p, NULL, 0, NULL, &out));
	assert_true(address_equal(&out, &expected));
	sample_session(&c.session_put.ike, 5);
	c.session_put.ike.virtual_ip = out;
	assert_int_equal(apply_command(s, &c).status, OK);
	assert_int_equal(address_parse(&expected, "2001:db8:1::2"), OK);
	assert_true(state_pool_pick(s, &p, NULL, 0, NULL, &out));
	assert_true(address_equal(&out, &expected));
	state_free(s);
}

/* Addresses freed in another pool are passed over once, not at each request, and the order stays. */
static void test_pool_of_two(void **unused)
{
	static const char small[] = "10.30.0.0/30", large[] = "10.30.0.64/26";
	struct state *s = apply_three_nodes();
	const struct pool_hint *h = s->hints->hint;
	struct address first = address_ipv4(0x0a1e0001), out;
	struct prefix p;

	(void)unused;
	assert_int_equal(prefix_parse(&p, small), OK);
	for (uint32_t n = 1; n <= 2; n++)
		apply_put(s, n);
	for (uint32_t n = 65; n < 125; n++)
		apply_put(s, n);
	assert_int_equal(pick(s, small, NULL, 0), 0xffff);
	assert_null(h->oldest);
	for (uint64_t id = 3; id < 33; id++)
		apply_del(s, id);
	assert_int_equal(pick(s, small, NULL, 0), 0xffff);
	assert_null(h->oldest);
	apply_del(s, 2);
	apply_time(s, 1000);
	for (uint64_t id = 33; id < 63; id++)
		apply_del(s, id);
	apply_del(s, 1);
	assert_int_equal(pick(s, small, NULL, 5000), 0xffff);
	assert_int_equal(pick(s, small, NULL, 0), 2);
	assert_int_equal(h->oldest->address.octets[3], 2);
	assert_int_equal(pick(s, large, NULL, 0), 125); /* Two were never used, ... */
	apply_put(s, 125);
	apply_put(s, 126);
	assert_int_equal(pick(s, large, NULL, 0), 65);  /* ... then the one freed longest ago. */
	assert_true(state_pool_pick(
		s, &p, NULL, 0, &(struct pool_taken){ .is = is_this, .ctx = &h->oldest->address },
		&out));
	assert_true(address_equal(&out, &first)); /* The other one is on its way to somebody. */
	put_of_first(s, 202, &h->oldest->address);
	assert_int_equal(pick(s, small, NULL, 0), 1);
	put_of_first(s, 201, &first);
	assert_int_equal(pick(s, small, NULL, 0), 0xffff);
	assert_null(h->oldest);
	assert_int_equal(pick(s, large, NULL, 0), 65);
	state_free(s);
}

static bool is_low(const void *ctx, const struct address *a)
{
	(void)ctx;
	return a->octets[3] <= 4;
}

/* A reserved address is passed over, whatever its past, and given again once it is not reserved. */
static void test_pool_kept(void **unused)
{
	const struct pool_taken kept = {.is = is_low, .kept = is_low};
	struct state *s = apply_three_nodes();
	struct address out;
	struct prefix p;

	(void)unused;
	assert_int_equal(prefix_parse(&p, "10.30.0.0/29"), OK);
	apply_put(s, 3);
	apply_put(s, 5);
	apply_del(s, 1);
	assert_true(state_pool_pick(s, &p, NULL, 0, &kept, &out));
	assert_int_equal(out.octets[3], 6);
	assert_int_equal(s->hints->hint[0].low.octets[3], 6); /* The lower ones are not examined any more. */
	apply_put(s, 6);
	assert_false(state_pool_pick(s, &p, NULL, 0, &kept, &out));
	assert_null(s->hints->hint[0].oldest);
	state_pools_look_anew(s);
	assert_true(state_pool_pick(s, &p, NULL, 0, NULL, &out));
	assert_int_equal(out.octets[3], 1);
	for (uint32_t n = 1; n <= 4; n += n == 2 ? 2 : 1)
		apply_put(s, n);
	assert_true(state_pool_pick(s, &p, NULL, 0, NULL, &out));
	assert_int_equal(out.octets[3], 3);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_pool_same_client), cmocka_unit_test(test_pool_several),
		cmocka_unit_test(test_pool_remembers),
		cmocka_unit_test(test_pool_of_two),
		cmocka_unit_test(test_pool_kept),
		cmocka_unit_test(test_pool_use),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_pool_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
