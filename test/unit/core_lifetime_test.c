/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of lifetimes: soft ones, at which the gateway rekeys, and hard ones, at which an SA ends
 * even if its client is silent. */
#include "cluster/core/lifetime.h"
#include "proto/ike/fragment.h"
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void begin(struct story *l, struct lifetime child, struct lifetime ike)
{
	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l->config[i].policy->ike.connections->dpd_ms = 0;
		l->config[i].policy->ike.connections->child_life = child;
		l->config[i].policy->ike.connections->ike_life = ike;
		l->config[i].timing.retransmit_ms = 20;
	}
	story_start_all(l);
	story_run(l, 2000);
	story_client_connect(l);
	assert_int_equal(l->client.n_child, 1);
}

static const struct session *session(const struct story *l)
{
	return state_next_session(core_state(l->node[story_leader(l)].core), 0);
}

/* The client answers our requests. */
static void listen(struct story *l, uint32_t ms)
{
	for (uint32_t k = 0; k < ms / 100; k++) {
		story_run(l, 100);
		story_client_listen(l);
	}
}

/* ... or nothing reaches it. */
static void deaf(struct story *l, uint32_t ms)
{
	for (uint32_t k = 0; k < ms / 20; k++) {
		story_run(l, 20);
		story_swallow(l);
	}
}

static void due_before_its_end_and_not_all_at_once(void **unused)
{
	const struct lifetime l = {.rekey_s = 1000, .hard_s = 2000}, none = {.rekey_s = 0};
	unsigned early = 0, late = 0;

	(void)unused;
	for (uint32_t spi = 0; spi < 1024; spi++) {
		assert_false(lifetime_is_due(&l, 5, spi, 5 + 899999));
		assert_true(lifetime_is_due(&l, 5, spi, 5 + 1000000));
		if (lifetime_is_due(&l, 5, spi, 5 + 950000))
			early++;
		else
			late++;
	}
	assert_true(early > 400 && late > 400);
	assert_false(lifetime_is_over(&l, 5, 5 + 1999999));
	assert_true(lifetime_is_over(&l, 5, 5 + 2000000));
	assert_false(lifetime_is_due(&none, 0, 0, UINT64_MAX));
	assert_false(lifetime_is_over(&none, 0, UINT64_MAX));
}

static void an_old_child_sa_is_rekeyed(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	begin(&l, (struct lifetime){.rekey_s = 20}, (struct lifetime){0});
	old = story_spi(&l);
	listen(&l, 15000);
	assert_int_equal(story_spi(&l), old);
	story_lose_leader(&l); /* The next one knows when it was made. */
	listen(&l, 8000);
	assert_int_not_equal(story_spi(&l), old);
	assert_int_equal(l.client.counts.rekeys, 1);
	assert_int_equal(l.client.n_child, 1);
	assert_int_equal(session(&l)->ike.n_child, 1);
	story_fini(&l);
}

/* Each by itself: octets or packets, in or out; the soft limit up to a tenth before. */
static void what_it_carries_counts_in_each_direction(void **unused)
{
	const struct lifetime l = { .rekey = { 1000, 100 }, .hard = { 2000, 200 } }, none = { .rekey_s = 5 };
	const struct volume all = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct volume v;

	(void)unused;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t limit = i % 2 ? 100 : 1000;

		for (uint32_t spi = 0; spi < 256; spi += 255) { /* The latest, and the earliest. */
			uint64_t at = spi ? limit - limit / 10 : limit;

			v = (struct volume){ 0 };
			(&v.octets_in)[i] = at - 1;
			assert_false(lifetime_is_used(&l, &v, spi));
			(&v.octets_in)[i] = at;
			assert_true(lifetime_is_used(&l, &v, spi));
		}
		(&v.octets_in)[i] = 2 * limit - 1;
		assert_false(lifetime_is_used_up(&l, &v));
		(&v.octets_in)[i] = 2 * limit;
		assert_true(lifetime_is_used_up(&l, &v));
	}
	assert_false(lifetime_is_used(&none, &all, 0));
	assert_false(lifetime_is_used_up(&none, &all));
}

static void carries_out(struct story *l, uint64_t octets)
{
	struct sad_entry *e = story_owned(l);

	e->volume.octets_out += octets;
	e->volume.packets_out++;
	story_report(l, story_holder(l), e, SA_REPORT_VOLUME, 0);
}

