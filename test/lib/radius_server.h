/* SPDX-License-Identifier: Apache-2.0 */
/* A RADIUS server for tests: EAP-MSCHAPv2 for one user, one conversation at a time. A request that
 * it has answered gets the same octets again, as RFC 5080 2.2.2 has it. */
#ifndef TEST_LIB_RADIUS_SERVER_H
#define TEST_LIB_RADIUS_SERVER_H

#include "proto/auth/radius.h"
#include "proto/crypto/mschapv2.h"
#include "proto/wire/address.h"

struct radius_server {
	struct endpoint at;
	struct secret secret;
	struct nt_hash password; /* Shared with all clients. */
	bool silent;
	bool keyless;            /* Accepts without MS-MPPE keys. */
	uint8_t key_len;         /* Of each of these; 0: 32. */
	const char *user_name;   /* In Access-Accept; NULL: none. */
	/* Goes into Access-Accept. */
	struct {
		uint8_t type, len;
		const void *value;
	} extra[4];

	/* Its memory. */
	uint32_t state;
	uint8_t challenge[MSCHAPV2_CHALLENGE_LEN];
	uint8_t msk[MSCHAPV2_MSK_LEN];
	struct blob *request, *answer; /* The last ones. */
	unsigned requests, repeated;   /* New ones; repetitions of the last one. */
};

void radius_server_init(struct radius_server *s, const char *at, const char *password);
void radius_server_fini(struct radius_server *s);
/* Borrows the request. NULL: it stays silent. */
struct blob *radius_server_answer(struct radius_server *s, const uint8_t *data, size_t len);

/* ---- Accounting ---- */

#define ACCOUNTANT_MAX 64u

/* Takes Accounting-Requests at `at`; each once, for a repetition has the same octets. */
struct radius_accountant {
	struct endpoint at;
	struct secret secret;
	bool silent;
	unsigned repeated, malformed;
	struct radius_told {
		struct blob *request;
		uint32_t status, cause, octets_in, octets_out, gigawords_in, packets_in, session_s, delay_s, event_s;
		uint8_t framed[4];
		unsigned classes;
		char session[64], user[64];
	} told[ACCOUNTANT_MAX];
	unsigned n;
};

void radius_accountant_init(struct radius_accountant *a, const char *at, const char *secret);
void radius_accountant_fini(struct radius_accountant *a);
/* NULL: it is silent, or this is no Accounting-Request made with the secret. */
struct blob *radius_accountant_answer(struct radius_accountant *a, const uint8_t *data, size_t len);

#endif
