/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ike/ike_config.h"
#include "proto/ike/payload.h"

#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
	int row;
	const char *text;
	enum status status;
	uint8_t type;
	const char *data, *formatted;
} rows[] = {
	{1, "gw", OK, IKE_ID_FQDN, "6777", "gw"},
	{2, "gw.example.org", OK, IKE_ID_FQDN, "67772e6578616d706c652e6f7267", "gw.example.org"},
	{3, "@gw", OK, IKE_ID_FQDN, "6777", "gw"},
	{4, "a@b", OK, IKE_ID_RFC822_ADDR, "614062", "a@b"},
	{5, "@@a@b", OK, IKE_ID_RFC822_ADDR, "614062", "a@b"},
	{6, "10.0.0.1", OK, IKE_ID_IPV4_ADDR, "0a000001", "10.0.0.1"},
	{7, "2001:db8::1", OK, IKE_ID_IPV6_ADDR, "20010db8000000000000000000000001", "2001:db8::1"},
	{8, "@10.0.0.1", OK, IKE_ID_FQDN, "31302e302e302e31", "fqdn:10.0.0.1"},
	{9, "keyid:text", OK, IKE_ID_KEY_ID, "74657874", "keyid:text"},
	{10, "@#0a1B", OK, IKE_ID_KEY_ID, "0a1b", "keyid:0x0a1b"},
	{11, "keyid:0x00ff", OK, IKE_ID_KEY_ID, "00ff", "keyid:0x00ff"},
	{12, "fqdn:a@b", OK, IKE_ID_FQDN, "614062", "fqdn:a@b"},
	{13, "EMAIL:x", OK, IKE_ID_RFC822_ADDR, "78", "email:x"},
	{14, "ipv4:10.0.0.1", OK, IKE_ID_IPV4_ADDR, "0a000001", "10.0.0.1"},
	{15, "ipv4:2001:db8::1", ERR_MALFORMED, 0, NULL, NULL},
	{16, "ipv6:10.0.0.1", ERR_MALFORMED, 0, NULL, NULL},
	{17, "", ERR_MALFORMED, 0, NULL, NULL},
	{18, "@", ERR_MALFORMED, 0, NULL, NULL},
	{19, "keyid:", ERR_MALFORMED, 0, NULL, NULL},
	{20, "@#0a1", ERR_MALFORMED, 0, NULL, NULL},
	{21, "@#0g", ERR_MALFORMED, 0, NULL, NULL},
	{22, "C=CH, CN=gw", OK, IKE_ID_DER_ASN1_DN,
	 "301a310b3009060355040613024348310b300906035504030c026777", "C=CH, CN=gw"},
	{23, "%any", ERR_UNSUPPORTED, 0, NULL, NULL},
	{24, "256.1.1.1", OK, IKE_ID_FQDN, "3235362e312e312e31", "256.1.1.1"},
	{25, "type9:0x3000", OK, IKE_ID_DER_ASN1_DN, "3000", "type9:0x3000"},
	{26, "type2:0x67772E", OK, IKE_ID_FQDN, "67772e", "gw."},
	{27, "type256:0x00", OK, IKE_ID_FQDN, "747970653235363a30783030", "type256:0x00"},
	{28, "type2:0x0", ERR_MALFORMED, 0, NULL, NULL},
	{29, "type2:0x", ERR_MALFORMED, 0, NULL, NULL},
	{30, "typed", OK, IKE_ID_FQDN, "7479706564", "typed"},
	{31, "two words", OK, IKE_ID_FQDN, "74776f20776f726473", "type2:0x74776f20776f726473"},
	{32, "fqdn:type2:0x00", OK, IKE_ID_FQDN, "74797065323a30783030", "fqdn:type2:0x00"},
	{33, "fqdn:%any", OK, IKE_ID_FQDN, "25616e79", "fqdn:%any"},
	{34, "CN=M\xc3\xbcller", OK, IKE_ID_DER_ASN1_DN, "30123110300e06035504030c074dc3bc6c6c6572",
	 "type9:0x30123110300e06035504030c074dc3bc6c6c6572"},
};

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ike_id id;
		char text[300];
		uint8_t *want;
		size_t len;

		if (ike_id_parse(&id, rows[i].text) != rows[i].status)
			fail_msg("row %d", rows[i].row);
		if (rows[i].status != OK)
			continue;
		want = hex_bytes(rows[i].data, &len);
		if (id.type != rows[i].type || id.len != len || memcmp(id.data, want, len) != 0)
			fail_msg("row %d: type %u, %u octets", rows[i].row, id.type, id.len);
		free(want);
		assert_string_equal(ike_id_format(&id, text, sizeof(text)), rows[i].formatted);
	}
}

static void test_length(void **state)
{
	char text[IKE_ID_MAX + 2];
	struct ike_id id;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[IKE_ID_MAX + 1] = '\0';
	assert_int_equal(ike_id_parse(&id, text), ERR_TOO_LONG);
	text[IKE_ID_MAX] = '\0';
	assert_int_equal(ike_id_parse(&id, text), OK);
	assert_int_equal(id.len, IKE_ID_MAX);
}

