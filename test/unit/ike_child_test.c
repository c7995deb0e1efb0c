/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA and DELETE: Child SAs, rekeys, collisions. */
#include "test/lib/gateway.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Do both ends hold the same pairs with the same keys? */
static void assert_agree(const struct fixture *f)
{
	assert_int_equal(f->g.session->n_child, f->i.n_child);
	for (size_t k = 0; k < f->i.n_child; k++) {
		const struct child_sa *ours = &f->g.session->child[k], *theirs = &f->i.child[k];

		assert_int_equal(ours->spi_in, theirs->spi_out);
		assert_int_equal(ours->spi_out, theirs->spi_in);
		assert_memory_equal(&ours->in, &theirs->out, sizeof(ours->in));
		assert_memory_equal(&ours->out, &theirs->in, sizeof(ours->out));
		assert_memory_not_equal(&ours->in, &ours->out, sizeof(ours->in));
		assert_true(ts_set_equal(&ours->remote, &theirs->local));
		assert_true(ts_set_equal(&ours->local, &theirs->remote));
	}
}

/* ---- CREATE_CHILD_SA ---- */

static void child_is_rekeyed(void **state)
{
	static const struct {
		const char *esp;
		uint16_t client_group, expected_group;
		uint16_t error;
	} rows[] = {
		{"aes128gcm16", DH_NONE, DH_NONE, 0},
		{"aes128gcm16", DH_CURVE25519, DH_CURVE25519, 0},
		{"aes128gcm16", DH_MODP_2048, DH_MODP_2048, 0},
		{"aes256-sha256-ecp256-esn", DH_ECP_256, DH_ECP_256, 0},
		{"aes128gcm16-ecp256", DH_NONE, DH_NONE, IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{"aes128gcm16-ecp256-x25519", DH_CURVE25519, DH_CURVE25519, 0},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;
		uint32_t old_in, old_out;

		fixture_setup(&f, IKE_DEFAULT, rows[k].esp);
		fixture_handshake(&f);
		old_out = f.g.session->child[0].spi_out;
		old_in = f.g.session->child[0].spi_in;
		/* CREATE_CHILD_SA with N(REKEY_SA) -->   <-- CREATE_CHILD_SA */
		assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(
							       &f.i, old_out, rows[k].client_group)), 2);
		assert_int_equal(f.i.error, rows[k].error);
		if (rows[k].error == IKE_NOTIFY_NO_PROPOSAL_CHOSEN) { /* Both sides, in one line. */
			assert_non_null(strstr(f.g.note, "offers aes128gcm16"));
			assert_non_null(strstr(f.g.note, "; accepted would be aes128gcm16-ecp256-noesn"));
		}
		if (!rows[k].error) {
			assert_int_equal(f.g.session->n_child, 2);
			assert_int_equal(f.g.session->child[1].replaces, old_in);
			assert_int_equal(f.g.session->child[1].suite.dh, rows[k].expected_group);
			assert_agree(&f);
			/* INFORMATIONAL(D old) -->   <-- INFORMATIONAL(D old) */
			gateway_exchange(&f.g, &f.i, initiator_create_child_delete(&f.i, old_out));
			assert_int_equal(f.g.session->n_child, 1);
			assert_null(ike_session_find_child(f.g.session, old_in));
			assert_agree(&f);
		}
		fixture_teardown(&f);
	}
}

static void child_rekey_wants_another_group(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, "aes128gcm16-ecp256");
	f.config = gateway_client_config(IKE_DEFAULT, "aes128gcm16-x25519-ecp256");
	fixture_handshake(&f);
	/* SA(31, 19), KE(31) -->   <-- N(INVALID_KE_PAYLOAD, 19) */
	gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_CURVE25519));
	assert_int_equal(f.i.error, IKE_NOTIFY_INVALID_KE_PAYLOAD);
	assert_int_equal(f.g.session->n_child, 1);
	/* SA(31, 19), KE(19) -->   <-- SA, KE(19) */
	gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_ECP_256));
	assert_int_equal(f.i.error, 0);
	assert_agree(&f);
	fixture_teardown(&f);
}

