/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of faults: what a dead, cut off or silent part of the cluster does to
 * the sessions of the rest. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void start_all(struct story *l, uint32_t n)
{
	story_init(l, n);
	for (uint32_t i = 0; i < n; i++)
		story_start(l, i);
	story_run(l, 2000);
}

/* A request is answered without a wait for anyone's timer. */
static void assert_answered_at_once(struct story *l)
{
	uint32_t before = l->client.counts.responses;

	story_client_send(l, initiator_create_dpd(&l->client));
	assert_int_equal(l->client.counts.responses, before + 1);
}

/* libraft sends to who is out of step only with the next heartbeat. */
static void commits_do_not_wait_for_a_dead_node(void **unused)
{
	(void)unused;
	for (uint32_t lost = 0; lost < 3; lost++) {
		struct story l;

		start_all(&l, 3);
		story_client_connect(&l);
		story_kill(&l, lost);
		story_suspect(&l, lost);
		story_run(&l, 400);
		story_client_listen(&l);
		for (unsigned i = 0; i < 30; i++) {
			story_run(&l, 7 + 13 * i);
			assert_answered_at_once(&l);
		}
		story_fini(&l);
	}
}

/* A client that is gone with the node: its notice is never answered. Where dead peers are
 * looked for the session goes in the end; where not, it waits for the client. */
static void silent_for_good(uint32_t dpd_ms, size_t left)
{
	struct story l;
	uint32_t owner;

	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].ike.connections->dpd_ms = dpd_ms;
		l.config[i].timing.retransmit_ms = 20;
		story_start(&l, i);
	}
	story_run(&l, 2000);
	story_client_connect(&l);
	owner = story_holder(&l);
	story_kill(&l, owner);
	story_suspect(&l, owner);
	for (unsigned i = 0; i < 300; i++) {
		story_run(&l, 20);
		while (l.n_to_client) /* Nobody there. */
			blob_unref(l.to_client[--l.n_to_client]);
	}
	assert_int_equal(state_sessions(core_state(l.node[story_leader(&l)].core)), left);
	story_fini(&l);
}

static void an_unanswered_notice_deletes_nothing(void **unused)
{
	(void)unused;
	silent_for_good(0, 1);
}

static void a_client_lost_with_its_owner_is_found_dead(void **unused)
{
	(void)unused;
	silent_for_good(1000, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commits_do_not_wait_for_a_dead_node),
		cmocka_unit_test(an_unanswered_notice_deletes_nothing),
		cmocka_unit_test(a_client_lost_with_its_owner_is_found_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
