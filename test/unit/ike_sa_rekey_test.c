/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway rekeys the IKE SA (RFC 7296 1.3.2, 2.18). */
#include "proto/ike/fragment.h"
#include "test/unit/rekey.h"

#include <string.h>

static struct blob *ask_ike(struct fixture *f)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_REKEY_IKE};
	struct blob *d;

	assert_true(ike_sa_rekey_possible(&f->g.config, f->g.session));
	d = gateway_request(&f->g, &r);
	assert_int_equal(f->g.verdict, IKE_VERDICT_STEP);
	assert_false(ike_sa_rekey_possible(&f->g.config, f->g.session));
	return d;
}

static struct blob *closing(const struct fixture *f)
{
	assert_int_equal(f->g.session->ike[1].purpose, IKE_PURPOSE_DELETE_IKE);
	return blob_ref(ike_datagrams_only(f->g.session->ike[1].window.outstanding));
}

/* Both ends ask each other on the current IKE SA. */
static void assert_talk(struct fixture *f)
{
	struct ike_request dpd = {.purpose = IKE_PURPOSE_DPD};

	assert_int_equal(gateway_exchange(&f->g, &f->i, initiator_create_dpd(&f->i)), 2);
	assert_null(fixture_to_gateway(f, fixture_to_client(f, gateway_request(&f->g, &dpd))));
	assert_true(f->g.answered);
	assert_int_equal(f->i.error, 0);
}

static void the_ike_sa_is_replaced(void **state)
{
	struct fixture f;
	uint64_t old;

	(void)state;
	fixture_establish(&f);
	old = f.g.session->ike[0].spi_r;
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
	assert_int_not_equal(f.g.session->ike[0].spi_r, old);
	assert_true(f.g.session->ike[0].original_initiator);
	assert_false(f.i.ike[0].original_initiator);
	assert_int_equal(f.g.session->ike[1].state, IKE_SA_REKEYED);
	assert_int_equal(f.i.counts.ike_rekeys, 1);
	assert_talk(&f); /* While the DELETE is outstanding. */
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, closing(&f))));
	assert_int_equal(f.g.session->ike[1].state, IKE_SA_DELETED);
	assert_int_equal(f.i.ike[1].state, 0);
	assert_talk(&f);
	assert_agree(&f);
	/* On the new one either side rekeys: a Child SA, and the IKE SA once more. */
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask(&f))));
	settle(&f);
	assert_agree(&f);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
	assert_int_equal(f.i.error, 0);
	assert_true(f.i.ike[0].original_initiator);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_delete(&f.i, 1));
	assert_talk(&f);
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, closing(&f))));
	assert_talk(&f);
	fixture_teardown(&f);
}

/* The DELETE is never answered: both go on, until the new one is replaced in its turn. */
static void an_unanswered_delete_is_in_nobodys_way(void **state)
{
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
	/* Has it got the new one for good? */
	assert_false(ike_sa_rekey_possible(&f.g.config, f.g.session));
	blob_unref(fixture_to_client(&f, closing(&f)));
	assert_talk(&f);
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, closing(&f))));
	assert_talk(&f);
	/* The same where the client replaces it. */
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
	blob_unref(fixture_to_client(&f, closing(&f)));
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
	assert_int_equal(f.i.error, 0);
	assert_talk(&f);
	fixture_teardown(&f);
}

/* The client's DELETE of it was lost: nobody answers on it any more. */
static void client_forgets_old(struct fixture *f)
{
	ike_window_fini(&f->i.ike[1].window);
	f->i.ike[1].state = 0;
}

/* The client replaced the IKE SA, and no DELETE of the old one ever comes. What comes on the new one shows that the
 * client has it: either side replaces it, and the old one goes, with what is asked on it. */
static void a_lost_delete_of_theirs_is_in_nobodys_way(void **state)
{
	const struct ike_request notice = {.purpose = IKE_PURPOSE_NOTICE, .epoch = 2, .node = 7};
	struct fixture f;
	uint64_t old;

	(void)state;
	fixture_establish(&f);
	for (unsigned round = 0; round < 2; round++) {
		blob_unref(gateway_request(&f.g, &notice)); /* <-- lost */
		gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
		assert_int_equal(f.i.error, 0);
		assert_int_equal(f.g.session->ike[1].state, IKE_SA_REKEYED);
		assert_int_equal(f.g.session->ike[1].purpose, IKE_PURPOSE_NOTICE);
		/* Our answer may be lost, too. */
		assert_false(ike_sa_rekey_possible(&f.g.config, f.g.session));
		client_forgets_old(&f);
		old = f.g.session->ike[0].spi_r;
		if (round == 1)
			assert_talk(&f);
		gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
		assert_int_equal(f.i.error, 0);
		assert_int_equal(f.g.session->ike[1].spi_r, old);
		assert_int_equal(f.g.session->ike[1].purpose, IKE_PURPOSE_NONE);
		client_forgets_old(&f);
		assert_talk(&f);
		assert_true(ike_sa_rekey_possible(&f.g.config, f.g.session));
		assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
		assert_null(fixture_to_gateway(&f, fixture_to_client(&f, closing(&f))));
		assert_talk(&f);
		assert_agree(&f);
	}
	fixture_teardown(&f);
}

