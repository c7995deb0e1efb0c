/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of cluster.toml as a whole. A file that cannot work, or would only work by chance, is an
 * error; one that works but is probably a mistake is a warning. */
#include "cluster/core/state_size.h"
#include "node/config/distinct.h"
#include "node/config/schema.h"
#include "proto/auth/method.h"
#include "proto/ike/select.h"

#include <inttypes.h>
#include <string.h>

/* ---- Things that are there twice ---- */

static bool same_text(const struct reader *r, const char *section, const char *key, size_t i, size_t k)
{
	const struct toml_value *a = config_find(r->root, section, i, key);
	const struct toml_value *b = config_find(r->root, section, k, key);

	if (!a || !b || a->type != b->type || a->n != b->n)
		return false;
	for (size_t j = 0; a->type == TOML_ARRAY && j < a->n; j++)
		if (a->child[j].type != TOML_STRING || b->child[j].type != TOML_STRING ||
		    strcmp(a->child[j].string, b->child[j].string) != 0)
			return false;
	return a->type == TOML_ARRAY ||
	       (a->type == TOML_STRING && a->string[0] && strcmp(a->string, b->string) == 0);
}

/* Any address, or one that each machine has for itself. */
static bool is_local(const char *http)
{
	struct endpoint e;
	static const struct address zero;

	if (endpoint_parse(&e, http) != OK)
		return true; /* Said already. */
	return memcmp(e.address.octets, zero.octets, address_len(&e.address)) == 0 ||
	       (e.address.family == 4 ? e.address.octets[0] == 127
				      : memcmp(e.address.octets, zero.octets, 15) == 0);
}

static void check_node_pair(struct reader *r, size_t i, size_t k)
{
	static const char *const files[] = { "cert_file", "key_file", "link_secret_file" };
	const struct node_config *c = r->c;
	const char *a = c->cluster.node[k], *b = c->cluster.node[i];
	bool one_host = address_equal(&c->node[i].link.address, &c->node[k].link.address);

	if (endpoint_equal(&c->node[i].link, &c->node[k].link))
		reader_error(r, c->node[i].link_line, "%s and %s have the same \"link\": give each its own",
			     a, b);
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		const struct toml_value *v = config_find(r->root, "node", i, files[f]);

		/* A credential has the same name on each machine. */
		if (same_text(r, "node", files[f], i, k) && strncmp(v->string, "credential:", 11) != 0)
			reader_error(r, v->line, "%s and %s have the same \"%s\": each needs its own",
				     a, b, files[f]);
	}
	if (same_text(r, "node", "data_dir", i, k)) {
		int line = config_line(r, "node", i, "data_dir");

		if (one_host)
			reader_error(r, line, "%s and %s have the same \"data_dir\": give each its own", a, b);
		else
			reader_warning(r, line, "%s and %s have the same \"data_dir\": on one machine "
						"each would refuse the other's", a, b);
	}
	if (same_text(r, "node", "http", i, k) && (one_host || !is_local(c->node[i].http)))
		reader_error(r, config_line(r, "node", i, "http"), "%s and %s have the same \"http\": give "
			     "each its own", a, b);
}

static void check_repeated(struct reader *r)
{
	const struct ike_config *ike = &r->c->cluster.policy->ike;
	struct distinct *secrets = NULL, *users = NULL;

	for (size_t i = 0; i < r->c->cluster.n_nodes; i++)
		for (size_t k = 0; k < i; k++)
			check_node_pair(r, i, k);
	for (size_t i = 0; i < ike->n_secrets; i++)
		if (!distinct_id(&secrets, &ike->secrets[i].id))
			reader_error(r, config_line(r, "secret", i, "id"), "two [[secret]] have the "
				     "same \"id\": remove one");
	for (size_t i = 0; i < ike->n_users; i++)
		if (!distinct_id(&users, &ike->users[i].id))
			reader_error(r, config_line(r, "user", i, "name"), "two [[user]] have the "
				     "same \"name\": remove one");
	distinct_fini(&secrets);
	distinct_fini(&users);
}

/* ---- Ways to authenticate ---- */

