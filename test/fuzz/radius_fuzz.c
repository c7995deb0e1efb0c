/* SPDX-License-Identifier: Apache-2.0 */
/* RADIUS packets. A packet made without the secret is no answer, whatever is in it; the same
 * attributes in an answer made with the secret come back as they were, and with an octet changed it
 * is refused. */
#include "proto/auth/radius.h"
#include "test/lib/radius_packet.h"

#include <stdlib.h>
#include <string.h>

/* runs: 20000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t authenticator[RADIUS_AUTHENTICATOR_LEN] = "0123456789abcdef";

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool lies_in(CBS piece, CBS whole)
{
	return CBS_data(&piece) >= CBS_data(&whole) &&
	       CBS_data(&piece) + CBS_len(&piece) <= CBS_data(&whole) + CBS_len(&whole);
}

static void look(const struct radius *r, const struct radius *request, const struct secret *secret)
{
	struct blob *eap = radius_eap(r);
	uint8_t key[RADIUS_KEY_MAX];
	CBS value;

	require(!eap || eap->len < CBS_len(&r->packet));
	blob_unref(eap);
	if (radius_find_microsoft(r, RADIUS_MS_MPPE_RECV_KEY, &value)) {
		require(lies_in(value, r->packet));
		require(radius_mppe_key(key, value, request, secret) <= RADIUS_KEY_MAX);
	}
}

static struct blob *answer_with(const struct radius *r, const struct radius *request,
				const struct secret *secret)
{
	CBS rest = r->attributes;
	struct radius_attribute a;
	struct radius_builder b;

	radius_begin(&b, RADIUS_ACCESS_ACCEPT, request->id, authenticator);
	while (radius_next(&rest, &a)) {
		require(lies_in(a.value, r->packet));
		if (a.type != RADIUS_MESSAGE_AUTHENTICATOR && CBS_len(&a.value) > 0)
			radius_add(&b, a.type, CBS_data(&a.value), CBS_len(&a.value));
	}
	return radius_finish_answer(&b, request, secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct radius r, request, answer;
	struct blob *asked, *b, *eap, *same;
	struct radius_builder builder;
	struct secret secret;
	CBS in;

	secret_set(&secret, "xyzzy5461", 9);
	radius_begin(&builder, RADIUS_ACCESS_REQUEST, 7, authenticator);
	asked = radius_finish(&builder, &secret);
	request = parsed(asked);
	CBS_init(&in, data, size);
	if (size >= 2 && radius_parse(&r, in) == OK) {
		require(!radius_is_answer(&r, &request, &secret));
		look(&r, &request, &secret);
		b = answer_with(&r, &request, &secret);
		if (b) {
			answer = parsed(b);
			require(radius_is_answer(&answer, &request, &secret));
			eap = radius_eap(&r);
			same = radius_eap(&answer);
			require((!eap && !same) || (eap && same && eap->len == same->len &&
						    memcmp(eap->data, same->data, eap->len) == 0));
			blob_unref(eap);
			blob_unref(same);
			b->data[data[0] % b->len] ^= (uint8_t)(data[1] | 1);
			CBS_init(&in, b->data, b->len);
			require(radius_parse(&answer, in) != OK || !radius_is_answer(&answer, &request, &secret));
			blob_unref(b);
		}
	}
	blob_unref(asked);
	return 0;
}
