/* SPDX-License-Identifier: Apache-2.0 */
/* The message window: where each message stands, as numbered rows, and how it moves. */
#include "proto/ike/ike.h"
#include "proto/ike/ike_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RESPONSE IKE_FLAG_RESPONSE

static struct blob *message_of(uint8_t exchange, uint8_t flags, uint32_t id, uint8_t content)
{
	struct ike_header h = {.spi_i = 1, .spi_r = 2, .major = 2, .exchange = exchange, .flags = flags,
			       .message_id = id, .length = IKE_HEADER_LEN + 1};
	struct blob *b = blob_new(NULL, IKE_HEADER_LEN + 1);

	ike_header_write(b->data, &h);
	b->data[IKE_HEADER_LEN] = content;
	return b;
}

static enum ike_window_position place(const struct ike_window *w, uint8_t flags, uint32_t id,
				   uint8_t content)
{
	struct blob *b = message_of(IKE_EXCHANGE_INFORMATIONAL, flags, id, content);
	enum ike_window_position p;
	struct ike_header h;

	assert_int_equal(ike_header_parse(&h, b->data, b->len), DROP_NONE);
	p = ike_window_position(w, &h, b->data, b->len);
	blob_unref(b);
	return p;
}

static void answer(struct ike_window *w, uint32_t id, uint8_t content)
{
	struct ike_datagrams *request =
		ike_datagrams_of(message_of(IKE_EXCHANGE_INFORMATIONAL, 0, id, content));

	ike_window_respond(w, request, ike_datagrams_of(blob_new("answer", 6)));
	ike_datagrams_unref(request);
}

/* Five requests were answered, the last one with content 'e'; ours is the third. */
static void where_messages_stand(void **unused)
{
	static const struct {
		uint8_t flags, content;
		uint32_t id;
		enum ike_window_position place;
	} rows[] = {
		{0, 'f', 5, IKE_WINDOW_NEXT},     /* 0 */
		{0, 'e', 4, IKE_WINDOW_REPEATED}, /* 1 */
		{0, 'x', 4, IKE_WINDOW_OUTSIDE},  /* 2: that ID, other octets */
		{0, 'd', 3, IKE_WINDOW_OUTSIDE},  /* 3: it was answered, once */
		{0, 'e', 3, IKE_WINDOW_OUTSIDE},  /* 4 */
		{0, 'g', 6, IKE_WINDOW_OUTSIDE},  /* 5: one is left out */
		{0, 'e', UINT32_MAX, IKE_WINDOW_OUTSIDE}, /* 6 */
		{RESPONSE, 'a', 2, IKE_WINDOW_ANSWER},    /* 7 */
		{RESPONSE, 'a', 1, IKE_WINDOW_OUTSIDE},   /* 8: it closed before */
		{RESPONSE, 'a', 3, IKE_WINDOW_OUTSIDE},   /* 9: not asked yet */
		{RESPONSE, 'f', 5, IKE_WINDOW_OUTSIDE},   /* 10: IDs are per direction */
	};
	struct ike_window w = {.next_out = 2};

	(void)unused;
	assert_int_equal(place(&w, 0, 0, 'a'), IKE_WINDOW_NEXT);
	assert_int_equal(place(&w, 0, UINT32_MAX, 'a'), IKE_WINDOW_OUTSIDE); /* None was answered. */
	assert_int_equal(place(&w, RESPONSE, 2, 'a'), IKE_WINDOW_OUTSIDE);   /* None was asked. */
	assert_int_equal(ike_window_asked(&w), 0);
	for (uint32_t id = 0; id < 5; id++)
		answer(&w, id, (uint8_t)('a' + id));
	ike_window_ask(&w, ike_datagrams_of(message_of(IKE_EXCHANGE_CREATE_CHILD_SA, 0, 2, 'q')));
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		if (place(&w, rows[k].flags, rows[k].id, rows[k].content) != rows[k].place)
			fail_msg("row %zu", k);
	assert_int_equal(ike_window_asked(&w), IKE_EXCHANGE_CREATE_CHILD_SA);
	ike_window_answered(&w);
	assert_int_equal(w.next_out, 3);
	assert_int_equal(ike_window_asked(&w), 0);
	assert_int_equal(place(&w, RESPONSE, 2, 'a'), IKE_WINDOW_OUTSIDE);
	ike_window_fini(&w);
}

/* RFC 6311 */
static void both_ids_are_set(void **unused)
{
	struct ike_window w = {0};

	(void)unused;
	answer(&w, 0, 'a');
	ike_window_ask(&w, ike_datagrams_of(message_of(IKE_EXCHANGE_INFORMATIONAL, 0, 0, 'q')));
	ike_window_sync(&w, 1, 7); /* What was answered is still the one before. */
	assert_null(w.outstanding);
	assert_int_equal(place(&w, 0, 0, 'a'), IKE_WINDOW_REPEATED);
	ike_window_sync(&w, 9, 7);
	assert_null(w.response);
	assert_int_equal(place(&w, 0, 8, 'a'), IKE_WINDOW_OUTSIDE);
	assert_int_equal(place(&w, 0, 9, 'a'), IKE_WINDOW_NEXT);
	assert_int_equal(w.next_out, 7);
	ike_window_fini(&w);
}

static void a_copy_shares_the_messages(void **unused)
{
	struct ike_window w = {0}, copy;

	(void)unused;
	answer(&w, 0, 'a');
	copy = w;
	ike_window_share(&copy);
	answer(&copy, 1, 'b');
	assert_int_equal(place(&w, 0, 0, 'a'), IKE_WINDOW_REPEATED);
	assert_int_equal(place(&copy, 0, 1, 'b'), IKE_WINDOW_REPEATED);
	ike_window_fini(&w);
	ike_window_fini(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_messages_stand),
		cmocka_unit_test(both_ids_are_set),
		cmocka_unit_test(a_copy_shares_the_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
