/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of several identities connect to a cluster of three, one after the other. */
#ifndef TEST_UNIT_COMERS_H
#define TEST_UNIT_COMERS_H

#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct comer {
	const char *id, *from;
	bool contact;
	const struct address *wanted;
};

static inline struct ike_connection *connection(struct story *l, uint32_t node)
{
	return l->config[node].policy->ike.connections;
}

/* Three nodes; "cl" and "other" may come. */
static inline void begin(struct story *l, enum ike_unique unique, uint32_t per_identity)
{
	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct ike_config *c = &l->config[i].policy->ike;

		c->secrets = realloc(c->secrets, 2 * sizeof(*c->secrets));
		assert_non_null(c->secrets);
		c->secrets[1] = c->secrets[0];
		assert_int_equal(ike_id_parse(&c->secrets[1].id, "other"), OK);
		c->n_secrets = 2;
		connection(l, i)->unique = unique;
		connection(l, i)->sessions_per_identity = per_identity;
	}
	story_start_all(l);
	story_run(l, 2000);
}

/* Returns the error that it was told. */
static inline uint16_t comes(struct story *l, struct initiator *i, const struct comer *who)
{
	struct initiator_config config = l->client.config;
	struct blob *auth;

	assert_int_equal(ike_id_parse(&config.id, who->id), OK);
	assert_int_equal(endpoint_parse(&config.local, who->from), OK);
	config.initial_contact = who->contact;
	config.wanted_address = who->wanted ? *who->wanted : (struct address){0};
	story_client_other(l, i, &config);
	auth = story_say(l, i, initiator_create_init(i));
	story_swallow(l);
	assert_null(story_say(l, i, auth));
	story_run(l, 60);
	story_swallow(l);
	return i->error;
}

static inline void leaves(struct story *l, struct initiator *i)
{
	assert_null(story_say(l, i, initiator_create_ike_delete(i, 0)));
	story_run(l, 60);
	story_swallow(l);
	initiator_fini(i);
}

static inline const struct state *state_of(const struct story *l)
{
	return core_state(l->node[story_leader(l)].core);
}

static inline unsigned said(const struct story *l, const char *kind)
{
	return story_happened(l, 0, kind) + story_happened(l, 1, kind) + story_happened(l, 2, kind);
}

/* How many sessions are not ending. */
static inline unsigned serve(const struct story *l)
{
	const struct state *s = state_of(l);
	unsigned n = 0;

	for (const struct session *x = state_next_session(s, 0); x; x = state_next_session(s, x->id))
		n += !session_ends(x);
	return n;
}

#define HERE (&(struct comer){"cl", "10.79.0.50:4500", false, NULL})
#define THERE (&(struct comer){"cl", "10.79.0.51:4500", false, NULL})

#endif
