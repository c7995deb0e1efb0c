/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a policy that changes while nodes run (EVENT_POLICY): which clients it lets in, what
 * becomes of exchanges and sessions that began under the last one, and that nodes with different
 * policies serve on. Each policy is freed when no node has it, so ASan finds a room that kept a
 * pointer into one. */
#include "test/lib/story.h"
#include "test/lib/toy_auth.h"

#include "cluster/core/unready.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum change { ADDS = 1, LACKS, RENAMES, SAME };

/* The node's policy, with another hash, and: one secret more; without the last one; with the
 * connection called otherwise. */
static void reloads(struct story *l, uint32_t node, enum change change, uint64_t hash)
{
	struct cluster_policy *p = story_policy_copy(l, node, hash);
	struct ike_config *ike = &p->ike;

	if (change == ADDS) {
		ike->secrets = realloc(ike->secrets, (ike->n_secrets + 1) * sizeof(*ike->secrets));
		assert_non_null(ike->secrets);
		ike->secrets[ike->n_secrets] = ike->secrets[0];
		assert_int_equal(ike_id_parse(&ike->secrets[ike->n_secrets++].id, "new"), OK);
	} else if (change == LACKS) {
		ike->n_secrets--;
	} else if (change == RENAMES) {
		snprintf(ike->connections->name, sizeof(ike->connections->name), "other");
	}
	story_policy(l, node, p);
}

static void assert_all_ready(const struct story *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		assert_int_equal(core_unready(l->node[i].core), 0);
}

static void client_is(struct story *l, const char *id)
{
	initiator_fini(&l->client);
	story_client_new(l);
	assert_int_equal(ike_id_parse(&l->client.config.id, id), OK);
}

static const struct state *state_of(const struct story *l)
{
	return core_state(l->node[story_leader(l)].core);
}

static unsigned said(const struct story *l, const char *kind)
{
	return story_happened(l, 0, kind) + story_happened(l, 1, kind) + story_happened(l, 2, kind);
}

/* ---- Who comes in ---- */

static void a_new_user_is_let_in_by_a_running_leader(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	client_is(&l, "new");
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_FAILED);
	for (uint32_t i = 0; i < 3; i++) {
		reloads(&l, i, ADDS, 2);
		assert_all_ready(&l);
		story_run(&l, 100);
		assert_all_ready(&l);
	}
	client_is(&l, "new");
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(said(&l, "policy_new"), 3);
	assert_int_equal(said(&l, "policy_equal"), 3);
	story_level(&l);
	story_fini(&l);
}

/* The leader goes by its own policy, whatever the others have. */
static void the_leader_negotiates_by_its_own(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	reloads(&l, story_leader(&l), ADDS, 2);
	client_is(&l, "new");
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	/* The next leader does not know the client: its session goes on. */
	story_lose_leader(&l);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.responses, 1);
	client_is(&l, "new");
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_FAILED);
	story_fini(&l);
}

/* ---- Nodes with different policies ---- */

static void different_policies_make_nobody_unready(void **unused)
{
	const struct node_record *n;
	struct core_status status;
	struct story l;
	uint32_t f;

	(void)unused;
	story_begin(&l, 3);
	f = story_third(&l);
	reloads(&l, f, ADDS, 2);
	story_run(&l, 1000);
	assert_all_ready(&l);
	assert_int_equal(said(&l, "policy_differs"), 4); /* It says so of two, and they of it. */
	assert_int_equal(said(&l, "config_differs"), 0);
	n = state_node(state_of(&l), l.node[f].raft_id);
	assert_int_equal(n->policy_hash, 2);
	core_status(l.node[f].core, &status);
	assert_int_equal(status.policy_hash, 2);
	/* Started anew with the newer file, it is ready as well ... */
	story_lose(&l, f);
	story_run(&l, 500);
	story_start(&l, f);
	story_run(&l, 1000);
	assert_all_ready(&l);
	/* ... and takes clients over. */
	story_client_connect(&l);
	if (story_holder(&l) != f) {
		story_lose(&l, story_holder(&l));
		story_run(&l, 1000);
	}
	assert_int_equal(story_holder(&l), f);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.responses, 1);
	story_fini(&l);
}

/* No new epoch, and nothing of the traffic is touched. */
static void no_session_notices(void **unused)
{
	struct sad_entry *e;
	struct story l;
	int64_t epoch;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	e = story_owned(&l);
	assert_non_null(e);
	epoch = e->epoch;
	for (unsigned k = 0; k < 4; k++)
		for (uint32_t i = 0; i < 3; i++) {
			reloads(&l, i, SAME, 2 + k);
			story_run(&l, 50);
		}
	assert_true(story_owned(&l) == e && e->epoch == epoch);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.responses, 1);
	story_level(&l);
	story_fini(&l);
}

