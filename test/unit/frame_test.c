/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between nodes: each type comes back as it went, and nothing shorter, longer or
 * unknown is a frame. */
#include "cluster/level.h"
#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t octets[] = { 1, 2, 3, 4, 5 };

static struct endpoint endpoint(const char *text)
{
	struct endpoint e;

	assert_int_equal(endpoint_parse(&e, text), OK);
	return e;
}

static struct blob *round_trip(const struct frame *f, struct frame *back)
{
	struct blob *b = frame_create(f);

	assert_int_equal(frame_parse(back, b->data, b->len), OK);
	assert_int_equal(back->type, f->type);
	return b;
}

static struct blob *blob_longer(struct blob *b)
{
	struct blob *longer = blob_new(NULL, b->len + 1);

	memcpy(longer->data, b->data, b->len);
	longer->data[b->len] = 7;
	blob_unref(b);
	return longer;
}

static void hello_comes_back(void **unused)
{
	struct frame f = { .type = FRAME_HELLO }, back;
	struct blob *b;

	(void)unused;
	f.hello = (struct frame_hello){ LEVEL, 1, UINT64_MAX, 3, 4, 5, 6 };
	b = round_trip(&f, &back);
	assert_memory_equal(&back.hello, &f.hello, sizeof(f.hello));
	blob_unref(b);
	/* A frame of a later level may be longer; no other. */
	b = frame_create(&f);
	b = blob_longer(b);
	assert_int_equal(frame_parse(&back, b->data, b->len), ERR_MALFORMED);
	b->data[1] = LEVEL + 1;
	assert_int_equal(frame_parse(&back, b->data, b->len), OK);
	assert_int_equal(back.hello.level, LEVEL + 1);
	assert_int_equal(back.hello.config_hash, 6);
	b->data[1] = LEVEL_FIRST - 1;
	assert_int_equal(frame_parse(&back, b->data, b->len), ERR_MALFORMED);
	blob_unref(b);
	/* No node has Raft id 0. */
	f.hello.raft_id = 0;
	b = frame_create(&f);
	assert_int_equal(frame_parse(&back, b->data, b->len), ERR_MALFORMED);
	blob_unref(b);
}

static void octets_come_back(void **unused)
{
	static const enum frame_type types[] = { FRAME_IDENTITY, FRAME_REFUSED, FRAME_RAFT,
						 FRAME_PROPOSE, FRAME_HALF_OPEN };

	(void)unused;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct frame f = { .type = types[i] }, back;
		struct blob *b;

		f.bytes.data = octets;
		f.bytes.len = sizeof(octets);
		b = round_trip(&f, &back);
		assert_int_equal(back.bytes.len, sizeof(octets));
		assert_memory_equal(back.bytes.data, octets, sizeof(octets));
		assert_int_equal(frame_parse(&back, b->data, 1), ERR_MALFORMED); /* Empty. */
		blob_unref(b);
	}
}

static void datagrams_come_back(void **unused)
{
	static const char *const paths[][2] = {
		{ "10.0.0.1:500", "192.0.2.7:4500" },
		{ "[2001:db8::1]:4500", "[2001:db8::2]:65535" },
	};

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		struct frame f = { .type = i % 2 ? FRAME_RELAY : FRAME_SEND }, back;
		struct blob *b;

		f.datagram.local = endpoint(paths[i / 2][0]);
		f.datagram.remote = endpoint(paths[i / 2][1]);
		f.datagram.data = octets;
		f.datagram.len = sizeof(octets);
		b = round_trip(&f, &back);
		assert_true(endpoint_equal(&back.datagram.local, &f.datagram.local));
		assert_true(endpoint_equal(&back.datagram.remote, &f.datagram.remote));
		assert_int_equal(back.datagram.len, sizeof(octets));
		assert_memory_equal(back.datagram.data, octets, sizeof(octets));
		for (size_t len = 0; len <= b->len - sizeof(octets); len++)
			assert_int_equal(frame_parse(&back, b->data, len), ERR_MALFORMED);
		b->data[1] = 5; /* No such address family. */
		assert_int_equal(frame_parse(&back, b->data, b->len), ERR_MALFORMED);
		blob_unref(b);
	}
}

/* A datagram without addresses, or between two families, came from nowhere. */
static void datagrams_have_two_ends(void **unused)
{
	static const char *const v4 = "10.0.0.1:500", *const v6 = "[2001:db8::1]:4500";
	struct endpoint none = { .port = 500 };
	const struct endpoint ends[][2] = {
		{ none, none },
		{ endpoint(v4), none },
		{ none, endpoint(v4) },
		{ endpoint(v4), endpoint(v6) },
		{ endpoint(v6), endpoint(v4) },
	};

	(void)unused;
	for (size_t i = 0; i < 2 * sizeof(ends) / sizeof(ends[0]); i++) {
		struct frame f = { .type = i % 2 ? FRAME_RELAY : FRAME_SEND }, back;
		struct blob *b;

		f.datagram.local = ends[i / 2][0];
		f.datagram.remote = ends[i / 2][1];
		f.datagram.data = octets;
		f.datagram.len = sizeof(octets);
		b = frame_create(&f);
		assert_int_equal(frame_parse(&back, b->data, b->len), ERR_MALFORMED);
		blob_unref(b);
	}
}