/* 2.25: a busy side says so, and nothing ends. */
static void both_at_once(void **state)
{
	struct blob *request, *answer;
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	request = ask_ike(&f);
	answer = fixture_to_gateway(&f, initiator_create_ike_rekey(&f.i, 0));
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, request)));
	assert_null(fixture_to_client(&f, answer));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(f.g.session->ike[1].state, 0);
	assert_true(ike_sa_rekey_possible(&f.g.config, f.g.session));
	assert_talk(&f);
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
	assert_int_equal(f.g.session->ike[1].state, IKE_SA_REKEYED);
	fixture_teardown(&f);
}

/* 2.25.2: while we rekey the IKE SA nothing new is made on it. */
static void no_child_sa_is_made_while_ours_is_asked(void **state)
{
	struct blob *request;
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	request = ask_ike(&f);
	gateway_exchange(&f.g, &f.i, initiator_create_child(&f.i, DH_NONE));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_NONE));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(f.g.session->n_child, 1);
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, request)));
	assert_int_equal(f.i.counts.ike_rekeys, 1);
	gateway_exchange(&f.g, &f.i, initiator_create_child(&f.i, DH_NONE));
	assert_int_equal(f.g.session->n_child, 2);
	assert_agree(&f);
	fixture_teardown(&f);
}

/* Ours is under way, and comes when the client has been put off: it is answered as usual. */
static void ours_comes_late(void **state)
{
	struct blob *request;
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	request = ask_ike(&f);
	assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0)), 2);
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(f.g.session->ike[0].purpose, IKE_PURPOSE_REKEY_IKE);
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, request)));
	assert_int_equal(f.i.counts.ike_rekeys, 1);
	assert_int_equal(f.g.session->ike[1].state, IKE_SA_REKEYED);
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, closing(&f))));
	assert_int_equal(f.g.session->ike[1].state, IKE_SA_DELETED);
	assert_agree(&f);
	/* And the client may replace the new one. */
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
	assert_int_equal(f.i.error, 0);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_delete(&f.i, 1));
	assert_talk(&f);
	fixture_teardown(&f);
}

/* So far only the client knows of the rekey. Its messages on the new IKE SA have no session, until
 * our request comes again and gets the same octets in answer. */
static void the_answer_to_ours_is_lost(void **state)
{
	struct ike_datagrams *asked;
	struct blob *question;
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	blob_unref(fixture_to_client(&f, ask_ike(&f)));
	asked = ike_datagrams_ref(f.g.session->ike[0].window.outstanding);
	question = initiator_create_dpd(&f.i);
	assert_null(fixture_to_gateway(&f, blob_ref(question)));
	assert_int_equal(f.g.verdict, IKE_VERDICT_DROP);
	assert_int_equal(f.g.drop, DROP_IKE_UNKNOWN);
	assert_int_equal(f.g.session->ike[0].purpose, IKE_PURPOSE_REKEY_IKE);
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, blob_ref(ike_datagrams_only(asked)))));
	assert_int_equal(f.g.session->ike[1].state, IKE_SA_REKEYED);
	assert_int_equal(f.i.counts.ike_rekeys, 1); /* Not twice. */
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, question)));
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, closing(&f))));
	assert_talk(&f);
	assert_agree(&f);
	ike_datagrams_unref(asked);
	fixture_teardown(&f);
}

/* A client that does not answer as it must changes nothing. */
static void a_damaged_answer_changes_nothing(void **state)
{
	struct fixture f;
	struct blob *answer;

	(void)state;
	fixture_establish(&f);
	answer = fixture_to_client(&f, ask_ike(&f));
	answer->data[answer->len - 1] ^= 1;
	assert_null(fixture_to_gateway(&f, answer));
	assert_int_equal(f.g.verdict, IKE_VERDICT_DROP);
	assert_int_equal(f.g.session->ike[0].purpose, IKE_PURPOSE_REKEY_IKE);
	assert_int_equal(f.g.session->ike[1].state, 0);
	fixture_teardown(&f);
}

