/* SPDX-License-Identifier: Apache-2.0 */
/* Which connections let in one and the same client. */
#include "proto/auth/method.h"
#include "proto/auth/realm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_realms(void **unused)
{
	static const struct {
		struct ike_connection a, b;
		bool same;
	} rows[] = {
		{{.name = "a", .auth = &ike_auth_psk}, {.name = "b", .auth = &ike_auth_psk}, true},
		{{.name = "a", .auth = NULL}, {.name = "b", .auth = &ike_auth_psk}, true},
		{{.name = "a", .auth = &ike_auth_eap_mschapv2}, {.name = "b", .auth = &ike_auth_eap_mschapv2}, true},
		{{.name = "a", .auth = &ike_auth_eap_radius}, {.name = "b", .auth = &ike_auth_eap_radius}, true},
		{{.name = "a", .auth = &ike_auth_pubkey}, {.name = "a", .auth = &ike_auth_pubkey}, true},
		{{.name = "a", .auth = &ike_auth_pubkey}, {.name = "b", .auth = &ike_auth_pubkey}, false},
		{{.name = "a", .auth = &ike_auth_psk}, {.name = "a", .auth = &ike_auth_pubkey}, false},
		{{.name = "a", .auth = &ike_auth_psk}, {.name = "a", .auth = &ike_auth_eap_mschapv2}, false},
		{{.name = "a", .auth = &ike_auth_psk}, {.name = "a", .auth = &ike_auth_eap_radius}, false},
		{{.name = "a", .auth = &ike_auth_eap_mschapv2}, {.name = "a", .auth = &ike_auth_eap_radius}, false},
		{{.name = "", .auth = &ike_auth_pubkey}, {.name = "psk", .auth = &ike_auth_pubkey}, false},
		{{.name = "psk", .auth = &ike_auth_pubkey}, {.name = "a", .auth = &ike_auth_psk}, false},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t a = ike_connection_realm(&rows[i].a), b = ike_connection_realm(&rows[i].b);

		assert_true(a != 0 && b != 0);
		assert_int_equal(a == b, rows[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_realms)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
