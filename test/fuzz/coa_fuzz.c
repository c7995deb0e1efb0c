/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a RADIUS server (RFC 5176). No input is a request as long as its maker does not know
 * the secret. The same attributes, signed, are understood or refused with a cause; the server
 * accepts either answer, and an Acct-Session-Id that is understood is one of ours. */
#include "proto/auth/radius_accounting.h"
#include "proto/auth/radius_coa.h"
#include "test/lib/radius_packet.h"

#include <stdlib.h>
#include <string.h>

/* runs: 20000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct blob *sign(const struct radius *r, const struct secret *secret)
{
	uint8_t code = r->code % 2 ? RADIUS_COA_REQUEST : RADIUS_DISCONNECT_REQUEST;
	struct radius none = {.code = code};
	CBS rest = r->attributes;
	struct radius_attribute a;
	struct radius_builder b;

	CBS_init(&none.authenticator, zero, sizeof(zero));
	radius_begin(&b, code, r->id, zero);
	while (radius_next(&rest, &a))
		if (a.type != RADIUS_MESSAGE_AUTHENTICATOR && CBS_len(&a.value) > 0)
			radius_add(&b, a.type, CBS_data(&a.value), CBS_len(&a.value));
	return radius_finish_answer(&b, &none, secret);
}

static void look(const struct radius *r, const struct secret *secret)
{
	char text[RADIUS_SESSION_ID_LEN];
	enum radius_error_cause error;
	struct blob *answer;
	struct radius_coa q;
	struct radius a;
	CBS value;

	require(radius_is_coa(r, secret));
	error = radius_coa_parse(&q, r, "farm");
	require(error != RADIUS_ERROR_NONE || CBS_len(&q.user_name) > 0 || q.has_session || q.framed.family == 4);
	require(error != RADIUS_ERROR_NONE || q.disconnect == (q.timeout_s == 0));
	if (error == RADIUS_ERROR_NONE && q.session && radius_find(r, RADIUS_ACCT_SESSION_ID, &value)) {
		radius_session_id(q.session, q.spi, text);
		require(CBS_mem_equal(&value, (const uint8_t *)text, strlen(text)));
	}
	answer = radius_coa_answer(r, error, secret);
	require(answer != NULL); /* It is no longer than the request, but for a cause in an attribute's place. */
	a = parsed(answer);
	require(a.code == r->code + (error == RADIUS_ERROR_NONE ? 1 : 2) && radius_is_answer(&a, r, secret));
	blob_unref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret secret;
	struct radius r;
	struct blob *b;
	CBS in;

	secret_set(&secret, "xyzzy5461", 9);
	CBS_init(&in, data, size);
	if (radius_parse(&r, in) != OK)
		return 0;
	require(!radius_is_coa(&r, &secret));
	b = sign(&r, &secret);
	if (b && b->len + 6 <= RADIUS_LEN_MAX) {
		r = parsed(b);
		look(&r, &secret);
		b->data[size % b->len] ^= 1;
		CBS_init(&in, b->data, b->len);
		require(radius_parse(&r, in) != OK || !radius_is_coa(&r, &secret));
	}
	blob_unref(b);
	return 0;
}
