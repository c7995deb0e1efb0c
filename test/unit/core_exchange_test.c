/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of IKE messages at the leader: which waits for which, and what follows when a command
 * does not commit (DESIGN section 4). */
#include "test/lib/story.h"
#include "test/unit/same.h"

#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RAFT_MESSAGE_TIMEOUT_NOW 6u

/* A lease renewal commits between a request and its command: the request keeps its turn, and is
 * executed once. */
static void a_renewal_does_not_end_a_requests_turn(void **unused)
{
	const struct sad_entry *e;
	struct story l;
	uint32_t leader;
	unsigned before;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	leader = story_leader(&l);
	before = story_happened(&l, leader, "propose");
	story_stall_all(&l, leader);
	e = story_owned(&l);
	story_report(&l, story_holder(&l), e, SA_REPORT_LEASE_LOW, e->next);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.responses, 0);
	story_resume_all(&l);
	story_run(&l, 20);
	story_client_listen(&l);
	assert_int_equal(l.client.counts.responses, 1);
	assert_int_equal(story_happened(&l, leader, "propose"), before + 1);
	story_fini(&l);
}

static bool lose_timeout_now(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	(void)from;
	(void)to;
	return f->data[0] == FRAME_RAFT && f->len > 2 && f->data[2] == RAFT_MESSAGE_TIMEOUT_NOW;
}

/* While leadership moves to another node, nothing enters the log. If the move fails, requests that
 * came meanwhile are answered all the same. */
static void a_hand_over_that_fails_forgets_nobody(void **unused)
{
	struct event leave = { .type = EVENT_SHUTDOWN };
	struct blob *request;
	struct story l;
	uint32_t leader;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	leader = story_leader(&l);
	l.loses = lose_timeout_now;
	story_event(&l, leader, &leave);
	story_run(&l, 25);
	request = initiator_create_dpd(&l.client);
	story_client_send(&l, blob_ref(request));
	story_run(&l, 500);
	story_client_listen(&l);
	story_run(&l, 55); /* libraft gives up; the next try comes later. */
	story_client_send(&l, request); /* The client's repetition comes by then. */
	story_client_listen(&l);
	assert_int_equal(l.client.counts.responses, 1);
	assert_int_equal(l.node[leader].exited, -1);
	story_fini(&l);
}

/* ... and if it succeeds, the next leader answers the client's repetition. */
static void a_hand_over_under_load_loses_no_request(void **unused)
{
	struct event leave = { .type = EVENT_SHUTDOWN };
	struct story l;
	uint32_t leader;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	leader = story_leader(&l);
	story_stall_all(&l, leader); /* Makes the hand-over slow. */
	story_event(&l, leader, &leave);
	story_client_send(&l, initiator_create_dpd(&l.client));
	story_resume_all(&l);
	story_run(&l, 1520);
	story_client_send(&l, initiator_retransmit(&l.client));
	assert_int_not_equal(story_leader(&l), leader);
	assert_int_equal(l.client.counts.responses, 1);
	assert_int_equal(l.node[leader].exited, 0);
	story_fini(&l);
}

/* A recorded request proves nothing about the client. */
static void a_repeated_request_is_no_sign_of_life(void **unused)
{
	struct blob *request;
	struct story l;
	uint32_t before;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].policy->ike.connections->dpd_ms = 1000;
	story_client_connect(&l);
	request = initiator_create_dpd(&l.client);
	story_client_send(&l, blob_ref(request));
	before = l.client.counts.requests;
	for (unsigned i = 0; i < 6; i++) {
		story_client_send(&l, blob_ref(request)); /* The attacker's. */
		story_run(&l, 400);
	}
	story_client_listen(&l);
	assert_true(l.client.counts.requests > before);
	blob_unref(request);
	story_fini(&l);
}

/* ---- Virtual IPs ---- */

static void second_client(struct story *l, struct initiator *other, bool initial_contact)
{
	struct initiator_config config = l->client.config;

	assert_int_equal(endpoint_parse(&config.local, "10.79.0.51:4500"), OK);
	config.initial_contact = initial_contact;
	story_client_other(l, other, &config);
}