/* ---- Exchanges under way ---- */

/* The gateway's answer to IKE_SA_INIT: what the client says next. */
static struct blob *half_way(struct story *l)
{
	struct blob *d = story_say(l, &l->client, initiator_create_init(&l->client));

	assert_non_null(d);
	story_swallow(l);
	return d;
}

static void a_handshake_goes_on_under_the_next_policy(void **unused)
{
	struct blob *d;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	d = half_way(&l);
	for (uint32_t i = 0; i < 3; i++)
		reloads(&l, i, ADDS, 2);
	story_client_send(&l, d);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	story_fini(&l);
}

/* The client was half-way in when it was taken out of the file. */
static void who_was_taken_out_does_not_get_in(void **unused)
{
	(void)unused;
	for (enum change change = LACKS; change <= RENAMES; change++) {
		struct blob *d;
		struct story l;

		story_begin(&l, 3);
		for (uint32_t i = 0; i < 3; i++)
			reloads(&l, i, ADDS, 2);
		client_is(&l, "new");
		d = half_way(&l);
		for (uint32_t i = 0; i < 3; i++)
			reloads(&l, i, change, 3);
		story_client_send(&l, d);
		if (change == LACKS)
			assert_int_equal(l.client.state, INITIATOR_FAILED);
		else /* The connection is chosen by IKE_AUTH: it is in by the one of the new name. */
			assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
		story_fini(&l);
	}
}

/* Between rounds of IKE_AUTH the half-open SA names its connection: it must still be there. */
static void rounds_end_with_their_connection(void **unused)
{
	(void)unused;
	for (enum change change = ADDS; change <= RENAMES; change += 2) {
		struct blob *d;
		struct story l;

		story_begin(&l, 3);
		for (uint32_t i = 0; i < 3; i++)
			l.config[i].policy->ike.connections->auth = &toy_auth;
		l.client.config.auth = &initiator_toy;
		d = story_say(&l, &l.client, half_way(&l));
		story_swallow(&l);
		assert_non_null(d);
		for (uint32_t i = 0; i < 3; i++)
			reloads(&l, i, change, 2);
		story_client_send(&l, d);
		assert_int_equal(l.client.state, change == ADDS ? INITIATOR_ESTABLISHED : INITIATOR_FAILED);
		story_fini(&l);
	}
}

/* ---- Sessions of removed clients ---- */

#define MANY 11u

static void begin_many(struct story *l)
{
	story_begin(l, 3);
	for (uint32_t i = 0; i < 3; i++)
		reloads(l, i, ADDS, 2);
	for (unsigned i = 0; i < MANY; i++) {
		client_is(l, "cl");
		story_client_connect(l);
	}
	client_is(l, "new");
	story_client_connect(l);
	assert_int_equal(state_child_sas(state_of(l)), MANY + 1);
}

static void listens(struct story *l, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		story_run(l, 1);
		story_client_listen(l);
	}
}

/* As after a restart: once a majority has the newer file. The leader is the last but one. */
static void who_is_taken_out_ends(void **unused)
{
	uint32_t leader, other;
	struct story l;

	(void)unused;
	begin_many(&l);
	leader = story_leader(&l);
	other = (leader + 1) % 3;
	reloads(&l, leader, LACKS, 3);
	listens(&l, 3000);
	assert_int_equal(state_child_sas(state_of(&l)), MANY + 1); /* One file ends no session. */
	reloads(&l, other, LACKS, 3);
	listens(&l, 1000);
	assert_int_equal(state_child_sas(state_of(&l)), MANY);
	assert_int_equal(l.client.state, INITIATOR_CLOSED);
	assert_int_equal(said(&l, "policy"), 1);
	story_level(&l);
	story_fini(&l);
}

static void many_are_held(void **unused)
{
	struct story l;

	(void)unused;
	begin_many(&l);
	for (uint32_t i = 0; i < 3; i++)
		reloads(&l, i, RENAMES, 3);
	listens(&l, 3000);
	assert_int_equal(state_child_sas(state_of(&l)), MANY + 1);
	assert_int_equal(said(&l, "policy_withheld"), 1);
	/* The mistake is corrected: no session was lost, and none is later. */
	for (uint32_t i = 0; i < 3; i++) {
		struct cluster_policy *p = story_policy_copy(&l, i, 2);

		snprintf(p->ike.connections->name, sizeof(p->ike.connections->name), "road");
		story_policy(&l, i, p);
	}
	listens(&l, 70000);
	assert_int_equal(state_child_sas(state_of(&l)), MANY + 1);
	assert_int_equal(said(&l, "policy_withheld"), 1);
	assert_int_equal(said(&l, "policy"), 0);
	story_fini(&l);
}

