/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments of IKE messages (RFC 7383), with known keys, into one reassembly. The first octet of the
 * input chooses a suite, the second how long a datagram may be; then come steps:
 *   kind, Message ID, Fragment Number, Total Fragments, length, so many octets of content
 *   - a fragment with just these numbers, sealed, perhaps with an octet changed, or of a response
 *   - octets that nobody has sealed
 *   - a whole message, cut by our own hand, whose fragments come from any one on, around
 *
 * What must hold after each: a drop changes nothing; the kept fragments are within their bounds;
 * unsealed octets never get in. A complete message has all its fragments in order, of one set and
 * one header, and their content, end to end. A message that we cut comes out as it went in. */
#include "proto/ike/fragment.h"
#include "proto/ike/reassembly.h"

#include <stdlib.h>
#include <string.h>

/* runs: 6000 */

#define CONTENT_MAX 6000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct suite suites[] = {
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 128},
	{.encr = ENCR_CHACHA20_POLY1305},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_256_128},
	{.encr = ENCR_AES_CTR, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_512_256},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

struct piece { /* The content of what is here, as it was before it was sealed. */
	const uint8_t *data;
	size_t len;
};

static struct run {
	struct ike_keys keys;
	struct ike_sealer sealer;
	struct iv_source iv;
	struct entropy entropy;
	struct ike_reassembly r;
	struct piece have[IKE_DATAGRAMS_MAX];
	unsigned n_whole; /* Complete messages. */
} run;

struct step {
	uint8_t kind, id, number, total;
	CBS content;
};
enum kind { FRAGMENT, RESPONSE, DAMAGED, RAW, WHOLE, KINDS };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct ike_header header_of(const struct step *s)
{
	return (struct ike_header){ .spi_i = 1,
				    .spi_r = 2,
				    .next_payload = 41,
				    .major = 2,
				    .exchange = s->id & 0x10 ? IKE_EXCHANGE_CREATE_CHILD_SA
							     : IKE_EXCHANGE_INFORMATIONAL,
				    .flags = (uint8_t)(IKE_FLAG_INITIATOR |
						       (s->kind == RESPONSE ? IKE_FLAG_RESPONSE
									    : 0)),
				    .message_id = s->id & 3u };
}

static void check_room(void)
{
	const struct ike_reassembly *r = &run.r;
	uint32_t len = 0;
	uint16_t n = 0;

	for (unsigned i = 0; i < IKE_DATAGRAMS_MAX; i++) {
		n += r->fragment[i] != NULL;
		len += r->fragment[i] ? (uint32_t)r->fragment[i]->len : 0;
		require(!r->fragment[i] || i < r->total);
	}
	require(n == r->n && len == r->len && len <= IKE_DATAGRAMS_LEN_MAX);
	require(r->total == 0 ? n == 0 : n > 0 && n < r->total && r->total <= IKE_DATAGRAMS_MAX);
}

/* All of it, in order, is what went in. */
static void check_message(const struct ike_datagrams *message)
{
	struct ike_opened o = {.plain = malloc(ike_datagrams_len(message))};
	size_t len, at = 0;
	uint8_t first;

	require(ike_fragment_join(&o, &run.sealer.ours, message, &first, &len) == DROP_NONE);
	for (uint32_t i = 0; i < message->n; i++) {
		require(at + run.have[i].len <= len);
		require(run.have[i].len == 0 || memcmp(o.plain + at, run.have[i].data, run.have[i].len) == 0);
		at += run.have[i].len;
	}
	require(at == len && first == 41);
	free(o.plain);
	run.n_whole++;
}

/* sealed: with this content, or (NULL) by nobody. */
static void deliver(const uint8_t *data, size_t len, const struct piece *sealed)
{
	struct ike_reassembly before = run.r;
	struct ike_fragment f = ike_fragment_of(data, len);
	struct ike_datagrams *message;
	struct ike_header h;
	enum drop d;

	if (ike_header_parse(&h, data, len) != DROP_NONE)
		return; /* Nothing else gets as far. */
	d = ike_reassembly_take(&run.r, &run.sealer.ours, data, len, &message);
	require(d == DROP_NONE || !message);
	require(d != DROP_NONE || sealed);
	if (d == DROP_IKE_FRAGMENTS_FULL)
		require(run.r.total == 0 || memcmp(&before, &run.r, sizeof(before)) == 0);
	else if (d != DROP_NONE)
		require(memcmp(&before, &run.r, sizeof(before)) == 0);
	if (d == DROP_NONE) {
		require(f.number >= 1 && f.number <= f.total && f.total <= IKE_DATAGRAMS_MAX);
		run.have[f.number - 1] = *sealed;
		require(message ? message->n == f.total
				: run.r.total == f.total && ike_fragment_fits(&run.r.header, &h));
	}
	if (message)
		check_message(message);
	ike_datagrams_unref(message);
	check_room();
}

