/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of [[connection]], [[secret]] and [[user]]: who may connect, and what is offered. */
#include "node/config/schema.h"
#include "proto/auth/eap_auth.h"
#include "proto/auth/method.h"
#include "proto/esp/replay.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An identity of somebody; client_ids alone have patterns. */
static void set_id(struct reader *r, const struct toml_value *v, struct ike_id *id)
{
	size_t len = strlen(v->string);

	if (ike_id_parse(id, v->string) != OK)
		reader_error(r, v->line, "\"%s\" is not an identity", v->string);
	else if (ike_id_is_pattern(id))
		reader_error(r, v->line, "\"%s\" of \"%s\" has a \"*\", which stands for somebody in \"client_ids\" alone: write "
					 "one identity", v->key, v->string);
	else if (isspace((unsigned char)v->string[0]) || isspace((unsigned char)v->string[len - 1]))
		reader_warning(r, v->line, "\"%s\" begins or ends with a blank, which is part of the identity: remove it",
			       v->string);
}

#define LIFETIME_MIN_S 10u /* Below that a client does nothing but rekey. */

/* ---- [[connection]] ---- */

void config_connection_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n)
{
	struct ike_config *ike = &r->c->cluster.policy->ike;

	(void)v;
	if (i == 0) {
		ike->connections = calloc(n, sizeof(*ike->connections));
		r->c->files = calloc(n, sizeof(*r->c->files));
		if (!ike->connections || !r->c->files)
			abort();
	}
	ike->n_connections = r->c->n_files = i + 1;
	r->files = &r->c->files[i];
	r->connection = &ike->connections[i];
	r->connection->replay_bits = REPLAY_BITS_DEFAULT;
	r->connection->dpd_ms = 30000;
	r->connection->child_life.rekey_s = 4 * 3600;
	r->connection->ike_life.rekey_s = 24 * 3600;
}

SETTER(connection_name)
{
	config_set_text(r, v, r->connection->name, sizeof(r->connection->name));
	memcpy(r->files->name, r->connection->name, sizeof(r->files->name));
}
SETTER(connection_local_id) { set_id(r, v, &r->connection->local_id); }
SETTER(connection_auth)
{
	if (config_choice(r, v, ike_auth_method_names()) >= 0)
		r->connection->auth = ike_auth_method_find(v->string);
}
/* A path, or a list of them. */
static size_t set_paths(struct reader *r, const struct toml_value *v, char paths[][CONFIG_PATH_MAX])
{
	if (v->type == TOML_STRING) {
		config_set_path(r, v, paths[0]);
		return 1;
	}
	if (v->n == 0 || v->n > CREDENTIALS_MAX)
		reader_error(r, v->line, "\"%s\" takes 1 to %u files", v->key, CREDENTIALS_MAX);
	for (size_t i = 0; i < v->n && i < CREDENTIALS_MAX; i++) {
		struct toml_value one = v->child[i];

		one.key = v->key;
		config_set_path(r, &one, paths[i]);
	}
	return v->n < CREDENTIALS_MAX ? v->n : CREDENTIALS_MAX;
}
SETTER(connection_cert)
{
	r->files->cert_line = v->line;
	r->files->n_cert = set_paths(r, v, r->files->cert);
}
SETTER(connection_key) { r->files->n_key = set_paths(r, v, r->files->key); }
SETTER(connection_client_ca)
{
	r->files->ca_line = v->line;
	config_set_path(r, v, r->files->ca);
}
SETTER(connection_crl)
{
	r->files->crl_line = v->line;
	config_set_path(r, v, r->files->crl);
}
static void check_pattern(struct reader *r, const struct toml_value *v, const struct ike_id *pattern)
{
	struct prefix p;

	if (strchr(v->string, '/') && prefix_parse(&p, v->string) == OK)
		reader_error(r, v->line, "\"%s\" is a network: \"client_ids\" name who clients say they are, not where they "
					 "come from", v->string);
	else if (ike_id_pattern_fits_nobody(pattern))
		reader_error(r, v->line, "\"%s\" fits nobody: a \"*\" stands for a beginning, or for a whole value of a name: "
					 "\"*.example.org\", \"*@example.org\", \"O=Example, CN=*\"", v->string);
}
SETTER(connection_client_ids)
{
	struct ike_id pattern;

	if (!r->connection->clients)
		r->connection->clients = trust_new();
	if (v->n == 0)
		reader_error(r, v->line, "\"client_ids\" is empty, which would let everybody in: remove the key, or name "
					 "somebody");
	for (size_t i = 0; i < v->n; i++) {
		const char *why = NULL;

		if (ike_id_parse(&pattern, v->child[i].string) != OK)
			reader_error(r, v->child[i].line, "\"%s\" is not an identity", v->child[i].string);
		else if ((why = trust_add_id(r->connection->clients, &pattern)) != NULL)
			reader_error(r, v->child[i].line, "\"client_ids\": %s", why);
		else
			check_pattern(r, &v->child[i], &pattern);
	}
}
SETTER(connection_local_ts)
{
	struct prefix p[TS_MAX];
	size_t n = config_set_prefixes(r, v, p, TS_MAX);

	for (size_t i = 0; i < n; i++)
		r->connection->local_ts.ts[i] = ts_from_prefix(&p[i]);
	r->connection->local_ts.n = (uint8_t)n;
}
SETTER(connection_pool)
{
	struct node_config *c = r->c;
	struct prefix *p = &r->connection->pool;

	if (prefix_parse(p, v->string) != OK || p->address.family != 4 || p->bits > 30) {
		reader_error(r, v->line, "\"pool\" must be an IPv4 prefix such as \"10.30.0.0/16\"");
		return;
	}
	r->connection->has_pool = true;
	if (!prefix_list_has(&c->pools, p) &&
	    (c->pools.n == CONFIG_POOLS_MAX || !prefix_list_add(&c->pools, p)))
		reader_error(r, v->line, "at most %u different pools", CONFIG_POOLS_MAX);
}
SETTER(connection_dns)
{
	if (v->n > CONNECTION_DNS_MAX)
		reader_error(r, v->line, "at most %u DNS servers", CONNECTION_DNS_MAX);
	for (size_t i = 0; i < v->n && i < CONNECTION_DNS_MAX; i++)
		if (address_parse(&r->connection->dns[r->connection->n_dns++], v->child[i].string) != OK)
			reader_error(r, v->child[i].line, "\"%s\" is not an address", v->child[i].string);
}

