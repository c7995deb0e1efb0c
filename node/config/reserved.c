/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual IPs that belong to an identity: "address" of a [[secret]], a [[user]] or, for clients that come
 * by certificate or RADIUS, a [[client]]. Each is in the pool of a connection, and belongs to one identity. */
#include "node/config/distinct.h"
#include "node/config/schema.h"

#include "proto/auth/method.h"
#include "proto/ike/select.h"

#include <stdlib.h>

#define SECTIONS 3u
static const char *const owner_section[SECTIONS] = { "secret", "user", "client" };
static const enum ike_auth_listed owner_listed[SECTIONS] = { AUTH_LISTED_SECRET, AUTH_LISTED_USER,
							     AUTH_LISTED_NOWHERE };

static bool parse_own(struct address *a, const struct toml_value *v)
{
	return v->type == TOML_STRING && address_parse(a, v->string) == OK;
}

struct givers { /* Connections that have the address in their pool, ... */
	bool any, that_admit; /* ... and let in whom that section lists. */
};

/* In a pool, and neither its network's first nor its last (cluster/state/pool.c). */
static struct givers givers_of(const struct ike_config *ike, const struct ike_reservation *new)
{
	const struct address *a = &new->address;
	struct givers g = { 0 };

	for (size_t i = 0; i < ike->n_connections; i++) {
		const struct prefix *pool = &ike->connections[i].pool;
		struct traffic_selector all = ts_from_prefix(pool);

		if (!ike->connections[i].has_pool || !prefix_contains(pool, a) ||
		    (pool->bits <= 30 && (address_equal(a, &all.start) || address_equal(a, &all.end))))
			continue;
		g.any = true;
		g.that_admit |= ike_connection_auth(&ike->connections[i])->listed == new->listed;
	}
	return g;
}

struct reserved { /* So far. */
	struct distinct *addresses, *owners;
};

static void check_own(struct reader *r, struct reserved *all, const struct ike_reservation *new, int line)
{
	struct givers g = givers_of(&r->c->cluster.policy->ike, new);
	char text[ADDRESS_TEXT_LEN];

	address_format(&new->address, text);
	if (!g.any)
		reader_error(
			r, line,
			"\"address\" %s is in the \"pool\" of no [[connection]]: choose one of a pool",
			text);
	else if (!g.that_admit)
		reader_warning(
			r, line,
			"nobody gets \"address\" %s: no [[connection]] that has it in its \"pool\" lets "
			"clients in by a section like this one",
			text);
	if (!distinct_address(&all->addresses, &new->address))
		reader_error(r, line, "\"address\" %s is another identity's, too: each needs its own", text);
	if (!distinct_id(&all->owners, &new->id))
		reader_error(r, line, "this identity has an \"address\" already: remove one");
}

static bool whose(const struct reader *r, struct ike_id *id, size_t kind, size_t i)
{
	const struct ike_config *ike = &r->c->cluster.policy->ike;
	const struct toml_value *v;

	if (kind < 2) {
		*id = kind == 0 ? ike->secrets[i].id : ike->users[i].id;
		return id->len > 0;
	}
	v = config_find(r->root, owner_section[kind], i, "id");
	return v && v->type == TOML_STRING && ike_id_parse(id, v->string) == OK;
}

static size_t count_of(const struct reader *r, size_t kind)
{
	const struct toml_value *v = config_find_section(r->root, owner_section[kind]);

	return v && v->type == TOML_ARRAY ? v->n : 0;
}

void config_read_reserved(struct reader *r)
{
	struct ike_config *ike = &r->c->cluster.policy->ike;
	size_t n[SECTIONS] = { ike->n_secrets, ike->n_users, count_of(r, 2) };
	struct reserved all = { 0 };

	ike->reserved = calloc(n[0] + n[1] + n[2] + 1, sizeof(*ike->reserved));
	if (!ike->reserved)
		abort();
	for (size_t kind = 0; kind < SECTIONS; kind++)
		for (size_t i = 0; i < n[kind]; i++) {
			const struct toml_value *v = config_find(r->root, owner_section[kind], i, "address");
			struct ike_reservation *new = &ike->reserved[ike->n_reserved];

			if (!v || !parse_own(&new->address, v) || !whose(r, &new->id, kind, i))
				continue; /* Not there, or said already. */
			new->listed = owner_listed[kind];
			check_own(r, &all, new, v->line);
			ike->n_reserved++;
		}
	distinct_fini(&all.addresses);
	distinct_fini(&all.owners);
}
