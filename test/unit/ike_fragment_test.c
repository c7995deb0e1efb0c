/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting and collecting, by the clauses of RFC 7383:
 *
 *	2.5    the header is taken intact, Next Payload, the numbers  fragments_are_as_the_rfc_draws_them
 *	2.5.1  no datagram is longer than the threshold              fragments_are_as_the_rfc_draws_them
 *	2.6    numbers that are zero, or above the total             numbers_that_make_no_sense
 *	2.6    a total below the one that is there                   a_set_that_is_older
 *	2.6    the same fragment again                               any_order_and_any_copies
 *	2.6    an ICV that is wrong                                  forged_fragments_change_nothing
 *	2.6, 2.5.2  a greater total starts over                      a_set_that_is_newer
 *	2.6    merged, and processed as a regular message            any_order_and_any_copies
 *	2.6    one message only                                      fragments_of_two_messages
 *	5      a bound on what is kept                               more_than_a_message_may_have
 *
 * Exchanges: ike_fragment_session_test.c. */
#include "proto/ike/fragment.h"
#include "proto/ike/reassembly.h"
#include "test/unit/same.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 224u /* IKE_FRAGMENT_SIZE_MIN over IPv4 */

struct ends {
	struct suite suite;
	struct ike_keys keys;
	struct entropy entropy;
	struct iv_source iv;
	struct ike_sealer sealer;
	struct sk_direction theirs;
	struct ike_reassembly r;
};

static const struct suite suites[] = {
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 128, .integ = AUTH_NONE, .prf = PRF_HMAC_SHA2_256},
	{.encr = ENCR_AES_GCM_16, .encr_key_bits = 256, .integ = AUTH_NONE, .prf = PRF_HMAC_SHA2_256},
	{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_256_128, .prf = PRF_HMAC_SHA2_256},
};
#define SUITES (sizeof(suites) / sizeof(suites[0]))

static void ends_init(struct ends *e, size_t suite)
{
	static const uint8_t seed[ENTROPY_SEED_LEN] = "fragments";
	uint8_t octets[64];

	memset(e, 0, sizeof(*e));
	e->suite = suites[suite];
	entropy_init(&e->entropy, seed);
	entropy_draw(&e->entropy, octets, sizeof(octets));
	secret_set(&e->keys.ei, octets, suite_encr_key_len(&e->suite));
	if (!suite_is_aead(&e->suite))
		secret_set(&e->keys.ai, octets + 32, suite_integ_key_len(&e->suite));
	e->sealer = (struct ike_sealer){.ours = sk_direction_of(&e->suite, &e->keys, true),
					.iv = &e->iv,
					.entropy = &e->entropy,
					.datagram_max = ROOM};
	e->theirs = e->sealer.ours;
}

static void ends_fini(struct ends *e)
{
	ike_reassembly_clear(&e->r);
	entropy_fini(&e->entropy);
}

static void begin(struct ike_builder *b, uint32_t id)
{
	const struct ike_header h = {.spi_i = 0x1111,
				     .spi_r = 0x2222,
				     .major = 2,
				     .exchange = IKE_EXCHANGE_INFORMATIONAL,
				     .flags = IKE_FLAG_INITIATOR,
				     .message_id = id};

	ike_builder_init_message(b, &h);
}

/* An INFORMATIONAL request with a Vendor ID of so many octets: content of 4 more. */
static struct ike_datagrams *message_of(struct ends *e, uint32_t id, size_t octets)
{
	uint8_t *body = malloc(octets);
	struct ike_datagrams *m;
	struct ike_builder b;

	assert_non_null(body);
	for (size_t i = 0; i < octets; i++)
		body[i] = (uint8_t)(i + id);
	begin(&b, id);
	ike_add_payload(&b, IKE_PAYLOAD_V, false, body, octets);
	assert_int_equal(ike_seal(&e->sealer, &b, &m), OK);
	free(body);
	return m;
}

/* One fragment, with whatever numbers. */
static struct blob *fragment_of(struct ends *e, uint32_t id, uint16_t number, uint16_t total)
{
	struct ike_builder b;
	struct sk_piece piece = {.number = number, .total = total};
	struct blob *clear, *out;

	begin(&b, id);
	assert_int_equal(ike_builder_finish(&b, &clear), OK);
	piece.message = clear->data;
	piece.len = clear->len;
	assert_int_equal(sk_seal_fragment(&e->theirs, &e->iv, &e->entropy, &piece, &out), OK);
	blob_unref(clear);
	return out;
}

static enum drop take(struct ends *e, const struct blob *b, struct ike_datagrams **message)
{
	return ike_reassembly_take(&e->r, &e->theirs, b->data, b->len, message);
}

