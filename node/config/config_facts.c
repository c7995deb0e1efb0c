/* SPDX-License-Identifier: Apache-2.0 */
/* Which parts of cluster.toml are facts, and which are policy.
 *
 * Facts are what a node starts with: nodes, addresses, timing, sizes. Nodes compare the hash of all
 * of them, and one whose facts are not the leader's is unready. Policy says who may connect, what
 * is offered, and within what limits: it may change while a node runs (`baton reload`). The tables
 * of schema_keys.c say which sections and keys are policy; the keys and passwords in the files that
 * these name are part of it. A few keys concern their node alone (CONFIG_OWN): they may change too,
 * and nobody compares them.
 *
 * Two facts have no key of their own: the storage key, because a file of the same name may contain
 * another one; and whether there is a [[radius]], because a socket is opened for it. */
#include "node/config/schema.h"

#include "cluster/core/seal.h"

#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/sha.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LEN 32u

/* ---- Hashing ---- */

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

static uint64_t finish(SHA256_CTX *h)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint64_t out;

	SHA256_Final(digest, h);
	memcpy(&out, digest, sizeof(out));
	return out;
}

static const struct config_section *section_named(const char *name)
{
	for (const struct config_section *s = config_sections; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL; /* Unknown: an error was said. */
}

static void hash_mac(SHA256_CTX *h, const uint8_t key[KEY_LEN], const uint8_t *octets, size_t len)
{
	uint8_t mac[SHA256_DIGEST_LENGTH];
	unsigned n;

	if (!HMAC(EVP_sha256(), key, KEY_LEN, octets, len, mac, &n))
		abort();
	SHA256_Update(h, mac, sizeof(mac));
}

/* Nodes tell each other the hash: PSKs and passwords go in under a key derived from the storage
 * key, so that the hash does not help in guessing them. */
static void hash_secrets(SHA256_CTX *h, const struct ike_config *ike, const uint8_t key[KEY_LEN])
{
	for (size_t i = 0; i < ike->n_secrets; i++) {
		hash_mac(h, key, ike->secrets[i].psk.bytes, ike->secrets[i].psk.len);
		hash_mac(h, key, ike->secrets[i].other.bytes, ike->secrets[i].other.len);
	}
	for (size_t i = 0; i < ike->n_users; i++)
		hash_mac(h, key, ike->users[i].password.bytes, sizeof(ike->users[i].password.bytes));
}

static unsigned traits_of(const struct config_section *s, const char *key)
{
	for (const struct config_key *k = s->keys; k->name; k++)
		if (strcmp(k->name, key) == 0)
			return k->traits;
	return 0; /* Unknown: an error was said. */
}

static void hash_policy_keys(SHA256_CTX *h, const struct config_section *s, const struct toml_value *table)
{
	for (size_t i = 0; table->type == TOML_TABLE && i < table->n; i++)
		if (traits_of(s, table->child[i].key) & CONFIG_POLICY)
			hash_value(h, &table->child[i]);
}

static void hash_radius(SHA256_CTX *h, const struct ike_config *ike, const uint8_t key[KEY_LEN])
{
	for (size_t i = 0; i < ike->n_radius; i++)
		hash_mac(h, key, ike->radius[i].secret.bytes, ike->radius[i].secret.len);
}

static uint64_t policy_hash(const struct reader *r, const uint8_t key[KEY_LEN])
{
	SHA256_CTX h;

	SHA256_Init(&h);
	for (size_t i = 0; i < r->root->n; i++) {
		const struct config_section *s = section_named(r->root->child[i].key);

		if (s && s->policy)
			hash_value(&h, &r->root->child[i]);
		else if (s)
			hash_policy_keys(&h, s, &r->root->child[i]);
	}
	hash_secrets(&h, &r->c->cluster.policy->ike, key);
	hash_radius(&h, &r->c->cluster.policy->ike, key);
	config_hash_certificates(&h, &r->c->cluster.policy->ike);
	return finish(&h);
}

/* ---- The list ---- */

static struct config_fact *add(struct node_config *c, int line)
{
	struct config_fact *f;

	c->fact = realloc(c->fact, (c->n_facts + 1) * sizeof(*c->fact));
	assert(c->fact);
	f = &c->fact[c->n_facts++];
	memset(f, 0, sizeof(*f));
	f->line = line;
	return f;
}

/* at: its place in the list of its tables, because the order of nodes counts. */
static void add_key(struct node_config *c, const struct toml_value *v, const char *where, size_t at)
{
	struct config_fact *f = add(c, v->line);
	SHA256_CTX h;

	snprintf(f->name, sizeof(f->name), "\"%.40s\" of %s", v->key, where);
	SHA256_Init(&h);
	SHA256_Update(&h, &at, sizeof(at));
	hash_value(&h, v);
	f->hash = finish(&h);
}

static void add_section(struct node_config *c, const struct config_section *s, const struct toml_value *v)
{
	char where[CONFIG_FACT_LEN - 48];

	snprintf(where, sizeof(where), "[%.40s]", v->key);
	for (size_t i = 0; v->type == TOML_TABLE && i < v->n; i++)
		if (!(traits_of(s, v->child[i].key) & (CONFIG_POLICY | CONFIG_OWN)))
			add_key(c, &v->child[i], where, 0);
	for (size_t i = 0; v->type == TOML_ARRAY && i < v->n; i++) {
		const char *name = NULL;

		for (size_t k = 0; v->child[i].type == TOML_TABLE && k < v->child[i].n; k++)
			if (strcmp(v->child[i].child[k].key, "name") == 0)
				name = v->child[i].child[k].string;
		snprintf(where, sizeof(where), "[[%.16s]] \"%.32s\"", v->key, name ? name : "");
		for (size_t k = 0; k < v->child[i].n; k++)
			add_key(c, &v->child[i].child[k], where, i);
	}
}

static void add_storage_key(const struct reader *r, const uint8_t digest[KEY_LEN])
{
	struct config_fact *f = add(r->c, config_line(r, "cluster", 0, "storage_key_file"));

	snprintf(f->name, sizeof(f->name), "the key in \"storage_key_file\"");
	memcpy(&f->hash, digest, sizeof(f->hash));
}

/* Its sockets are opened at a start. */
static void add_radius(const struct reader *r)
{
	struct config_fact *f;
	SHA256_CTX h;

	if (r->c->cluster.policy->ike.n_radius == 0)
		return;
	f = add(r->c, config_line(r, "radius", 0, ""));
	snprintf(f->name, sizeof(f->name), "any [[radius]] at all");
	if (r->c->cluster.coa.port == 0)
		return;
	f = add(r->c, config_line(r, "radius", 0, ""));
	snprintf(f->name, sizeof(f->name), "\"coa\" of [[radius]]");
	SHA256_Init(&h);
	SHA256_Update(&h, r->c->cluster.coa.address.octets, sizeof(r->c->cluster.coa.address.octets));
	SHA256_Update(&h, &r->c->cluster.coa.port, sizeof(r->c->cluster.coa.port));
	f->hash = finish(&h);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct config_fact *)a)->name, ((const struct config_fact *)b)->name);
}

