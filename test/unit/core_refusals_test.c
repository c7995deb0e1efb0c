/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that are refused: each is counted by its NOTIFY, and logged with both sides' proposals; a
 * flood of refusals gets a few lines. */
#include "proto/ike/offer_text.h"
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void only_take(struct story *l, const char *text)
{
	for (uint32_t i = 0; i < l->n; i++) {
		struct ike_connection *c = l->config[i].policy->ike.connections;

		assert_int_equal(proposal_parse_ike(&c->ike[0], text, NULL), OK);
		c->n_ike = 1;
	}
}

static void begins(struct story *l, const char *proposal, uint16_t port)
{
	struct initiator_config config = l->client.config;
	struct initiator i;

	config.local.port = port;
	assert_int_equal(proposal_parse_ike(&config.ike[0], proposal, NULL), OK);
	config.n_ike = 1;
	config.ke_group = 0;
	story_client_other(l, &i, &config);
	blob_unref(story_say(l, &i, initiator_create_init(&i)));
	assert_int_equal(i.error, 14); /* NO_PROPOSAL_CHOSEN */
	story_swallow(l);
	initiator_fini(&i);
}

static uint64_t counted(struct story *l)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		struct core_status s;

		core_status(l->node[i].core, &s);
		n += s.refusals[notify_error_index(14)];
	}
	return n;
}

static unsigned told(const struct story *l)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < l->n; i++)
		n += story_happened(l, i, "refused");
	return n;
}

static void what_nobody_would_take_is_told_and_counted(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	only_take(&l, "aes128gcm16-prfsha256-x25519");
	begins(&l, "aes256-sha256-modp2048", 4500);
	assert_int_equal(counted(&l), 1);
	assert_int_equal(told(&l), 1);
	story_fini(&l);
}

/* The line shows the client's address and offers, so an operator need not ask. */
static void the_line_has_both_sides_and_the_address(void **unused)
{
	char want[200], from[ENDPOINT_TEXT_LEN];
	struct endpoint client;
	unsigned lines = 0;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	only_take(&l, "aes128gcm16-prfsha256-x25519");
	begins(&l, "aes256-sha256-modp2048", 4501);
	client = l.client.config.local;
	client.port = 4501;
	snprintf(want, sizeof(want), "%s: NO_PROPOSAL_CHOSEN: offers aes256-sha256-prfsha256-modp2048; "
		 "accepted would be aes128gcm16-prfsha256-x25519", endpoint_format(&client, from));
	for (uint32_t i = 0; i < l.n; i++)
		lines += strcmp(story_told(&l, i, "refused"), want) == 0;
	assert_int_equal(lines, 1);
	assert_int_equal(told(&l), 1);
	story_fini(&l);
}

/* 20 lines at once, one a second later on, and each refusal in the counter. */
static void a_flood_of_them_makes_few_lines(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	only_take(&l, "aes128gcm16-prfsha256-x25519");
	for (unsigned i = 0; i < 200; i++)
		begins(&l, "aes256-sha256-modp2048", (uint16_t)(5000 + i));
	assert_int_equal(counted(&l), 200);
	assert_in_range(told(&l), 20, 40);
	story_run(&l, 5000);
	begins(&l, "aes256-sha256-modp2048", 6000);
	assert_in_range(told(&l), 22, 42); /* It, and how many there were. */
	story_fini(&l);
}

/* ---- Texts ---- */

/* Two proposals as a client may send them: 3DES with SHA-1 and a 1024-bit group, then AES-GCM with
 * unknown numbers. */
static const uint8_t sa[] = {
	2, 0, 0, 40, 1, 1, 0, 4,
	3, 0, 0, 8, 1, 0, 0, 3,
	3, 0, 0, 8, 3, 0, 0, 2,
	3, 0, 0, 8, 2, 0, 0, 2,
	0, 0, 0, 8, 4, 0, 0, 2,
	0, 0, 0, 36, 2, 1, 0, 3,
	3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 0, 192,
	3, 0, 0, 8, 2, 0, 0, 99,
	0, 0, 0, 8, 4, 0, 0, 31,
};

static void offers_are_spelt_as_strongswan_does(void **unused)
{
	static const char whole[] = "3des-sha1-prfsha1-modp1024, aes192gcm16-prf(99)-x25519";
	char text[200], guard[64];
	struct proposal p[2];
	CBS in;

	(void)unused;
	CBS_init(&in, sa, sizeof(sa));
	assert_string_equal(offer_format(&in, text, sizeof(text)), whole);
	for (size_t room = 4; room < sizeof(guard); room++) {
		memset(guard, 'x', sizeof(guard));
		offer_format(&in, guard, room);
		assert_true(strlen(guard) < room);
		assert_true(room >= strlen(whole) + 4 ||
			    strcmp(guard + strlen(guard) - 3, "...") == 0);
		for (size_t i = room; i < sizeof(guard); i++)
			assert_int_equal(guard[i], 'x');
	}
	for (size_t len = 0; len < sizeof(sa); len++) { /* Cut anywhere: no more than that. */
		CBS_init(&in, sa, len);
		offer_format(&in, text, sizeof(text));
	}
	assert_int_equal(proposal_parse_ike(&p[0], "aes128gcm16-aes256gcm16-prfsha256-x25519-ecp256", NULL), OK);
	assert_int_equal(proposal_parse_ike(&p[1], "aes256-sha256-modp2048", NULL), OK);
	text[0] = '\0';
	proposals_format(p, 2, text, sizeof(text));
	proposals_format(p, 1, text, sizeof(text));
	assert_string_equal(text, "aes128gcm16-aes256gcm16-prfsha256-x25519-ecp256, aes256-sha256-prfsha256-modp2048, "
				  "aes128gcm16-aes256gcm16-prfsha256-x25519-ecp256");
}

static void notifies_have_names(void **unused)
{
	char text[NOTIFY_TEXT_LEN];

	(void)unused;
	assert_string_equal(notify_format(14, text), "NO_PROPOSAL_CHOSEN");
	assert_string_equal(notify_format(24, text), "AUTHENTICATION_FAILED");
	assert_string_equal(notify_format(65535, text), "NOTIFY 65535");
	assert_string_equal(notify_error_name(notify_error_index(38)), "TS_UNACCEPTABLE");
	assert_string_equal(notify_error_name(notify_error_index(999)), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_would_take_is_told_and_counted),
		cmocka_unit_test(the_line_has_both_sides_and_the_address),
		cmocka_unit_test(a_flood_of_them_makes_few_lines),
		cmocka_unit_test(offers_are_spelt_as_strongswan_does),
		cmocka_unit_test(notifies_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
