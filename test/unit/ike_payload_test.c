/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ike/payload.h"

#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define ANY4 "07 00 0010 0000 ffff 00000000 ffffffff"
#define ANY6 "08 00 0028 0000 ffff 00000000000000000000000000000000 ffffffffffffffffffffffffffffffff"

static const struct {
	int row;
	const char *body;
	enum status want;
	uint8_t n;
} ts_rows[] = {
	{1, "01 000000" ANY4, OK, 1},
	{2, "02 000000" ANY4 ANY6, OK, 2},
	{3, "02 ffffff" ANY6 ANY4, OK, 2},
	{4, "00 000000", ERR_MALFORMED, 0},           /* no selector */
	{5, "01 000000", ERR_MALFORMED, 0},
	{6, "02 000000" ANY4, ERR_MALFORMED, 0},      /* fewer than it says */
	{7, "01 000000" ANY4 ANY4, ERR_MALFORMED, 0}, /* more */
	{8, "01 000000" ANY4 "00", ERR_MALFORMED, 0},
	{9, "01 000000 07 00 0011 0000 ffff 00000000 ffffffff 00", ERR_MALFORMED, 0},
	{10, "01 000000 07 00 000f 0000 ffff 00000000 ffffff", ERR_MALFORMED, 0},
	{11, "01 000000 07 00 0028 0000 ffff 00000000000000000000000000000000 "
	     "ffffffffffffffffffffffffffffffff", ERR_MALFORMED, 0}, /* IPv6's length, IPv4's type */
	{12, "01 000000 07 00 0003 0000 ffff 00000000 ffffffff", ERR_MALFORMED, 0},
	{13, "01 000000 07 00 0010 0000 ffff 0a000002 0a000001", ERR_MALFORMED, 0}, /* start > end */
	/* unknown types are passed over: 9 is FC (RFC 4595), 10 a security label */
	{14, "02 000000 0a 00 0008 01020304" ANY4, OK, 1},
	{15, "01 000000 0a 00 0008 01020304", OK, 0},
	{16, "01 000000 0a 00 0009 01020304", ERR_MALFORMED, 0},
	{17, "01 000000 07 00 0010 ffff 0000 00000000 ffffffff", OK, 0}, /* OPAQUE */
	{18, "09 000000" ANY4 ANY4 ANY4 ANY4 ANY4 ANY4 ANY4 ANY4 ANY4, OK, TS_MAX},
	{19, "", ERR_MALFORMED, 0},
	{20, "01 0000", ERR_MALFORMED, 0},
};

static void test_ts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ts_rows) / sizeof(ts_rows[0]); i++) {
		size_t len;
		uint8_t *data = hex_bytes(ts_rows[i].body, &len);
		struct ts_set set;
		CBS body;
		enum status s;

		CBS_init(&body, data, len);
		s = ts_payload_parse(&set, &body);
		if (s != ts_rows[i].want || (s == OK && set.n != ts_rows[i].n))
			fail_msg("row %d: %s, %u selectors", ts_rows[i].row, status_text(s), set.n);
		free(data);
	}
}

/* The ninth selector is the one that we allow: all are read before any is left out. */
static void test_ts_narrow_all(void **state)
{
	size_t len;
	uint8_t *data = hex_bytes("09 000000" ANY6 ANY6 ANY6 ANY6 ANY6 ANY6 ANY6 ANY6 ANY4, &len);
	struct ts_set allowed = {.n = 1}, set;
	struct prefix p;
	char text[ADDRESS_TEXT_LEN];
	CBS body;

	(void)state;
	assert_int_equal(prefix_parse(&p, "10.20.0.0/16"), OK);
	allowed.ts[0] = ts_from_prefix(&p);
	CBS_init(&body, data, len);
	assert_int_equal(ts_payload_narrow(&set, &body, &allowed), OK);
	assert_int_equal(set.n, 1);
	assert_string_equal(address_format(&set.ts[0].start, text), "10.20.0.0");
	free(data);
}

static void test_ts_fields(void **state)
{
	size_t len;
	uint8_t *data = hex_bytes("02 000000 07 11 0010 0035 0036 0a140000 0a14ffff" ANY6, &len);
	struct ts_set set;
	char text[ADDRESS_TEXT_LEN];
	CBS body;

	(void)state;
	CBS_init(&body, data, len);
	assert_int_equal(ts_payload_parse(&set, &body), OK);
	assert_int_equal(set.ts[0].protocol, 17);
	assert_int_equal(set.ts[0].port_start, 53);
	assert_int_equal(set.ts[0].port_end, 54);
	assert_string_equal(address_format(&set.ts[0].start, text), "10.20.0.0");
	assert_string_equal(address_format(&set.ts[0].end, text), "10.20.255.255");
	assert_string_equal(address_format(&set.ts[1].start, text), "::");
	for (size_t n = 0; n < len; n++) {
		uint8_t *part = exact_copy(data, n);

		CBS_init(&body, part, n);
		if (ts_payload_parse(&set, &body) != ERR_MALFORMED)
			fail_msg("cut at %zu", n);
		free(part);
	}
	free(data);
}