static void unknown_child_is_not_found(void **state)
{
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, 0x12345678, DH_NONE));
	assert_int_equal(f.i.error, IKE_NOTIFY_CHILD_SA_NOT_FOUND);
	/* Deleting it is answered without a Delete payload. */
	gateway_exchange(&f.g, &f.i, initiator_create_child_delete(&f.i, 0x12345678));
	assert_int_equal(f.i.error, 0);
	assert_int_equal(f.g.session->n_child, 1);
	fixture_teardown(&f);
}

static void room_for_children_ends(void **state)
{
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	for (unsigned k = 1; k < 8; k++) {
		gateway_exchange(&f.g, &f.i, initiator_create_child(&f.i, DH_NONE));
		assert_int_equal(f.i.error, 0);
		assert_int_equal(f.g.session->child[k].replaces, 0);
	}
	gateway_exchange(&f.g, &f.i, initiator_create_child(&f.i, DH_NONE));
	assert_int_equal(f.i.error, IKE_NOTIFY_NO_ADDITIONAL_SAS);
	assert_agree(&f);
	/* One out of the middle, one more in. */
	gateway_exchange(&f.g, &f.i, initiator_create_child_delete(&f.i, f.i.child[3].spi_in));
	assert_agree(&f);
	gateway_exchange(&f.g, &f.i, initiator_create_child(&f.i, DH_NONE));
	assert_int_equal(f.i.error, 0);
	assert_agree(&f);
	fixture_teardown(&f);
}

/* Granted Child SAs can be renewed, one by one, also at the limit. And a client that does not
 * delete a replaced SA is told to come later, not that it has too many. */
static void all_children_are_rekeyed(void **state)
{
	struct fixture f;
	uint32_t old;

	(void)state;
	fixture_establish(&f);
	for (unsigned k = 1; k < 8; k++)
		gateway_exchange(&f.g, &f.i, initiator_create_child(&f.i, DH_NONE));
	assert_int_equal(f.g.session->n_child, 8);
	for (unsigned k = 0; k < 8; k++) {
		old = f.i.child[0].spi_in;
		gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, old, DH_NONE));
		assert_int_equal(f.i.error, 0);
		assert_int_equal(f.g.session->n_child, 9);
		gateway_exchange(&f.g, &f.i, initiator_create_child_delete(&f.i, old));
		assert_agree(&f);
	}
	gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_NONE));
	gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, f.i.child[1].spi_in, DH_NONE));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(f.g.session->n_child, 9);
	fixture_teardown(&f);
}

/* Places: one for each, and one for a replacement. A rekey takes no further place. */
static void places_are_counted(void **state)
{
	static const struct {
		uint32_t spi[4], replaces[4];
		uint8_t n;
		unsigned places, with_new, with_next; /* With one more; with the replacement of spi[0]. */
	} rows[] = {
		{{0}, {0}, 0, 0, 2, 2},
		{{1}, {0}, 1, 2, 3, 2},
		{{1, 2}, {0, 1}, 2, 2, 3, 3}, /* Two replacements of one: it must be deleted first. */
		{{2}, {1}, 1, 2, 3, 2},
		{{1, 2}, {0}, 2, 3, 4, 3},
		{{1, 2, 3}, {0, 1, 2}, 3, 3, 4, 4}, /* A chain of which nothing was deleted. */
		{{1, 2, 3}, {0, 1, 1}, 3, 3, 4, 4}, /* Both sides rekeyed at once. */
		{{2, 3}, {1, 1}, 2, 2, 3, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ike_session s = {.n_child = rows[i].n};

		for (unsigned k = 0; k < rows[i].n; k++) {
			s.child[k].spi_in = rows[i].spi[k];
			s.child[k].replaces = rows[i].replaces[k];
		}
		if (ike_session_places(&s) != rows[i].places ||
		    ike_session_places_with(&s, 0) != rows[i].with_new ||
		    ike_session_places_with(&s, rows[i].spi[0]) != rows[i].with_next)
			fail_msg("row %zu: %u, %u, %u", i, ike_session_places(&s),
				 ike_session_places_with(&s, 0),
				 ike_session_places_with(&s, rows[i].spi[0]));
	}
}

/* ---- IKE rekey, RFC 7296 2.18 ---- */

static void ike_sa_is_rekeyed(void **state)
{
	struct fixture f;
	struct blob *del, *answer;
	uint64_t old;

	(void)state;
	fixture_setup(&f, "aes128gcm16-prfsha256-x25519-ecp256", ESP_DEFAULT);
	fixture_handshake(&f);
	for (int round = 0; round < 3; round++) {
		old = f.g.session->ike[0].spi_r;
		/* CREATE_CHILD_SA{SA(IKE), Ni, KE} -->   <-- {SA(IKE), Nr, KE} */
		assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(
					    &f.i, round % 2 ? DH_ECP_256 : DH_CURVE25519)), 2);
		assert_int_equal(f.i.error, 0);
		assert_int_equal(f.g.session->ike[0].spi_r, f.i.ike[0].spi_r);
		assert_int_equal(f.g.session->ike[0].window.next_in, 0);
		assert_int_equal(f.g.session->ike[0].window.next_out, 0);
		assert_int_equal(f.g.session->ike[1].spi_r, old);
		assert_int_equal(f.g.session->ike[1].state, IKE_SA_REKEYED);
		assert_agree(&f);
		/* The new one works, from message 0. */
		assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
		/* INFORMATIONAL(D) on the old one -->   <-- lost   again -->   <-- the same */
		del = initiator_create_ike_delete(&f.i, 1);
		answer = fixture_to_gateway(&f, blob_ref(del));
		assert_int_equal(f.g.verdict, IKE_VERDICT_STEP);
		assert_int_equal(f.g.session->ike[1].state, IKE_SA_DELETED);
		assert_int_equal(f.g.session->ike[1].keys.er.len, 0);
		assert_same_unref(blob_ref(answer), fixture_to_gateway(&f, del));
		assert_null(fixture_to_client(&f, answer));
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		/* Children live on. */
		gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_NONE));
		assert_agree(&f);
	}
	fixture_teardown(&f);
}