/* ---- Limits ---- */

static void limits(struct story *l, struct policy_limits limits, uint64_t hash)
{
	for (uint32_t i = 0; i < l->n; i++) {
		struct cluster_policy *p = story_policy_copy(l, i, hash);

		p->limits = limits;
		story_policy(l, i, p);
	}
}

/* Under a flood an operator asks for cookies earlier: the next client shows one, and gets in. */
static void cookies_are_asked_for_at_once(void **unused)
{
	struct policy_limits now = policy_limits_default;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	assert_int_equal(l.client.counts.cookies, 0);
	now.cookie_above = 0;
	limits(&l, now, 2);
	client_is(&l, "cl");
	story_client_connect(&l);
	assert_int_equal(l.client.counts.cookies, 1);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_all_ready(&l);
	story_fini(&l);
}

/* The table is made smaller than what is in it: the oldest go as soon as one more comes. */
static void a_smaller_table_is_smaller_at_once(void **unused)
{
	struct policy_limits now = policy_limits_default;
	struct initiator half[20];
	struct core_status s;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (unsigned i = 0; i < 20; i++) {
		struct initiator_config config = l.client.config;

		config.local.port = (uint16_t)(5000 + i);
		story_client_other(&l, &half[i], &config);
		blob_unref(story_say(&l, &half[i], initiator_create_init(&half[i])));
		story_swallow(&l);
	}
	core_status(l.node[story_leader(&l)].core, &s);
	assert_int_equal(s.half_open, 20);
	now.half_open_max = 16;
	limits(&l, now, 2);
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	core_status(l.node[story_leader(&l)].core, &s);
	assert_int_equal(s.half_open, 15); /* It was the 16th, and is a session now. */
	for (unsigned i = 0; i < 20; i++)
		initiator_fini(&half[i]);
	story_fini(&l);
}

/* With a limit below the present tombstones, clients stay, and no new one comes. */
static void a_lower_limit_ends_nobody(void **unused)
{
	struct policy_limits now = policy_limits_default;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (unsigned i = 0; i < 2; i++) {
		client_is(&l, "cl");
		story_client_connect(&l);
		story_client_send(&l, initiator_create_ike_delete(&l.client, 0));
	}
	client_is(&l, "cl");
	story_client_connect(&l);
	now.tombstones_per_identity = 1;
	limits(&l, now, 2);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	client_is(&l, "cl");
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_FAILED);
	assert_int_equal(l.client.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	limits(&l, policy_limits_default, 3);
	client_is(&l, "cl");
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	story_fini(&l);
}

/* A pool is made smaller than what its clients have: they stay, and the leader says once how many are
 * outside. */
static void who_has_no_pool_any_more_is_told(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	for (uint32_t i = 0; i < 3; i++) {
		struct cluster_policy *p = story_policy_copy(&l, i, 2);

		assert_true(p->ike.connections->has_pool);
		p->ike.connections->pool.address.octets[0] ^= 1;
		story_policy(&l, i, p);
	}
	listens(&l, 130000); /* It looks again, and does not say it again. */
	assert_int_equal(said(&l, "pool_left"), 1);
	assert_int_equal(said(&l, "policy"), 0);
	assert_int_equal(state_child_sas(state_of(&l)), 1);
	for (uint32_t i = 0; i < 3; i++) {
		struct cluster_policy *p = story_policy_copy(&l, i, 3);

		p->ike.connections->pool.address.octets[0] ^= 1;
		story_policy(&l, i, p);
	}
	listens(&l, 70000);
	assert_int_equal(said(&l, "pool_left"), 1);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_user_is_let_in_by_a_running_leader),
		cmocka_unit_test(the_leader_negotiates_by_its_own),
		cmocka_unit_test(different_policies_make_nobody_unready),
		cmocka_unit_test(no_session_notices),
		cmocka_unit_test(a_handshake_goes_on_under_the_next_policy),
		cmocka_unit_test(who_was_taken_out_does_not_get_in),
		cmocka_unit_test(rounds_end_with_their_connection),
		cmocka_unit_test(who_is_taken_out_ends),
		cmocka_unit_test(many_are_held),
		cmocka_unit_test(who_has_no_pool_any_more_is_told),
		cmocka_unit_test(cookies_are_asked_for_at_once),
		cmocka_unit_test(a_smaller_table_is_smaller_at_once),
		cmocka_unit_test(a_lower_limit_ends_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
