/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of clients that RADIUS lets in (test/lib/radius_server.h): leaders come and go between
 * requests and answers, servers are silent, strangers answer. */
#include "test/unit/radius_story.h"

#include <openssl/md5.h>

static void the_leader_is_lost_before_each_round(void **unused)
{
	(void)unused;
	for (unsigned round = 1; round <= ROUNDS; round++) {
		struct blob *d;
		struct story l;

		begin(&l);
		d = request(&l, round);
		story_lose_leader(&l);
		assert_goes_on(&l, d);
		assert_int_equal(servers[0].requests, 3);
		end(&l);
	}
}

/* The leader has asked, and is lost before the answer comes: the next one repeats the request bit for
 * bit, so the server goes on where it was. Then the holder is lost, whose address moves. */
static void the_next_leader_repeats_the_request(void **unused)
{
	(void)unused;
	for (unsigned round = 2; round < ROUNDS; round++)
		for (unsigned holder = 0; holder < 2; holder++) {
			struct blob *d;
			struct story l;

			begin(&l);
			d = request(&l, round);
			lost = true;
			assert_null(response(&l, d, 10));
			assert_int_equal(servers[0].requests, round - 1);
			if (holder)
				story_lose(&l, story_holder(&l));
			else
				story_lose_leader(&l);
			lost = false;
			if (holder)
				story_run(&l, 1000); /* The question is repeated, and its answer arrived. */
			assert_goes_on(&l, d);
			assert_int_equal(servers[0].requests, 3);
			assert_true(servers[0].repeated >= (round == ROUNDS - 1));
			end(&l);
		}
}

/* The next leader must know the octets before the server has them. */
static void a_request_is_shared_before_it_leaves(void **unused)
{
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	d = request(&l, 2);
	l.lost_type = FRAME_HALF_OPEN;
	story_datagram(&l, story_holder(&l), &l.client, d);
	story_run(&l, 4);
	assert_int_equal(servers[0].requests, 0);
	story_run(&l, 2);
	assert_int_equal(servers[0].requests, 1);
	l.lost_type = 0;
	story_swallow(&l);
	assert_goes_on(&l, d);
	end(&l);
}

static void a_silent_server_is_asked_again_then_the_next(void **unused)
{
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	servers[0].silent = true;
	d = request(&l, 2);
	assert_null(response(&l, d, 4990));
	assert_int_equal(servers[0].requests + servers[0].repeated, 3);
	assert_int_equal(servers[1].requests, 0);
	assert_null(response(&l, d, 5)); /* The client's own repetition asks no server. */
	assert_int_equal(servers[0].requests + servers[0].repeated, 3);
	story_run(&l, 20);
	assert_int_equal(servers[1].requests, 1);
	assert_goes_on(&l, d);
	assert_int_equal(servers[1].requests, 3);
	end(&l);
}

static void a_dead_server_comes_last(void **unused)
{
	struct initiator other;
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	story_client_other(&l, &other, &l.client.config);
	servers[0].silent = true;
	d = request(&l, 2);
	assert_null(response(&l, d, 1));
	story_run(&l, 5010);
	assert_goes_on(&l, d);
	assert_int_equal(story_happened(&l, story_leader(&l), "radius_silent"), 1);
	initiator_fini(&l.client);
	l.client = other;
	servers[0].silent = false;
	servers[0].requests = 0;
	d = request(&l, 2);
	assert_goes_on(&l, d);
	assert_int_equal(servers[0].requests, 0);
	assert_int_equal(servers[1].requests, 6);
	end(&l);
}

/* It drops one client's request, as a server may, and answers others meanwhile: nobody is sent elsewhere for that. */
static void a_server_that_answers_others_is_not_dead(void **unused)
{
	struct initiator other;
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	story_client_other(&l, &other, &l.client.config);
	servers[0].silent = true;
	d = request(&l, 2);
	assert_null(response(&l, d, 1));
	blob_unref(d);
	initiator_fini(&l.client);
	l.client = other;
	servers[0].silent = false;
	assert_goes_on(&l, request(&l, 2));
	servers[0].silent = true;
	story_run(&l, 5010);
	assert_int_equal(servers[1].requests, 1); /* The first client's. */
	assert_int_equal(story_happened(&l, story_leader(&l), "radius_silent"), 0);
	end(&l);
}

