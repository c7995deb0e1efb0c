/* SPDX-License-Identifier: Apache-2.0 */
/* IKE fragmentation (RFC 7383 2.5): the content of a message is cut wherever a datagram is full,
 * and each piece is sealed by itself, with its own IV and ICV:
 *
 * 	HDR(MID=n), SK(NextPld=PLD1) {PLD1 ... PLDN}          is
 * 	HDR(MID=n), SKF(NextPld=PLD1, Frag#=1, TotalFrags=m) {...},
 * 	HDR(MID=n), SKF(NextPld=0, Frag#=2, TotalFrags=m) {...}, ...
 *
 * So each fragment authenticates by itself: nobody without the keys can add one, which is why the
 * pieces are not cut from the sealed message (Appendix A).
 *
 * No payload is in clear beside SKF: no exchange has one (2.5.3), and ike_message_parse() refuses
 * any. Not here: PMTU discovery, which is OPTIONAL (2.5.2) and would send one request in several
 * forms; ours are committed as they leave and repeated bit for bit. */
#include "proto/ike/fragment.h"
#include "proto/wire/wire.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	IP4_HEADER_LEN = 20,
	IP6_HEADER_LEN = 40,
	UDP_HEADER_LEN = 8,
	MARKER_LEN = 4, /* Also where there is none: one length on both ports. */
	HEADER_NEXT_PAYLOAD = 16,
	SKF_NUMBERS_AT = IKE_HEADER_LEN + WIRE_HEAD_LEN,
};

uint32_t ike_fragment_room(uint32_t size, uint8_t family)
{
	bool ip6 = family == 6;

	if (size == 0)
		size = ip6 ? IKE_FRAGMENT_SIZE_IP6 : IKE_FRAGMENT_SIZE_IP4;
	assert(size >= IKE_FRAGMENT_SIZE_MIN);
	return size - (ip6 ? IP6_HEADER_LEN : IP4_HEADER_LEN) - UDP_HEADER_LEN - MARKER_LEN;
}

struct ike_fragment ike_fragment_of(const uint8_t *data, size_t len)
{
	struct ike_fragment f = {0, 0};
	CBS in;

	CBS_init(&in, data, len);
	if (len < IKE_HEADER_LEN || data[HEADER_NEXT_PAYLOAD] != SKF_PAYLOAD_TYPE ||
	    !CBS_skip(&in, SKF_NUMBERS_AT) || !CBS_get_u16(&in, &f.number) ||
	    !CBS_get_u16(&in, &f.total))
		return (struct ike_fragment){0, 0};
	return f;
}

bool ike_fragment_fits(const struct ike_header *a, const struct ike_header *b)
{
	return a->spi_i == b->spi_i && a->spi_r == b->spi_r && a->exchange == b->exchange &&
	       a->flags == b->flags && a->message_id == b->message_id;
}

/* ---- Cutting ---- */

/* clear[at..at+len) is the content of fragment number; scratch has room for it and a header. */
static enum status seal_piece(const struct ike_sealer *s, const struct blob *clear, uint8_t *scratch,
			      const struct sk_piece *piece, struct blob **out)
{
	memcpy(scratch, clear->data, IKE_HEADER_LEN);
	/* "In the rest of the Fragment messages ... this field MUST be set to zero." */
	if (piece->number > 1)
		scratch[HEADER_NEXT_PAYLOAD] = 0;
	return sk_seal_fragment(&s->ours, s->iv, s->entropy, piece, out);
}

enum status ike_fragment_seal(const struct ike_sealer *s, const struct blob *clear,
			      struct ike_datagrams **out)
{
	size_t room = sk_content_room(s->ours.suite, s->datagram_max, true);
	size_t content = clear->len - IKE_HEADER_LEN, total = room ? (content + room - 1) / room : 0;
	struct blob *datagram[IKE_DATAGRAMS_MAX];
	enum status status = OK;
	uint8_t *scratch;
	size_t n = 0;

	*out = NULL;
	if (total == 0 || total > IKE_DATAGRAMS_MAX)
		return ERR_TOO_LONG;
	scratch = malloc(IKE_HEADER_LEN + room);
	assert(scratch);
	while (n < total && status == OK) {
		size_t at = n * room, len = content - at < room ? content - at : room;
		struct sk_piece piece = {scratch, IKE_HEADER_LEN + len, (uint16_t)(n + 1), (uint16_t)total};

		memcpy(scratch + IKE_HEADER_LEN, clear->data + IKE_HEADER_LEN + at, len);
		status = seal_piece(s, clear, scratch, &piece, &datagram[n]);
		n += status == OK;
	}
	OPENSSL_cleanse(scratch, IKE_HEADER_LEN + room);
	free(scratch);
	if (status == OK)
		*out = ike_datagrams_new(datagram, (uint32_t)n);
	while (status != OK && n > 0)
		blob_unref(datagram[--n]);
	return status;
}

/* ---- Joining ---- */

enum drop ike_fragment_join(struct ike_opened *o, const struct sk_direction *theirs,
			    const struct ike_datagrams *message, uint8_t *first, size_t *len)
{
	size_t used = 0;

	for (uint32_t i = 0; i < message->n; i++) {
		const struct blob *b = message->datagram[i];
		struct ike_message m;
		enum drop d;
		uint8_t type;
		CBS piece;

		if (ike_message_parse(&m, b->data, b->len) != OK || !ike_message_has(&m, IKE_PAYLOAD_SKF))
			return DROP_IKE_PAYLOAD;
		if (i == 0)
			o->message = m;
		if (m.skf.fragment != i + 1 || m.skf.total != message->n ||
		    !ike_fragment_fits(&m.header, &o->message.header))
			return DROP_IKE_FRAGMENT;
		/* Room for the rest is there: what was used is less than what was read. */
		d = sk_open(theirs, b->data, b->len, o->plain + used, &piece, &type);
		if (d != DROP_NONE)
			return d;
		memmove(o->plain + used, CBS_data(&piece), CBS_len(&piece));
		used += CBS_len(&piece);
		if (i == 0)
			*first = type;
	}
	*len = used;
	return DROP_NONE;
}