/* Are there clients that could come, and can the gateway show them who it is? */
static void check_auth(struct reader *r, size_t i)
{
	const struct ike_config *ike = &r->c->cluster.policy->ike;
	const struct ike_connection *connection = &ike->connections[i];
	const struct ike_auth_method *method = ike_connection_auth(connection);
	int line = config_line(r, "connection", i, "auth");

	if (method->listed == AUTH_LISTED_SECRET && ike->n_secrets == 0)
		reader_error(r, line, "auth = \"%s\": there must be at least one [[secret]]", method->name);
	if (method->listed == AUTH_LISTED_USER && ike->n_users == 0)
		reader_error(r, line, "auth = \"%s\": there must be at least one [[user]]", method->name);
	if (method == &ike_auth_eap_radius && ike->n_radius == 0)
		reader_error(r, line, "auth = \"%s\": there must be at least one [[radius]]", method->name);
	if (strncmp(method->name, "eap-", 4) != 0 ||
	    config_find(r->root, "connection", i, "cert_file"))
		return;
	if (ike_secret_find(ike, &connection->local_id))
		reader_warning(r, line, "auth = \"%s\": the gateway authenticates by the [[secret]] "
					"of its \"local_id\": anybody who knows it can pose as the "
					"gateway; add \"cert_file\" and \"key_file\"",
			       method->name);
	else
		reader_error(r, line, "auth = \"%s\": the gateway cannot prove who it is: add "
				      "\"cert_file\" and \"key_file\"", method->name);
}

/* ---- Numbers that do not go together ---- */

/* cluster/core/unique.c */
static void check_sessions(struct reader *r, size_t i)
{
	const struct ike_connection *c = &r->c->cluster.policy->ike.connections[i];

	if (c->sessions_per_identity && (c->unique == IKE_UNIQUE_KEEP || c->unique == IKE_UNIQUE_REPLACE))
		reader_error(r, config_line(r, "connection", i, "sessions_per_identity"),
			     "this \"unique_ids\" allows one session: remove \"sessions_per_identity\"");
	if (c->n_domains > 0 && c->n_dns == 0)
		reader_error(r, config_line(r, "connection", i, "dns_domains"),
			     "\"dns_domains\" needs \"dns\": the servers that answer for them");
}

static void check_numbers(struct reader *r)
{
	const struct cluster_config *c = &r->c->cluster;
	const struct policy_limits *limits = &c->policy->limits;
	const struct cluster_timing *t = &c->timing;
	uint32_t detection_ms = t->heartbeat_ms * t->heartbeats_missed;

	if (t->isolation_ms < detection_ms)
		reader_error(r, config_line(r, "timing", 0, "isolation_ms"), "\"isolation_ms\" of %u is less than "
			     "heartbeat_ms x heartbeats_missed = %u: a node would fall silent before it is "
			     "missed", t->isolation_ms, detection_ms);
	if (config_find(r->root, "timing", 0, "detection_max_ms") &&
	    (t->detection_max_ms < detection_ms || t->detection_max_ms > t->isolation_ms))
		reader_error(r, config_line(r, "timing", 0, "detection_max_ms"), "\"detection_max_ms\" of %u must be "
			     "between heartbeat_ms x heartbeats_missed = %u and isolation_ms = %u",
			     t->detection_max_ms, detection_ms, t->isolation_ms);
	if (t->raft_election_ms < 2 * t->raft_heartbeat_ms)
		reader_error(r, config_line(r, "timing", 0, "raft_election_ms"),
			     "\"raft_election_ms\" of %u is less than two times raft_heartbeat_ms of %u: "
			     "leaders would be voted out without reason",
			     t->raft_election_ms, t->raft_heartbeat_ms);
	if (limits->cookie_above >= limits->half_open_max)
		reader_error(r, config_line(r, "cluster", 0, "cookie_above"), "\"cookie_above\" of %u is not below "
			     "half_open_max of %u: no cookie would ever be asked for", limits->cookie_above,
			     limits->half_open_max);
	for (size_t i = 0; i < c->policy->ike.n_connections; i++)
		if (c->policy->ike.connections[i].dpd_ms > 0 && c->policy->ike.connections[i].dpd_ms < t->retransmit_ms)
			reader_error(r, config_line(r, "connection", i, "dpd_delay_ms"),
			     "\"dpd_delay_ms\" of %u is less than retransmit_ms of %u: use 0 for no checks, "
			     "or a greater value",
				     c->policy->ike.connections[i].dpd_ms, t->retransmit_ms);
}