static void no_server_answers(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	servers[0].silent = servers[1].silent = true;
	assert_refused(&l, request(&l, 2), 10100);
	end(&l);
	/* A conversation belongs to the server that it began with. */
	begin(&l);
	{
		struct blob *d = request(&l, 3);

		servers[0].silent = true;
		assert_refused(&l, d, 5100);
		assert_int_equal(servers[1].requests, 0);
	}
	end(&l);
}

static void a_wrong_password_is_refused(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	assert_int_equal(nt_hash_of(&l.client.config.password, "wrong", 5), OK);
	assert_refused(&l, request(&l, 4), 10);
	end(&l);
}

/* ---- Strangers ---- */

static struct blob *unsign(struct blob *answer)
{
	/* Without Message-Authenticator, which comes first; the Response Authenticator is right. */
	struct blob *b = blob_new(NULL, answer->len - 18);
	struct radius request;
	MD5_CTX h;
	CBS in;

	memcpy(b->data, answer->data, RADIUS_HEADER_LEN);
	memcpy(b->data + RADIUS_HEADER_LEN, answer->data + RADIUS_HEADER_LEN + 18,
	       answer->len - RADIUS_HEADER_LEN - 18);
	b->data[2] = (uint8_t)(b->len >> 8);
	b->data[3] = (uint8_t)b->len;
	CBS_init(&in, servers[0].request->data, servers[0].request->len);
	assert_int_equal(radius_parse(&request, in), OK);
	MD5_Init(&h);
	MD5_Update(&h, b->data, 4);
	MD5_Update(&h, CBS_data(&request.authenticator), 16);
	MD5_Update(&h, b->data + RADIUS_HEADER_LEN, b->len - RADIUS_HEADER_LEN);
	MD5_Update(&h, servers[0].secret.bytes, servers[0].secret.len);
	MD5_Final(b->data + 4, &h);
	blob_unref(answer);
	return b;
}

static struct blob *change(struct blob *answer)
{
	struct blob *b = blob_new(answer->data, answer->len);

	b->data[RADIUS_HEADER_LEN + 2] ^= 1; /* Its Message-Authenticator. */
	blob_unref(answer);
	return b;
}

/* Such an answer has no effect, and does not fail the client: the right one may still come. */
static void an_answer_that_is_not_signed_is_none(void **unused)
{
	static struct blob *(*const forgeries[])(struct blob *) = {unsign, change};

	(void)unused;
	for (unsigned i = 0; i < 2; i++) {
		struct core_status s;
		struct blob *d;
		struct story l;

		begin(&l);
		d = request(&l, 2);
		forge = forgeries[i];
		assert_null(response(&l, d, 900));
		core_status(l.node[story_leader(&l)].core, &s);
		assert_int_equal(s.drops[DROP_RADIUS], 1);
		forge = NULL;
		story_run(&l, 200); /* It is asked again. */
		assert_goes_on(&l, d);
		assert_int_equal(servers[0].requests, 3);
		assert_true(servers[0].repeated >= 1);
		end(&l);
	}
}

/* From a sender that is no server, to a port that only servers know. */
static void strangers_are_not_heard(void **unused)
{
	struct event e = {.type = EVENT_DATAGRAM};
	struct core_status s;
	struct story l;

	(void)unused;
	begin(&l);
	assert_int_equal(endpoint_parse(&e.datagram.remote, "10.20.0.66:1812"), OK);
	e.datagram.local = (struct endpoint){l.config[0].inside[0], RADIUS_LOCAL_PORT};
	e.datagram.data = (const uint8_t *)"hello";
	e.datagram.len = 5;
	story_event(&l, story_holder(&l), &e);
	core_status(l.node[story_holder(&l)].core, &s);
	assert_int_equal(s.drops[DROP_RADIUS], 1);
	/* A server that was asked nothing: only the leader knows that. */
	e.datagram.remote = servers[0].at;
	story_event(&l, story_holder(&l), &e);
	core_status(l.node[story_leader(&l)].core, &s);
	assert_int_equal(s.drops[DROP_RADIUS], 1);
	end(&l);
}