static void old_ike_sa_makes_nothing_new(void **state)
{
	struct fixture f;
	struct ike_builder b;

	(void)state;
	fixture_establish(&f);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
	initiator_begin(&f.i, 1, IKE_EXCHANGE_CREATE_CHILD_SA, &b);
	ike_add_sa_offer(&b, &(struct sa_offer){.protocol = IKE_PROTOCOL_ESP, .spi_len = 4,
						.spi = 1000, .proposals = f.config.esp, .n = 1});
	ike_add_nonce(&b, (const uint8_t *)"0123456789abcdef", 16);
	ike_add_ts(&b, IKE_PAYLOAD_TSi, &f.config.tsi);
	ike_add_ts(&b, IKE_PAYLOAD_TSr, &f.config.tsr);
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, initiator_send(&f.i, 1, INITIATOR_OTHER, &b))));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	fixture_teardown(&f);
}

/* A request of ours on an IKE SA that the client has replaced and deleted ends: no keys are left to
 * open its answer. */
static void a_deleted_ike_sa_asks_no_more(void **state)
{
	const struct ike_request r = {.purpose = IKE_PURPOSE_NOTICE, .epoch = 2, .node = 7};
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	blob_unref(gateway_request(&f.g, &r)); /* <-- lost */
	assert_non_null(f.g.session->ike[0].window.outstanding);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, DH_CURVE25519));
	assert_non_null(f.g.session->ike[1].window.outstanding); /* 2.18: it stays where it was asked. */
	assert_null(f.g.session->ike[0].window.outstanding);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_delete(&f.i, 1));
	assert_int_equal(f.g.session->ike[1].state, IKE_SA_DELETED);
	assert_null(f.g.session->ike[1].window.outstanding);
	assert_null(f.g.session->ike[1].finish);
	assert_int_equal(f.g.session->ike[1].purpose, IKE_PURPOSE_NONE);
	/* The one that lives can ask. */
	blob_unref(gateway_request(&f.g, &r));
	assert_non_null(f.g.session->ike[0].window.outstanding);
	fixture_teardown(&f);
}

static void ike_rekey_corrects_the_group(void **state)
{
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	f.i.config = gateway_client_config("aes128gcm16-prfsha256-ecp256-x25519", ESP_DEFAULT);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, DH_ECP_256));
	assert_int_equal(f.i.error, IKE_NOTIFY_INVALID_KE_PAYLOAD);
	assert_int_equal(f.g.session->ike[1].state, 0);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, DH_CURVE25519));
	assert_int_equal(f.i.error, 0);
	fixture_teardown(&f);
}