/* Its volume at the previous owner counts, too. */
static void what_has_carried_much_is_rekeyed(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	begin(&l, (struct lifetime){ .rekey = { .octets = 1000 } }, (struct lifetime){0});
	old = story_spi(&l);
	carries_out(&l, 800);
	listen(&l, 3000);
	assert_int_equal(l.client.counts.rekeys, 0);
	story_lose(&l, story_holder(&l));
	listen(&l, 1000);
	carries_out(&l, 200);
	listen(&l, 3000);
	assert_int_not_equal(story_spi(&l), old);
	assert_int_equal(l.client.counts.rekeys, 1);
	assert_int_equal(session(&l)->ike.n_child, 1);
	carries_out(&l, 800); /* The new one begins with nothing. */
	listen(&l, 3000);
	assert_int_equal(l.client.counts.rekeys, 1);
	story_fini(&l);
}

static bool passes_anywhere(struct story *l, uint32_t spi)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->node[i].core && story_sad(l, i, spi) && story_sad(l, i, spi)->granted)
			return true;
	return false;
}

/* Nothing reaches the client: the rekey is unanswered, and the SA ends all the same. */
static void hard_is_hard(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	begin(&l, (struct lifetime){.rekey_s = 10, .hard_s = 20}, (struct lifetime){0});
	old = story_spi(&l);
	deaf(&l, 18000);
	assert_true(passes_anywhere(&l, old));
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_REKEY_CHILD);
	deaf(&l, 4000);
	assert_false(passes_anywhere(&l, old));
	story_lose(&l, story_holder(&l));
	deaf(&l, 2000);
	assert_false(passes_anywhere(&l, old));
	/* The session goes on: once the client hears again, it has a new SA, or none, like us. */
	story_client_send(&l, initiator_create_dpd(&l.client));
	listen(&l, 3000);
	assert_non_null(session(&l));
	assert_int_equal(l.client.n_child, session(&l)->ike.n_child);
	assert_null(ike_session_find_child((struct ike_session *)&session(&l)->ike, old));
	story_fini(&l);
}

/* It ends at every node, though its client hears nothing of it. */
static void what_has_carried_too_much_ends(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	begin(&l, (struct lifetime){ .rekey = { .packets = 2 }, .hard = { .packets = 3 } }, (struct lifetime){0});
	old = story_spi(&l);
	carries_out(&l, 1);
	carries_out(&l, 1);
	deaf(&l, 3000);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_REKEY_CHILD);
	assert_true(passes_anywhere(&l, old));
	carries_out(&l, 1);
	deaf(&l, 3000);
	assert_false(passes_anywhere(&l, old));
	story_lose_leader(&l);
	deaf(&l, 2000);
	assert_false(passes_anywhere(&l, old));
	story_client_send(&l, initiator_create_dpd(&l.client));
	listen(&l, 3000);
	assert_non_null(session(&l));
	assert_int_equal(l.client.n_child, session(&l)->ike.n_child);
	story_fini(&l);
}

/* A leader tells the client to wait, and is lost; the next one repeats the same question, and the
 * client answers. One IKE SA is left. */
static void both_rekey_the_ike_sa_and_the_leader_is_lost(void **unused)
{
	struct story l;
	uint64_t old;

	(void)unused;
	begin(&l, (struct lifetime){0}, (struct lifetime){.rekey_s = 20});
	old = session(&l)->ike.ike[0].spi_r;
	for (unsigned k = 0; k < 250 && !session(&l)->ike.ike[0].window.outstanding; k++)
		deaf(&l, 100);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_REKEY_IKE);
	story_client_send(&l, initiator_create_ike_rekey(&l.client, 0));
	assert_int_equal(l.client.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_REKEY_IKE);
	story_lose_leader(&l);
	listen(&l, 4000);
	assert_int_equal(l.client.counts.ike_rekeys, 1);
	assert_int_not_equal(session(&l)->ike.ike[0].spi_r, old);
	assert_true(session(&l)->ike.ike[0].spi_i == l.client.ike[0].spi_i);
	assert_int_equal(session(&l)->ike.ike[1].state, IKE_SA_DELETED);
	assert_int_equal(l.client.ike[1].state, 0);
	assert_int_equal(session(&l)->ike.n_child, 1);
	story_level(&l);
	story_fini(&l);
}

/* The leader of the time replaces the IKE SA, and an unanswered DELETE of the old one ends
 * nothing. */