void config_facts(struct reader *r)
{
	struct node_config *c = r->c;
	struct seal_key *seal = seal_key_new(c->cluster.storage_key, c->cluster.name);
	uint8_t key[KEY_LEN], digest[KEY_LEN];
	SHA256_CTX h;

	seal_derive(seal, "psk digest", key);
	seal_derive(seal, "storage key digest", digest);
	for (size_t i = 0; i < r->root->n; i++) {
		const struct config_section *s = section_named(r->root->child[i].key);

		if (s && !s->policy)
			add_section(c, s, &r->root->child[i]);
	}
	add_storage_key(r, digest);
	add_radius(r);
	qsort(c->fact, c->n_facts, sizeof(*c->fact), by_name);
	SHA256_Init(&h);
	for (size_t i = 0; i < c->n_facts; i++) {
		SHA256_Update(&h, c->fact[i].name, strlen(c->fact[i].name) + 1);
		SHA256_Update(&h, &c->fact[i].hash, sizeof(c->fact[i].hash));
	}
	c->cluster.hash = finish(&h);
	c->cluster.policy->hash = policy_hash(r, key);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(digest, sizeof(digest));
	seal_key_free(seal);
}

/* ---- What runs, and what would ---- */

static char *sentence(const struct node_config *c, const struct config_fact *f, const char *what)
{
	char *text = NULL;

	if (asprintf(&text, "%s:%d: %s %s; a node reads that only at its start: restart the nodes one "
			    "after another, the leader last", c->file, f->line, f->name,
		     what) < 0)
		abort();
	return text;
}

char *config_facts_differ(const struct node_config *runs, const struct config_fact *b, size_t n)
{
	const struct config_fact *a = runs->fact;
	size_t i = 0, k = 0;

	while (i < runs->n_facts || k < n) {
		int order = i == runs->n_facts ? 1 : k == n ? -1 : by_name(&a[i], &b[k]);

		if (order < 0)
			return sentence(runs, &a[i], "is no longer there");
		if (order > 0)
			return sentence(runs, &b[k], "is new");
		if (a[i].hash != b[k].hash)
			return sentence(runs, &b[k], "is not what this node runs with");
		i++;
		k++;
	}
	return NULL;
}
