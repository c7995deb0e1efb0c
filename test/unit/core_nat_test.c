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
static void reported(struct story *l, const struct initiator *i, enum sa_report_kind kind, const char *where)
{
	const struct sad_entry *e = story_sad(l, story_holder(l), i->child[0].spi_out);
	struct sa_report r = {.kind = kind, .remote = at(where)};
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

static void seen_at(struct story *l, const struct initiator *i, const char *where)
{
	reported(l, i, SA_REPORT_PEER, where);
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

static void another_owner(struct story *l)
{
	uint32_t lost = story_holder(l);

	story_lose(l, lost);
	story_run(l, 500);
	story_start(l, lost);
	story_run(l, 2000);
	story_swallow(l);
}

/* How its owner, and then another one, sends ESP to a client behind no NAT. */
static void assert_form(struct story *l, const struct initiator *i, bool in_udp)
{
	const struct sad_entry *e;
	struct endpoint there = at(in_udp ? "10.79.0.50:4500" : "10.79.0.50:0"),
			here = at(in_udp ? "10.79.0.100:4500" : "10.79.0.100:0");

	for (unsigned k = 0; k < 2; k++) {
		e = story_sad(l, story_holder(l), i->child[0].spi_out);
		assert_non_null(e);
		assert_int_equal(e->path.udp_encap, in_udp);
		assert_true(endpoint_equal(&e->path.remote, &there));
		assert_true(endpoint_equal(&e->path.local, &here));
		if (k == 0)
			another_owner(l);
	}
}

/* Linux takes ESP only in the form in which it sends it. A new owner answers so before the client says
 * anything; where a NAT is, that decides. */
static void a_new_owner_keeps_the_form(void **unused)
{
	uint64_t serial;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	l.client.config.fake_nat = false;
	story_client_connect(&l);
	story_swallow(&l);
	assert_int_equal(session_of(&l, &l.client)->ike.features & IKE_NAT_FLAGS, 0);
	assert_form(&l, &l.client, false);
	reported(&l, &l.client, SA_REPORT_FORM, "10.79.0.50:4500");
	assert_form(&l, &l.client, true);
	serial = session_of(&l, &l.client)->serial; /* Told again, it is no news; elsewhere it is nobody's. */
	reported(&l, &l.client, SA_REPORT_FORM, "10.79.0.50:4500");
	reported(&l, &l.client, SA_REPORT_FORM, "10.79.0.51:0");
	assert_int_equal(session_of(&l, &l.client)->serial, serial);
	reported(&l, &l.client, SA_REPORT_FORM, "10.79.0.50:0");
	assert_form(&l, &l.client, false);
	story_level(&l);
	story_fini(&l);
}

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
		cmocka_unit_test(a_new_owner_keeps_the_form),
		cmocka_unit_test(the_leader_is_lost_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