static void numbers_come_back(void **unused)
{
	struct frame f = { .type = FRAME_HALF_OPEN_ACK }, back;

	(void)unused;
	f.half_open_ack.spi_i = 1;
	f.half_open_ack.spi_r = UINT64_MAX;
	f.half_open_ack.step = 7;
	blob_unref(round_trip(&f, &back));
	assert_int_equal(back.half_open_ack.step, 7);
	assert_int_equal(back.half_open_ack.spi_i, 1);
	assert_int_equal(back.half_open_ack.spi_r, UINT64_MAX);

	f = (struct frame){ .type = FRAME_MARKS_ASK, .marks_ask.index = 77 };
	blob_unref(round_trip(&f, &back));
	assert_int_equal(back.marks_ask.index, 77);

	f = (struct frame){ .type = FRAME_SUSPECT };
	f.suspect.leader = 5;
	f.suspect.term = 6;
	f.suspect.last_index = 7;
	blob_unref(round_trip(&f, &back));
	assert_int_equal(back.suspect.leader, 5);
	assert_int_equal(back.suspect.term, 6);
	assert_int_equal(back.suspect.last_index, 7);

	f = (struct frame){ .type = FRAME_FITNESS, .fitness.fit = 1 };
	blob_unref(round_trip(&f, &back));
	assert_int_equal(back.fitness.fit, 1);
	f = (struct frame){ .type = FRAME_CLOCK, .clock.unix_s = 1796000000 };
	blob_unref(round_trip(&f, &back));
	assert_int_equal(back.clock.unix_s, 1796000000);
	f = (struct frame){ .type = FRAME_APPLIED, .applied.index = 9 };
	blob_unref(round_trip(&f, &back));
	assert_int_equal(back.applied.index, 9);
}

static void news_come_back(void **unused)
{
	struct frame f = { .type = FRAME_SESSION }, back;
	struct blob *b;

	(void)unused;
	f.session.activity = ACTIVITY_PEER;
	f.session.spi_in = 0xc0ffee;
	f.session.epoch = -3;
	f.session.remote = endpoint("198.51.100.9:4711");
	blob_unref(round_trip(&f, &back));
	assert_int_equal(back.session.activity, ACTIVITY_PEER);
	assert_int_equal(back.session.spi_in, 0xc0ffee);
	assert_int_equal(back.session.epoch, -3);
	assert_true(endpoint_equal(&back.session.remote, &f.session.remote));
	/* There need not be an address. */
	memset(&f.session.remote, 0, sizeof(f.session.remote));
	f.session.activity = ACTIVITY_ALIVE;
	blob_unref(round_trip(&f, &back));
	assert_int_equal(back.session.remote.address.family, 0);
	/* News that we don't know. */
	for (unsigned news = 0; news < 256; news++) {
		enum status s;

		f.session.activity = (uint8_t)news;
		b = frame_create(&f);
		s = frame_parse(&back, b->data, b->len);
		assert_int_equal(s, news >= ACTIVITY_SEQUENCE_END && news <= ACTIVITY_FORM ? OK : ERR_MALFORMED);
		blob_unref(b);
	}
}

