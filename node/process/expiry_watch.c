/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/expiry_watch.h"

#include "node/config/expiry.h"
#include "node/process/node.h"

#include <time.h>

#define AGAIN_US (3600 * UINT64_C(1000000))
#define WARN_DAYS 14u

static void tell(struct node *n, const struct ike_connection *c, const struct expiry *e)
{
	if (e->left_s < 0)
		events_add(n->events, CONFIG_LOG_WARNING, "certificate",
			   "connection \"%s\": \"%s\": %s has expired: replace it, then `baton reload`", c->name,
			   expiry_key(e->kind), e->name);
	else
		events_add(n->events, CONFIG_LOG_WARNING, "certificate",
			   "connection \"%s\": \"%s\": %s expires in %lld %s", c->name, expiry_key(e->kind), e->name,
			   (long long)(e->left_s < 2 * 86400 ? e->left_s / 3600 : e->left_s / 86400),
			   e->left_s < 2 * 86400 ? "hours" : "days");
}

/* One line for each key, about what ends first: the others are seen once that is replaced. */
void expiry_watch_look(struct node *n, uint64_t now_us)
{
	const struct ike_config *ike = &core_policy(n->core)->ike;

	if (now_us < n->expiry_us)
		return;
	n->expiry_us = now_us + AGAIN_US;
	for (size_t i = 0; i < ike->n_connections; i++) {
		struct expiry first[EXPIRY_KINDS];
		unsigned there = expiry_first(&ike->connections[i], time(NULL), first);

		for (unsigned k = 0; k < EXPIRY_KINDS; k++)
			if ((there & 1u << k) && expiry_is_soon(&first[k], WARN_DAYS))
				tell(n, &ike->connections[i], &first[k]);
	}
}

void expiry_watch_anew(struct node *n)
{
	n->expiry_us = 0;
}