/* It gets in, and nothing is complete. */
static void assert_kept(struct ends *e, const struct blob *b)
{
	struct ike_datagrams *message;

	assert_int_equal(take(e, b, &message), DROP_NONE);
	assert_null(message);
}

/* It does not get in, and what is there stays as it is. */
static void assert_refused(struct ends *e, const struct blob *b, enum drop why)
{
	const struct ike_reassembly before = e->r;
	struct ike_datagrams *message;

	assert_int_equal(take(e, b, &message), why);
	assert_null(message);
	assert_memory_equal(&before, &e->r, sizeof(before));
}

static void assert_completes(struct ends *e, const struct blob *b, const struct ike_datagrams *m)
{
	static const struct ike_reassembly empty;
	struct ike_datagrams *message;

	assert_int_equal(take(e, b, &message), DROP_NONE);
	assert_true(ike_datagrams_equal(message, m));
	assert_memory_equal(&e->r, &empty, sizeof(empty));
	ike_datagrams_unref(message);
}

/* ---- Sending ---- */

static void fragments_are_as_the_rfc_draws_them(void **unused)
{
	static const size_t lengths[] = {170, 326, 700, 2800};

	(void)unused;
	for (size_t k = 0; k < SUITES * 4; k++) {
		struct ike_datagrams *m;
		struct ike_opened o;
		uint64_t iv[IKE_DATAGRAMS_MAX];
		struct ends e;

		ends_init(&e, k / 4);
		m = message_of(&e, 7, lengths[k % 4]);
		assert_true(m->n > 1);
		for (uint32_t i = 0; i < m->n; i++) {
			const struct blob *b = m->datagram[i];
			struct ike_message one;

			assert_int_equal(ike_message_parse(&one, b->data, b->len), OK);
			assert_int_equal(one.header.next_payload, IKE_PAYLOAD_SKF);
			assert_int_equal(one.header.spi_i, 0x1111);
			assert_int_equal(one.header.spi_r, 0x2222);
			assert_int_equal(one.header.exchange, IKE_EXCHANGE_INFORMATIONAL);
			assert_int_equal(one.header.flags, IKE_FLAG_INITIATOR);
			assert_int_equal(one.header.message_id, 7);
			assert_int_equal(one.skf.fragment, i + 1);
			assert_int_equal(one.skf.total, m->n);
			assert_int_equal(one.skf.first, i == 0 ? IKE_PAYLOAD_V : IKE_PAYLOAD_NONE);
			assert_true(b->len <= ROOM);
			memcpy(&iv[i], CBS_data(&one.skf.body), sizeof(iv[i]));
			for (uint32_t j = 0; j < i; j++)
				assert_true(iv[i] != iv[j]);
		}
		assert_int_equal(ike_open(&o, &e.theirs, m), DROP_NONE);
		assert_int_equal(o.content, OK);
		assert_int_equal(CBS_len(&o.message.chain), lengths[k % 4] + 4);
		for (size_t i = 0; i < lengths[k % 4]; i++)
			assert_int_equal(CBS_data(&o.message.chain)[4 + i], (uint8_t)(i + 7));
		ike_opened_fini(&o);
		ike_datagrams_unref(m);
		ends_fini(&e);
	}
}

/* 2.4: "SHOULD NOT be used in cases where IP-layer fragmentation ... is unlikely". To the octet:
 * the longest message that is one datagram, and one of an octet more. */
static void what_fits_is_not_fragmented(void **unused)
{
	(void)unused;
	for (size_t k = 0; k < SUITES; k++) {
		struct ike_datagrams *m;
		struct ends e;
		size_t room;

		ends_init(&e, k);
		room = sk_content_room(&e.suite, ROOM, false) - 4;
		m = message_of(&e, 0, room);
		assert_int_equal(m->n, 1);
		assert_int_equal(ike_fragment_of(m->datagram[0]->data, m->datagram[0]->len).total, 0);
		assert_true(m->datagram[0]->len <= ROOM);
		ike_datagrams_unref(m);
		m = message_of(&e, 0, room + 1);
		assert_int_equal(m->n, 2);
		ike_datagrams_unref(m);
		e.sealer.datagram_max = 0; /* It was not agreed on. */
		m = message_of(&e, 0, 5000);
		assert_int_equal(m->n, 1);
		ike_datagrams_unref(m);
		ends_fini(&e);
	}
}

/* 2.5.1, Appendix B: 20 or 40 octets of IP, 8 of UDP, 4 of the marker. */
static void what_an_ip_datagram_leaves(void **unused)
{
	(void)unused;
	assert_int_equal(ike_fragment_room(0, 4), 1260 - 32);
	assert_int_equal(ike_fragment_room(0, 6), 1280 - 52);
	assert_int_equal(ike_fragment_room(576, 4), 576 - 32);
	assert_int_equal(ike_fragment_room(1280, 6), 1280 - 52);
	assert_int_equal(ike_fragment_room(IKE_FRAGMENT_SIZE_MIN, 4), ROOM);
	/* From there on the longest message fits by number. */
	assert_true(IKE_DATAGRAMS_LEN_MAX / ike_fragment_room(IKE_FRAGMENT_SIZE_ALL, 6) <
		    IKE_DATAGRAMS_MAX);
}