/* Labels of letters, digits, hyphens and underscores; a final dot may stand (RFC 8598 3.1: FQDN). */
static bool is_domain(const char *text)
{
	size_t label = 0, n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_') {
			return false;
		} else if (++label > 63) {
			return false;
		}
	}
	return n > 0 && n < CONNECTION_DOMAIN_LEN;
}
SETTER(connection_domains)
{
	struct ike_connection *c = r->connection;

	if (v->n > CONNECTION_DOMAINS_MAX)
		reader_error(r, v->line, "at most %u domains", CONNECTION_DOMAINS_MAX);
	for (size_t i = 0; i < v->n && i < CONNECTION_DOMAINS_MAX; i++) {
		if (!is_domain(v->child[i].string))
			reader_error(r, v->child[i].line, "\"%s\" is not a domain", v->child[i].string);
		else
			snprintf(c->domain[c->n_domains++], CONNECTION_DOMAIN_LEN, "%s", v->child[i].string);
	}
}
SETTER(connection_unique)
{
	static const char *const names[] = { "no", "never", "replace", "keep", NULL };
	int i = config_choice(r, v, names);

	if (i >= 0)
		r->connection->unique = (enum ike_unique)i;
}
SETTER(connection_per_identity)
{
	config_set_number(r, v, 1, 10000, &r->connection->sessions_per_identity);
}

static size_t set_proposals(struct reader *r, const struct toml_value *v, struct proposal *out,
			    enum status (*parse)(struct proposal *, const char *, const char **))
{
	const char *why = NULL;

	if (v->n == 0 || v->n > CONNECTION_PROPOSALS_MAX)
		reader_error(r, v->line, "\"%s\" takes 1 to %u proposals", v->key,
			     CONNECTION_PROPOSALS_MAX);
	for (size_t i = 0; i < v->n && i < CONNECTION_PROPOSALS_MAX; i++) {
		if (parse(&out[i], v->child[i].string, &why) != OK)
			reader_error(r, v->child[i].line, "\"%s\": %s", v->child[i].string,
				     why ? why : "not a proposal");
		else if (proposal_weakness(&out[i]))
			reader_warning(r, v->child[i].line, "\"%s\": WEAK: \"%s\" is obsolete (RFC "
							    "8247), and only for clients that know "
							    "nothing better: give them their own "
							    "[[connection]]",
				       v->child[i].string, proposal_weakness(&out[i]));
	}
	return v->n < CONNECTION_PROPOSALS_MAX ? v->n : CONNECTION_PROPOSALS_MAX;
}
SETTER(connection_ike)
{
	r->connection->n_ike = (uint8_t)set_proposals(r, v, r->connection->ike, proposal_parse_ike);
}
SETTER(connection_esp)
{
	r->connection->n_esp = (uint8_t)set_proposals(r, v, r->connection->esp, proposal_parse_esp);
}
SETTER(connection_dpd) { config_set_number(r, v, 0, 86400000, &r->connection->dpd_ms); }