static void an_old_ike_sa_is_rekeyed(void **unused)
{
	struct story l;
	uint64_t old;

	(void)unused;
	begin(&l, (struct lifetime){0}, (struct lifetime){.rekey_s = 20});
	old = session(&l)->ike.ike[0].spi_r;
	listen(&l, 15000);
	assert_int_equal(session(&l)->ike.ike[0].spi_r, old);
	for (unsigned k = 0; k < 60 && !session(&l)->ike.ike[0].window.outstanding; k++)
		deaf(&l, 100);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_REKEY_IKE);
	deaf(&l, 2000); /* Given up until it shows itself. */
	story_lose_leader(&l);
	story_swallow(&l);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_REKEY_IKE);
	story_client_send(&l, initiator_create_dpd(&l.client));
	for (unsigned k = 0; k < 100 && session(&l)->ike.ike[1].state == 0; k++) {
		story_run(&l, 20);
		if (session(&l)->ike.ike[1].state == 0)
			story_client_listen(&l);
	}
	assert_int_equal(l.client.counts.ike_rekeys, 1);
	assert_int_not_equal(session(&l)->ike.ike[0].spi_r, old);
	deaf(&l, 4000);
	assert_non_null(session(&l));
	story_client_send(&l, initiator_create_dpd(&l.client));
	listen(&l, 2000);
	assert_int_equal(session(&l)->ike.ike[1].state, IKE_SA_DELETED);
	assert_int_equal(session(&l)->ike.n_child, 1);
	story_level(&l);
	story_fini(&l);
}

/* We ask whether the client lives; it has just replaced the IKE SA, and its DELETE of the old one, which it sends once,
 * is lost. It lives, and is asked on the new one: at once if it speaks there, else when the old one is silent. */
static void replaced_while_asked(struct story *l, bool speaks)
{
	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l->config[i].policy->ike.connections->dpd_ms = 3000;
		l->config[i].timing.retransmit_ms = 20;
	}
	story_start_all(l);
	story_run(l, 2000);
	story_client_connect(l);
	for (unsigned k = 0; k < 250 && !session(l)->ike.ike[0].window.outstanding; k++)
		deaf(l, 20);
	assert_int_equal(session(l)->ike.ike[0].purpose, IKE_PURPOSE_DPD);
	story_client_send(l, initiator_create_ike_rekey(&l->client, 0));
	assert_int_equal(l->client.error, 0);
	assert_int_equal(session(l)->ike.ike[1].purpose, IKE_PURPOSE_DPD);
	ike_window_fini(&l->client.ike[1].window);
	l->client.ike[1].state = 0;
	if (speaks)
		story_client_send(l, initiator_create_dpd(&l->client));
	listen(l, 20000);
	assert_non_null(session(l));
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(session(l)->ike.ike[0].spi_r, l->client.ike[0].spi_r);
	assert_true(session(l)->ike.ike[0].window.next_out > 2); /* It answers there. */
}

static void who_replaced_the_ike_sa_is_asked_on_the_new_one(void **unused)
{
	struct story l;

	(void)unused;
	for (unsigned speaks = 0; speaks < 2; speaks++) {
		replaced_while_asked(&l, speaks);
		listen(&l, 100000);
		assert_int_equal(session(&l)->ike.ike[1].state, IKE_SA_DELETED);
		assert_null(session(&l)->ike.ike[1].window.outstanding);
		story_level(&l);
		story_fini(&l);
	}
}

/* The client keeps the IKE SA that it replaced: it is told that it ends. Not before the client has shown that it has
 * the new one. */
static void a_replaced_ike_sa_does_not_stay(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l, (struct lifetime){0}, (struct lifetime){0});
	story_client_send(&l, initiator_create_ike_rekey(&l.client, 0));
	listen(&l, 100000);
	assert_int_equal(session(&l)->ike.ike[1].state, IKE_SA_REKEYED);
	assert_null(session(&l)->ike.ike[1].window.outstanding);
	story_lose_leader(&l);
	story_client_send(&l, initiator_create_dpd(&l.client));
	listen(&l, 2000);
	assert_int_equal(session(&l)->ike.ike[1].state, IKE_SA_DELETED);
	assert_int_equal(l.client.ike[1].state, 0);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	story_level(&l);
	story_fini(&l);
}

/* The client rekeys its Child SA, and its DELETE of the old one is lost for good. Once it has used the new one the
 * leader deletes the old one, and the new one can be rekeyed in its turn. */