/* The index is a row that is nobody's: a node that does not know of it passes it over. */
static void an_acknowledgement_says_what_was_applied(void **unused)
{
	static const struct frame_mark rows[] = { { 256, 3, 77 }, { 257, 3, 78 } };
	const struct frame_marks_head head = { .incarnation = 42, .index = UINT64_C(1) << 40 };
	struct frame_marks_head own = { 42, 7, UINT64_C(1) << 41 };
	struct blob *b = frame_create_marks_at(FRAME_MARKS_ACK, &head, rows, 2);
	struct frame f;

	(void)unused;
	assert_int_equal(frame_parse(&f, b->data, b->len), OK);
	assert_int_equal(f.type, FRAME_MARKS_ACK);
	assert_int_equal(f.marks.incarnation, 42);
	assert_int_equal(f.marks.index, UINT64_C(1) << 40);
	assert_int_equal(f.marks.n, 2);
	assert_int_equal(frame_mark_at(&f, 0).spi_in, 256);
	assert_int_equal(frame_mark_at(&f, 1).seq, 78);
	assert_int_equal(b->len, 1 + 8 + 3 * 20);
	assert_memory_equal(b->data + 9, "\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	b->data[28] = 1; /* No mark of SPI 0. */
	assert_int_equal(frame_parse(&f, b->data, b->len), ERR_MALFORMED);
	memset(b->data + 9, 0, 20); /* Nor an index 0. */
	assert_int_equal(frame_parse(&f, b->data, b->len), ERR_MALFORMED);
	blob_unref(b);
	b = frame_create_marks_at(FRAME_MARKS, &own, rows, 2); /* An owner's word has an echo, too. */
	assert_int_equal(frame_parse(&f, b->data, b->len), OK);
	assert_int_equal(f.marks.index, 7);
	assert_int_equal(f.marks.echo_us, UINT64_C(1) << 41);
	assert_int_equal(frame_mark_at(&f, 1).seq, 78);
	blob_unref(b);
	b = frame_create_marks(FRAME_MARKS_ACK, 42, rows, 2);
	assert_int_equal(frame_parse(&f, b->data, b->len), OK);
	assert_int_equal(f.marks.index, 0);
	assert_int_equal(f.marks.n, 2);
	blob_unref(b);
}

static void marks_come_back(void **unused)
{
	static const size_t counts[] = { 0, 1, 2, FRAME_MARKS_MAX };
	struct frame_mark *rows = calloc(FRAME_MARKS_MAX, sizeof(*rows));

	(void)unused;
	for (size_t i = 0; i < FRAME_MARKS_MAX; i++)
		rows[i] = (struct frame_mark){ (uint32_t)i + 256, (int64_t)i - 5, i << 40 };
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		enum frame_type type = k % 2 ? FRAME_MARKS_ACK : FRAME_MARKS;
		struct blob *b = frame_create_marks(type, 42, rows, counts[k]);
		struct frame f;

		assert_int_equal(frame_parse(&f, b->data, b->len), OK);
		assert_int_equal(f.marks.incarnation, 42);
		assert_int_equal(f.marks.n, counts[k]);
		for (size_t i = 0; i < f.marks.n; i++) {
			struct frame_mark m = frame_mark_at(&f, i);

			assert_int_equal(m.spi_in, rows[i].spi_in);
			assert_int_equal(m.epoch, rows[i].epoch);
			assert_int_equal(m.seq, rows[i].seq);
		}
		if (counts[k])
			assert_int_equal(frame_parse(&f, b->data, b->len - 1), ERR_MALFORMED);
		blob_unref(b);
	}
	free(rows);
}

static void runs_come_back(void **unused)
{
	static const struct frame_run runs[] = {
		{ 0, 4096, FRAME_INFORMED | FRAME_COMPLETE, 7 },
		{ 4096, 1, FRAME_INFORMED, INT64_MAX },
		{ 65535, 65535, 0, INT64_MIN },
	};
	struct frame f;

	(void)unused;
	for (size_t n = 0; n <= 3; n++) {
		struct blob *b = frame_create_done(99, runs, n);

		assert_int_equal(frame_parse(&f, b->data, b->len), OK);
		assert_int_equal(f.marks_done.index, 99);
		assert_int_equal(f.marks_done.n, n);
		for (size_t i = 0; i < n; i++) {
			struct frame_run r = frame_run_at(&f, i);

			assert_int_equal(r.first, runs[i].first);
			assert_int_equal(r.count, runs[i].count);
			assert_int_equal(r.known, runs[i].known);
			assert_int_equal(r.epoch, runs[i].epoch);
		}
		assert_int_equal(frame_parse(&f, b->data, b->len - 1), ERR_MALFORMED);
		blob_unref(b);
	}
}

/* Frames of fixed length: neither shorter nor longer. */
static void lengths_are_exact(void **unused)
{
	static const enum frame_type types[] = { FRAME_HELLO, FRAME_HALF_OPEN_ACK, FRAME_MARKS_ASK,
						 FRAME_SUSPECT, FRAME_APPLIED, FRAME_SESSION,
						 FRAME_LEAVING, FRAME_FITNESS, FRAME_CLOCK };

	(void)unused;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct frame f = { .type = types[i] }, back;
		uint8_t longer[256] = {0};
		struct blob *b;

		if (f.type == FRAME_HELLO)
			f.hello.raft_id = f.hello.level = 1;
		if (f.type == FRAME_SESSION)
			f.session.activity = ACTIVITY_ALIVE;
		b = round_trip(&f, &back);
		for (size_t len = 0; len < b->len; len++)
			assert_int_equal(frame_parse(&back, b->data, len), ERR_MALFORMED);
		memcpy(longer, b->data, b->len);
		assert_int_equal(frame_parse(&back, longer, b->len + 1), ERR_MALFORMED);
		blob_unref(b);
	}
}

/* Types of the edge, and those nobody knows. */
static void other_types_are_not_the_cores(void **unused)
{
	uint8_t data[100] = {0};
	struct frame f;

	(void)unused;
	for (unsigned type = 0; type < 256; type++) {
		data[0] = (uint8_t)type;
		if (type == 0 || type > FRAME_LEAVING)
			assert_int_equal(frame_parse(&f, data, sizeof(data)), ERR_MALFORMED);
	}
	assert_int_equal(frame_parse(&f, data, 0), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_comes_back),
		cmocka_unit_test(octets_come_back),
		cmocka_unit_test(datagrams_come_back),
		cmocka_unit_test(datagrams_have_two_ends),
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(news_come_back),
		cmocka_unit_test(an_acknowledgement_says_what_was_applied),
		cmocka_unit_test(marks_come_back),
		cmocka_unit_test(runs_come_back),
		cmocka_unit_test(lengths_are_exact),
		cmocka_unit_test(other_types_are_not_the_cores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
