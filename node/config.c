/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.toml, read against its schema. Every error is collected, with its file
 * and line, so that one run names them all; an unknown key is one of them, with
 * the key that was probably meant. */
#include "node/config.h"

#include "node/config_schema.h"

#include <openssl/mem.h>
#include <openssl/sha.h>

#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Errors ---- */

static void add_error(struct config_errors *e, char *text)
{
	e->list = realloc(e->list, (e->n + 1) * sizeof(*e->list));
	if (!e->list)
		abort();
	e->list[e->n++].text = text;
}

void config_errors_add(struct config_errors *e, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	add_error(e, text);
}

void reader_error(struct reader *r, int line, const char *format, ...)
{
	char *message = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&message, format, ap) < 0)
		abort();
	va_end(ap);
	config_errors_add(r->errors, "%s:%d: %s", r->c->file, line, message);
	free(message);
}

void config_errors_print(const struct config_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		fprintf(stderr, "%s\n", e->list[i].text);
}

void config_errors_fini(struct config_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->list[i].text);
	free(e->list);
	memset(e, 0, sizeof(*e));
}

/* ---- Suggestions: Levenshtein's distance, short words only ---- */

#define WORD_MAX 40u

static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t cost = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			row[j] = cost;
		}
	}
	return row[lb];
}

static void consider(const char *name, const char *wrong, const char **best, size_t *least)
{
	size_t d = distance(name, wrong);

	if (d < *least && d <= 1 + strlen(wrong) / 3) {
		*least = d;
		*best = name;
	}
}

static void unknown(struct reader *r, const struct toml_value *v, const char *what, const char *best)
{
	if (best)
		reader_error(r, v->line, "unknown %s \"%s\"; did you mean \"%s\"?", what, v->key, best);
	else
		reader_error(r, v->line, "unknown %s \"%s\"", what, v->key);
}

/* ---- The walk ---- */

static const char *const type_name[] = {
	[TOML_STRING] = "a string",   [TOML_INTEGER] = "a whole number",
	[TOML_BOOLEAN] = "true or false", [TOML_ARRAY] = "a list of strings",
	[TOML_TABLE] = "a table",     [TOML_OTHER] = "something else",
};

static bool type_fits(const struct config_key *key, const struct toml_value *v)
{
	if (v->type != key->type)
		return false;
	for (size_t i = 0; v->type == TOML_ARRAY && i < v->n; i++)
		if (v->child[i].type != TOML_STRING)
			return false;
	return true;
}

static void read_key(struct reader *r, const struct config_section *section, const struct toml_value *v)
{
	const struct config_key *key;
	const char *best = NULL;
	size_t least = WORD_MAX;

	for (key = section->keys; key->name; key++) {
		if (strcmp(key->name, v->key) == 0)
			break;
		consider(key->name, v->key, &best, &least);
	}
	if (!key->name)
		unknown(r, v, "key", best);
	else if (!type_fits(key, v))
		reader_error(r, v->line, "\"%s\" must be %s", v->key, type_name[key->type]);
	else
		key->set(r, v);
}

static void read_table(struct reader *r, const struct config_section *section, const struct toml_value *v)
{
	for (size_t i = 0; i < v->n; i++)
		read_key(r, section, &v->child[i]);
	for (const struct config_key *key = section->keys; key->name; key++) {
		bool there = !key->required;

		for (size_t i = 0; i < v->n; i++)
			there |= strcmp(v->child[i].key, key->name) == 0;
		if (!there)
			reader_error(r, v->line, "[%s] lacks \"%s\"", section->name, key->name);
	}
}

static void read_section(struct reader *r, const struct config_section *section, const struct toml_value *v)
{
	if (!section->list) {
		if (v->type != TOML_TABLE) {
			reader_error(r, v->line, "write it as [%s]", section->name);
			return;
		}
		if (section->begin)
			section->begin(r, v, 0, 1);
		read_table(r, section, v);
		return;
	}
	for (size_t i = 0; v->type == TOML_ARRAY && i < v->n; i++) {
		size_t before = r->errors->n;

		if (v->child[i].type != TOML_TABLE) {
			reader_error(r, v->line, "write it as [[%s]]", section->name);
			return;
		}
		section->begin(r, &v->child[i], i, v->n);
		if (r->errors->n == before)
			read_table(r, section, &v->child[i]);
	}
	if (v->type != TOML_ARRAY)
		reader_error(r, v->line, "write it as [[%s]]", section->name);
	else if (v->n == 0 && section->required)
		reader_error(r, v->line, "there must be at least one [[%s]]", section->name);
}