#define LIFETIME_MAX_S 31536000u
static void set_lifetime(struct reader *r, const struct toml_value *v, uint32_t *out)
{
	config_set_number(r, v, 0, LIFETIME_MAX_S, out);
	if (*out > 0 && *out < LIFETIME_MIN_S)
		reader_error(r, v->line, "\"%s\" of %u: use 0 for no limit, or at least %u", v->key, *out,
			     LIFETIME_MIN_S);
}
SETTER(connection_rekey) { set_lifetime(r, v, &r->connection->child_life.rekey_s); }
SETTER(connection_hard) { set_lifetime(r, v, &r->connection->child_life.hard_s); }
SETTER(connection_ike_rekey) { set_lifetime(r, v, &r->connection->ike_life.rekey_s); }
SETTER(connection_ike_hard) { set_lifetime(r, v, &r->connection->ike_life.hard_s); }

#define REKEY_OCTETS_MIN 1000000u /* As LIFETIME_MIN_S: it would be used up while it is replaced. */
#define REKEY_PACKETS_MIN 1000u
static void set_volume(struct reader *r, const struct toml_value *v, uint32_t least, uint64_t *out)
{
	if (v->integer != 0 && v->integer < least)
		reader_error(r, v->line, "\"%s\" of %lld: use 0 for no limit, or at least %u", v->key,
			     (long long)v->integer, least);
	else
		*out = (uint64_t)v->integer;
}
SETTER(connection_rekey_bytes) { set_volume(r, v, REKEY_OCTETS_MIN, &r->connection->child_life.rekey.octets); }
SETTER(connection_rekey_packets) { set_volume(r, v, REKEY_PACKETS_MIN, &r->connection->child_life.rekey.packets); }
SETTER(connection_hard_bytes) { set_volume(r, v, REKEY_OCTETS_MIN, &r->connection->child_life.hard.octets); }
SETTER(connection_hard_packets) { set_volume(r, v, REKEY_PACKETS_MIN, &r->connection->child_life.hard.packets); }

SETTER(connection_window)
{
	config_set_number(r, v, 64, REPLAY_BITS_MAX, &r->connection->replay_bits);
	if (r->connection->replay_bits & (r->connection->replay_bits - 1))
		reader_error(r, v->line, "\"replay_window\" must be a power of two");
}
SETTER(connection_replay)
{
	int i = config_choice(r, v, (const char *const[]){ "marks", "exact", NULL });

	if (i >= 0)
		r->connection->exact = i == 1;
}
SETTER(connection_empty_notice) { r->connection->empty_notice = v->boolean; }

const struct config_key config_connection_keys[] = {
	{ "name", TOML_STRING, true, connection_name },
	{ "local_id", TOML_STRING, true, connection_local_id },
	{ "auth", TOML_STRING, true, connection_auth },
	{ "cert_file", TOML_STRING, false, connection_cert },
	{ "cert_file", TOML_ARRAY, false, connection_cert },
	{ "key_file", TOML_STRING, false, connection_key },
	{ "key_file", TOML_ARRAY, false, connection_key },
	{ "client_ca_file", TOML_STRING, false, connection_client_ca },
	{ "crl_file", TOML_STRING, false, connection_crl },
	{ "client_ids", TOML_ARRAY, false, connection_client_ids },
	{ "local_ts", TOML_ARRAY, true, connection_local_ts },
	{ "pool", TOML_STRING, false, connection_pool },
	{ "dns", TOML_ARRAY, false, connection_dns },
	{ "dns_domains", TOML_ARRAY, false, connection_domains },
	{ "unique_ids", TOML_STRING, false, connection_unique },
	{ "sessions_per_identity", TOML_INTEGER, false, connection_per_identity },
	{ "ike_proposals", TOML_ARRAY, true, connection_ike },
	{ "esp_proposals", TOML_ARRAY, true, connection_esp },
	{ "dpd_delay_ms", TOML_INTEGER, false, connection_dpd },
	{ "rekey_time_s", TOML_INTEGER, false, connection_rekey },
	{ "hard_time_s", TOML_INTEGER, false, connection_hard },
	{ "rekey_bytes", TOML_INTEGER, false, connection_rekey_bytes },
	{ "hard_bytes", TOML_INTEGER, false, connection_hard_bytes },
	{ "rekey_packets", TOML_INTEGER, false, connection_rekey_packets },
	{ "hard_packets", TOML_INTEGER, false, connection_hard_packets },
	{ "ike_rekey_time_s", TOML_INTEGER, false, connection_ike_rekey },
	{ "ike_hard_time_s", TOML_INTEGER, false, connection_ike_hard },
	{ "replay_window", TOML_INTEGER, false, connection_window },
	{ "replay", TOML_STRING, false, connection_replay },
	{ "empty_notice", TOML_BOOLEAN, false, connection_empty_notice },
	{ 0 }
};