struct limits { /* What one kind may have. */
	const char *soft_key, *hard_key;
	uint64_t soft, hard;
};

static void check_limits(struct reader *r, size_t i, const struct limits *l)
{
	if (l->hard > 0 && (l->soft == 0 || l->soft >= l->hard))
		reader_error(r, config_line(r, "connection", i, l->hard_key),
			     "\"%s\" of %" PRIu64 " must be more than "
			     "\"%s\", which is %" PRIu64
			     ": else every SA ends before it is replaced",
			     l->hard_key, l->hard, l->soft_key, l->soft);
}

static void check_lifetimes(struct reader *r)
{
	const struct ike_config *c = &r->c->cluster.policy->ike;

	for (size_t i = 0; i < c->n_connections; i++) {
		const struct lifetime *child = &c->connections[i].child_life, *own = &c->connections[i].ike_life;
		const struct limits each[] = {
			{ "rekey_time_s", "hard_time_s", child->rekey_s, child->hard_s },
			{ "rekey_bytes", "hard_bytes", child->rekey.octets, child->hard.octets },
			{ "rekey_packets", "hard_packets", child->rekey.packets, child->hard.packets },
			{ "ike_rekey_time_s", "ike_hard_time_s", own->rekey_s, own->hard_s },
		};

		for (size_t k = 0; k < sizeof(each) / sizeof(each[0]); k++)
			check_limits(r, i, &each[k]);
	}
}

/* Else the state could outgrow what a snapshot can be. */
static void check_size(struct reader *r)
{
	static const char *const keys[] = { "sessions_max", "child_sas_max", "tombstones_max" };
	const struct cluster_config *c = &r->c->cluster;
	uint64_t full = state_full_snapshot(c), most = state_snapshot_max();
	uint32_t fit = state_sessions_that_fit(c);
	int line = 0;

	if (full <= most)
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (line <= 0 && config_find(r->root, "cluster", 0, keys[i]))
			line = config_line(r, "cluster", 0, keys[i]);
	if (fit > 0)
		reader_error(r, line, "a state of %u sessions, %u Child SAs and %u tombstones could "
				      "be %llu MiB, but a snapshot at most %llu: lower "
				      "\"sessions_max\" to at most %u",
			     c->sessions_max, cluster_config_child_sas(c), c->policy->limits.tombstones_max,
			     (unsigned long long)(full >> 20), (unsigned long long)(most >> 20), fit);
	else
		reader_error(r, line, "%u Child SAs and %u tombstones could be %llu MiB, but a "
				      "snapshot at most %llu: lower \"child_sas_max\" or "
				      "\"tombstones_max\"", cluster_config_child_sas(c),
			     c->policy->limits.tombstones_max, (unsigned long long)(full >> 20),
			     (unsigned long long)(most >> 20));
}

void config_check_whole(struct reader *r)
{
	uint32_t n = r->c->cluster.n_nodes;

	check_repeated(r);
	config_check_connections(r);
	for (size_t i = 0; i < r->c->cluster.policy->ike.n_connections; i++)
		check_auth(r, i);
	for (size_t i = 0; i < r->c->cluster.policy->ike.n_connections; i++)
		check_sessions(r, i);
	check_numbers(r);
	check_lifetimes(r);
	check_size(r);
	if (n > 0 && n % 2 == 0)
		reader_warning(r, config_line(r, "node", n - 1, "name"), "%u nodes survive the loss of %u, like "
			       "%u nodes: use 1, 3, 5 or 7", n, (n - 1) / 2, n - 1);
	if (config_line(r, "test", 0, "") > 1)
		reader_warning(r, config_line(r, "test", 0, ""), "[test] is for tests: nothing in it is fit for "
			       "production, remove it");
}
