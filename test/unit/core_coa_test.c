/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of RADIUS servers that end sessions, or limit their time (RFC 5176): at any node, once
 * each, over the loss of the leader; and of strangers, and of somebody who repeats what was
 * recorded. */
#include "test/unit/radius_story.h"

#include "proto/auth/radius_accounting.h"
#include "proto/auth/radius_coa.h"

#define NOW 1700000000

static uint8_t last_id;

static void clock_says(struct story *l, int64_t unix_s)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct event e = {.type = EVENT_CLOCK, .clock.unix_s = unix_s};

		if (l->node[i].core)
			story_event(l, i, &e);
	}
}

static void begins(struct story *l)
{
	begin(l);
	clock_says(l, NOW);
	assert_goes_on(l, request(l, 2));
	story_run(l, 100);
}

/* The same client, as a new one. */
static void comes_back(struct story *l)
{
	story_client_new(l);
	l->client.config.auth = &initiator_eap_mschapv2;
	strcpy(l->client.config.user, "alice");
	l->client.config.password = servers[0].password;
	assert_goes_on(l, request(l, 2));
}

static const struct session *session(const struct story *l)
{
	return state_next_session(core_state(l->node[story_leader(l)].core), 0);
}

static bool is_there(const struct story *l)
{
	const struct session *s = session(l);

	return s && !session_ends(s);
}

static void begin_request(struct radius_builder *b, uint8_t code, uint32_t event_unix_s)
{
	static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];

	radius_begin(b, code, ++last_id, zero);
	if (event_unix_s)
		radius_add_u32(b, RADIUS_EVENT_TIMESTAMP, event_unix_s);
}

static struct blob *finish_request(struct radius_builder *b, const struct secret *secret)
{
	static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];
	struct radius none = {.code = 0};

	CBS_init(&none.authenticator, zero, sizeof(zero));
	return radius_finish_answer(b, &none, secret);
}

/* About that user; with timeout_s a CoA, else a Disconnect. */
static struct blob *says(const char *user, uint32_t timeout_s, uint32_t event_unix_s, const struct secret *secret)
{
	struct radius_builder b;

	begin_request(&b, timeout_s ? RADIUS_COA_REQUEST : RADIUS_DISCONNECT_REQUEST, event_unix_s);
	radius_add(&b, RADIUS_USER_NAME, user, strlen(user));
	if (timeout_s)
		radius_add_u32(&b, RADIUS_SESSION_TIMEOUT, timeout_s);
	return finish_request(&b, secret);
}

static void arrives_from(struct story *l, uint32_t node, const struct blob *b, const char *from)
{
	struct event e = {.type = EVENT_DATAGRAM};

	assert_int_equal(endpoint_parse(&e.datagram.remote, from), OK);
	assert_int_equal(endpoint_parse(&e.datagram.local, "10.20.0.11:3799"), OK);
	e.datagram.data = b->data;
	e.datagram.len = b->len;
	story_event(l, node, &e);
	story_run(l, 100);
}

static void arrives(struct story *l, uint32_t node, const struct blob *b)
{
	arrives_from(l, node, b, "10.20.0.9:40000");
}

static void assert_reply(uint8_t code, uint32_t error)
{
	uint32_t v = 0;
	struct radius r;
	CBS in, value;

	assert_non_null(reply);
	CBS_init(&in, reply->data, reply->len);
	assert_int_equal(radius_parse(&r, in), OK);
	assert_int_equal(r.code, code);
	if (radius_find(&r, RADIUS_ERROR_CAUSE, &value))
		assert_true(CBS_get_u32(&value, &v));
	assert_int_equal(v, error);
}

static void a_server_ends_a_session_at_any_node(void **unused)
{
	(void)unused;
	for (uint32_t node = 0; node < 3; node++) {
		struct story l;
		struct blob *b;

		begins(&l);
		b = says("alice", 0, NOW, &servers[0].secret);
		arrives(&l, node, b);
		assert_int_equal(replies, 1);
		assert_reply(41, 0);
		assert_false(is_there(&l));
		story_client_listen(&l);
		story_run(&l, 2000);
		assert_null(session(&l));
		/* It is repeated, and by then alice is there again. */
		comes_back(&l);
		arrives(&l, (node + 1) % 3, b);
		assert_int_equal(replies, 2);
		assert_reply(41, 0);
		assert_true(is_there(&l));
		blob_unref(b);
		end(&l);
	}
}