static void a_replaced_child_sa_does_not_stay(void **unused)
{
	struct sad_entry *e;
	struct story l;
	uint32_t old;

	(void)unused;
	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].policy->ike.connections->exact = true;
		l.config[i].policy->ike.connections->dpd_ms = 0;
		l.config[i].policy->ike.connections->child_life = (struct lifetime){ .rekey_s = 300 };
		l.config[i].timing.retransmit_ms = 20;
	}
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	old = l.client.child[0].spi_in;
	story_client_send(&l, initiator_create_child_rekey(&l.client, old, DH_NONE));
	assert_int_equal(l.client.error, 0);
	assert_int_equal(session(&l)->ike.n_child, 2);
	listen(&l, 100000);
	assert_int_equal(session(&l)->ike.n_child, 2); /* It may not have the new one. */
	e = story_owned(&l);
	assert_int_equal(sad_entry_accept(e, 7, e->epoch), DROP_NONE);
	e->marked = 7;
	story_report(&l, story_holder(&l), e, SA_REPORT_MARK, 7);
	listen(&l, 3000);
	assert_int_equal(session(&l)->ike.n_child, 1);
	assert_int_equal(l.client.n_child, 1);
	assert_null(initiator_find_child(&l.client, old));
	listen(&l, 250000);
	assert_int_equal(l.client.counts.rekeys, 1);
	story_fini(&l);
}

static void an_ike_sa_past_its_hard_lifetime_ends(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l, (struct lifetime){0}, (struct lifetime){.rekey_s = 10, .hard_s = 20});
	deaf(&l, 18000);
	assert_int_equal(session(&l)->ike.n_child, 1);
	deaf(&l, 8000);
	assert_null(session(&l));
	story_fini(&l);
}

/* ... however late the next try is due, with a client that refuses each. */
static void refusals_put_off_no_end(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l, (struct lifetime){0}, (struct lifetime){.rekey_s = 10, .hard_s = 60});
	l.client.config.n_ike = 0;
	listen(&l, 54000);
	assert_int_equal(l.client.counts.ike_rekeys, 0);
	assert_int_equal(session(&l)->ike.n_child, 1);
	listen(&l, 10000);
	assert_null(session(&l));
	story_fini(&l);
}

/* The longest proposals, in the smallest fragments, none with the IKE SA's PRF: no session keeps
 * such a request. */
static void a_rekey_too_long_to_keep_is_not_made(void **unused)
{
	const char *all = "aes256-aes128-aes256ctr-aes128ctr-sha512-sha384-sha256-sha1-"
			  "prfsha512-prfsha384-prfsha1-"
			  "modp4096-modp3072-modp2048-modp1024-ecp256-ecp384-ecp521-x25519";
	struct cluster_policy *policy;
	struct ike_connection *c;
	struct story l;

	(void)unused;
	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].policy->ike.fragment_size = IKE_FRAGMENT_SIZE_MIN;
		c = l.config[i].policy->ike.connections;
		c->ike_life.rekey_s = 10;
		assert_int_equal(proposal_parse_ike(&c->ike[0], "aes256-sha512-prfsha256-modp4096", NULL), OK);
	}
	l.client.config.ike[0] = l.config[0].policy->ike.connections->ike[0];
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	assert_int_equal(l.client.n_child, 1);
	for (uint32_t i = 0; i < 3; i++) {
		policy = story_policy_copy(&l, i, 2);
		c = policy->ike.connections;
		c->n_ike = CONNECTION_PROPOSALS_MAX;
		for (unsigned k = 0; k < CONNECTION_PROPOSALS_MAX; k++)
			assert_int_equal(proposal_parse_ike(&c->ike[k], all, NULL), OK);
		story_policy(&l, i, policy);
	}
	listen(&l, 15000);
	assert_int_equal(l.client.counts.ike_rekeys, 0);
	assert_int_equal(story_happened(&l, story_leader(&l), "request_too_long"), 1);
	/* Everything else goes on. */
	story_lose(&l, story_holder(&l));
	listen(&l, 3000);
	assert_int_equal(session(&l)->acknowledged_epoch, session(&l)->noticed_epoch);
	assert_null(session(&l)->ike.ike[0].window.outstanding);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(due_before_its_end_and_not_all_at_once),
		cmocka_unit_test(an_old_child_sa_is_rekeyed),
		cmocka_unit_test(what_it_carries_counts_in_each_direction),
		cmocka_unit_test(what_has_carried_much_is_rekeyed),
		cmocka_unit_test(what_has_carried_too_much_ends),
		cmocka_unit_test(hard_is_hard),
		cmocka_unit_test(an_old_ike_sa_is_rekeyed),
		cmocka_unit_test(both_rekey_the_ike_sa_and_the_leader_is_lost),
		cmocka_unit_test(who_replaced_the_ike_sa_is_asked_on_the_new_one),
		cmocka_unit_test(a_replaced_ike_sa_does_not_stay),
		cmocka_unit_test(a_replaced_child_sa_does_not_stay),
		cmocka_unit_test(an_ike_sa_past_its_hard_lifetime_ends),
		cmocka_unit_test(refusals_put_off_no_end),
		cmocka_unit_test(a_rekey_too_long_to_keep_is_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
