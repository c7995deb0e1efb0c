/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of several datagrams: any leader sends the committed octets, bit for bit. Real fragments
 * (core_fragments_test) need a long message; here a wrapper (--wrap=ike_seal) cuts every sealed
 * message. No client could put the pieces together: the stories look at what leaves. */
#include "proto/ike/builder.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/sk.h"
#include "test/lib/story.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool cuts;

enum status __real_ike_seal(const struct ike_sealer *s, struct ike_builder *b,
			    struct ike_datagrams **out);
enum status __wrap_ike_seal(const struct ike_sealer *s, struct ike_builder *b,
			    struct ike_datagrams **out);

/* The gateway's messages come in three datagrams. */
enum status __wrap_ike_seal(const struct ike_sealer *sealer, struct ike_builder *b,
			    struct ike_datagrams **out)
{
	enum status s = __real_ike_seal(sealer, b, out);
	const struct blob *whole = s == OK ? ike_datagrams_only(*out) : NULL;
	struct blob *part[3];

	if (!cuts || !whole || (whole->data[19] & IKE_FLAG_INITIATOR))
		return s;
	part[0] = blob_new(whole->data, IKE_HEADER_LEN);
	part[1] = blob_new(whole->data + IKE_HEADER_LEN, 5);
	part[2] = blob_new(whole->data + IKE_HEADER_LEN + 5, whole->len - IKE_HEADER_LEN - 5);
	ike_datagrams_set(out, ike_datagrams_new(part, 3));
	return s;
}

/* All that has come out of the cluster: one message of three datagrams. */
static void take(struct story *l, struct blob *out[3])
{
	assert_int_equal(l->n_to_client, 3);
	for (unsigned i = 0; i < 3; i++)
		out[i] = blob_ref(l->to_client[i]);
	story_swallow(l);
}

static void assert_repeated(struct story *l, struct blob *first[3])
{
	struct blob *again[3];

	take(l, again);
	for (unsigned i = 0; i < 3; i++)
		assert_same_unref(first[i], again[i]);
}

static void a_response_of_three_datagrams_is_repeated_by_the_next_leader(void **unused)
{
	struct blob *request, *first[3];
	struct story l;

	(void)unused;
	cuts = false;
	story_begin(&l, 3);
	story_client_connect(&l);
	cuts = true;
	request = initiator_create_dpd(&l.client);
	story_datagram(&l, story_holder(&l), &l.client, request);
	story_run(&l, 10);
	take(&l, first);
	story_lose_leader(&l);
	story_datagram(&l, story_holder(&l), &l.client, request);
	story_run(&l, 10);
	assert_repeated(&l, first);
	story_level(&l);
	blob_unref(request);
	story_fini(&l);
}

static void the_answer_to_a_delete_too(void **unused)
{
	struct blob *request, *first[3];
	struct story l;

	(void)unused;
	cuts = false;
	story_begin(&l, 3);
	story_client_connect(&l);
	cuts = true;
	request = initiator_create_ike_delete(&l.client, 0);
	story_datagram(&l, story_holder(&l), &l.client, request);
	story_run(&l, 10);
	take(&l, first);
	story_lose_leader(&l);
	story_datagram(&l, story_holder(&l), &l.client, request);
	story_run(&l, 10);
	assert_repeated(&l, first);
	blob_unref(request);
	story_fini(&l);
}

/* Peer detection, and the client is silent. */
static void a_request_of_three_datagrams_is_repeated_by_the_next_leader(void **unused)
{
	struct blob *first[3];
	struct story l;

	(void)unused;
	cuts = false;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].policy->ike.connections->dpd_ms = 1000;
	story_client_connect(&l);
	cuts = true;
	while (l.n_to_client == 0)
		story_run(&l, 1);
	take(&l, first);
	story_lose(&l, story_leader(&l));
	while (l.n_to_client == 0)
		story_run(&l, 1);
	assert_repeated(&l, first);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_of_three_datagrams_is_repeated_by_the_next_leader),
		cmocka_unit_test(the_answer_to_a_delete_too),
		cmocka_unit_test(a_request_of_three_datagrams_is_repeated_by_the_next_leader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
