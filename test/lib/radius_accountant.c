/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/radius_server.h"

#include <openssl/md5.h>

#include <assert.h>
#include <string.h>

void radius_accountant_init(struct radius_accountant *a, const char *at, const char *secret)
{
	enum status s;

	memset(a, 0, sizeof(*a));
	s = endpoint_parse(&a->at, at);
	assert(s == OK);
	secret_set(&a->secret, secret, strlen(secret));
}

void radius_accountant_fini(struct radius_accountant *a)
{
	for (unsigned i = 0; i < a->n; i++)
		blob_unref(a->told[i].request);
}

/* RFC 2866 3, computed here independently. */
static bool is_signed(const struct radius_accountant *a, const uint8_t *data, size_t len)
{
	static const uint8_t zero[16];
	uint8_t digest[16];
	MD5_CTX h;

	MD5_Init(&h);
	MD5_Update(&h, data, 4);
	MD5_Update(&h, zero, 16);
	MD5_Update(&h, data + 20, len - 20);
	MD5_Update(&h, a->secret.bytes, a->secret.len);
	MD5_Final(digest, &h);
	return memcmp(digest, data + 4, 16) == 0;
}

static uint32_t number(const struct radius *r, uint8_t type)
{
	uint32_t v = 0;
	CBS value;

	if (radius_find(r, type, &value) && !CBS_get_u32(&value, &v))
		v = UINT32_MAX;
	return v;
}

static void text(char *out, size_t size, const struct radius *r, uint8_t type)
{
	CBS value;

	memset(out, 0, size);
	if (radius_find(r, type, &value))
		memcpy(out, CBS_data(&value), CBS_len(&value) < size ? CBS_len(&value) : size - 1);
}

static void take(struct radius_accountant *a, const struct radius *r)
{
	struct radius_told *t = &a->told[a->n++];
	CBS rest = r->attributes, value;
	struct radius_attribute x;

	t->request = blob_new(CBS_data(&r->packet), CBS_len(&r->packet));
	t->status = number(r, RADIUS_ACCT_STATUS_TYPE);
	t->cause = number(r, RADIUS_ACCT_TERMINATE_CAUSE);
	t->octets_in = number(r, RADIUS_ACCT_INPUT_OCTETS);
	t->octets_out = number(r, RADIUS_ACCT_OUTPUT_OCTETS);
	t->gigawords_in = number(r, RADIUS_ACCT_INPUT_GIGAWORDS);
	t->packets_in = number(r, RADIUS_ACCT_INPUT_PACKETS);
	t->session_s = number(r, RADIUS_ACCT_SESSION_TIME);
	t->delay_s = number(r, RADIUS_ACCT_DELAY_TIME);
	t->event_s = number(r, RADIUS_EVENT_TIMESTAMP);
	if (radius_find(r, RADIUS_FRAMED_IP_ADDRESS, &value) && CBS_len(&value) == 4)
		memcpy(t->framed, CBS_data(&value), 4);
	text(t->session, sizeof(t->session), r, RADIUS_ACCT_SESSION_ID);
	text(t->user, sizeof(t->user), r, RADIUS_USER_NAME);
	while (radius_next(&rest, &x))
		t->classes += x.type == RADIUS_CLASS;
}

struct blob *radius_accountant_answer(struct radius_accountant *a, const uint8_t *data, size_t len)
{
	static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];
	struct radius_builder b;
	bool seen = false;
	struct radius r;
	CBS in;

	CBS_init(&in, data, len);
	if (radius_parse(&r, in) != OK || r.code != RADIUS_ACCOUNTING_REQUEST || !is_signed(a, data, len)) {
		a->malformed++;
		return NULL;
	}
	for (unsigned i = 0; i < a->n; i++)
		seen |= a->told[i].request->len == len && memcmp(a->told[i].request->data, data, len) == 0;
	if (a->silent)
		return NULL;
	a->repeated += seen;
	assert(a->n < ACCOUNTANT_MAX);
	if (!seen)
		take(a, &r);
	radius_begin(&b, RADIUS_ACCOUNTING_RESPONSE, r.id, zero);
	return radius_finish_answer(&b, &r, &a->secret);
}
