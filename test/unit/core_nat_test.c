/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of clients behind one NAT, whose mapping changes: each session follows its own client's
 * packets only (RFC 7296 2.23), also while an owner or a leader is lost. */
#include "test/unit/comers.h"

static struct endpoint at(const char *text)
{
	struct endpoint e;

	assert_int_equal(endpoint_parse(&e, text), OK);
	return e;
}

static const struct session *session_of(const struct story *l, const struct initiator *i)
{
	const struct session *s = state_session_by_ike(state_of(l), i->ike[0].spi_i, i->ike[0].spi_r);

	assert_non_null(s);
	return s;
}

/* Its owner has accepted a packet from there. */
static void seen_at(struct story *l, const struct initiator *i, const char *where)
{
	const struct sad_entry *e = story_sad(l, story_holder(l), i->child[0].spi_out);
	struct sa_report r = {.kind = SA_REPORT_PEER, .remote = at(where)};
	struct event event = {.type = EVENT_SA_REPORTS};

	assert_non_null(e);
	r.spi_in = e->child.spi_in;
	r.session = e->session;
	r.epoch = e->epoch;
	r.volume = e->volume;
	event.sa_reports.reports = &r;
	event.sa_reports.n = 1;
	story_event(l, story_holder(l), &event);
	story_run(l, 60);
	story_swallow(l);
}

/* Where the leader sends IKE messages and the owner ESP. */
static void assert_at(struct story *l, const struct initiator *i, const char *where)
{
	const struct sad_entry *e = story_sad(l, story_holder(l), i->child[0].spi_out);
	struct endpoint expected = at(where);

	assert_non_null(e);
	assert_true(endpoint_equal(&session_of(l, i)->ike.remote, &expected));
	assert_true(endpoint_equal(&e->path.remote, &expected));
	assert_true(e->path.udp_encap);
}

#define ONE "203.0.113.9:40001"
#define OTHER "203.0.113.9:40002"

static void two_clients_behind_one_nat(void **unused)
{
	struct initiator a, b;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	assert_int_equal(comes(&l, &a, &(struct comer){"cl", ONE, false, NULL}), 0);
	assert_int_equal(comes(&l, &b, &(struct comer){"other", OTHER, false, NULL}), 0);
	assert_false(address_equal(&a.virtual_ip, &b.virtual_ip));
	seen_at(&l, &a, "203.0.113.9:40077"); /* Another port, ... */
	assert_at(&l, &a, "203.0.113.9:40077");
	assert_at(&l, &b, OTHER);
	story_lose(&l, story_holder(&l));
	story_run(&l, 500);
	story_swallow(&l);
	assert_at(&l, &a, "203.0.113.9:40077");
	seen_at(&l, &a, "203.0.113.10:40078"); /* ... and another address, which the next owner sees. */
	assert_at(&l, &a, "203.0.113.10:40078");
	assert_at(&l, &b, OTHER);
	story_level(&l);
	initiator_fini(&a);
	initiator_fini(&b);
	story_fini(&l);
}

/* The leader is lost with the owner's report: the owner reports again, and the next leader follows. */
static void the_leader_is_lost_with_it(void **unused)
{
	struct initiator a, b;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	assert_int_equal(comes(&l, &a, &(struct comer){"cl", ONE, false, NULL}), 0);
	assert_int_equal(comes(&l, &b, &(struct comer){"other", OTHER, false, NULL}), 0);
	story_stall_all(&l, STORY_NODES);
	seen_at(&l, &b, "203.0.113.9:40077");
	assert_at(&l, &b, OTHER); /* It is not committed. */
	story_resume_all(&l);
	story_lose_leader(&l);
	story_swallow(&l);
	seen_at(&l, &b, "203.0.113.9:40077");
	assert_at(&l, &b, "203.0.113.9:40077");
	assert_at(&l, &a, ONE);
	story_level(&l);
	initiator_fini(&a);
	initiator_fini(&b);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_clients_behind_one_nat),
		cmocka_unit_test(the_leader_is_lost_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
