/* SPDX-License-Identifier: Apache-2.0 */
/* What stock clients offer, against the configuration that `baton init` writes.
 *
 * strongSwan's, Libreswan's and OpenIKED's offers are as these programs sent them from Debian 12.
 * Those of Apple, Android, Windows and pfSense are as their makers or gateways' logs list them. An
 * INVALID_KE_PAYLOAD costs the client a round trip; it must not lead to a weaker group. */
#include "node/cli/cmd_init.c"

#include "proto/ike/sa_payload.h"
#include "test/unit/offer.h"

#define SPI "3:c0ffee01:"

static const struct stock {
	const char *who, *ike;
	uint16_t ke_group;
	const char *want;  /* "number suite"; NULL: NO_PROPOSAL_CHOSEN. */
	uint16_t other_ke; /* 0: its KE is taken; else the group it is told. */
	const char *esp, *want_esp;
	const char *rekey; /* With its offer then; NULL: as in IKE_AUTH. */
	uint16_t rekey_group;
	const char *want_rekey;
} stock[] = {
	{"strongSwan 5.9.8, all its plugins",
	 "1::E12/128,E12/192,E12/256,E13/128,E13/192,E13/256,E23/128,E23/192,E23/256,E24/128,E24/192,E24/256,E3,"
	 "I12,I13,I14,I5,I8,I2,P5,P6,P7,P4,P8,P2,D31,D32,D19,D20,D21,D28,D29,D30,D15,D16,D17,D18,D14 "
	 "1::E16/128,E16/192,E16/256,E20/128,E20/192,E20/256,E28,E27/128,E27/192,E27/256,E14/128,E14/192,E14/256,"
	 "E15/128,E15/192,E15/256,E18/128,E18/192,E18/256,E19/128,E19/192,E19/256,E25/128,E25/192,E25/256,E26/128,"
	 "E26/192,E26/256,P5,P6,P7,P4,P8,P2,D31,D32,D19,D20,D21,D28,D29,D30,D15,D16,D17,D18,D14",
	 31, "2 aes128gcm16-prfsha256-x25519", 0,
	 SPI "E20/128,E20/192,E20/256,S0 " SPI "E12/128,E12/192,E12/256,I12,I13,I14,I2,I5,S0", "1 aes128gcm16",
	 NULL, 0, "1 aes128gcm16"},
	{"strongSwan 6.0, whose PFS is optional",
	 "1::E12/128,E12/192,E12/256,I12,I13,I14,P5,P6,P7,D31,D19,D20,D21,D15,D16,D14 "
	 "1::E20/128,E20/192,E20/256,E28,P5,P6,P7,D31,D19,D20,D21,D15,D16,D14",
	 31, "2 aes128gcm16-prfsha256-x25519", 0,
	 SPI "E20/128,E20/192,E20/256,E28,S0 " SPI "E12/128,E12/192,E12/256,I12,I13,I14,S0", "1 aes128gcm16",
	 SPI "E20/128,E20/192,E20/256,E28,D31,D19,D20,D21,D15,D16,D14,D0,S0 "
	 SPI "E12/128,E12/192,E12/256,I12,I13,I14,D31,D19,D20,D21,D15,D16,D14,D0,S0", 31, "1 aes128gcm16"},
	{"Libreswan 4.10",
	 "1::E20/256,P7,P5,D14,D15,D16,D18,D19,D20,D21,D31 1::E20/128,P7,P5,D14,D15,D16,D18,D19,D20,D21,D31 "
	 "1::E12/256,P7,P5,I14,I12,D14,D15,D16,D18,D19,D20,D21,D31 "
	 "1::E12/128,P7,P5,I14,I12,D14,D15,D16,D18,D19,D20,D21,D31",
	 14, "1 aes256gcm16-prfsha256-modp2048", 0,
	 SPI "E20/256,S1,S0 " SPI "E20/128,S1,S0 " SPI "E12/256,I14,I12,S1,S0 " SPI "E12/128,I14,I12,S1,S0",
	 "1 aes256gcm16",
	 SPI "E20/256,D14,S1,S0 " SPI "E20/128,D14,S1,S0 " SPI "E12/256,I14,I12,D14,S1,S0 " SPI "E12/128,I14,I12,D14,S1,S0",
	 14, "1 aes256gcm16-modp2048"},
	{"OpenIKED 7.2, whose PF_KEY has no HMAC-SHA2-256",
	 "1::E20/128,E20/256,P5,P6,P7,P2,D31,D21,D20,D19,D16,D15,D14,D5,D2 "
	 "1::E12/256,E12/192,E12/128,E3,P5,P6,P7,P2,I12,I13,I14,I2,D31,D21,D20,D19,D16,D15,D14,D5,D2",
	 31, "1 aes128gcm16-prfsha256-x25519", 0,
	 SPI "E12/256,E12/192,E12/128,I13,I14,I2,S0", "1 aes256-sha384", NULL, 0, "1 aes256-sha384"},
	{"iOS 16",
	 "1::E12/256,I12,P5,D14 1::E12/256,I12,P5,D19 1::E12/256,I12,P5,D5 1::E12/128,I2,P2,D2 1::E3,I2,P2,D2",
	 14, "1 aes256-sha256-prfsha256-modp2048", 0,
	 SPI "E12/256,I12,S0 " SPI "E12/256,I12,S0 " SPI "E12/128,I2,S0 " SPI "E3,I2,S0", "1 aes256-sha256",
	 SPI "E12/256,I12,D14,S0 " SPI "E12/256,I12,S0 " SPI "E12/128,I2,S0 " SPI "E3,I2,S0", 14, "1 aes256-sha256-modp2048"},
	{"iOS 17, macOS 14",
	 "1::E20/256,P5,D19 1::E20/256,P5,D14 1::E12/256,I12,P5,D19 1::E12/256,I12,P5,D14",
	 19, "1 aes256gcm16-prfsha256-ecp256", 0,
	 SPI "E20/256,S0 " SPI "E20/256,S0 " SPI "E12/256,I12,S0 " SPI "E12/256,I12,S0", "1 aes256gcm16",
	 SPI "E20/256,D19,S0 " SPI "E20/256,S0 " SPI "E12/256,I12,D19,S0 " SPI "E12/256,I12,S0", 19, "1 aes256gcm16-ecp256"},
	{"Android 12",
	 "1::E13/256,E12/256,E13/192,E12/192,E13/128,E12/128,I14,I13,I12,I5,I8,D16,D31,D15,D14,P7,P6,P5,P4,P8 "
	 "1::E28,E20/256,E19/256,E18/256,E20/192,E19/192,E18/192,E20/128,E19/128,E18/128,D16,D31,D15,D14,P7,P6,P5,P4,P8",
	 16, "2 aes128gcm16-prfsha256-x25519", 31,
	 SPI "E13/256,E12/256,E13/192,E12/192,E13/128,E12/128,I14,I13,I12,I5,I8,S0 "
	 SPI "E28,E20/256,E19/256,E18/256,E20/192,E19/192,E18/192,E20/128,E19/128,E18/128,S0", "2 aes128gcm16",
	 NULL, 0, "2 aes128gcm16"},
	{"Windows with NegotiateDH2048_AES256 = 2 and GCMAES256 for ESP",
	 "1::E12/256,I2,P2,D14 1::E12/256,I12,P5,D14 1::E12/256,I13,P6,D14",
	 14, "2 aes256-sha256-prfsha256-modp2048", 0, SPI "E20/256,S0", "1 aes256gcm16", NULL, 0, "1 aes256gcm16"},
	{"Windows with NegotiateDH2048_AES256 = 1, which guesses the weak group",
	 "1::E3,I2,P2,D2 1::E12/256,I2,P2,D2 1::E3,I12,P5,D2 1::E12/256,I12,P5,D2 1::E12/256,I2,P2,D14 1::E12/256,I12,P5,D14",
	 2, "6 aes256-sha256-prfsha256-modp2048", 14, SPI "E12/256,I2,S0 " SPI "E12/128,I2,S0 " SPI "E3,I2,S0", NULL,
	 NULL, 0, NULL},
	{"Windows as it comes", "1::E3,I2,P2,D2 1::E12/256,I2,P2,D2 1::E3,I12,P5,D2 1::E12/256,I12,P5,D2 "
	 "1::E3,I13,P6,D2 1::E12/256,I13,P6,D2", 2, NULL, 0,
	 SPI "E12/256,I2,S0 " SPI "E12/128,I2,S0 " SPI "E3,I2,S0 " SPI "E2,I2,S0 " SPI "E11,I2,S0", NULL, NULL, 0, NULL},
	{"pfSense 2.7", "1::E12/128,I12,P5,D14", 14, "1 aes128-sha256-prfsha256-modp2048", 0,
	 SPI "E12/128,I12,S0 " SPI "E20/128,S0", "2 aes128gcm16",
	 SPI "E12/128,I12,D14,S0 " SPI "E20/128,D14,S0", 14, "2 aes128gcm16-modp2048"},
};

