/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of stories of clients that RADIUS lets in: two servers (test/lib/radius_server.h)
 * behind three nodes, and a client with EAP. */
#ifndef TEST_UNIT_RADIUS_STORY_H
#define TEST_UNIT_RADIUS_STORY_H

#include "proto/auth/radius_question.h"
#include "test/lib/radius_server.h"
#include "test/lib/story.h"
#include "test/unit/same.h"

#include "cluster/link/frame.h"
#include "cluster/state/accounting_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 5u
#define SERVERS 2u

static struct radius_server servers[SERVERS];
static struct radius_accountant
	accountants[SERVERS]; /* Of which nothing is told unless policies say so: keep_account(). */
static bool identifiers[256]; /* Of what servers[0] was asked. */
static unsigned elsewhere; /* Requests that left by another node than the holder, or not from its address. */
static struct blob *reply; /* To a request of a server, the last one; ... */
static unsigned replies;   /* ... how many. */
static bool lost;          /* Answers are lost. */

/* How does a stranger on the path change the answer (adopted)? */
static struct blob *(*forge)(struct blob *answer);

static inline bool serves(struct story *l, uint32_t node, const struct endpoint *local,
		   const struct endpoint *remote, const struct blob *data)
{
	struct blob *answer;

	if (remote->port == 40000) {
		blob_set(&reply, blob_ref((struct blob *)data));
		replies++;
		return true;
	}
	if (remote->port != 1812 && remote->port != 1813)
		return false;
	elsewhere += node != story_holder(l) || local->port != RADIUS_LOCAL_PORT ||
		     !address_equal(&local->address, &l->config[0].inside[0]);
	for (unsigned i = 0; i < SERVERS; i++) {
		if (!endpoint_equal(remote, &servers[i].at) && !endpoint_equal(remote, &accountants[i].at))
			continue;
		if (remote->port == 1812 && i == 0 && data->len > 1)
			identifiers[data->data[1]] = true;
		answer = remote->port == 1812 ? radius_server_answer(&servers[i], data->data, data->len)
					      : radius_accountant_answer(&accountants[i], data->data, data->len);
		if (forge && answer)
			answer = forge(answer);
		if (answer && !lost)
			story_later(l, (struct story_frame){.to = node, .data = answer, .arrives = true,
							    .local = *local, .remote = *remote});
		else
			blob_unref(answer);
	}
	return true;
}

static inline void begin(struct story *l)
{
	static const char *const at[SERVERS] = {"10.20.0.9:1812", "10.20.0.10:1812"};
	static const char *const accounts[SERVERS] = {"10.20.0.9:1813", "10.20.0.10:1813"};

	elsewhere = replies = 0;
	memset(identifiers, 0, sizeof(identifiers));
	lost = false;
	forge = NULL;
	story_init(l, 3);
	for (unsigned i = 0; i < SERVERS; i++) {
		radius_server_init(&servers[i], at[i], "in wonderland");
		radius_accountant_init(&accountants[i], accounts[i], at[i]);
	}
	for (uint32_t n = 0; n < 3; n++) {
		struct ike_config *c = &l->config[n].policy->ike;

		c->connections->auth = &ike_auth_eap_radius;
		c->secrets->id = c->connections->local_id;
		strcpy(c->nas_identifier, "story");
		for (unsigned i = 0; i < SERVERS; i++)
			c->radius[c->n_radius++] = (struct ike_radius){
				.address = servers[i].at, .secret = servers[i].secret
			};
		c->radius[0].coa = true;
		l->config[n].coa.port = 3799;
		l->config[n].coa.address.family = 4;
		l->config[n].inside[0] = address_ipv4(0x0a140001);
	}
	l->serves = serves;
	story_start_all(l);
	story_run(l, 2000);
	l->client.config.auth = &initiator_eap_mschapv2;
	strcpy(l->client.config.user, "alice");
	l->client.config.password = servers[0].password;
}

/* From now on the first n servers are told of sessions, every interim_s; 0: not in between. */
static inline void keep_account(struct story *l, unsigned n, uint32_t interim_s)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct cluster_policy *p = story_policy_copy(l, i, 100 + n);

		for (unsigned k = 0; k < SERVERS; k++) {
			p->ike.radius[k].accounting = k < n ? accountants[k].at : (struct endpoint){.port = 1813};
			p->ike.radius[k].interim_s = interim_s;
		}
		story_policy(l, i, p);
	}
	story_run(l, 10);
}

static inline void end(struct story *l)
{
	assert_int_equal(elsewhere, 0);
	blob_set(&reply, NULL);
	for (unsigned i = 0; i < SERVERS; i++) {
		assert_int_equal(accountants[i].malformed, 0);
		radius_server_fini(&servers[i]);
		radius_accountant_fini(&accountants[i]);
	}
	story_fini(l);
}

/* What has come of that datagram of the client in ms; NULL: nothing. Borrows data. */
static inline struct blob *response(struct story *l, const struct blob *data, unsigned ms)
{
	struct blob *b = NULL;

	story_swallow(l);
	story_datagram(l, story_holder(l), &l->client, data);
	story_run(l, ms);
	assert_true(l->n_to_client <= 1);
	if (l->n_to_client == 1)
		b = blob_ref(l->to_client[0]);
	story_swallow(l);
	return b;
}

static inline struct blob *next(struct story *l, struct blob *b)
{
	struct blob *d;

	assert_non_null(b);
	d = initiator_consume(&l->client, b->data, b->len);
	blob_unref(b);
	return d;
}

/* The client's nth IKE_AUTH request. */
static inline struct blob *request(struct story *l, unsigned nth)
{
	struct blob *d = initiator_create_init(&l->client);

	for (unsigned k = 0; k < nth; k++) {
		struct blob *b = response(l, d, 10);

		blob_unref(d);
		d = next(l, b);
		assert_non_null(d);
	}
	return d;
}

static inline void assert_goes_on(struct story *l, struct blob *d)
{
	while (d) {
		struct blob *b = response(l, d, 10);

		blob_unref(d);
		d = next(l, b);
	}
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(l->client.n_child, 1);
	story_client_send(l, initiator_create_dpd(&l->client));
	assert_int_equal(l->client.counts.responses, 1);
	assert_int_equal(l->client.counts.ignored, 0);
}

/* It waits in vain, and is told no more than any client that fails. */
static inline void assert_refused(struct story *l, struct blob *d, unsigned ms)
{
	uint32_t leader = story_leader(l);
	unsigned refused = story_happened(l, leader, "refused");

	assert_null(next(l, response(l, d, ms)));
	blob_unref(d);
	assert_int_equal(l->client.state, INITIATOR_FAILED);
	assert_int_equal(l->client.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(story_happened(l, leader, "refused"), refused + 1);
}

#endif
