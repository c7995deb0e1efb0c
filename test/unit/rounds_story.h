/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of IKE_AUTH in rounds: three nodes with the toy method (test/lib/toy_auth.h), and a client
 * whose messages go one by one. */
#ifndef TEST_UNIT_ROUNDS_STORY_H
#define TEST_UNIT_ROUNDS_STORY_H

#include "test/lib/story.h"
#include "test/lib/toy_auth.h"

#include "cluster/core/facts.h"
#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline void begin(struct story *l)
{
	story_begin(l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l->config[i].policy->ike.connections->auth = &toy_auth;
	l->client.config.auth = &initiator_toy;
}

/* The gateway's response to that datagram, within 10 ms; NULL: none. Borrows data. */
static inline struct blob *response(struct story *l, const struct blob *data)
{
	struct blob *b = NULL;

	story_swallow(l);
	story_datagram(l, story_holder(l), &l->client, data);
	story_run(l, 10);
	assert_true(l->n_to_client <= 1);
	if (l->n_to_client == 1)
		b = blob_ref(l->to_client[0]);
	story_swallow(l);
	return b;
}

/* The client takes that response (adopted): its next message. */
static inline struct blob *next(struct story *l, struct blob *b)
{
	struct blob *d;

	assert_non_null(b);
	d = initiator_consume(&l->client, b->data, b->len);
	blob_unref(b);
	return d;
}

/* Its nth IKE_AUTH request. */
static inline struct blob *request(struct story *l, unsigned nth)
{
	struct blob *d = initiator_create_init(&l->client);

	for (unsigned k = 0; k < nth; k++) {
		struct blob *b = response(l, d);

		blob_unref(d);
		d = next(l, b);
		assert_non_null(d);
	}
	return d;
}

#endif