/* ---- DELETE ---- */

static void client_deletes_the_ike_sa(void **state)
{
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_ike_delete(&f.i, 0)), 2);
	assert_int_equal(f.g.verdict, IKE_VERDICT_DELETE);
	assert_int_equal(f.i.state, INITIATOR_CLOSED);
	fixture_teardown(&f);
}

static void we_delete(void **state)
{
	struct ike_request child = {.purpose = IKE_PURPOSE_DELETE_CHILD};
	struct ike_request ike = {.purpose = IKE_PURPOSE_DELETE_IKE};
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	child.spi_in = f.g.session->child[0].spi_in;
	/* <-- INFORMATIONAL(D)   INFORMATIONAL(D) --> */
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, gateway_request(&f.g, &child))));
	assert_true(f.g.answered);
	assert_int_equal(f.g.answered_purpose, IKE_PURPOSE_DELETE_CHILD);
	assert_int_equal(f.g.session->n_child, 0);
	assert_int_equal(f.i.n_child, 0);
	/* <-- INFORMATIONAL(D)   INFORMATIONAL --> */
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, gateway_request(&f.g, &ike))));
	assert_int_equal(f.g.verdict, IKE_VERDICT_DELETE);
	assert_true(f.g.answered);
	assert_int_equal(f.i.state, INITIATOR_CLOSED);
	fixture_teardown(&f);
}

/* RFC 7296 2.25: requests that cross. */
static void crossing_deletes(void **state)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_DELETE_CHILD};
	struct blob *ours, *theirs, *answer;
	struct ike_message m;
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	r.spi_in = f.g.session->child[0].spi_in;
	theirs = initiator_create_child_delete(&f.i, f.i.child[0].spi_in);
	ours = gateway_request(&f.g, &r);
	/* The pair we are deleting: answered without a Delete payload (an empty SK). */
	answer = fixture_to_gateway(&f, theirs);
	assert_int_equal(ike_message_parse(&m, answer->data, answer->len), OK);
	assert_int_equal(m.sk.first, IKE_PAYLOAD_NONE);
	assert_int_equal(f.g.session->n_child, 0);
	theirs = fixture_to_client(&f, ours);
	assert_null(fixture_to_client(&f, answer));
	assert_null(fixture_to_gateway(&f, theirs));
	assert_true(f.g.answered);
	assert_int_equal(f.i.n_child, 0);
	fixture_teardown(&f);
}

static void rekey_of_what_we_delete_waits(void **state)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_DELETE_CHILD};
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	r.spi_in = f.g.session->child[0].spi_in;
	blob_unref(gateway_request(&f.g, &r));
	gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_NONE));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	fixture_teardown(&f);

	fixture_establish(&f);
	r.purpose = IKE_PURPOSE_DELETE_IKE;
	blob_unref(gateway_request(&f.g, &r));
	gateway_exchange(&f.g, &f.i, initiator_create_child(&f.i, DH_NONE));
	assert_int_equal(f.i.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	/* Its DELETE is answered as usual. */
	gateway_exchange(&f.g, &f.i, initiator_create_ike_delete(&f.i, 0));
	assert_int_equal(f.g.verdict, IKE_VERDICT_DELETE);
	assert_int_equal(f.i.state, INITIATOR_CLOSED);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_is_rekeyed),
		cmocka_unit_test(child_rekey_wants_another_group),
		cmocka_unit_test(unknown_child_is_not_found),
		cmocka_unit_test(room_for_children_ends),
		cmocka_unit_test(all_children_are_rekeyed),
		cmocka_unit_test(places_are_counted),
		cmocka_unit_test(ike_sa_is_rekeyed),
		cmocka_unit_test(old_ike_sa_makes_nothing_new),
		cmocka_unit_test(a_deleted_ike_sa_asks_no_more),
		cmocka_unit_test(ike_rekey_corrects_the_group),
		cmocka_unit_test(client_deletes_the_ike_sa),
		cmocka_unit_test(we_delete),
		cmocka_unit_test(crossing_deletes),
		cmocka_unit_test(rekey_of_what_we_delete_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