/* The list of that name in init's output. */
static size_t written(const char *key, bool ike, struct proposal out[8])
{
	const char *at = strstr(tail, key), *end;
	char text[500];
	size_t n = 0;

	assert_non_null(at);
	end = strchr(at, ']');
	for (at = strchr(at, '"'); at && at < end; at = strchr(at, '"')) { /* Quoted strings, blanks between. */
		for (at++; *at != '"'; at++)
			text[n++] = *at;
		text[n++] = ' ';
		at++;
	}
	assert_in_range(n, 1, sizeof(text) - 1);
	text[n] = '\0';
	return configure(out, text, ike);
}

/* Bits of security, NIST SP 800-57 part 1, 5.6.1. */
static unsigned strength(uint16_t group)
{
	static const struct {
		uint16_t group;
		unsigned bits;
	} of[] = {{2, 80}, {5, 96}, {14, 112}, {15, 128}, {16, 128}, {19, 128}, {20, 192}, {21, 256}, {31, 128}};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (of[i].group == group)
			return of[i].bits;
	return 0;
}

static void assert_chosen(const char *who, enum status s, const struct sa_choice *c, const char *want)
{
	char suite[SUITE_TEXT_LEN], got[SUITE_TEXT_LEN + 8] = "nothing";

	if (s == OK)
		snprintf(got, sizeof(got), "%u %s", c->number, suite_format(&c->suite, suite));
	if (strcmp(got, want ? want : "nothing") != 0)
		fail_msg("%s: %s", who, got);
}

