/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that are asked outside (test/lib/outside_answer.h). They take their time, and some
 * answers never come. */
#include "test/sim/node.h"

#include "test/lib/outside_answer.h"

#include <string.h>

#define ROUTES_US 300u /* How long the kernel takes to add a route or two. */

/* What comes back, as octets: its kind comes first. */
struct computed {
	enum action_type asked;
	uint64_t id;
	struct dh_result result;
};

struct answered {
	enum action_type asked;
	struct auth_question question;
	uint8_t data[];
};

/* A value that is asked for comes, unless the node ends. */
static void compute(struct node *n, const struct action *a)
{
	struct random *r = &n->host->world->random;
	struct computed done;

	memset(&done, 0, sizeof(done));
	done.asked = ACTION_DH;
	done.id = a->dh.id;
	dh_work_run(a->dh.work, &done.result);
	host_later(n->host, random_between(r, 500, 30000), OWN_ANSWER, blob_new(&done, sizeof(done)));
}

static void computed(struct node *n, const struct computed *done)
{
	struct event e = { .type = EVENT_DH, .dh = { .id = done->id, .result = &done->result } };

	node_event(n, &e);
}

void node_ask(struct node *n, const struct action *a)
{
	struct random *r = &n->host->world->random;
	struct answered *head;
	struct blob *answer, *b;

	if (a->type == ACTION_DH) {
		compute(n, a);
		return;
	}
	if (a->type == ACTION_ROUTES) {
		host_later(n->host, ROUTES_US, OWN_ROUTES, blob_new(&a->routes, sizeof(a->routes)));
		return;
	}
	answer = outside_answer(&n->config.policy->ike, a->auth_ask.data, random_u64(r),
				&a->auth_ask.clock);
	i12_asked(&n->full->checkers.i12, n->host->index, &a->auth_ask.clock, answer);
	b = blob_new(NULL, sizeof(*head) + answer->len);
	head = (struct answered *)b->data;
	memset(head, 0, sizeof(*head));
	head->asked = ACTION_AUTH_ASK;
	head->question = a->auth_ask.question;
	memcpy(head->data, answer->data, answer->len);
	blob_unref(answer);
	/* A missing answer is a fault like any other; a sweep has one fault only, and that is another. */
	if (n->full->sweep || random_chance(r, 900) || n->full->calm)
		host_later(n->host, random_between(r, 100, 30000), OWN_ANSWER, b);
	else
		blob_unref(b);
}

void node_answered(struct node *n, const struct blob *data)
{
	const struct answered *head = (const struct answered *)data->data;
	struct event e = { .type = EVENT_AUTH_ANSWER };

	if (head->asked == ACTION_DH) {
		computed(n, (const struct computed *)data->data);
		return;
	}
	e.auth_answer.question = head->question;
	e.auth_answer.data = head->data;
	e.auth_answer.len = data->len - sizeof(*head);
	node_event(n, &e);
}

void node_routes_laid(struct node *n, const struct blob *data)
{
	struct event e = { .type = EVENT_ROUTES, .routes = &n->routes };

	memcpy(&n->routes, data->data, sizeof(n->routes));
	node_event(n, &e);
}
