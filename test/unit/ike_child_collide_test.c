/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway and client rekey, replace or delete the same SA at once: RFC 7296 2.8.1, 2.25. */
#include "test/unit/rekey.h"

#include <string.h>

static void both_rekey_at_once(void **state)
{
	unsigned ours = 0, theirs = 0;

	(void)state;
	/* Either side may draw the lowest nonce. In each order of arrival. */
	for (unsigned k = 0; k < 32; k++) {
		struct fixture f;
		struct blob *request, *crossing, *answer, *theirs_answer;
		uint32_t old, made;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		fixture_handshake(&f);
		for (unsigned n = 0; n < k / 2; n++)
			entropy_u64(&f.g.entropy);
		old = f.g.session->child[0].spi_in;
		request = ask(&f);
		crossing = initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_NONE);
		theirs_answer = fixture_to_gateway(&f, crossing);
		assert_int_equal(f.g.session->n_child, 2);
		made = f.g.session->child[1].spi_in;
		answer = fixture_to_client(&f, request);
		if (k % 2) {
			client_goes_on(&f, theirs_answer);
			assert_null(fixture_to_gateway(&f, answer));
		} else {
			assert_null(fixture_to_gateway(&f, answer));
			client_goes_on(&f, theirs_answer);
		}
		if (k % 4 < 2)
			settle(&f);
		tidy(&f);
		settle(&f);
		tidy(&f);
		/* One SA is left, the same at both ends, and it is a new one. */
		assert_int_equal(f.i.n_child, 1);
		assert_agree(&f);
		assert_int_not_equal(f.g.session->child[0].spi_in, old);
		if (f.g.session->child[0].spi_in == made)
			theirs++;
		else
			ours++;
		fixture_teardown(&f);
	}
	assert_true(ours > 0 && theirs > 0);
}

/* Our request was answered, the answer is lost, and before we ask again the client rekeys
 * the same one itself. That is a collision like any other: the exchanges overlap. */
static void answer_is_lost_and_client_rekeys(void **state)
{
	unsigned ours = 0, theirs = 0;

	(void)state;
	for (unsigned k = 0; k < 32; k++) {
		struct blob *answer, *crossing;
		uint32_t old, lost, made;
		struct fixture f;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		fixture_handshake(&f);
		for (unsigned n = 0; n < k / 2; n++)
			entropy_u64(&f.g.entropy);
		old = f.g.session->child[0].spi_in;
		blob_unref(fixture_to_client(&f, ask(&f)));
		lost = f.i.child[0].spi_in;
		crossing = initiator_create_child_rekey(&f.i, f.i.child[1].spi_in, DH_NONE);
		crossing = fixture_to_gateway(&f, crossing);
		made = f.g.session->child[1].spi_in;
		if (k % 2) { /* It arrives with the second try, while the client waits. */
			answer = fixture_to_client(
				&f, blob_ref(ike_datagrams_only(f.g.session->ike[0].window.outstanding)));
			assert_null(fixture_to_gateway(&f, answer));
		}
		client_goes_on(&f, crossing);
		tidy(&f);
		/* The client may have deleted it already: we have yet to confirm that. */
		assert_false(initiator_is_settled(&f.i, lost));
		assert_null(initiator_create_child_rekey(&f.i, lost, DH_NONE));
		settle(&f);
		tidy(&f);
		assert_int_equal(f.i.n_child, 1);
		assert_agree(&f);
		assert_true(initiator_is_settled(&f.i, f.i.child[0].spi_in));
		assert_int_not_equal(f.g.session->child[0].spi_in, old);
		if (f.g.session->child[0].spi_in == made)
			theirs++;
		else
			ours++;
		fixture_teardown(&f);
	}
	assert_true(ours > 0 && theirs > 0);
}

/* Our request comes when the client has rekeyed it already and is about to delete it: 2.25.1,
 * "a request to rekey a Child SA that it is currently trying to close". */