static void test_equal(void **state)
{
	static const struct {
		int row;
		const char *a, *b;
		bool equal;
	} equal_rows[] = {
		{1, "gw", "gw", true},           {2, "gw", "GW", true},
		{3, "gw", "gx", false},          {4, "a@b", "A@B", true},
		{5, "a@b", "fqdn:a@b", false},   {6, "keyid:gw", "keyid:GW", false},
		{7, "keyid:gw", "gw", false},    {8, "10.0.0.1", "10.0.0.1", true},
		{9, "10.0.0.1", "@10.0.0.1", false}, {10, "gw", "gw2", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(equal_rows) / sizeof(equal_rows[0]); i++) {
		struct ike_id a, b;

		assert_int_equal(ike_id_parse(&a, equal_rows[i].a), OK);
		assert_int_equal(ike_id_parse(&b, equal_rows[i].b), OK);
		if (ike_id_equal(&a, &b) != equal_rows[i].equal)
			fail_msg("row %d", equal_rows[i].row);
	}
}

static void reads_back(const struct ike_id *id)
{
	char text[IKE_ID_TEXT_LEN];
	struct ike_id again;

	if (ike_id_parse(&again, ike_id_format(id, text, sizeof(text))) != OK || !ike_id_equal(&again, id))
		fail_msg("%s is of type %u, and reads back as type %u", text, id->type, again.type);
}

/* An operator copies what is printed into `baton revoke`. */
static void test_printed_reads_back(void **state)
{
	static const char *const hard[] = {"a", "a b", "a@b", "a=b", "@a", "@#a", "10.0.0.1", "::1", "%any", "keyid:a", "0xab",
					   "CN=a", "type2:0x00", "email:a", "\xc3\xa9", "*", "a,b"};
	static const uint8_t types[] = {0, 1, 2, 3, 5, 9, 11, 77, 255};
	struct ike_id id, longest = {.len = IKE_ID_MAX};

	(void)state;
	for (size_t t = 0; t < sizeof(types); t++) {
		for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++) {
			memset(&id, 0, sizeof(id));
			id.type = types[t];
			id.len = (uint8_t)strlen(hard[i]);
			memcpy(id.data, hard[i], id.len);
			reads_back(&id);
		}
		for (unsigned octet = 0; octet < 256; octet += 0x55) {
			longest.type = types[t];
			memset(longest.data, (int)octet, sizeof(longest.data));
			reads_back(&longest);
		}
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == OK && ike_id_parse(&id, rows[i].text) == OK)
			reads_back(&id);
	/* As many octets of a name in DER as there may be. */
	assert_int_equal(ike_id_parse(&id, "O=a, OU=12345678901234567890123456789012345678901234567890123456789012345678901234567890, "
				      "CN=12345678901234567890123456789012345678901234567890123456789012345678901234567890\\,"), OK);
	reads_back(&id);
}

static void test_patterns(void **state)
{
	static const struct {
		const char *text;
		bool pattern;
	} pattern_rows[] = {{"*", true}, {"*.example.org", true}, {"*@b", true}, {"a*", true}, {"a", false}, {"keyid:*", false},
			    {"10.42.42.42", false}, {"O=Ex, CN=*", true}, {"O=Ex*, CN=a", true}, {"O=Ex, E=a@b", false}};
	struct ike_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(pattern_rows) / sizeof(pattern_rows[0]); i++) {
		assert_int_equal(ike_id_parse(&id, pattern_rows[i].text), OK);
		if (ike_id_is_pattern(&id) != pattern_rows[i].pattern)
			fail_msg("%s", pattern_rows[i].text);
	}
}

/* What a peer sends may be anything: it must not reach a log as it is. */
static void test_format_hostile(void **state)
{
	struct ike_id newline = {.type = IKE_ID_FQDN, .len = 3, .data = "a\nb"};
	struct ike_id name = {.type = IKE_ID_DER_ASN1_DN, .len = 2, .data = {0x30, 0x00}};
	struct ike_id address = {.type = IKE_ID_IPV4_ADDR, .len = 3, .data = {1, 2, 3}};
	struct ike_id longest = {.type = 77, .len = IKE_ID_MAX};
	char text[64], small[8];

	(void)state;
	assert_string_equal(ike_id_format(&newline, text, sizeof(text)), "type2:0x610a62");
	assert_string_equal(ike_id_format(&name, text, sizeof(text)), "type9:0x3000");
	assert_string_equal(ike_id_format(&address, text, sizeof(text)), "type1:0x010203");
	assert_int_equal(strlen(ike_id_format(&longest, text, sizeof(text))), sizeof(text) - 1);
	assert_string_equal(ike_id_format(&newline, small, sizeof(small)), "type2:0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_printed_reads_back),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_format_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
