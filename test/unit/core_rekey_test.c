/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of the gateway's own rekey of a Child SA: the leader that gets the answer need not be the
 * one that asked (DESIGN section 4). With PFS, so it needs the private Diffie-Hellman value of the
 * one that asked. */
#include "test/lib/story.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT (UINT64_C(1) << 32)

static void begin(struct story *l)
{
	struct proposal esp;

	assert_int_equal(proposal_parse_esp(&esp, "aes128gcm16-x25519", NULL), OK);
	story_init(l, 3);
	l->client.config.esp[0] = esp;
	for (uint32_t i = 0; i < 3; i++) {
		l->config[i].policy->ike.connections->esp[0] = esp;
		l->config[i].lease = LIMIT - LIMIT / 4 - 2; /* The first ends just below 75 %. */
	}
	story_start_all(l);
	story_run(l, 2000);
	story_client_connect(l);
	assert_int_equal(l->client.n_child, 1);
}

/* The last message for the client of that exchange; a new reference. */
static struct blob *heard(const struct story *l, uint8_t exchange)
{
	struct blob *found = NULL;
	struct ike_header h;

	for (unsigned i = 0; i < l->n_to_client; i++)
		if (ike_header_parse(&h, l->to_client[i]->data, l->to_client[i]->len) == DROP_NONE &&
		    h.exchange == exchange)
			found = l->to_client[i];
	return blob_ref(found);
}

/* How each story begins: the owner wants more numbers, and the leader asks for another SA.
 * The client has not heard it yet. Returns the SPI of the one it has. */
static uint32_t is_asked(struct story *l)
{
	struct blob *request;

	begin(l);
	story_report(l, story_holder(l), story_owned(l), SA_REPORT_LEASE_LOW, LIMIT / 2);
	story_run(l, 200);
	request = heard(l, IKE_EXCHANGE_CREATE_CHILD_SA);
	assert_non_null(request);
	blob_unref(request);
	return story_spi(l);
}

/* Whatever was under way: in the end both ends have one Child SA, the same new one, every node
 * serves it, and all have the same state. */
static void finishes(struct story *l, uint32_t old)
{
	const struct session *s;

	for (unsigned k = 0; k < 60; k++) {
		story_client_listen(l);
		story_run(l, 100);
	}
	story_level(l);
	assert_int_equal(l->client.counts.rekeys, 1);
	assert_int_equal(l->client.n_child, 1);
	assert_int_not_equal(story_spi(l), old);
	assert_int_equal(l->client.child[0].suite.dh, DH_CURVE25519);
	s = state_session_by_spi(core_state(l->node[story_leader(l)].core), story_spi(l), NULL);
	assert_non_null(s);
	assert_int_equal(s->ike.n_child, 1);
	assert_null(s->ike.ike[0].window.outstanding);
	assert_null(s->ike.ike[0].finish);
	assert_memory_equal(&s->ike.child[0].in, &l->client.child[0].out, sizeof(s->ike.child[0].in));
	assert_memory_equal(&s->ike.child[0].out, &l->client.child[0].in, sizeof(s->ike.child[0].out));
	for (uint32_t i = 0; i < l->n; i++) {
		if (!l->node[i].core)
			continue;
		assert_non_null(story_sad(l, i, story_spi(l)));
		assert_null(story_sad(l, i, old));
	}
	/* Both can still ask each other. */
	story_client_send(l, initiator_create_dpd(&l->client));
	assert_int_equal(l->client.error, 0);
	assert_null(initiator_retransmit(&l->client));
}

static void the_next_leader_finishes_it(void **unused)
{
	struct blob *request, *again;
	struct story l;
	uint32_t old;

	(void)unused;
	old = is_asked(&l);
	request = heard(&l, IKE_EXCHANGE_CREATE_CHILD_SA);
	story_swallow(&l); /* All of it is lost. */
	story_lose_leader(&l);
	/* Bit for bit the same. */
	again = heard(&l, IKE_EXCHANGE_CREATE_CHILD_SA);
	assert_same_unref(request, again);
	finishes(&l, old);
	story_fini(&l);
}

