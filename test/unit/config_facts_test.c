/* SPDX-License-Identifier: Apache-2.0 */
/* Which parts of cluster.toml are facts, which need a restart, and which are policy, which a
 * running node takes: each kind has its hash, and a changed fact is named. */
#include "test/unit/config_sample.h"

#include "node/config/config_image.h"
#include "proto/auth/method.h"

static struct node_config *load(void)
{
	struct node_config *c = malloc(sizeof(*c));
	struct config_errors e;

	assert_non_null(c);
	if (node_config_load(c, path, "n2", &e) != 0)
		config_errors_print(&e);
	assert_int_equal(e.n, 0);
	config_errors_fini(&e);
	return c;
}

static void drop(struct node_config *c)
{
	node_config_fini(c);
	free(c);
}

#define POOL2 "[[connection]]\nname = \"b\"\nlocal_id = \"b\"\nauth = \"psk\"\nlocal_ts = [\"10.20.0.0/16\"]\n" \
	      "ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\nesp_proposals = [\"aes128gcm16\"]\n"

static const struct row {
	const char *from, *to;
	bool policy;      /* Does it change the hash? */
	const char *fact; /* ... that of facts; NULL: no. */
} rows[] = {
	{NULL, "", false, NULL},
	{NULL, "# Nothing is said.\n", false, NULL},
	/* Policy. */
	{NULL, "[[secret]]\nid = \"c2\"\npsk_file = \"cl.psk\"\n", true, NULL},
	{"id = \"cl\"", "id = \"c2\"", true, NULL},
	{"name = \"road\"", "name = \"street\"", true, NULL},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nreplay = \"exact\"", true, NULL},
	{"name = \"lab\"", "name = \"lab\"\ncookie_above = 9", true, NULL},
	{"name = \"lab\"", "name = \"lab\"\nhalf_open_max = 900", true, NULL},
	{"name = \"lab\"", "name = \"lab\"\nauth_timeout_s = 9", true, NULL},
	{"name = \"lab\"", "name = \"lab\"\ntombstones_max = 900", true, NULL},
	{"name = \"lab\"", "name = \"lab\"\ntombstones_per_identity = 9", true, NULL},
	{"[service]", "[service]\nfragmentation = false", true, NULL},
	{"[service]", "[service]\nfragment_size = 1300", true, NULL},
	/* For this node alone. */
	{NULL, "[log]\nlevel = \"debug\"\n", false, NULL},
	{NULL, POOL2, true, NULL},
	{NULL, POOL2 "pool = \"10.30.0.0/16\"\n", true, NULL},
	{"10.30.0.0/16", "10.31.0.0/16", true, NULL},
	{NULL, POOL2 "pool = \"10.31.0.0/16\"\n", true, NULL},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\ndns = [\"10.20.0.53\"]", true, NULL},
	{"local_ts = [\"10.20.0.0/16\"]", "local_ts = [\"10.20.0.0/17\"]", true, NULL},
	/* Facts. */
	{"10.77.0.12:7500", "10.77.0.12:7501", false, ":16: \"link\" of [[node]] \"n2\" is not what this node runs with"},
	{"name = \"n3\"", "name = \"n4\"", false, "\"cert_file\" of [[node]] \"n3\" is no longer there"},
	{"heartbeat_ms = 10", "heartbeat_ms = 11", false, ":36: \"heartbeat_ms\" of [timing] is not what"},
	{"heartbeat_ms = 10", "heartbeat_ms = 10\nisolation_ms = 900", false, ":37: \"isolation_ms\" of [timing] is new"},
	{"name = \"lab\"", "name = \"lab\"\nsessions_max = 9", false, ":3: \"sessions_max\" of [cluster] is new"},
	{"10.79.0.100/24", "10.79.0.101/24", false, ":33: \"addresses\" of [service] is not what"},
	{"name = \"n3\"", "name = \"n3\"\nhttp = \"127.0.0.1:9506\"", false, "\"http\" of [[node]] \"n3\" is new"},
};

static void each_key_is_one_or_the_other(void **unused)
{
	struct node_config *runs, *next;
	char *text;

	(void)unused;
	put("cluster.toml", good);
	runs = load();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_changed(rows[i].from, rows[i].to);
		next = load();
		text = config_facts_differ(runs, next->fact, next->n_facts);
		if ((next->cluster.policy->hash != runs->cluster.policy->hash) != rows[i].policy ||
		    (next->cluster.hash != runs->cluster.hash) != (rows[i].fact != NULL) ||
		    !text != !rows[i].fact || (text && !strstr(text, rows[i].fact))) {
			print_error("row %zu: %s\n", i, text ? text : "no fact differs");
			wrong++;
		}
		free(text);
		drop(next);
	}
	drop(runs);
}