/* Its answer was lost with the leader: the next one gives the same, bit for bit, and ends nothing more. */
static void the_next_leader_gives_the_same_answer(void **unused)
{
	struct blob *b, *none, *first;
	struct story l;

	(void)unused;
	begins(&l);
	b = says("alice", 0, NOW, &servers[0].secret);
	none = says("bob", 0, NOW, &servers[0].secret);
	arrives(&l, story_holder(&l), none);
	assert_reply(42, RADIUS_ERROR_SESSION_NOT_FOUND);
	arrives(&l, story_holder(&l), b);
	assert_reply(41, 0);
	first = blob_ref(reply);
	story_client_listen(&l);
	story_run(&l, 500);
	comes_back(&l);
	story_lose_leader(&l);
	clock_says(&l, NOW + 2);
	arrives(&l, story_holder(&l), b);
	assert_int_equal(replies, 3);
	assert_int_equal(reply->len, first->len);
	assert_memory_equal(reply->data, first->data, first->len);
	assert_true(is_there(&l));
	blob_unref(first);
	arrives(&l, story_holder(&l), none);
	assert_int_equal(replies, 4);
	assert_reply(42, RADIUS_ERROR_SESSION_NOT_FOUND);
	blob_unref(none);
	blob_unref(b);
	end(&l);
}

/* The leader is lost with the request proposed, and nobody has stored it: nothing was answered,
 * the next leader is asked again and carries it out. */
static void a_leader_is_lost_before_the_commit(void **unused)
{
	struct blob *b;
	struct story l;

	(void)unused;
	begins(&l);
	b = says("alice", 0, NOW, &servers[0].secret);
	story_stall_all(&l, story_leader(&l));
	l.lost_type = FRAME_RAFT;
	arrives(&l, story_third(&l), b);
	assert_int_equal(replies, 0);
	assert_true(is_there(&l));
	/* Repeated: the leader has begun already. */
	arrives(&l, story_third(&l), b);
	assert_int_equal(replies, 0);
	l.lost_type = 0;
	story_resume_all(&l);
	story_lose_leader(&l);
	clock_says(&l, NOW + 3);
	assert_int_equal(replies, 0);
	arrives(&l, story_holder(&l), b);
	assert_int_equal(replies, 1);
	assert_reply(41, 0);
	assert_false(is_there(&l));
	blob_unref(b);
	end(&l);
}

static void arrives_and_is_answered(struct story *l, struct blob *b, uint8_t code, uint32_t error)
{
	unsigned before = replies;

	arrives(l, story_third(l), b);
	assert_int_equal(replies, before + 1);
	assert_reply(code, error);
	blob_unref(b);
}

/* Each attribute that identifies must be the session's. */
static void a_session_is_found_by_what_it_has(void **unused)
{
	static const char *const calling[] = {"192.0.2.77", "10.79.0.50"};
	uint8_t framed[4];
	struct radius_builder b;
	char id[RADIUS_SESSION_ID_LEN];
	struct story l;

	(void)unused;
	begins(&l);
	memcpy(framed, session(&l)->ike.virtual_ip.octets, 4);
	radius_session_id(session(&l)->id, session(&l)->spi, id);
	for (unsigned wrong = 0; wrong < 6; wrong++) {
		begin_request(&b, RADIUS_DISCONNECT_REQUEST, NOW);
		radius_add(&b, RADIUS_USER_NAME, wrong == 0 ? "alicf" : "alice", 5);
		id[strlen(id) - 1] ^= wrong == 1;
		radius_add(&b, RADIUS_ACCT_SESSION_ID, id, strlen(id));
		id[strlen(id) - 1] ^= wrong == 1;
		framed[3] ^= wrong == 2;
		radius_add(&b, RADIUS_FRAMED_IP_ADDRESS, framed, 4);
		framed[3] ^= wrong == 2;
		radius_add(&b, RADIUS_CALLING_STATION_ID, calling[wrong != 3], 10);
		radius_add(&b, RADIUS_CALLED_STATION_ID, wrong == 4 ? "10.79.0.101" : "10.79.0.100", 11);
		radius_add_u32(&b, RADIUS_NAS_IP_ADDRESS, wrong == 5 ? 0x0a140002 : 0x0a140001);
		arrives_and_is_answered(&l, finish_request(&b, &servers[0].secret), 42, wrong == 5 ? 403 : 503);
		assert_true(is_there(&l));
	}
	begin_request(&b, RADIUS_DISCONNECT_REQUEST, NOW);
	radius_add(&b, RADIUS_FRAMED_IP_ADDRESS, framed, 4);
	radius_add(&b, RADIUS_CALLING_STATION_ID, calling[1], 10);
	arrives_and_is_answered(&l, finish_request(&b, &servers[0].secret), 41, 0);
	assert_false(is_there(&l));
	end(&l);
}

