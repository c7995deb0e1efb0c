/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ike/ike_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { NO_NOTIFY, ERROR = IKE_NOTIFY_NO_PROPOSAL_CHOSEN, STATUS = IKE_NOTIFY_REKEY_SA };
enum { COOKIE = IKE_NOTIFY_COOKIE };
enum { SA = 33, KE, IDi, IDr, CERT, CERTREQ, AUTH, NONCE, N, D, V, TSi, TSr, SK, CP, EAP };
enum { REQ = IKE_FLAG_INITIATOR, RESP = IKE_FLAG_RESPONSE };

static const struct {
	int row;
	uint8_t exchange, flags;
	uint32_t message_id;
	uint16_t notify; /* Its type, if N is there. */
	uint8_t payloads[12];
	bool legal;
} rows[] = {
	/* IKE_SA_INIT --> */
	{1, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {SA, KE, NONCE}, true},
	{2, IKE_EXCHANGE_SA_INIT, REQ, 0, COOKIE, {N, SA, KE, NONCE, V}, true},
	{3, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {NONCE, KE, SA}, true}, /* any order */
	{4, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {KE, NONCE}, false},
	{5, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {SA, NONCE}, false},
	{6, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {SA, KE}, false},
	{7, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {SA, KE, NONCE, IDi}, false}, /* in clear! */
	{8, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {SA, KE, NONCE, AUTH}, false},
	{9, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {SA, KE, NONCE, TSi, TSr}, false},
	{10, IKE_EXCHANGE_SA_INIT, REQ, 0, ERROR, {N}, false}, /* a request is no refusal */
	{11, IKE_EXCHANGE_SA_INIT, REQ, 0, COOKIE, {N}, false},
	{12, IKE_EXCHANGE_SA_INIT, REQ, 0, 0, {0}, false},
	/* <-- IKE_SA_INIT */
	{13, IKE_EXCHANGE_SA_INIT, RESP, 0, 0, {SA, KE, NONCE, CERTREQ}, true},
	{14, IKE_EXCHANGE_SA_INIT, RESP, 0, ERROR, {N}, true},
	{15, IKE_EXCHANGE_SA_INIT, RESP, 0, COOKIE, {N}, true},
	{16, IKE_EXCHANGE_SA_INIT, RESP, 0, STATUS, {N}, false},
	{17, IKE_EXCHANGE_SA_INIT, RESP, 0, 0, {0}, false},
	/* IKE_AUTH --> */
	{20, IKE_EXCHANGE_AUTH, REQ, 1, STATUS, {IDi, N, IDr, AUTH, CP, SA, TSi, TSr}, true},
	{21, IKE_EXCHANGE_AUTH, REQ, 1, 0, {IDi, CERT, CERTREQ, AUTH, SA, TSi, TSr}, true},
	{22, IKE_EXCHANGE_AUTH, REQ, 1, 0, {IDi, SA, TSi, TSr}, true}, /* 2.16: asks for EAP */
	{23, IKE_EXCHANGE_AUTH, REQ, 1, 0, {AUTH, SA, TSi, TSr}, false},
	{24, IKE_EXCHANGE_AUTH, REQ, 1, 0, {IDi, AUTH, TSi, TSr}, false},
	{25, IKE_EXCHANGE_AUTH, REQ, 1, 0, {IDi, AUTH, SA, TSi}, false},
	{26, IKE_EXCHANGE_AUTH, REQ, 1, 0, {IDi, AUTH, SA, TSr}, false},
	{27, IKE_EXCHANGE_AUTH, REQ, 1, 0, {IDi, AUTH, SA, TSi, TSr, KE}, false}, /* 1.2: no KE, no nonce */
	{28, IKE_EXCHANGE_AUTH, REQ, 1, 0, {IDi, AUTH, SA, TSi, TSr, NONCE}, false},
	{29, IKE_EXCHANGE_AUTH, REQ, 1, 0, {IDi, AUTH, SA, TSi, TSr, D}, false},
	{30, IKE_EXCHANGE_AUTH, REQ, 2, 0, {EAP}, true},
	{31, IKE_EXCHANGE_AUTH, REQ, 3, 0, {AUTH}, true},
	{32, IKE_EXCHANGE_AUTH, REQ, 1, 0, {EAP}, false},
	{33, IKE_EXCHANGE_AUTH, REQ, 2, 0, {0}, false},
	/* <-- IKE_AUTH */
	{34, IKE_EXCHANGE_AUTH, RESP, 1, 0, {IDr, AUTH, CP, SA, TSi, TSr}, true},
	{35, IKE_EXCHANGE_AUTH, RESP, 1, ERROR, {N}, true},
	{36, IKE_EXCHANGE_AUTH, RESP, 1, ERROR, {IDr, AUTH, N}, true}, /* Child SA refused */
	{37, IKE_EXCHANGE_AUTH, RESP, 1, 0, {IDr, SA, TSi, TSr}, false},
	{38, IKE_EXCHANGE_AUTH, RESP, 1, 0, {IDr, AUTH, SA, TSi}, false},
	{39, IKE_EXCHANGE_AUTH, RESP, 1, 0, {IDr, CERT, AUTH, EAP}, true},
	{40, IKE_EXCHANGE_AUTH, RESP, 1, 0, {IDi, AUTH}, false},
	/* CREATE_CHILD_SA, either way */
	{50, IKE_EXCHANGE_CREATE_CHILD_SA, REQ, 2, 0, {SA, NONCE, TSi, TSr}, true},
	{51, IKE_EXCHANGE_CREATE_CHILD_SA, REQ, 2, STATUS, {N, SA, NONCE, KE, TSi, TSr}, true},
	{52, IKE_EXCHANGE_CREATE_CHILD_SA, REQ, 2, 0, {SA, NONCE, KE}, true}, /* IKE rekey */
	{53, IKE_EXCHANGE_CREATE_CHILD_SA, REQ, 2, 0, {SA, NONCE, TSi}, false},
	{54, IKE_EXCHANGE_CREATE_CHILD_SA, REQ, 2, 0, {SA, TSi, TSr}, false},
	{55, IKE_EXCHANGE_CREATE_CHILD_SA, REQ, 2, 0, {NONCE, TSi, TSr}, false},
	{56, IKE_EXCHANGE_CREATE_CHILD_SA, REQ, 2, 0, {SA, NONCE, TSi, TSr, AUTH}, false},
	{57, IKE_EXCHANGE_CREATE_CHILD_SA, REQ, 2, ERROR, {N}, false},
	{58, IKE_EXCHANGE_CREATE_CHILD_SA, REQ | RESP, 2, ERROR, {N}, true},
	{59, IKE_EXCHANGE_CREATE_CHILD_SA, RESP, 2, 0, {SA, NONCE, TSi, TSr}, true},
	/* INFORMATIONAL */
	{70, IKE_EXCHANGE_INFORMATIONAL, REQ, 2, 0, {0}, true},
	{71, IKE_EXCHANGE_INFORMATIONAL, REQ, 2, STATUS, {N, D, CP}, true},
	{72, IKE_EXCHANGE_INFORMATIONAL, RESP, 0, 0, {0}, true},
	{73, IKE_EXCHANGE_INFORMATIONAL, REQ, 2, 0, {SA}, false},
	{74, IKE_EXCHANGE_INFORMATIONAL, REQ, 2, 0, {AUTH}, false},
	{75, IKE_EXCHANGE_INFORMATIONAL, REQ, 2, 0, {SK}, false},
	{80, 38, REQ, 2, 0, {0}, false},
};

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ike_message m;

		memset(&m, 0, sizeof(m));
		m.header.exchange = rows[i].exchange;
		m.header.flags = rows[i].flags;
		m.header.message_id = rows[i].message_id;
		for (size_t j = 0; rows[i].payloads[j]; j++)
			m.present |= UINT64_C(1) << rows[i].payloads[j];
		if (rows[i].notify != NO_NOTIFY)
			m.notify[m.n_notify++].type = rows[i].notify;
		if ((ike_message_check(&m) == DROP_NONE) != rows[i].legal)
			fail_msg("row %d", rows[i].row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