/* What a CP asks for: "a4=address a6=address d4 d6", only what is there. */
static const struct {
	int row;
	const char *attributes, *want;
} cp_rows[] = {
	{1, "", ""},
	/* strongSwan: an address, DNS */
	{2, "0001 0000 0003 0000", "a4=none d4 "},
	{3, "0001 0004 0a1e0001 0003 0000", "a4=10.30.0.1 d4 "},
	{4, "0001 0004 00000000", "a4=none "}, /* unspecified = any */
	{5, "0001 0003 0a1e00", ""},           /* unusable */
	{6, "0001 0003 0a1e00 0001 0004 0a1e0002", "a4=10.30.0.2 "},
	{7, "0001 0004 0a1e0001 0001 0004 0a1e0002", "a4=10.30.0.1 "}, /* the first counts */
	{8, "0008 0000 000a 0000", "a6=none d6 "},
	{9, "0008 0011 20010db8000000000000000000000001 40", "a6=2001:db8::1 "},
	{10, "0008 0010 20010db8000000000000000000000001", "a6=2001:db8::1 "},
	/* Windows: addresses, DNS, NBNS, server, and one of its own */
	{11, "0001 0000 0003 0000 0004 0000 5ba0 0000 0008 0000 000a 0000 5ba1 0000",
	 "a4=none a6=none d4 d6 "},
	{12, "8001 0000", "a4=none "}, /* the reserved bit */
};

static void test_cp(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cp_rows) / sizeof(cp_rows[0]); i++) {
		size_t len;
		uint8_t *data = hex_bytes(cp_rows[i].attributes, &len);
		struct ike_cp cp = {.type = IKE_CFG_REQUEST};
		struct ike_cp_request r;
		char got[200], a4[ADDRESS_TEXT_LEN], a6[ADDRESS_TEXT_LEN];

		CBS_init(&cp.attributes, data, len);
		ike_cp_read(&r, &cp);
		snprintf(got, sizeof(got), "%s%s%s%s%s%s%s%s", r.ip4 ? "a4=" : "",
			 r.ip4 ? address_format(&r.wanted4, a4) : "", r.ip4 ? " " : "",
			 r.ip6 ? "a6=" : "", r.ip6 ? address_format(&r.wanted6, a6) : "",
			 r.ip6 ? " " : "", r.dns4 ? "d4 " : "", r.dns6 ? "d6 " : "");
		if (strcmp(got, cp_rows[i].want) != 0)
			fail_msg("row %d: %s", cp_rows[i].row, got);
		free(data);
	}
}

static const struct {
	int row;
	uint8_t type;
	size_t len;
	enum status want;
} id_rows[] = {
	{1, IKE_ID_FQDN, 2, OK},           {2, IKE_ID_FQDN, 0, ERR_MALFORMED},
	{3, IKE_ID_FQDN, 240, OK},         {4, IKE_ID_FQDN, 241, ERR_TOO_LONG},
	{5, IKE_ID_IPV4_ADDR, 4, OK},      {6, IKE_ID_IPV4_ADDR, 16, ERR_MALFORMED},
	{7, IKE_ID_IPV6_ADDR, 16, OK},     {8, IKE_ID_IPV6_ADDR, 4, ERR_MALFORMED},
	{9, IKE_ID_DER_ASN1_DN, 60, OK},   {10, 99, 3, OK},
	{11, IKE_ID_KEY_ID, 65535 - 8, ERR_TOO_LONG},
};

static void test_id(void **state)
{
	static uint8_t data[65535];

	(void)state;
	for (size_t i = 0; i < sizeof(id_rows) / sizeof(id_rows[0]); i++) {
		struct ike_payload_id p = {.type = id_rows[i].type};
		struct ike_id id;
		enum status s;

		CBS_init(&p.data, data, id_rows[i].len);
		s = ike_id_from_payload(&id, &p);
		if (s != id_rows[i].want || (s == OK && id.len != id_rows[i].len))
			fail_msg("row %d: %s", id_rows[i].row, status_text(s));
	}
}

static void test_delete(void **state)
{
	static const uint8_t spis[] = {0, 0, 1, 0, 0xc0, 0xff, 0xee, 1};
	uint32_t spi;
	CBS rest;

	(void)state;
	CBS_init(&rest, spis, sizeof(spis));
	assert_true(ike_delete_next(&rest, &spi));
	assert_int_equal(spi, 0x100);
	assert_true(ike_delete_next(&rest, &spi));
	assert_true(spi == 0xc0ffee01);
	assert_false(ike_delete_next(&rest, &spi));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ts), cmocka_unit_test(test_ts_narrow_all),
		cmocka_unit_test(test_ts_fields),
		cmocka_unit_test(test_cp), cmocka_unit_test(test_id),
		cmocka_unit_test(test_delete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