/* ---- "address" of several ---- */

/* Whose it is: config_read_reserved(). */
SETTER(reserved_address)
{
	struct address a;

	if (address_parse(&a, v->string) != OK)
		reader_error(r, v->line, "\"%s\" is not an address", v->string);
}

/* ---- [[secret]] ---- */

void config_secret_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n)
{
	struct ike_config *ike = &r->c->cluster.policy->ike;

	(void)v;
	if (i == 0)
		ike->secrets = calloc(n, sizeof(*ike->secrets));
	ike->n_secrets = i + 1;
	r->secret = &ike->secrets[i];
}

SETTER(secret_id) { set_id(r, v, &r->secret->id); }

static void read_psk(struct reader *r, const struct toml_value *v, struct secret *psk)
{
	char path[CONFIG_PATH_MAX] = "";

	config_set_path(r, v, path);
	config_read_psk(r, v, path, psk);
}

SETTER(secret_psk_file)
{
	if (v->type == TOML_STRING) {
		read_psk(r, v, &r->secret->psk);
		return;
	}
	if (v->n == 0 || v->n > 2)
		reader_error(r, v->line, "\"psk_file\" takes 1 or 2 files: the key, and a second one "
					 "while the key changes");
	for (size_t i = 0; i < v->n && i < 2; i++) {
		struct toml_value one = v->child[i];

		one.key = v->key;
		read_psk(r, &one, i == 0 ? &r->secret->psk : &r->secret->other);
	}
	if (r->secret->other.len > 0 && secret_equal(&r->secret->psk, &r->secret->other))
		reader_error(r, v->line, "\"psk_file\": both files hold the same key: remove one");
}

const struct config_key config_secret_keys[] = {
	{ "id", TOML_STRING, true, secret_id },
	{ "psk_file", TOML_STRING, true, secret_psk_file },
	{ "psk_file", TOML_ARRAY, false, secret_psk_file },
	{ "address", TOML_STRING, false, reserved_address },
	{ 0 }
};

/* ---- [[user]] ---- */

void config_user_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n)
{
	struct ike_config *ike = &r->c->cluster.policy->ike;

	(void)v;
	if (i == 0)
		ike->users = calloc(n, sizeof(*ike->users));
	ike->n_users = i + 1;
	r->user = &ike->users[i];
}

SETTER(user_name)
{
	CBS name;

	CBS_init(&name, (const uint8_t *)v->string, strlen(v->string));
	if (!eap_auth_identity(&r->user->id, name))
		reader_error(r, v->line, "\"%s\" is not a user's name", v->string);
}

SETTER(user_password_file)
{
	char path[CONFIG_PATH_MAX] = "";

	config_set_path(r, v, path);
	config_read_password(r, v, path, &r->user->password);
}

const struct config_key config_user_keys[] = {
	{ "name", TOML_STRING, true, user_name },
	{ "password_file", TOML_STRING, true, user_password_file },
	{ "address", TOML_STRING, false, reserved_address },
	{ 0 }
};

/* ---- [[client]] ---- */

void config_client_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n)
{
	(void)r;
	(void)v;
	(void)i;
	(void)n;
}

SETTER(client_id)
{
	struct ike_id id;

	set_id(r, v, &id);
}

const struct config_key config_client_keys[] = {
	{ "id", TOML_STRING, true, client_id },
	{ "address", TOML_STRING, true, reserved_address },
	{ 0 }
};