/* ---- Receiving ---- */

static void any_order_and_any_copies(void **unused)
{
	static const uint8_t order[][6] = {{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {3, 0, 5, 1, 4, 2}};

	(void)unused;
	for (size_t k = 0; k < SUITES * 3; k++) {
		const uint8_t *at = order[k % 3];
		struct ike_datagrams *m;
		struct ends e;

		ends_init(&e, k / 3);
		m = message_of(&e, 3, 850);
		assert_int_equal(m->n, 6);
		for (unsigned i = 0; i < 5; i++) {
			assert_kept(&e, m->datagram[at[i]]);
			for (unsigned j = 0; j <= i; j++)
				assert_refused(&e, m->datagram[at[j]], DROP_IKE_FRAGMENT);
		}
		assert_completes(&e, m->datagram[at[5]], m);
		ike_datagrams_unref(m);
		ends_fini(&e);
	}
}

static void numbers_that_make_no_sense(void **unused)
{
	static const struct {
		uint16_t number, total;
	} rows[] = {{0, 3}, {4, 3}, {0, 1}, {65535, 3}};
	struct ike_datagrams *m;
	struct blob *b;
	struct ends e;

	(void)unused;
	ends_init(&e, 0);
	m = message_of(&e, 3, 400);
	for (unsigned begun = 0; begun < 2; begun++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			b = fragment_of(&e, 3, rows[i].number, rows[i].total);
			assert_refused(&e, b, DROP_IKE_PAYLOAD);
			blob_unref(b);
		}
		/* Total Fragments of zero. */
		b = fragment_of(&e, 3, 1, 3);
		memset(b->data + IKE_HEADER_LEN + 6, 0, 2);
		assert_refused(&e, b, DROP_IKE_PAYLOAD);
		blob_unref(b);
		if (!begun)
			assert_kept(&e, m->datagram[1]);
	}
	ike_datagrams_unref(m);
	ends_fini(&e);
}

/* Every octet of a fragment counts, whatever is there already. */
static void forged_fragments_change_nothing(void **unused)
{
	struct ike_datagrams *m;
	struct ends e;

	(void)unused;
	for (size_t k = 0; k < SUITES; k++) {
		ends_init(&e, k);
		m = message_of(&e, 3, 400);
		assert_int_equal(m->n, 3);
		for (unsigned begun = 0; begun < 2; begun++) {
			for (size_t at = IKE_HEADER_LEN + 4; at < m->datagram[1]->len; at++) {
				struct blob *b = blob_new(m->datagram[1]->data, m->datagram[1]->len);
				const struct ike_reassembly before = e.r;
				struct ike_datagrams *message;

				b->data[at] ^= 1;
				assert_int_not_equal(take(&e, b, &message), DROP_NONE);
				assert_null(message);
				assert_memory_equal(&before, &e.r, sizeof(before));
				blob_unref(b);
			}
			if (!begun)
				assert_kept(&e, m->datagram[0]);
		}
		assert_kept(&e, m->datagram[1]);
		assert_completes(&e, m->datagram[2], m);
		ike_datagrams_unref(m);
		ends_fini(&e);
	}
}

/* The sender has found a smaller path MTU; then some of the old set come late. */
static void a_set_that_is_newer(void **unused)
{
	struct ike_datagrams *old, *m;
	struct ends e;

	(void)unused;
	ends_init(&e, 0);
	e.sealer.datagram_max = 544;
	old = message_of(&e, 3, 1000);
	e.sealer.datagram_max = ROOM;
	m = message_of(&e, 3, 1000);
	assert_true(old->n < m->n);
	for (uint32_t i = 0; i + 1 < old->n; i++)
		assert_kept(&e, old->datagram[i]);
	assert_kept(&e, m->datagram[0]);
	assert_int_equal(e.r.n, 1);
	assert_int_equal(e.r.total, m->n);
	for (uint32_t i = 0; i < old->n; i++)
		assert_refused(&e, old->datagram[i], DROP_IKE_FRAGMENT);
	for (uint32_t i = 1; i + 1 < m->n; i++)
		assert_kept(&e, m->datagram[i]);
	assert_completes(&e, m->datagram[m->n - 1], m);
	ike_datagrams_unref(old);
	ike_datagrams_unref(m);
	ends_fini(&e);
}