/* The contents of the files that it names. */
static void keys_count_too(void **unused)
{
	static const char key2[] = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	struct node_config *runs, *next;
	char *text;

	(void)unused;
	put("cluster.toml", good);
	runs = load();
	put("cl.psk", "correct horse battery stable\n");
	next = load();
	assert_true(next->cluster.policy->hash != runs->cluster.policy->hash);
	assert_true(next->cluster.hash == runs->cluster.hash);
	assert_null(config_facts_differ(runs, next->fact, next->n_facts));
	drop(next);
	put_good_files();
	put("storage.key", key2);
	next = load();
	text = config_facts_differ(runs, next->fact, next->n_facts);
	assert_true(next->cluster.hash != runs->cluster.hash);
	assert_non_null(strstr(text, ":4: the key in \"storage_key_file\" is not what"));
	assert_null(strstr(text, "ff01"));
	free(text);
	drop(next);
	drop(runs);
	put_good_files();
}

/* Routes that a start adds, whatever the order of connections. */
static void pools_are_one_set(void **unused)
{
	struct node_config *a, *b;

	(void)unused;
	put_changed("[[connection]]\nname = \"road\"",
		    POOL2 "pool = \"10.31.0.0/16\"\n[[connection]]\nname = \"road\"");
	b = load();
	put_changed(NULL, POOL2 "pool = \"10.31.0.0/16\"\n");
	a = load();
	assert_int_equal(a->pools.n, 2);
	assert_true(prefix_list_equal(&a->pools, &b->pools));
	assert_true(a->cluster.hash == b->cluster.hash);
	assert_true(a->cluster.policy->hash != b->cluster.policy->hash);
	drop(a);
	drop(b);
}

/* From the process that reads to the node: all of it, or what is wrong. */
static void a_reading_comes_over_as_it_was(void **unused)
{
	struct config_errors e = {0};
	struct config_reading r;
	struct node_config *c;
	struct ike_config *ike;
	uint8_t *image;
	size_t len;

	(void)unused;
	put_changed(NULL, "[[secret]]\nid = \"c2\"\npsk_file = \"cl.psk\"\naddress = \"10.30.0.9\"\n");
	c = load();
	c->cluster.policy->ike.fragmentation = false;
	c->cluster.policy->ike.fragment_size = 700;
	c->cluster.policy->limits.cookie_above = 7;
	c->log_level = CONFIG_LOG_DEBUG;
	image = config_image_encode(c, &e, &len);
	assert_int_equal(config_image_len(image, len), len);
	assert_int_equal(config_image_len(image, 3), 0);
	assert_false(config_image_decode(&r, image, len - 1));
	assert_true(config_image_decode(&r, image, len));
	ike = &c->cluster.policy->ike;
	assert_null(r.error);
	assert_true(r.policy->hash == c->cluster.policy->hash);
	assert_false(r.policy->ike.fragmentation);
	assert_int_equal(r.policy->limits.cookie_above, 7);
	assert_int_equal(r.log_level, CONFIG_LOG_DEBUG);
	assert_int_equal(r.policy->ike.fragment_size, 700);
	assert_int_equal(r.policy->ike.n_connections, 1);
	assert_memory_equal(r.policy->ike.connections, ike->connections, sizeof(*ike->connections));
	assert_int_equal(r.policy->ike.n_secrets, 2);
	assert_memory_equal(r.policy->ike.secrets, ike->secrets, 2 * sizeof(*ike->secrets));
	assert_int_equal(r.policy->ike.n_reserved, 1);
	assert_memory_equal(r.policy->ike.reserved, ike->reserved, sizeof(*ike->reserved));
	assert_int_equal(ike->reserved->listed, AUTH_LISTED_SECRET);
	assert_null(config_facts_differ(c, r.fact, r.n_facts));
	config_reading_fini(&r);
	free(image);
	config_errors_add(&e, "one");
	config_errors_add(&e, "two");
	image = config_image_encode(c, &e, &len);
	assert_true(config_image_decode(&r, image, len));
	assert_string_equal(r.error, "one");
	assert_int_equal(r.n_errors, 2);
	assert_null(r.policy);
	config_reading_fini(&r);
	free(image);
	config_errors_fini(&e);
	drop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_key_is_one_or_the_other),
		TEST(keys_count_too),
		TEST(pools_are_one_set),
		TEST(a_reading_comes_over_as_it_was),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
