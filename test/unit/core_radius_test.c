/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of clients that RADIUS lets in (test/lib/radius_server.h): leaders come and go between
 * requests and answers, servers are silent, strangers answer. */
#include "proto/auth/radius_question.h"
#include "test/lib/radius_server.h"
#include "test/lib/story.h"
#include "test/unit/same.h"

#include "cluster/link/frame.h"

#include <openssl/md5.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 5u
#define SERVERS 2u

static struct radius_server servers[SERVERS];
static unsigned elsewhere; /* Requests that left by another node than the holder, or not from its address. */
static bool lost;          /* Answers are lost. */

/* What does a stranger on the path make of the answer, adopted? */
static struct blob *(*forge)(struct blob *answer);

static bool serves(struct story *l, uint32_t node, const struct endpoint *local,
		   const struct endpoint *remote, const struct blob *data)
{
	struct blob *answer;

	if (remote->port != 1812)
		return false;
	elsewhere += node != story_holder(l) || local->port != RADIUS_LOCAL_PORT ||
		     !address_equal(&local->address, &l->config[0].inside[0]);
	for (unsigned i = 0; i < SERVERS; i++) {
		if (!endpoint_equal(remote, &servers[i].at))
			continue;
		answer = radius_server_answer(&servers[i], data->data, data->len);
		if (forge && answer)
			answer = forge(answer);
		if (answer && !lost)
			story_later(l, (struct story_frame){.to = node, .data = answer, .arrives = true,
							    .local = *local, .remote = *remote});
		else
			blob_unref(answer);
	}
	return true;
}

static void begin(struct story *l)
{
	static const char *const at[SERVERS] = {"10.20.0.9:1812", "10.20.0.10:1812"};

	elsewhere = 0;
	lost = false;
	forge = NULL;
	story_init(l, 3);
	for (unsigned i = 0; i < SERVERS; i++)
		radius_server_init(&servers[i], at[i], "in wonderland");
	for (uint32_t n = 0; n < 3; n++) {
		struct ike_config *c = &l->config[n].policy->ike;

		c->connections->auth = &ike_auth_eap_radius;
		c->secrets->id = c->connections->local_id;
		strcpy(c->nas_identifier, "story");
		for (unsigned i = 0; i < SERVERS; i++)
			c->radius[c->n_radius++] = (struct ike_radius){servers[i].at, servers[i].secret};
		l->config[n].inside[0] = address_ipv4(0x0a140001);
	}
	l->serves = serves;
	story_start_all(l);
	story_run(l, 2000);
	l->client.config.auth = &initiator_eap_mschapv2;
	strcpy(l->client.config.user, "alice");
	l->client.config.password = servers[0].password;
}

static void end(struct story *l)
{
	assert_int_equal(elsewhere, 0);
	for (unsigned i = 0; i < SERVERS; i++)
		radius_server_fini(&servers[i]);
	story_fini(l);
}

/* What has come of that datagram of the client in ms; NULL: nothing. Borrows data. */
static struct blob *response(struct story *l, const struct blob *data, unsigned ms)
{
	struct blob *b = NULL;

	story_swallow(l);
	story_datagram(l, story_holder(l), &l->client, data);
	story_run(l, ms);
	assert_true(l->n_to_client <= 1);
	if (l->n_to_client == 1)
		b = blob_ref(l->to_client[0]);
	story_swallow(l);
	return b;
}

static struct blob *next(struct story *l, struct blob *b)
{
	struct blob *d;

	assert_non_null(b);
	d = initiator_consume(&l->client, b->data, b->len);
	blob_unref(b);
	return d;
}

/* The client's nth IKE_AUTH request. */
static struct blob *request(struct story *l, unsigned nth)
{
	struct blob *d = initiator_create_init(&l->client);

	for (unsigned k = 0; k < nth; k++) {
		struct blob *b = response(l, d, 10);

		blob_unref(d);
		d = next(l, b);
		assert_non_null(d);
	}
	return d;
}

static void assert_goes_on(struct story *l, struct blob *d)
{
	while (d) {
		struct blob *b = response(l, d, 10);

		blob_unref(d);
		d = next(l, b);
	}
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(l->client.n_child, 1);
	story_client_send(l, initiator_create_dpd(&l->client));
	assert_int_equal(l->client.counts.responses, 1);
	assert_int_equal(l->client.counts.ignored, 0);
}

/* It waits in vain, and is told no more than anybody who fails. */
static void assert_refused(struct story *l, struct blob *d, unsigned ms)
{
	uint32_t leader = story_leader(l);
	unsigned refused = story_happened(l, leader, "refused");

	assert_null(next(l, response(l, d, ms)));
	blob_unref(d);
	assert_int_equal(l->client.state, INITIATOR_FAILED);
	assert_int_equal(l->client.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(story_happened(l, leader, "refused"), refused + 1);
}

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
				story_run(&l, 1000); /* It is repeated by itself, and the answer went its way. */
			assert_goes_on(&l, d);
			assert_int_equal(servers[0].requests, 3);
			assert_true(servers[0].repeated >= (round == ROUNDS - 1));
			end(&l);
		}
}

/* Who leads next is to know the octets before the server has them. */
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
	assert_null(response(&l, d, 5)); /* The client's own repetition asks nobody. */
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
	assert_int_equal(story_happened(&l, story_leader(&l), "radius"), 1);
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

/* Nothing follows of such an answer, not even that the client fails: the right one may come yet. */
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

/* From who is no server, to a port that only servers know. */
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
	/* A server, of which nothing was asked: that only the leader can tell. */
	e.datagram.remote = servers[0].at;
	story_event(&l, story_holder(&l), &e);
	core_status(l.node[story_leader(&l)].core, &s);
	assert_int_equal(s.drops[DROP_RADIUS], 1);
	end(&l);
}

/* ---- Bounds ---- */

/* Another policy: the server has another secret, and is another one. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leader_is_lost_before_each_round),
		cmocka_unit_test(the_next_leader_repeats_the_request),
		cmocka_unit_test(a_request_is_shared_before_it_leaves),
		cmocka_unit_test(a_silent_server_is_asked_again_then_the_next),
		cmocka_unit_test(a_dead_server_comes_last),
		cmocka_unit_test(no_server_answers),
		cmocka_unit_test(a_wrong_password_is_refused),
		cmocka_unit_test(an_answer_that_is_not_signed_is_none),
		cmocka_unit_test(strangers_are_not_heard),
		cmocka_unit_test(a_policy_without_the_server_ends_what_it_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