static void request_comes_when_client_has_rekeyed(void **state)
{
	struct blob *request, *crossing;
	uint32_t made;
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	request = ask(&f);
	crossing = initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_NONE);
	client_goes_on(&f, fixture_to_gateway(&f, crossing));
	made = f.g.session->child[1].spi_in;
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, request)));
	assert_true(f.g.answered);
	assert_int_equal(f.i.counts.rekeys, 0);
	tidy(&f);
	assert_int_equal(settle(&f), 0);
	assert_int_equal(f.i.n_child, 1);
	assert_agree(&f);
	assert_int_equal(f.g.session->child[0].spi_in, made);
	fixture_teardown(&f);
}

static void client_deletes_what_we_rekey(void **state)
{
	struct blob *request, *crossing;
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	request = ask(&f);
	crossing = initiator_create_child_delete(&f.i, f.i.child[0].spi_in);
	/* 2.25.1: one is answered as usual, the other with TEMPORARY_FAILURE. */
	crossing = fixture_to_gateway(&f, crossing);
	assert_int_equal(f.g.session->n_child, 0);
	request = fixture_to_client(&f, request);
	assert_null(fixture_to_client(&f, crossing));
	assert_null(fixture_to_gateway(&f, request));
	assert_int_equal(settle(&f), 0);
	assert_int_equal(f.i.n_child, 0);
	fixture_teardown(&f);
}

/* A request about an SA that the peer has just made, in an answer still on its way, gets
 * TEMPORARY_FAILURE: told that there is no such SA, the sender would delete it. */
static void news_may_be_overtaken(void **state)
{
	struct blob *request, *answer, *crossing;
	uint32_t made;
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	answer = fixture_to_client(&f, ask(&f));
	made = f.i.child[0].spi_in;
	assert_false(initiator_is_settled(&f.i, made));
	assert_null(initiator_create_child_rekey(&f.i, made, DH_NONE));
	f.i.rekeyed.settled = true; /* Another client might ask. */
	crossing = initiator_create_child_rekey(&f.i, made, DH_NONE);
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, crossing)));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_null(fixture_to_gateway(&f, answer));
	settle(&f);
	assert_agree(&f);
	assert_true(initiator_is_settled(&f.i, f.i.child[0].spi_in));
	/* The other way round; the cluster would not ask so early. */
	crossing = initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_NONE);
	answer = fixture_to_gateway(&f, crossing);
	request = gateway_request(&f.g, &(struct ike_request){
						.purpose = IKE_PURPOSE_REKEY_CHILD,
						.spi_in = f.g.session->child[1].spi_in});
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, request)));
	assert_int_equal(f.g.session->n_child, 2);
	client_goes_on(&f, answer);
	tidy(&f);
	assert_int_equal(f.g.session->n_child, 1);
	assert_agree(&f);
	fixture_teardown(&f);
}

static void ike_rekey_waits(void **state)
{
	struct blob *request;
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	request = ask(&f);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	/* Nor while we delete the old one: an outstanding request would go with the old IKE SA. */
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, request)));
	assert_int_equal(f.g.session->ike[0].purpose, IKE_PURPOSE_DELETE_CHILD);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(settle(&f), 1);
	/* While the client rekeys the IKE SA it takes part in nothing else (2.25.2). */
	request = initiator_create_ike_rekey(&f.i, 0);
	blob_unref(ask(&f));
	assert_int_equal(settle(&f), 1);
	assert_int_equal(f.g.session->n_child, 1);
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request)));
	assert_int_equal(f.i.error, 0);
	blob_unref(ask(&f));
	assert_int_equal(settle(&f), 2);
	assert_agree(&f);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_rekey_at_once),
		cmocka_unit_test(answer_is_lost_and_client_rekeys),
		cmocka_unit_test(request_comes_when_client_has_rekeyed),
		cmocka_unit_test(client_deletes_what_we_rekey),
		cmocka_unit_test(news_may_be_overtaken),
		cmocka_unit_test(ike_rekey_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
