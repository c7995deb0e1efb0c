/* SPDX-License-Identifier: Apache-2.0 */
/* EAP packets, and the content of those of type 26. An accepted one is written again: an EAP packet
 * with the same octets; EAP-MSCHAPv2 with the same meaning. */
#include "proto/auth/eap_mschapv2_packet.h"

#include <stdlib.h>

/* runs: 30000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool same(CBS a, CBS b)
{
	return CBS_mem_equal(&a, CBS_data(&b), CBS_len(&b));
}

static bool lies_in(CBS piece, CBS whole)
{
	return CBS_len(&piece) == 0 || (CBS_data(&piece) >= CBS_data(&whole) &&
					CBS_data(&piece) + CBS_len(&piece) <= CBS_data(&whole) + CBS_len(&whole));
}

static void check_mschapv2(const struct eap *e)
{
	struct mschapv2_packet p, q;
	struct blob *b;
	struct eap f;
	CBS in;

	if (mschapv2_packet_parse(&p, e) != OK)
		return;
	require(lies_in(p.challenge, e->data) && lies_in(p.response, e->data) && lies_in(p.name, e->data) &&
		lies_in(p.message, e->data) && lies_in(mschapv2_user(p.name), e->data));
	b = mschapv2_packet_encode(e->code, &p);
	require(b);
	CBS_init(&in, b->data, b->len);
	require(eap_parse(&f, in) == OK && f.code == e->code && f.type == e->type && f.id == p.id);
	require(mschapv2_packet_parse(&q, &f) == OK && q.op == p.op && q.id == p.id);
	require(same(q.challenge, p.challenge) && same(q.response, p.response) && same(q.name, p.name) &&
		same(q.message, p.message));
	blob_unref(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blob *b;
	struct eap e;
	CBS in;

	CBS_init(&in, data, size);
	if (eap_parse(&e, in) != OK)
		return 0;
	b = eap_encode(&e);
	require(b && CBS_mem_equal(&in, b->data, b->len));
	blob_unref(b);
	if (e.type == EAP_TYPE_MSCHAPV2)
		check_mschapv2(&e);
	return 0;
}
