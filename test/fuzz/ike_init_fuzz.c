/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's first datagram. An answer is a whole message and a response to it; while cookies are
 * demanded, nothing is kept about a client that shows none; a cookie is good for the same request
 * from the same address only; no octets of the input are a valid cookie. */
#include "proto/ike/cookie.h"
#include "proto/ike/builder.h"
#include "test/lib/gateway.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 10000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct gateway g;

static enum ike_verdict respond(const struct endpoint *from, const uint8_t *data, size_t len,
				struct ike_outcome *o)
{
	struct ike_message m;
	const struct blob *reply;
	enum status s;

	ike_respond_init(&g.env, &g.local, from, data, len, o);
	assert(o->verdict == IKE_VERDICT_DROP || o->verdict == IKE_VERDICT_REPLY ||
	       o->verdict == IKE_VERDICT_HALF_OPEN);
	assert((o->verdict == IKE_VERDICT_HALF_OPEN) == (o->half_open != NULL));
	if (o->verdict == IKE_VERDICT_DROP) {
		assert(!o->reply && o->drop != DROP_NONE);
		return o->verdict;
	}
	reply = ike_datagrams_only(o->reply);
	assert(memcmp(reply->data, data, 8) == 0 && memcmp(reply->data + 20, data + 20, 4) == 0);
	assert(reply->data[17] == 0x20 && reply->data[18] == data[18]);
	assert(reply->data[19] & IKE_FLAG_RESPONSE && !(data[19] & IKE_FLAG_RESPONSE));
	if (data[17] >> 4 == 2) {
		s = ike_message_parse(&m, reply->data, reply->len);
		assert(s == OK);
	}
	if (o->verdict == IKE_VERDICT_REPLY) /* To a forged address not much more than came. */
		assert(reply->len <= len + 64);
	return o->verdict;
}

static const struct ike_notify *cookie_of(struct ike_message *m, const struct ike_outcome *o)
{
	const struct blob *reply = ike_datagrams_only(o->reply);

	if (o->verdict != IKE_VERDICT_REPLY ||
	    ike_message_parse(m, reply->data, reply->len) != OK)
		return NULL;
	return ike_message_notify(m, IKE_NOTIFY_COOKIE);
}

/* The request again with the cookie in front (RFC 7296 2.6). */
static struct blob *with_cookie(const uint8_t *data, size_t len, const CBS *cookie)
{
	size_t n = 8 + CBS_len(cookie);
	struct blob *b = blob_new(NULL, len + n);
	uint8_t *p = b->data + IKE_HEADER_LEN;

	memcpy(b->data, data, IKE_HEADER_LEN);
	b->data[16] = IKE_PAYLOAD_N;
	for (int i = 0; i < 4; i++)
		b->data[24 + i] = (uint8_t)(b->len >> (24 - 8 * i));
	memset(p, 0, 8);
	p[0] = data[16];
	p[3] = (uint8_t)n;
	p[6] = IKE_NOTIFY_COOKIE >> 8;
	p[7] = IKE_NOTIFY_COOKIE & 0xff;
	memcpy(p + 8, CBS_data(cookie), CBS_len(cookie));
	memcpy(p + n, data + IKE_HEADER_LEN, len - IKE_HEADER_LEN);
	return b;
}

static void demand(const struct endpoint *from, const uint8_t *data, size_t len)
{
	const struct ike_notify *cookie;
	struct endpoint other = *from;
	struct ike_outcome o, again;
	struct ike_message m, ignored;
	struct blob *b;

	g.env.demand_cookie = true;
	assert(respond(from, data, len, &o) != IKE_VERDICT_HALF_OPEN);
	cookie = cookie_of(&m, &o);
	if (cookie) {
		b = with_cookie(data, len, &cookie->data);
		respond(from, b->data, b->len, &again);
		/* One notification more than fits may spoil it; a cookie it is not. */
		assert(!cookie_of(&ignored, &again));
		ike_outcome_fini(&again);
		other.port++;
		respond(&other, b->data, b->len, &again);
		assert(again.verdict != IKE_VERDICT_HALF_OPEN);
		ike_outcome_fini(&again);
		blob_unref(b);
	}
	ike_outcome_fini(&o);
	g.env.demand_cookie = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct endpoint from;
	struct cookie_subject subject = {.nonce = data, .spi_i = 1, .remote = &from};
	struct ike_outcome o;
	struct ike_datagrams *refusal;

	if (!g.config.connections)
		gateway_init(&g, "aes128gcm16-aes256gcm16-prfsha256-prfsha384-x25519-ecp256",
			     ESP_DEFAULT);
	from = gateway_endpoint("192.0.2.7:500");
	subject.nonce_len = len < 16 ? len : 16;
	assert(!cookie_verify(data, len, g.cookie_key, g.env.now_ms, &subject));
	demand(&from, data, len);
	respond(&from, data, len, &o);
	ike_outcome_fini(&o);
	refusal = ike_version_refuse(data, len);
	assert(!refusal || (ike_datagrams_len(refusal) == 36 && data[17] >> 4 > 2));
	ike_datagrams_unref(refusal);
	return 0;
}