/* The client wants a group whose KE makes the request longer than a session keeps: there is none,
 * and its answer is an answer. */
static void a_second_try_too_long_is_none(void **state)
{
	const char *all = "aes256-aes128-aes256ctr-aes128ctr-sha512-sha384-sha256-sha1-"
			  "prfsha512-prfsha384-prfsha256-prfsha1-"
			  "x25519-modp3072-modp2048-modp1024-ecp256-ecp384-ecp521-modp4096";
	struct ike_request r = {.purpose = IKE_PURPOSE_REKEY_IKE};
	struct ike_datagrams *asked;
	struct blob *answer = NULL;
	struct ike_connection *c;
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	c = f.g.config.connections;
	c->n_ike = 8;
	for (unsigned k = 0; k < c->n_ike; k++)
		assert_int_equal(proposal_parse_ike(&c->ike[k], all, NULL), OK);
	f.g.config.fragment_size = IKE_FRAGMENT_SIZE_MIN;
	f.g.session->features |= IKE_PEER_FRAGMENTATION;
	f.i.features |= IKE_PEER_FRAGMENTATION;
	assert_int_equal(proposal_parse_ike(&f.i.config.ike[0], "aes256-sha256-modp4096", NULL), OK);
	blob_unref(gateway_request(&f.g, &r));
	assert_true(ike_session_is_brief(f.g.session));
	asked = ike_datagrams_ref(f.g.session->ike[0].window.outstanding);
	for (uint32_t n = 0; n < asked->n; n++) {
		assert_null(answer);
		answer = fixture_to_client(&f, blob_ref(asked->datagram[n]));
	}
	ike_datagrams_unref(asked);
	assert_null(fixture_to_gateway(&f, answer));
	assert_int_equal(f.g.verdict, IKE_VERDICT_STEP);
	assert_true(f.g.answered);
	assert_true(ike_session_is_brief(f.g.session));
	assert_null(f.g.session->ike[0].window.outstanding);
	assert_null(f.g.session->ike[0].finish);
	assert_int_equal(f.g.session->ike[0].purpose, IKE_PURPOSE_NONE);
	assert_talk(&f);
	fixture_teardown(&f);
}

/* A client that prefers another suite to the one in use, and a policy that lost the one in use. */
static void the_suite_stays_and_the_prf(void **state)
{
	struct ike_connection *c;
	struct fixture f;
	struct suite suite;

	(void)state;
	fixture_establish(&f);
	c = f.g.config.connections;
	suite = f.g.session->ike[0].suite;
	assert_int_equal(suite.prf, PRF_HMAC_SHA2_256);
	assert_int_equal(proposal_parse_ike(&c->ike[0], "aes256-sha384-prfsha384-prfsha256-x25519", NULL), OK);
	assert_int_equal(proposal_parse_ike(&c->ike[1],
					    "aes256gcm16-aes128gcm16-prfsha384-prfsha256-x25519",
					    NULL),
			 OK);
	c->n_ike = 2;
	f.i.config.ike[0] = c->ike[0];
	f.i.config.ike[1] = c->ike[1];
	f.i.config.n_ike = 2;
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
	assert_memory_equal(&f.g.session->ike[0].suite, &suite, sizeof(suite));
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, closing(&f))));
	assert_talk(&f);
	c->n_ike = f.i.config.n_ike = 1;
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask_ike(&f))));
	assert_int_equal(f.g.session->ike[0].suite.encr, ENCR_AES_CBC);
	assert_int_equal(f.g.session->ike[0].suite.prf, PRF_HMAC_SHA2_256);
	assert_talk(&f);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ike_sa_is_replaced),
		cmocka_unit_test(an_unanswered_delete_is_in_nobodys_way),
		cmocka_unit_test(a_lost_delete_of_theirs_is_in_nobodys_way),
		cmocka_unit_test(both_at_once),
		cmocka_unit_test(no_child_sa_is_made_while_ours_is_asked),
		cmocka_unit_test(ours_comes_late),
		cmocka_unit_test(the_answer_to_ours_is_lost),
		cmocka_unit_test(a_damaged_answer_changes_nothing),
		cmocka_unit_test(a_second_try_too_long_is_none),
		cmocka_unit_test(the_suite_stays_and_the_prf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
