/* SPDX-License-Identifier: Apache-2.0 */
/* A story of our rekey of the IKE SA that comes to its end only under another leader: the client has the new IKE SA,
 * and never heard that the old one is deleted (DESIGN section 4, RFC 7296 2.8). */
#include "test/lib/story.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void begin(struct story *l)
{
	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l->config[i].policy->ike.connections->dpd_ms = 0;
		l->config[i].policy->ike.connections->ike_life = (struct lifetime){.rekey_s = 20};
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

/* Nothing reaches the client. */
static void deaf(struct story *l, uint32_t ms)
{
	for (uint32_t k = 0; k < ms / 20; k++) {
		story_run(l, 20);
		story_swallow(l);
	}
}

/* What comes back is not read yet. */
static void says(struct story *l, struct blob *message)
{
	assert_non_null(message);
	story_swallow(l);
	story_datagram(l, story_holder(l), &l->client, message);
	blob_unref(message);
}

static bool came(const struct story *l, const struct ike_datagrams *message)
{
	for (unsigned i = 0; i < l->n_to_client; i++)
		if (l->to_client[i]->len == message->datagram[0]->len &&
		    memcmp(l->to_client[i]->data, message->datagram[0]->data, message->datagram[0]->len) == 0)
			return true;
	return false;
}

/* The DELETE of the old IKE SA is committed and not answered: no timer ends the new one, and who leads then, the same
 * leader or the next, repeats the same octets at the next sign of life. */
static void repeats_the_delete(bool leader_is_lost)
{
	struct ike_datagrams *asked;
	struct story l;
	uint64_t made;

	begin(&l);
	for (unsigned k = 0; k < 1500 && l.n_to_client == 0; k++)
		story_run(&l, 20);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_REKEY_IKE);
	says(&l, initiator_consume(&l.client, l.to_client[0]->data, l.to_client[0]->len));
	deaf(&l, 200);
	made = session(&l)->ike.ike[0].spi_r;
	assert_non_null(session(&l)->ike.ike[1].window.outstanding);
	asked = ike_datagrams_ref(session(&l)->ike.ike[1].window.outstanding);
	deaf(&l, 6000);
	if (leader_is_lost)
		story_lose_leader(&l);
	deaf(&l, 6000);
	assert_int_equal(session(&l)->ike.ike[0].spi_r, made);
	assert_int_equal(session(&l)->ike.n_child, 1);
	assert_true(ike_datagrams_equal(session(&l)->ike.ike[1].window.outstanding, asked));
	says(&l, initiator_create_dpd(&l.client));
	for (unsigned k = 0; k < 50 && !came(&l, asked); k++)
		story_run(&l, 20);
	assert_true(came(&l, asked));
	for (unsigned k = 0; k < 20; k++) {
		story_client_listen(&l);
		story_run(&l, 100);
	}
	assert_int_equal(session(&l)->ike.ike[0].spi_r, made);
	assert_int_equal(session(&l)->ike.ike[1].state, IKE_SA_DELETED);
	assert_int_equal(l.client.ike[1].state, 0);
	ike_datagrams_unref(asked);
	story_level(&l);
	story_fini(&l);
}

static void the_leader_repeats_the_delete_of_the_old_ike_sa(void **unused)
{
	(void)unused;
	repeats_the_delete(false);
}

static void the_next_leader_repeats_the_delete_of_the_old_ike_sa(void **unused)
{
	(void)unused;
	repeats_the_delete(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leader_repeats_the_delete_of_the_old_ike_sa),
		cmocka_unit_test(the_next_leader_repeats_the_delete_of_the_old_ike_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