static void fragment(const struct step *s)
{
	struct piece content = {CBS_data(&s->content), CBS_len(&s->content)};
	uint8_t clear[IKE_HEADER_LEN + 256];
	struct ike_header h = header_of(s);
	struct sk_piece piece = {clear, IKE_HEADER_LEN + content.len, s->number, s->total};
	struct blob *b;

	if (s->number > 1)
		h.next_payload = 0;
	h.length = (uint32_t)piece.len;
	ike_header_write(clear, &h);
	if (content.len)
		memcpy(clear + IKE_HEADER_LEN, content.data, content.len);
	if (sk_seal_fragment(&run.sealer.ours, &run.iv, &run.entropy, &piece, &b) != OK)
		return;
	if (s->kind == DAMAGED) {
		b->data[IKE_HEADER_LEN + (s->id * 31u) % (b->len - IKE_HEADER_LEN)] ^= (uint8_t)(1u << (s->id & 7));
		deliver(b->data, b->len, NULL);
	} else {
		deliver(b->data, b->len, &content);
	}
	blob_unref(b);
}

/* Its content repeats, so that it is long. Alone, and whole, it is complete exactly once. */
static void whole(const struct step *s)
{
	static uint8_t clear[IKE_HEADER_LEN + CONTENT_MAX];
	size_t len = s->number * 16u + s->total,
	       room = sk_content_room(run.sealer.ours.suite, run.sealer.datagram_max, true);
	struct ike_header h = header_of(s);
	struct ike_datagrams *cut;
	struct blob *b;
	unsigned before = run.n_whole;

	if (len == 0)
		return;
	for (size_t i = 0; i < len; i++)
		clear[IKE_HEADER_LEN + i] = CBS_len(&s->content)
						    ? CBS_data(
							      &s->content)[i % CBS_len(&s->content)]
						    : (uint8_t)i;
	h.length = (uint32_t)(IKE_HEADER_LEN + len);
	ike_header_write(clear, &h);
	b = blob_new(clear, h.length);
	ike_reassembly_clear(&run.r);
	if (ike_fragment_seal(&run.sealer, b, &cut) == OK) {
		require(cut->n == (len + room - 1) / room);
		for (uint32_t i = 0; i < cut->n; i++) {
			uint32_t k = (i + s->id) % cut->n;
			size_t at = k * room;
			struct piece piece = {clear + IKE_HEADER_LEN + at, len - at < room ? len - at : room};

			require(cut->datagram[k]->len <= run.sealer.datagram_max);
			deliver(cut->datagram[k]->data, cut->datagram[k]->len, &piece);
		}
		require(run.n_whole == before + 1 && run.r.total == 0);
		ike_datagrams_unref(cut);
	}
	blob_unref(b);
}

static bool next_step(CBS *in, struct step *s)
{
	return CBS_get_u8(in, &s->kind) && CBS_get_u8(in, &s->id) && CBS_get_u8(in, &s->number) &&
	       CBS_get_u8(in, &s->total) && CBS_get_u8_length_prefixed(in, &s->content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[ENTROPY_SEED_LEN], key[IKE_KEY_MAX] = {7};
	uint8_t suite, room;
	struct step s;
	CBS in;

	CBS_init(&in, data, size);
	if (!CBS_get_u8(&in, &suite) || !CBS_get_u8(&in, &room))
		return 0;
	memset(&run, 0, sizeof(run));
	entropy_init(&run.entropy, seed);
	secret_set(&run.keys.ei, key, suite_encr_key_len(&suites[suite % SUITES]));
	if (!suite_is_aead(&suites[suite % SUITES]))
		secret_set(&run.keys.ai, key, suite_integ_key_len(&suites[suite % SUITES]));
	run.sealer = (struct ike_sealer){.ours = sk_direction_of(&suites[suite % SUITES], &run.keys, true),
					 .iv = &run.iv, .entropy = &run.entropy,
					 .datagram_max = ike_fragment_room(IKE_FRAGMENT_SIZE_MIN + room * 4u, 4)};
	while (next_step(&in, &s)) {
		s.kind %= KINDS;
		if (s.kind == WHOLE)
			whole(&s);
		else if (s.kind == RAW)
			deliver(CBS_data(&s.content), CBS_len(&s.content), NULL);
		else
			fragment(&s);
	}
	ike_reassembly_clear(&run.r);
	entropy_fini(&run.entropy);
	return 0;
}