static void the_first_exchange(void **unused)
{
	static struct offer_bytes b;
	struct proposal ours[8];
	size_t n = written("\nike_proposals = [", true, ours);

	(void)unused;
	for (size_t i = 0; i < sizeof(stock) / sizeof(stock[0]); i++) {
		const struct stock *k = &stock[i];
		struct sa_choice c;
		enum status s;
		CBS sa;

		offer(&b, k->ike);
		CBS_init(&sa, b.data, b.len);
		s = sa_select_ike(&c, &sa, ours, n, 0, k->ke_group);
		assert_chosen(k->who, s, &c, k->want);
		if (s == OK && (c.ke_mismatch ? c.suite.dh : 0) != k->other_ke)
			fail_msg("%s: told group %u", k->who, c.suite.dh);
		if (s == OK && strength(c.suite.dh) < strength(k->ke_group))
			fail_msg("%s: a weaker group than its own", k->who);
	}
}

static void the_child_sa(void **unused)
{
	static struct offer_bytes b;
	struct proposal ours[8];
	size_t n = written("\nesp_proposals = [", false, ours);

	(void)unused;
	for (size_t i = 0; i < sizeof(stock) / sizeof(stock[0]); i++) {
		const struct stock *k = &stock[i];
		struct sa_choice c;
		enum status s;
		CBS sa;

		offer(&b, k->esp);
		CBS_init(&sa, b.data, b.len);
		s = sa_select_esp(&c, &sa, ours, n, SA_DH_IGNORE, 0);
		assert_chosen(k->who, s, &c, k->want_esp);
		offer(&b, k->rekey ? k->rekey : k->esp);
		CBS_init(&sa, b.data, b.len);
		s = sa_select_esp(&c, &sa, ours, n, SA_DH_NEGOTIATE, k->rekey_group);
		assert_chosen(k->who, s, &c, k->want_rekey);
		if (s == OK && c.ke_mismatch)
			fail_msg("%s: rekeying, told group %u", k->who, c.suite.dh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_exchange),
		cmocka_unit_test(the_child_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
