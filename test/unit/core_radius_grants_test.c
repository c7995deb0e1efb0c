/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a RADIUS server's grants in Access-Accept: an inner address, and a time. */
#include "test/unit/radius_story.h"

#include <stdio.h>

static const uint8_t framed[4] = {10, 30, 7, 9}, elsewhere_framed[4] = {10, 99, 0, 1};

static const struct session *only_session(const struct story *l)
{
	const struct state *s = core_state(l->node[story_leader(l)].core);
	const struct session *first = state_next_session(s, 0);

	assert_non_null(first);
	assert_null(state_next_session(s, first->id));
	return first;
}

static void grants(unsigned i, uint8_t type, const uint8_t value[4])
{
	servers[0].extra[i].type = type;
	servers[0].extra[i].value = value;
	servers[0].extra[i].len = 4;
}

static void a_server_assigns_the_address(void **unused)
{
	struct initiator other;
	struct address a;
	struct story l;

	(void)unused;
	begin(&l);
	grants(0, RADIUS_FRAMED_IP_ADDRESS, framed);
	story_client_other(&l, &other, &l.client.config);
	assert_goes_on(&l, request(&l, 2));
	a = only_session(&l)->ike.virtual_ip;
	assert_memory_equal(a.octets, framed, 4);
	/* The same identity again, from elsewhere: it has the address now, and the old one only receives. */
	initiator_fini(&l.client);
	l.client = other;
	l.client.config.local.address.octets[3] ^= 1;
	assert_goes_on(&l, request(&l, 2));
	assert_memory_equal(l.client.virtual_ip.octets, framed, 4);
	end(&l);
	/* An address of another identity, or outside all pools: no Child SA, and one log line. */
	for (unsigned k = 0; k < 2; k++) {
		struct blob *d;

		begin(&l);
		story_client_other(&l, &other, &l.client.config);
		grants(0, RADIUS_FRAMED_IP_ADDRESS, k ? elsewhere_framed : framed);
		if (k == 0) {
			assert_goes_on(&l, request(&l, 2));
			initiator_fini(&l.client);
			l.client = other;
			strcpy(l.client.config.user, "bob");
		} else {
			initiator_fini(&other);
		}
		for (d = request(&l, 2); d;) {
			struct blob *b = response(&l, d, 10);

			blob_unref(d);
			d = next(&l, b);
		}
		assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
		assert_int_equal(l.client.n_child, 0);
		assert_int_equal(story_happened(&l, story_leader(&l), "refused"), 1);
		end(&l);
	}
}

/* With "keep" the device that has what the server assigns keeps it, and the other one is told why. */
static void who_has_what_is_assigned_is_kept(void **unused)
{
	struct initiator first, other;
	struct story l;

	(void)unused;
	begin(&l);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].policy->ike.connections->unique = IKE_UNIQUE_KEEP;
	grants(0, RADIUS_FRAMED_IP_ADDRESS, framed);
	story_client_other(&l, &other, &l.client.config);
	assert_goes_on(&l, request(&l, 2));
	first = l.client;
	l.client = other;
	l.client.config.local.address.octets[3] ^= 1;
	for (struct blob *d = request(&l, 2); d;) {
		struct blob *b = response(&l, d, 10);

		blob_unref(d);
		d = next(&l, b);
	}
	assert_int_equal(l.client.state, INITIATOR_FAILED);
	assert_int_equal(story_happened(&l, story_leader(&l), "refused"), 1);
	assert_memory_equal(only_session(&l)->ike.virtual_ip.octets, framed, 4);
	initiator_fini(&first);
	end(&l);
}

/* The leader changes meanwhile: the time is in the session's record. */
static void a_session_ends_when_its_time_is_over(void **unused)
{
	static const uint8_t timeout[4] = {0, 0, 0, 60};
	struct story l;

	(void)unused;
	begin(&l);
	grants(0, RADIUS_SESSION_TIMEOUT, timeout);
	assert_goes_on(&l, request(&l, 2));
	assert_non_null(only_session(&l));
	story_lose_leader(&l);
	for (unsigned s = 0; s < 57; s++) {
		story_run(&l, 1000);
		story_client_listen(&l);
	}
	assert_int_equal(l.client.n_child, 1);
	for (unsigned s = 0; s < 5; s++) {
		story_run(&l, 1000);
		story_client_listen(&l);
	}
	assert_null(state_next_session(core_state(l.node[story_leader(&l)].core), 0));
	assert_int_equal(l.client.n_child, 0);
	end(&l);
}

/* Its connection is gone from the file, with so many sessions that none ends by that. */
static void its_time_is_over_without_a_connection_too(void **unused)
{
	static const uint8_t timeout[4] = {0, 0, 0, 60};
	struct story l;

	(void)unused;
	begin(&l);
	grants(0, RADIUS_SESSION_TIMEOUT, timeout);
	assert_goes_on(&l, request(&l, 2));
	for (uint32_t i = 0; i < 3; i++) {
		struct cluster_policy *policy = story_policy_copy(&l, i, 2);

		snprintf(policy->ike.connections->name, sizeof(policy->ike.connections->name), "renamed");
		story_policy(&l, i, policy);
	}
	for (unsigned s = 0; s < 50; s++) {
		story_run(&l, 1000);
		story_client_listen(&l);
	}
	assert_non_null(only_session(&l));
	for (unsigned s = 0; s < 15; s++) {
		story_run(&l, 1000);
		story_client_listen(&l);
	}
	assert_null(state_next_session(core_state(l.node[story_leader(&l)].core), 0));
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_assigns_the_address),
		cmocka_unit_test(who_has_what_is_assigned_is_kept),
		cmocka_unit_test(a_session_ends_when_its_time_is_over),
		cmocka_unit_test(its_time_is_over_without_a_connection_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