/* Both are in the log at once; neither is refused and executed again. */
static void two_at_once_get_two_addresses(void **unused)
{
	struct blob *auth_a, *auth_b;
	struct initiator other;
	struct story l;
	uint32_t leader;

	(void)unused;
	story_begin(&l, 3);
	leader = story_leader(&l);
	second_client(&l, &other, false);
	auth_a = story_say(&l, &l.client, initiator_create_init(&l.client));
	story_swallow(&l);
	auth_b = story_say(&l, &other, initiator_create_init(&other));
	story_swallow(&l);
	story_stall_all(&l, leader);
	assert_null(story_say(&l, &l.client, auth_a));
	assert_null(story_say(&l, &other, auth_b));
	story_resume_all(&l);
	story_run(&l, 20);
	assert_null(story_say(&l, &l.client, NULL));
	assert_null(story_say(&l, &other, NULL));
	story_swallow(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(other.state, INITIATOR_ESTABLISHED);
	assert_false(address_equal(&l.client.virtual_ip, &other.virtual_ip));
	assert_int_equal(story_happened(&l, leader, "propose"), 2);
	initiator_fini(&other);
	story_fini(&l);
}

/* INITIAL_CONTACT: the old session goes, and its address stays with the client. */
static void a_client_that_starts_anew_keeps_its_address(void **unused)
{
	struct initiator other;
	struct story l;
	struct blob *auth;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	second_client(&l, &other, true);
	other.config.wanted_address = l.client.virtual_ip; /* What it had. */
	auth = story_say(&l, &other, initiator_create_init(&other));
	story_swallow(&l);
	assert_null(story_say(&l, &other, auth));
	story_run(&l, 50);
	story_swallow(&l);
	assert_int_equal(other.state, INITIATOR_ESTABLISHED);
	assert_true(address_equal(&l.client.virtual_ip, &other.virtual_ip));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(state_sessions(core_state(l.node[i].core)), 1);
	initiator_fini(&other);
	story_fini(&l);
}

/* Re-authentication, break before make: its own DELETE, then a new IKE SA at once. It keeps its
 * address; another identity that asks for that does not get it. */
static void a_client_that_comes_back_keeps_its_address(void **unused)
{
	struct address had;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	had = l.client.virtual_ip;
	story_client_send(&l, initiator_create_ike_delete(&l.client, 0));
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	l.client.config.wanted_address = had;
	story_client_connect(&l);
	assert_true(address_equal(&l.client.virtual_ip, &had));
	story_level(&l);
	story_fini(&l);
}

/* ---- What a client may not do ---- */

/* The answer to this would not fit into a log entry; no process ends because of it. */
static void an_oversize_cookie2_is_not_echoed(void **unused)
{
	static const uint8_t huge[60000];
	struct ike_builder b;
	struct story l;
	uint32_t leader;

	(void)unused;
	story_begin(&l, 3);
	l.client.config.mobike = true;
	l.client.config.fragmentation = false; /* No set of fragments is that long. */
	story_client_connect(&l);
	leader = story_leader(&l);
	initiator_begin(&l.client, 0, 37, &b);
	ike_add_notify(&b, IKE_NOTIFY_COOKIE2, huge, sizeof(huge));
	story_client_send(&l, initiator_send(&l.client, 0, INITIATOR_OTHER, &b));
	assert_int_equal(l.client.counts.responses, 1);
	assert_int_equal(story_leader(&l), leader);
	story_fini(&l);
}

/* ---- The last word ---- */

/* The reply, one datagram or none; no client consumes it. */
static struct blob *ask(struct story *l, const struct blob *request)
{
	struct blob *answer;

	story_datagram(l, story_holder(l), &l->client, request);
	story_run(l, 100);
	assert_true(l->n_to_client <= 1);
	answer = l->n_to_client ? blob_ref(l->to_client[0]) : NULL;
	story_swallow(l);
	return answer;
}

/* RFC 7296 2.1: "The responder MUST remember each response until it receives a request whose
 * sequence number is larger than or equal to the sequence number in the response plus its
 * window size": on an IKE SA that is gone there is none. */
static void a_delete_is_answered_again_by_the_next_leader(void **unused)
{
	struct blob *request, *damaged, *first, *second;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	request = initiator_create_ike_delete(&l.client, 0);
	first = ask(&l, request);
	assert_non_null(first);
	assert_int_equal(state_sessions(core_state(l.node[story_leader(&l)].core)), 0);
	story_lose_leader(&l);
	second = ask(&l, request);
	assert_same_unref(second, first);
	damaged = blob_new(request->data, request->len);
	damaged->data[damaged->len - 1] ^= 1;
	assert_null(ask(&l, damaged));
	blob_unref(damaged);
	blob_unref(request);
	story_fini(&l);
}

static struct blob *late; /* The first copy of a half-open SA that leaves for another node. */

static bool keep_half_open(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	(void)from;
	(void)to;
	if (f->data[0] == FRAME_HALF_OPEN && !late)
		late = blob_new(f->data, f->len);
	return false;
}

/* It may still have the half-open IKE SA: its copy came late, or the session came in a snapshot. */
static void a_delete_is_answered_beside_a_half_open_copy(void **unused)
{
	struct blob *request, *first;
	struct story l;
	uint32_t leader;

	(void)unused;
	story_begin(&l, 3);
	leader = story_leader(&l);
	l.loses = keep_half_open;
	story_client_connect(&l);
	l.loses = NULL;
	assert_non_null(late);
	for (uint32_t i = 0; i < 3; i++)
		if (i != leader)
			story_frame(&l, leader, i, blob_ref(late));
	blob_set(&late, NULL);
	request = initiator_create_ike_delete(&l.client, 0);
	first = ask(&l, request);
	assert_non_null(first);
	story_lose_leader(&l);
	assert_same_unref(ask(&l, request), first);
	blob_unref(request);
	story_fini(&l);
}

/* Another IKE_SA_INIT with the same SPI and address, perhaps from an attacker who saw the first. It
 * comes before or after that: the client's exchange goes on. */
static void a_second_init_throws_no_exchange_out(void **unused)
{
	(void)unused;
	for (unsigned first = 0; first < 2; first++) {
		struct blob *init, *other, *answer, *auth;
		struct story l;

		story_begin(&l, 3);
		init = initiator_create_init(&l.client);
		other = blob_new(init->data, init->len);
		other->data[other->len - 1] ^= 1; /* In NAT_DETECTION_DESTINATION_IP. */
		if (first)
			story_datagram(&l, story_holder(&l), &l.client, other);
		story_swallow(&l);
		auth = story_say(&l, &l.client, blob_ref(init));
		answer = blob_ref(l.to_client[0]);
		story_swallow(&l);
		story_datagram(&l, story_holder(&l), &l.client, other);
		assert_int_equal(l.n_to_client, 1);
		story_swallow(&l);
		story_datagram(&l, story_holder(&l), &l.client, init); /* Each repetition gets its own reply. */
		assert_int_equal(l.n_to_client, 1);
		assert_same(l.to_client[0], answer);
		story_swallow(&l);
		assert_null(story_say(&l, &l.client, auth));
		assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
		blob_unref(init);
		blob_unref(other);
		blob_unref(answer);
		story_fini(&l);
	}
}

/* There is no leader: both are kept for the next one. */
static void a_second_init_throws_no_kept_one_out(void **unused)
{
	struct blob *init, *other;
	struct story l;
	uint32_t holder;

	(void)unused;
	story_begin(&l, 3);
	holder = story_holder(&l);
	story_kill(&l, story_leader(&l));
	init = initiator_create_init(&l.client);
	other = blob_new(init->data, init->len);
	other->data[other->len - 1] ^= 1;
	story_datagram(&l, holder, &l.client, init);
	story_datagram(&l, holder, &l.client, other);
	assert_int_equal(l.n_to_client, 0);
	story_run(&l, 900);
	assert_int_equal(l.n_to_client, 2);
	blob_unref(init);
	blob_unref(other);
	story_fini(&l);
}

/* Once a client is told that its SA is gone, nothing more is let in: the answer waits until the
 * owner has applied that; not for ever, for the owner may be lost. */
static void a_delete_waits_for_the_owner(void **unused)
{
	for (unsigned child = 0; child < 2; child++) {
		struct story l;

		(void)unused;
		story_begin(&l, 3);
		story_client_connect(&l);
		assert_int_not_equal(story_leader(&l), story_holder(&l));
		l.lost_type = FRAME_APPLIED;
		story_client_send(&l, child ? initiator_create_child_delete(&l.client, l.client.child[0].spi_in)
					    : initiator_create_ike_delete(&l.client, 0));
		assert_int_equal(state_child_sas(core_state(l.node[story_leader(&l)].core)), 0);
		story_run(&l, 45);
		story_client_listen(&l);
		assert_int_equal(l.client.counts.responses, 0);
		story_run(&l, 10);
		story_client_listen(&l);
		assert_int_equal(l.client.counts.responses, 1);
		story_fini(&l);
	}
}

/* A message at the second node, which does not lead; counts the replies. */
static unsigned send_version(struct story *l, uint8_t version, uint8_t flags)
{
	struct blob *d = initiator_create_init(&l->client);
	unsigned n;

	d->data[17] = version;
	d->data[18] = 99; /* An unknown exchange. */
	d->data[19] = flags;
	story_datagram(l, (story_leader(l) + 1) % l->n, &l->client, d);
	n = l->n_to_client;
	if (n == 1) {
		const uint8_t *reply = l->to_client[0]->data;

		assert_int_equal(l->to_client[0]->len, 36);
		assert_memory_equal(reply, d->data, 16); /* SPIs */
		assert_int_equal(reply[17], 0x20);
		assert_int_equal(reply[18], 99);
		assert_int_equal(reply[19], IKE_FLAG_RESPONSE);
		assert_memory_equal(reply + 20, d->data + 20, 4); /* Message ID */
		assert_memory_equal(reply + 28, "\0\0\0\x08\0\0\0\x05", 8);
		story_swallow(l);
	}
	blob_unref(d);
	return n;
}

/* RFC 7296 2.5, by any node, but not without end (2.21.4). */
static void a_higher_version_is_told_so(void **unused)
{
	unsigned answers = 0;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	assert_int_equal(send_version(&l, 0x30, IKE_FLAG_INITIATOR), 1);
	assert_int_equal(send_version(&l, 0x30, IKE_FLAG_RESPONSE), 0);
	assert_int_equal(send_version(&l, 0x20, IKE_FLAG_INITIATOR), 0); /* Ours, but no exchange of ours. */
	assert_int_equal(send_version(&l, 0x10, IKE_FLAG_INITIATOR), 0);
	assert_int_equal(send_version(&l, 0xf7, IKE_FLAG_INITIATOR), 1);
	for (unsigned i = 0; i < 100; i++)
		answers += send_version(&l, 0x30, IKE_FLAG_INITIATOR);
	assert_int_equal(answers, 8);
	story_run(&l, 1000);
	assert_int_equal(send_version(&l, 0x30, IKE_FLAG_INITIATOR), 1);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_renewal_does_not_end_a_requests_turn),
		cmocka_unit_test(a_hand_over_that_fails_forgets_nobody),
		cmocka_unit_test(a_hand_over_under_load_loses_no_request),
		cmocka_unit_test(a_repeated_request_is_no_sign_of_life),
		cmocka_unit_test(two_at_once_get_two_addresses),
		cmocka_unit_test(a_client_that_starts_anew_keeps_its_address),
		cmocka_unit_test(a_client_that_comes_back_keeps_its_address),
		cmocka_unit_test(an_oversize_cookie2_is_not_echoed),
		cmocka_unit_test(a_delete_is_answered_again_by_the_next_leader),
		cmocka_unit_test(a_delete_is_answered_beside_a_half_open_copy),
		cmocka_unit_test(a_higher_version_is_told_so),
		cmocka_unit_test(a_second_init_throws_no_exchange_out),
		cmocka_unit_test(a_second_init_throws_no_kept_one_out),
		cmocka_unit_test(a_delete_waits_for_the_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