/* From now on, whoever leads. */
static void a_server_limits_the_time(void **unused)
{
	struct blob *b;
	struct story l;

	(void)unused;
	begins(&l);
	b = says("alice", 20, NOW, &servers[0].secret);
	arrives(&l, story_leader(&l), b);
	assert_reply(44, 0);
	blob_unref(b);
	story_lose_leader(&l);
	for (unsigned s = 0; s < 15; s++) {
		story_run(&l, 1000);
		story_client_listen(&l);
	}
	assert_true(is_there(&l));
	for (unsigned s = 0; s < 8; s++) {
		story_run(&l, 1000);
		story_client_listen(&l);
	}
	assert_false(is_there(&l));
	end(&l);
}

/* Nothing happens, and nothing is answered; the log says why, now and then. */
static void strangers_are_not_heard(void **unused)
{
	struct secret wrong;
	struct blob *b;
	struct story l;

	(void)unused;
	begins(&l);
	secret_set(&wrong, "wrong", 5);
	b = says("alice", 0, NOW, &wrong);
	arrives(&l, story_leader(&l), b);
	blob_unref(b);
	assert_non_null(strstr(story_told(&l, story_leader(&l), "coa_ignored"), "another secret"));
	/* The right secret, but from elsewhere, or from a server without `coa`. */
	b = says("alice", 0, NOW, &servers[0].secret);
	arrives_from(&l, story_leader(&l), b, "10.20.0.66:40000");
	arrives_from(&l, story_leader(&l), b, "10.20.0.10:40000");
	blob_unref(b);
	/* Too old, from the future, or without a time. */
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t times[] = {NOW - 310, NOW + 310, 0};

		b = says("alice", 0, times[i], &servers[0].secret);
		arrives(&l, story_holder(&l), b);
		blob_unref(b);
	}
	assert_int_equal(replies, 0);
	assert_true(is_there(&l));
	assert_int_equal(story_happened(&l, story_leader(&l), "coa_ignored"), 1);
	end(&l);
}

/* Who has recorded a request repeats it, until its time is over and after that. */
static void a_recording_ends_nothing(void **unused)
{
	struct blob *b;
	struct story l;

	(void)unused;
	begins(&l);
	b = says("alice", 0, NOW, &servers[0].secret);
	arrives(&l, story_leader(&l), b);
	assert_int_equal(replies, 1);
	story_client_listen(&l);
	story_run(&l, 2000);
	comes_back(&l);
	story_run(&l, 5000); /* Nodes tell their clocks each 5 s. */
	clock_says(&l, NOW + 299);
	arrives(&l, story_leader(&l), b);
	assert_int_equal(replies, 2);
	story_run(&l, 5000);
	clock_says(&l, NOW + 301);
	arrives(&l, story_leader(&l), b);
	assert_int_equal(replies, 2);
	assert_true(is_there(&l));
	blob_unref(b);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_ends_a_session_at_any_node),
		cmocka_unit_test(the_next_leader_gives_the_same_answer),
		cmocka_unit_test(a_server_limits_the_time),
		cmocka_unit_test(a_leader_is_lost_before_the_commit),
		cmocka_unit_test(a_session_is_found_by_what_it_has),
		cmocka_unit_test(strangers_are_not_heard),
		cmocka_unit_test(a_recording_ends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
