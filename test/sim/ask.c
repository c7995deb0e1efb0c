/* SPDX-License-Identifier: Apache-2.0 */
/* Those who are asked outside (test/lib/outside_answer.h). They take their time, and some answers never
 * come. */
#include "test/sim/node.h"

#include "test/lib/outside_answer.h"
#include "test/sim/certificates.h"

#include <string.h>

void node_ask(struct node *n, const struct action *a)
{
	struct random *r = &n->host->world->random;
	struct blob *answer = outside_answer(&n->config.policy->ike, a->auth_ask.data, random_u64(r),
					     certificates_now(n->host->world->context));
	struct blob *b = blob_new(NULL, sizeof(a->auth_ask.question) + answer->len);

	memcpy(b->data, &a->auth_ask.question, sizeof(a->auth_ask.question));
	memcpy(b->data + sizeof(a->auth_ask.question), answer->data, answer->len);
	blob_unref(answer);
	if (random_chance(r, 900))
		host_later(n->host, random_between(r, 100, 30000), OWN_ANSWER, b);
	else
		blob_unref(b);
}

void node_answered(struct node *n, const struct blob *data)
{
	struct event e = { .type = EVENT_AUTH_ANSWER };

	memcpy(&e.auth_answer.question, data->data, sizeof(e.auth_answer.question));
	e.auth_answer.data = data->data + sizeof(e.auth_answer.question);
	e.auth_answer.len = data->len - sizeof(e.auth_answer.question);
	node_event(n, &e);
}