/* The answer has come, and dies with the leader before it is committed. */
static void an_answer_that_was_not_committed_comes_again(void **unused)
{
	struct story l;
	uint32_t old, leader;

	(void)unused;
	old = is_asked(&l);
	leader = story_leader(&l);
	story_stall_all(&l, leader);
	story_client_listen(&l);
	assert_int_equal(l.client.counts.rekeys, 1);
	assert_non_null(state_session_by_spi(core_state(l.node[leader].core), old, NULL));
	story_kill(&l, leader);
	story_resume_all(&l);
	story_suspect(&l, leader);
	story_run(&l, 1000);
	finishes(&l, old);
	story_fini(&l);
}

/* The new Child SA is there, the DELETE of the old one outstanding by the same commit. */
static void the_next_leader_deletes_the_old_one(void **unused)
{
	const struct session *s;
	struct story l;
	uint32_t old;

	(void)unused;
	old = is_asked(&l);
	story_client_listen(&l);
	s = state_session_by_spi(core_state(l.node[story_leader(&l)].core), old, NULL);
	assert_non_null(s);
	assert_int_equal(s->ike.n_child, 2);
	assert_int_equal(s->ike.ike[0].purpose, IKE_PURPOSE_DELETE_CHILD);
	/* Not at once: first the owner is to have it. */
	assert_null(heard(&l, IKE_EXCHANGE_INFORMATIONAL));
	story_lose_leader(&l);
	finishes(&l, old);
	story_fini(&l);
}

static void it_survives_a_power_loss(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	old = is_asked(&l);
	story_kill_all(&l);
	story_start_all(&l);
	story_run(&l, 2000);
	finishes(&l, old);
	story_fini(&l);
}

/* The client deletes the SAs that it rekeyed, and answers what comes. */
static void go_on(struct story *l)
{
	for (unsigned k = 0; k < 20; k++) {
		for (unsigned i = 0; i < l->client.n_child; i++) {
			uint32_t gone = l->client.child[i].replaces;

			if (gone && initiator_find_child(&l->client, gone) &&
			    !initiator_retransmit(&l->client)) {
				story_client_send(l, initiator_create_child_delete(&l->client, gone));
				break;
			}
		}
		story_client_listen(l);
		story_run(l, 100);
	}
}

/* The client rekeys the same one meanwhile; 2.8.1 leaves one of the two. */
static void both_rekey_at_once(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	old = is_asked(&l);
	story_client_send(&l, initiator_create_child_rekey(&l.client, l.client.child[0].spi_in,
							   DH_CURVE25519));
	go_on(&l);
	finishes(&l, old);
	story_fini(&l);
}

/* The client has answered, and the answer is lost; it rekeys the same one itself, and then
 * the leader is gone. The next one knows from the log that there is a rival. */
static void the_next_leader_knows_of_the_collision(void **unused)
{
	unsigned ours = 0, theirs = 0;

	(void)unused;
	for (unsigned k = 0; k < 4; k++) {
		struct blob *request;
		struct story l;
		uint32_t old, lost;

		old = is_asked(&l);
		request = heard(&l, IKE_EXCHANGE_CREATE_CHILD_SA);
		story_swallow(&l);
		blob_unref(initiator_consume(&l.client, request->data, request->len));
		blob_unref(request);
		assert_int_equal(l.client.counts.rekeys, 1);
		lost = l.client.child[0].spi_in;
		for (unsigned n = 0; n < k; n++) /* Another nonce. */
			entropy_u64(&l.client.entropy);
		story_client_send(&l, initiator_create_child_rekey(
					      &l.client, l.client.child[1].spi_in, DH_CURVE25519));
		assert_false(initiator_is_settled(&l.client, lost));
		story_lose_leader(&l);
		go_on(&l);
		finishes(&l, old);
		assert_true(initiator_is_settled(&l.client, lost));
		if (l.client.child[0].spi_in == lost)
			ours++;
		else
			theirs++;
		story_fini(&l);
	}
	assert_true(ours > 0 && theirs > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_leader_finishes_it),
		cmocka_unit_test(an_answer_that_was_not_committed_comes_again),
		cmocka_unit_test(the_next_leader_deletes_the_old_one),
		cmocka_unit_test(it_survives_a_power_loss),
		cmocka_unit_test(both_rekey_at_once),
		cmocka_unit_test(the_next_leader_knows_of_the_collision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
