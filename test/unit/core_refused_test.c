/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of an IKE_AUTH that was refused: no node answers it a second time. */
#include "test/unit/rounds_story.h"

static uint32_t deaf;

static bool loses_the_refusal(const struct story *l, uint32_t from, uint32_t to, const struct blob *frame)
{
	(void)l;
	(void)from;
	return to == deaf && frame->data[0] == FRAME_HALF_OPEN_END;
}

/* Its identity is revoked while the client is on its way in, and let in again later. The next leader has
 * not heard of the refusal: the others have. The same IKE_AUTH does not get in after all. */
static void what_was_refused_is_over(void **unused)
{
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	d = request(&l, TOY_ROUNDS);
	deaf = story_third(&l);
	assert_true(deaf != story_leader(&l));
	l.loses = loses_the_refusal;
	story_control(&l, story_leader(&l), CONTROL_REVOKE, 0, "cl");
	blob_unref(response(&l, d));
	story_control(&l, story_leader(&l), CONTROL_ALLOW, 0, "cl");
	story_run(&l, 100);
	assert_non_null(core_half_open(l.node[deaf].core, l.client.ike[0].spi_i, l.client.ike[0].spi_r));
	l.loses = NULL;
	story_lose_leader(&l);
	assert_int_equal(story_leader(&l), deaf);
	for (unsigned i = 0; i < 3; i++)
		blob_unref(response(&l, d));
	assert_int_equal(state_sessions(core_state(l.node[deaf].core)), 0);
	assert_null(core_half_open(l.node[deaf].core, l.client.ike[0].spi_i, l.client.ike[0].spi_r));
	blob_unref(d);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_refused_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