/* A forged one with a greater total removes nothing. */
static void a_set_that_is_newer_and_forged(void **unused)
{
	struct ike_datagrams *m;
	struct blob *b;
	struct ends e;

	(void)unused;
	ends_init(&e, 0);
	m = message_of(&e, 3, 400);
	assert_kept(&e, m->datagram[0]);
	b = blob_new(m->datagram[1]->data, m->datagram[1]->len);
	b->data[IKE_HEADER_LEN + 7]++;
	assert_refused(&e, b, DROP_IKE_INTEGRITY);
	blob_unref(b);
	ike_datagrams_unref(m);
	ends_fini(&e);
}

static void fragments_of_two_messages(void **unused)
{
	struct ike_datagrams *m[2], *mixed;
	struct blob *parts[3];
	struct ike_opened o;
	struct ends e;

	(void)unused;
	ends_init(&e, 0);
	m[0] = message_of(&e, 3, 400);
	m[1] = message_of(&e, 4, 400);
	assert_kept(&e, m[0]->datagram[0]);
	assert_kept(&e, m[0]->datagram[1]);
	/* The later message begins: fragments of the earlier one go, and do not come back. */
	assert_kept(&e, m[1]->datagram[2]);
	assert_int_equal(e.r.n, 1);
	assert_refused(&e, m[0]->datagram[2], DROP_IKE_MESSAGE_ID);
	assert_kept(&e, m[1]->datagram[0]);
	assert_completes(&e, m[1]->datagram[1], m[1]);
	/* Nor do they pass for a whole message. */
	for (unsigned i = 0; i < 3; i++)
		parts[i] = blob_ref(m[i == 1]->datagram[i]);
	mixed = ike_datagrams_new(parts, 3);
	assert_int_equal(ike_open(&o, &e.theirs, mixed), DROP_IKE_FRAGMENT);
	ike_datagrams_unref(mixed);
	ike_datagrams_unref(m[0]);
	ike_datagrams_unref(m[1]);
	ends_fini(&e);
}

static void a_part_of_a_message_is_none(void **unused)
{
	struct ike_datagrams *m, *part;
	struct blob *b[2];
	struct ike_opened o;
	struct ends e;

	(void)unused;
	ends_init(&e, 0);
	m = message_of(&e, 3, 400);
	for (unsigned n = 1; n <= 2; n++) {
		for (unsigned i = 0; i < n; i++)
			b[i] = blob_ref(m->datagram[i]);
		part = ike_datagrams_new(b, n);
		assert_int_equal(ike_open(&o, &e.theirs, part), DROP_IKE_FRAGMENT);
		ike_datagrams_unref(part);
	}
	ike_datagrams_unref(m);
	ends_fini(&e);
}

static void more_than_a_message_may_have(void **unused)
{
	struct ike_datagrams *m, *message;
	struct blob *b;
	struct ends e;
	uint32_t i = 0;

	(void)unused;
	ends_init(&e, 0);
	b = fragment_of(&e, 3, 1, IKE_DATAGRAMS_MAX + 1);
	assert_refused(&e, b, DROP_IKE_FRAGMENTS_FULL);
	blob_unref(b);
	e.sealer.datagram_max = 1200;
	m = message_of(&e, 3, 9000);
	while (e.r.len + m->datagram[i]->len <= IKE_DATAGRAMS_LEN_MAX)
		assert_kept(&e, m->datagram[i++]);
	assert_true(i < m->n);
	assert_int_equal(take(&e, m->datagram[i], &message), DROP_IKE_FRAGMENTS_FULL);
	assert_null(message);
	assert_int_equal(e.r.total, 0);
	assert_int_equal(e.r.len, 0);
	ike_datagrams_unref(m);
	ends_fini(&e);
}

/* A set of one is a message too. */
static void a_single_fragment(void **unused)
{
	struct ike_datagrams *m;
	struct blob *b;
	struct ends e;

	(void)unused;
	ends_init(&e, 0);
	b = fragment_of(&e, 3, 1, 1);
	m = ike_datagrams_of(blob_ref(b));
	assert_completes(&e, b, m);
	blob_unref(b);
	ike_datagrams_unref(m);
	ends_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_are_as_the_rfc_draws_them),
		cmocka_unit_test(what_fits_is_not_fragmented),
		cmocka_unit_test(what_an_ip_datagram_leaves),
		cmocka_unit_test(any_order_and_any_copies),
		cmocka_unit_test(numbers_that_make_no_sense),
		cmocka_unit_test(forged_fragments_change_nothing),
		cmocka_unit_test(a_set_that_is_newer),
		cmocka_unit_test(a_set_that_is_newer_and_forged),
		cmocka_unit_test(fragments_of_two_messages),
		cmocka_unit_test(a_part_of_a_message_is_none),
		cmocka_unit_test(more_than_a_message_may_have),
		cmocka_unit_test(a_single_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