/* ---- Bounds ---- */

/* Another policy: with another secret the server is another one. */
static void a_policy_without_the_server_ends_what_it_was_asked(void **unused)
{
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	servers[0].silent = true;
	d = request(&l, 2);
	assert_null(response(&l, d, 10));
	for (uint32_t n = 0; n < 3; n++) {
		struct cluster_policy *p = story_policy_copy(&l, n, 7);

		p->ike.radius[0] = p->ike.radius[1];
		p->ike.n_radius = 1;
		story_policy(&l, n, p);
	}
	story_run(&l, 10); /* The other one is asked at once. */
	assert_int_equal(servers[1].requests, 1);
	assert_goes_on(&l, d);
	end(&l);
}

static unsigned n_identifiers(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 256; i++)
		n += identifiers[i];
	return n;
}

/* The story's client becomes another one, at a port and address of its own, and asks who it is. */
static void one_more_asks(struct story *l, unsigned port, bool elsewhere_at)
{
	struct initiator_config config = l->client.config;
	struct initiator other;
	struct blob *d;

	config.local.port = (uint16_t)port;
	config.local.address.octets[3] ^= elsewhere_at;
	story_client_other(l, &other, &config);
	initiator_fini(&l->client);
	l->client = other;
	d = request(l, 2);
	assert_null(response(l, d, 1));
	blob_unref(d);
}

static size_t open_questions(const struct story *l)
{
	struct core_status st;

	core_status(l->node[story_leader(l)].core, &st);
	return st.radius_waiting;
}

/* The server is slow, and one address asks for much: others have identifiers left. */
static void one_address_has_not_all_identifiers(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	servers[0].silent = true;
	for (unsigned i = 0; i < 40; i++)
		one_more_asks(&l, 30000 + i, false);
	assert_int_equal(n_identifiers(), 32);
	one_more_asks(&l, 30000, true);
	assert_int_equal(n_identifiers(), 33);
	assert_int_equal(open_questions(&l), 41);
	/* It answers: those that waited are asked for. */
	servers[0].silent = false;
	story_run(&l, 3000);
	assert_int_equal(n_identifiers(), 41);
	assert_int_equal(open_questions(&l), 0);
	end(&l);
}

/* The holder cannot be reached, and no other can become the holder: that says nothing about the server. */
static void what_has_not_left_is_no_try(void **unused)
{
	uint32_t holder, leader;
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	d = request(&l, 2);
	holder = story_holder(&l);
	leader = story_leader(&l);
	assert_int_not_equal(holder, leader);
	servers[0].silent = true; /* So that the request stays open. */
	assert_null(response(&l, d, 10));
	servers[0].silent = false;
	servers[0].requests = servers[0].repeated = 0;
	blob_set(&servers[0].request, NULL);
	story_stall(&l, story_third(&l));
	story_link(&l, holder, leader, false);
	story_run(&l, 5500);
	assert_int_equal(servers[0].requests, 0);
	assert_int_equal(story_happened(&l, leader, "radius_silent"), 0);
	assert_int_equal(servers[1].requests, 0);
	blob_unref(d);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leader_is_lost_before_each_round),
		cmocka_unit_test(the_next_leader_repeats_the_request),
		cmocka_unit_test(a_request_is_shared_before_it_leaves),
		cmocka_unit_test(a_silent_server_is_asked_again_then_the_next),
		cmocka_unit_test(a_dead_server_comes_last),
		cmocka_unit_test(a_server_that_answers_others_is_not_dead),
		cmocka_unit_test(no_server_answers),
		cmocka_unit_test(a_wrong_password_is_refused),
		cmocka_unit_test(an_answer_that_is_not_signed_is_none),
		cmocka_unit_test(strangers_are_not_heard),
		cmocka_unit_test(one_address_has_not_all_identifiers),
		cmocka_unit_test(what_has_not_left_is_no_try),
		cmocka_unit_test(a_policy_without_the_server_ends_what_it_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
