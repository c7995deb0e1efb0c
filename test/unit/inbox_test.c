/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for the control loop: what goes first, and that nothing starves. */
#include "node/process/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
	struct inbox inbox;
	unsigned wakes;
};

static void wake(void *ctx)
{
	((struct fixture *)ctx)->wakes++;
}

static void begin(struct fixture *f)
{
	f->wakes = 0;
	inbox_init(&f->inbox, wake, f);
}

static bool put(struct fixture *f, enum inbox_kind kind, enum inbox_class class, size_t len)
{
	static const uint8_t data[2048];

	return inbox_put(&f->inbox, inbox_item_new(kind, data, len), class);
}

/* Takes one; its class. INBOX_CLASSES: the round ends. */
static enum inbox_class next(struct fixture *f, struct inbox_round *r, bool over)
{
	struct inbox_item *i = inbox_next(&f->inbox, r, over);
	enum inbox_class class = i ? i->class : INBOX_CLASSES;

	if (i)
		inbox_item_free(i);
	return class;
}

static void what_is_urgent_goes_first(void **unused)
{
	struct inbox_round r = {0};
	struct fixture f;

	(void)unused;
	begin(&f);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(put(&f, INBOX_EVENT, INBOX_INIT, 1));
		assert_true(put(&f, INBOX_EVENT, INBOX_IKE, 1));
		assert_true(put(&f, INBOX_EVENT, INBOX_FRAMES, 1));
	}
	assert_true(put(&f, INBOX_EVENT, INBOX_OTHER, 1)); /* A node is suspected. */
	assert_int_equal(f.wakes, 10);
	assert_int_equal(next(&f, &r, false), INBOX_OTHER);
	assert_int_equal(next(&f, &r, false), INBOX_FRAMES);
	assert_true(put(&f, INBOX_EVENT, INBOX_OTHER, 1)); /* Amid a round, too. */
	assert_int_equal(next(&f, &r, false), INBOX_OTHER);
	assert_int_equal(next(&f, &r, false), INBOX_FRAMES);
	assert_int_equal(next(&f, &r, false), INBOX_FRAMES);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(next(&f, &r, false), INBOX_IKE);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(next(&f, &r, false), INBOX_INIT);
	assert_int_equal(next(&f, &r, false), INBOX_CLASSES);
	assert_true(inbox_is_empty(&f.inbox));
	inbox_fini(&f.inbox);
}

/* Handshakes as many as there is room for: a NodeDown, a commit and a link's end are handled in the very next
 * round, and each round has one new client still. */
static void a_round_that_is_over_takes_one_of_each_and_all_that_is_urgent(void **unused)
{
	struct fixture f;

	(void)unused;
	begin(&f);
	while (put(&f, INBOX_EVENT, INBOX_INIT, 500))
		;
	while (put(&f, INBOX_EVENT, INBOX_IKE, 500))
		;
	for (unsigned round = 0; round < 3; round++) {
		struct inbox_round r = {0};

		for (unsigned i = 0; i < 5; i++)
			assert_true(put(&f, INBOX_EVENT, INBOX_OTHER, 1));
		assert_true(put(&f, INBOX_LINK, INBOX_OTHER, 0));
		assert_true(put(&f, INBOX_EVENT, INBOX_FRAMES, 1));
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(next(&f, &r, true), INBOX_OTHER);
		assert_int_equal(next(&f, &r, true), INBOX_OTHER); /* The link. */
		assert_int_equal(next(&f, &r, true), INBOX_IKE);
		assert_int_equal(next(&f, &r, true), INBOX_INIT);
		assert_int_equal(next(&f, &r, true), INBOX_CLASSES);
		/* The frame has not had its turn, since the link's coming and going is of its rank. */
		r = (struct inbox_round){0};
		assert_int_equal(next(&f, &r, false), INBOX_FRAMES);
		assert_false(inbox_is_empty(&f.inbox));
	}
	inbox_fini(&f.inbox);
}

/* Frames of a link that ends are handled before its end, and those of the next after its begin. */
static void links_come_and_go_in_order(void **unused)
{
	static const enum inbox_kind want[] = {INBOX_EVENT, INBOX_LINK, INBOX_LINK, INBOX_EVENT};
	struct inbox_round r = {0};
	struct fixture f;

	(void)unused;
	begin(&f);
	for (unsigned i = 0; i < 4; i++)
		put(&f, want[i], want[i] == INBOX_LINK ? INBOX_OTHER : INBOX_FRAMES, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct inbox_item *x = inbox_next(&f.inbox, &r, false);

		assert_int_equal(x->kind, want[i]);
		inbox_item_free(x);
	}
	inbox_fini(&f.inbox);
}

/* What is taken leaves room; what is lost is counted, and others have their room all the time. */
static void each_class_has_its_room(void **unused)
{
	struct inbox_round r = {0};
	struct fixture f;
	size_t n = 0;

	(void)unused;
	begin(&f);
	while (put(&f, INBOX_EVENT, INBOX_IKE, 2000))
		n++;
	assert_in_range(n, 1, INBOX_IKE_MAX / 2000);
	assert_int_equal(f.inbox.lost[INBOX_IKE], 1);
	assert_int_equal(next(&f, &r, false), INBOX_IKE);
	assert_true(put(&f, INBOX_EVENT, INBOX_IKE, 2000));
	f.wakes = 0;
	for (unsigned i = 0; i < 3; i++) {
		static const uint8_t data[2000];

		assert_false(inbox_add(&f.inbox, inbox_item_new(INBOX_EVENT, data, sizeof(data)), INBOX_IKE));
		assert_true(inbox_add(&f.inbox, inbox_item_new(INBOX_EVENT, data, sizeof(data)), INBOX_FRAMES));
	}
	assert_int_equal(f.wakes, 0);
	inbox_wake(&f.inbox);
	assert_int_equal(f.wakes, 1);
	assert_int_equal(f.inbox.lost[INBOX_IKE], 4);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(next(&f, &r, false), INBOX_FRAMES);
	assert_int_equal(next(&f, &r, false), INBOX_IKE);
	inbox_fini(&f.inbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_urgent_goes_first),
		cmocka_unit_test(a_round_that_is_over_takes_one_of_each_and_all_that_is_urgent),
		cmocka_unit_test(links_come_and_go_in_order),
		cmocka_unit_test(each_class_has_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