static const struct toml_value *find(const struct toml_value *root, const char *key)
{
	for (size_t i = 0; i < root->n; i++)
		if (strcmp(root->child[i].key, key) == 0)
			return &root->child[i];
	return NULL;
}

static void walk(struct reader *r, const struct toml_value *root)
{
	for (const struct config_section *s = config_sections; s->name; s++) {
		const struct toml_value *v = find(root, s->name);

		if (v)
			read_section(r, s, v);
		else if (s->required)
			config_errors_add(r->errors, "%s: lacks the section %s%s%s", r->c->file,
					  s->list ? "[[" : "[", s->name, s->list ? "]]" : "]");
	}
	for (size_t i = 0; i < root->n; i++) {
		const struct config_section *s;
		const char *best = NULL;
		size_t least = WORD_MAX;

		for (s = config_sections; s->name; s++) {
			if (strcmp(s->name, root->child[i].key) == 0)
				break;
			consider(s->name, root->child[i].key, &best, &least);
		}
		if (!s->name)
			unknown(r, &root->child[i], "section", best);
	}
}

/* ---- The hash of what must be equal on all nodes: the file but for its form ---- */

static void hash_value(SHA256_CTX *h, const struct toml_value *v)
{
	SHA256_Update(h, &v->type, sizeof(v->type));
	if (v->key)
		SHA256_Update(h, v->key, strlen(v->key) + 1);
	if (v->string)
		SHA256_Update(h, v->string, strlen(v->string) + 1);
	SHA256_Update(h, &v->integer, sizeof(v->integer));
	SHA256_Update(h, &v->boolean, sizeof(v->boolean));
	for (size_t i = 0; i < v->n; i++)
		hash_value(h, &v->child[i]);
}

static uint64_t hash_file(const struct toml_value *root)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA256_CTX h;
	uint64_t out;

	SHA256_Init(&h);
	hash_value(&h, root);
	SHA256_Final(digest, &h);
	memcpy(&out, digest, sizeof(out));
	return out;
}

/* ---- The face ---- */

static void choose_self(struct node_config *c, const char *name, struct config_errors *errors)
{
	char known[CLUSTER_NODES_MAX * (CLUSTER_NAME_MAX + 2)] = "";

	for (uint32_t i = 0; name && i < c->cluster.n_nodes; i++) {
		if (strcmp(c->cluster.node[i], name) == 0) {
			c->cluster.self = i;
			return;
		}
		strcat(strcat(known, i ? ", " : ""), c->cluster.node[i]);
	}
	if (name)
		config_errors_add(errors, "%s: there is no node \"%s\"; it names %s", c->file, name, known);
}

int node_config_load(struct node_config *c, const char *path, const char *node_name,
		     struct config_errors *errors)
{
	struct reader r = { .c = c, .errors = errors };
	struct toml_value *root;
	char why[512], *copy;

	memset(c, 0, sizeof(*c));
	memset(errors, 0, sizeof(*errors));
	cluster_config_defaults(&c->cluster);
	snprintf(c->file, sizeof(c->file), "%s", path);
	snprintf(c->tun, sizeof(c->tun), "baton0");
	c->max_store_age_ms = 30 * 60 * 1000;
	c->log_level = CONFIG_LOG_INFO;
	copy = strdup(path);
	if (copy && !realpath(dirname(copy), r.dir))
		snprintf(r.dir, sizeof(r.dir), ".");
	free(copy);
	root = toml_load(path, why, sizeof(why));
	if (!root) {
		config_errors_add(errors, "%s:%s%s", path, why[0] >= '0' && why[0] <= '9' ? "" : " ", why);
		return -1;
	}
	walk(&r, root);
	config_check_whole(&r);
	choose_self(c, node_name, errors);
	c->cluster.hash = hash_file(root);
	toml_free(root);
	return errors->n ? -1 : 0;
}

void node_config_fini(struct node_config *c)
{
	struct ike_config *ike = &c->cluster.ike;

	for (size_t i = 0; i < ike->n_secrets; i++)
		secret_cleanse(&ike->secrets[i].psk);
	free(ike->secrets);
	free(ike->connections);
	OPENSSL_cleanse(c, sizeof(*c));
}
