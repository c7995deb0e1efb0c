/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.toml, read against its schema. Every error is collected, with its file and line, so that
 * one run reports them all. An unknown key is an error, which names the key that was probably
 * meant. */
#include "node/config/config.h"

#include "node/config/schema.h"

#include <openssl/mem.h>

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* What is said twice was meant to be something else. */
static void check_repeats(struct reader *r, const struct toml_value *v)
{
	for (size_t i = 0; v->type == TOML_ARRAY && i < v->n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(v->child[i].string, v->child[k].string) == 0) {
				reader_error(r, v->child[i].line, "\"%s\" is in \"%s\" twice: remove one",
					     v->child[i].string, v->key);
				break;
			}
}

static void read_key(struct reader *r, const struct config_section *section, const struct toml_value *v)
{
	const struct config_key *key;
	const char *best = NULL;
	size_t least = WORD_MAX;

	for (key = section->keys; key->name; key++) {
		/* Some keys are there twice: they take a string or a list. */
		if (strcmp(key->name, v->key) == 0 &&
		    (type_fits(key, v) || !key[1].name || strcmp(key[1].name, v->key) != 0))
			break;
		consider(key->name, v->key, &best, &least);
	}
	if (!key->name)
		unknown(r, v, "key", best);
	else if (!type_fits(key, v))
		reader_error(r, v->line, "\"%s\" must be %s", v->key, type_name[key->type]);
	else {
		check_repeats(r, v);
		key->set(r, v);
	}
}

static void read_table(struct reader *r, const struct config_section *section, const struct toml_value *v)
{
	for (size_t i = 0; i < v->n; i++)
		read_key(r, section, &v->child[i]);
	for (const struct config_key *key = section->keys; key->name; key++) {
		bool there = !(key->traits & CONFIG_REQUIRED);

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

static void walk(struct reader *r, const struct toml_value *root)
{
	for (const struct config_section *s = config_sections; s->name; s++) {
		const struct toml_value *v = config_find_section(root, s->name);

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

/* The file as a tree, or NULL and an error. */
static struct toml_value *load_tree(const char *path, struct config_errors *errors)
{
	struct toml_value *root = NULL;
	const char *reason = NULL;
	char why[512];
	struct stat st;
	int fd = config_open(path, &st, &reason);

	if (fd < 0) {
		config_errors_add(errors, "%s: %s", path, reason);
		return NULL;
	}
	close(fd);
	root = toml_load(path, why, sizeof(why));
	if (!root)
		config_errors_add(errors, "%s:%s%s", path, why[0] >= '0' && why[0] <= '9' ? "" : " ", why);
	return root;
}

static void find_dir(const char *path, char dir[CONFIG_PATH_MAX])
{
	char *copy = strdup(path);

	if (copy && !realpath(dirname(copy), dir))
		snprintf(dir, CONFIG_PATH_MAX, ".");
	free(copy);
}

/* A node needs its own; `baton check` looks at all that this host has. */
static void check_link_secrets(struct reader *r, const char *node_name)
{
	for (uint32_t i = 0; i < r->c->cluster.n_nodes; i++)
		if (!node_name || i == r->c->cluster.self)
			config_check_link_secret(r, i, !node_name);
}

int node_config_load(struct node_config *c, const char *path, const char *node_name,
		     struct config_errors *errors)
{
	struct reader r = { .c = c, .errors = errors };
	struct toml_value *root;

	memset(c, 0, sizeof(*c));
	memset(errors, 0, sizeof(*errors));
	cluster_config_defaults(&c->cluster);
	c->cluster.policy = cluster_policy_new();
	snprintf(c->file, sizeof(c->file), "%s", path);
	snprintf(c->tun, sizeof(c->tun), "baton0");
	c->max_store_age_ms = 30 * 60 * 1000;
	c->log_level = CONFIG_LOG_INFO;
	find_dir(path, r.dir);
	root = load_tree(path, errors);
	if (!root)
		return -1;
	r.root = root;
	walk(&r, root);
	config_read_certificates(&r);
	config_read_reserved(&r);
	config_check_whole(&r);
	snprintf(c->cluster.policy->ike.nas_identifier, sizeof(c->cluster.policy->ike.nas_identifier), "%s",
		 c->cluster.name);
	config_check_networks(&r);
	choose_self(c, node_name, errors);
	if (errors->n == 0)
		check_link_secrets(&r, node_name);
	config_facts(&r);
	toml_free(root);
	return errors->n ? -1 : 0;
}

int node_config_text(const char *path, const char *node_name, const char *key,
		     char out[CONFIG_PATH_MAX], struct config_errors *errors)
{
	struct toml_value *root;
	const struct toml_value *nodes, *v;
	size_t i = 0;

	memset(errors, 0, sizeof(*errors));
	out[0] = '\0';
	root = load_tree(path, errors);
	nodes = root ? config_find_section(root, "node") : NULL;
	for (; node_name && nodes && i < nodes->n; i++) {
		v = config_find(root, "node", i, "name");
		if (v && v->type == TOML_STRING && strcmp(v->string, node_name) == 0)
			break;
	}
	if (root && (!nodes || nodes->type != TOML_ARRAY || i >= nodes->n))
		config_errors_add(errors, "%s: there is no node \"%s\"", path, node_name ? node_name : "");
	v = errors->n == 0 ? config_find(root, "node", i, key) : NULL;
	if (v && v->type == TOML_STRING && strlen(v->string) < CONFIG_PATH_MAX)
		snprintf(out, CONFIG_PATH_MAX, "%s", v->string);
	else if (v)
		config_errors_add(errors, "%s:%d: \"%s\" must be a string", path, v->line, key);
	toml_free(root);
	return errors->n ? -1 : v ? 0 : 1;
}

int node_config_control(const char *path, const char *node_name, char out[CONFIG_PATH_MAX],
			struct config_errors *errors)
{
	char text[CONFIG_PATH_MAX], dir[CONFIG_PATH_MAX] = ".";
	int rc = node_config_text(path, node_name, "control", text, errors), n;

	if (rc < 0)
		return -1;
	find_dir(path, dir);
	if (rc == 1)
		n = snprintf(out, CONFIG_PATH_MAX, CONFIG_CONTROL_DEFAULT, node_name);
	else if (text[0] == '/' || text[0] == '\0')
		n = snprintf(out, CONFIG_PATH_MAX, "%s", text);
	else
		n = snprintf(out, CONFIG_PATH_MAX, "%s/%s", dir, text);
	if (n < (int)CONFIG_PATH_MAX)
		return 0;
	config_errors_add(errors, "%s: \"control\" of node \"%s\" is not a path", path, node_name);
	return -1;
}

void node_config_fini(struct node_config *c)
{
	cluster_policy_unref(c->cluster.policy);
	free(c->fact);
	free(c->files);
	free(c->crl);
	OPENSSL_cleanse(c, sizeof(*c));
}
