/* SPDX-License-Identifier: Apache-2.0 */
/* "other" twice: one has a pre-shared key, and one, another client, is a user with a password. */
#ifndef TEST_UNIT_NAMESAKE_H
#define TEST_UNIT_NAMESAKE_H

#include "proto/auth/credential.h"
#include "proto/auth/trust.h"
#include "proto/ike/ike_message.h"
#include "test/unit/comers.h"

#include <string.h>

/* Another connection, "one", for users with passwords: "other" is one of these, too. */
static inline void users_may_come(struct story *l, enum ike_unique unique, uint32_t per_identity)
{
	static const char *const name = "one";

	for (uint32_t n = 0; n < 3; n++) {
		struct cluster_policy *policy = story_policy_copy(l, n, 8);
		struct ike_config *c = &policy->ike;

		c->connections = realloc(c->connections, 2 * sizeof(*c->connections));
		c->secrets = realloc(c->secrets, 3 * sizeof(*c->secrets));
		c->users = calloc(1, sizeof(*c->users));
		assert_true(c->connections && c->secrets && c->users);
		c->connections[1] = c->connections[0];
		credentials_ref(c->connections[1].own);
		trust_ref(c->connections[1].clients);
		strcpy(c->connections[1].name, name);
		c->connections[1].auth = &ike_auth_eap_mschapv2;
		c->connections[1].unique = unique;
		c->connections[1].sessions_per_identity = per_identity;
		c->secrets[2] = c->secrets[0];
		assert_int_equal(ike_id_parse(&c->connections[1].local_id, name), OK);
		assert_int_equal(ike_id_parse(&c->secrets[2].id, name), OK);
		assert_int_equal(ike_id_parse(&c->users->id, "other"), OK);
		c->n_connections = 2;
		c->n_secrets = 3;
		c->n_users = 1;
		story_policy(l, n, policy);
	}
	story_run(l, 100);
}

/* By name and password. Returns the error that it was told. */
static inline uint16_t user_comes(struct story *l, struct initiator *i, const struct comer *who)
{
	struct initiator_config config = l->client.config;
	struct blob *next;

	config.auth = &initiator_eap_mschapv2;
	assert_true(strlen(who->id) < sizeof(config.user));
	strcpy(config.user, who->id);
	config.initial_contact = who->contact;
	config.wanted_address = who->wanted ? *who->wanted : (struct address){0};
	assert_int_equal(ike_id_parse(&config.id, who->id), OK);
	assert_int_equal(ike_id_parse(&config.remote_id, "one"), OK);
	assert_int_equal(endpoint_parse(&config.local, who->from), OK);
	story_client_other(l, i, &config);
	for (next = initiator_create_init(i); next; story_swallow(l))
		next = story_say(l, i, next);
	story_run(l, 60);
	story_swallow(l);
	return i->error;
}

#endif
