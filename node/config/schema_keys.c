/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of cluster.toml except those of [[connection]], [[secret]], [[user]], [[client]]
 * (schema_keys_ike.c) and [[radius]] (schema_keys_radius.c): its type, whether it is required, and
 * what it sets. These tables are the reference (DESIGN section 11). */
#include "node/config/schema.h"
#include "proto/ike/fragment.h"

#include <openssl/mem.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- [cluster] ---- */

SETTER(cluster_name) { config_set_text(r, v, r->c->cluster.name, sizeof(r->c->cluster.name)); }
SETTER(ca_file)
{
	r->c->ca_line = v->line;
	config_set_path(r, v, r->c->ca_file);
}
SETTER(cluster_user) { config_set_text(r, v, r->c->user, sizeof(r->c->user)); }
SETTER(sessions_max) { config_set_number(r, v, 1, 1000000, &r->c->cluster.sessions_max); }
/* From two on: one session, its Child SA and the successor of that. */
SETTER(child_sas_max) { config_set_number(r, v, 2, 8000000, &r->c->cluster.child_sas_max); }
#define LIMITS (&r->c->cluster.policy->limits)
SETTER(tombstones_max) { config_set_number(r, v, 1, 10000000, &LIMITS->tombstones_max); }
SETTER(tombstones_per_identity)
{
	config_set_number(r, v, 1, 10000000, &LIMITS->tombstones_per_identity);
}
SETTER(half_open_max) { config_set_number(r, v, 16, 1000000, &LIMITS->half_open_max); }
SETTER(auth_timeout)
{
	uint32_t seconds = 0;

	config_set_number(r, v, 5, 3600, &seconds);
	LIMITS->auth_ms = seconds * 1000;
}
SETTER(cookie_above) { config_set_number(r, v, 0, 1000000, &LIMITS->cookie_above); }

SETTER(storage_key_file)
{
	config_set_path(r, v, r->c->storage_key_file);
	(void)config_read_key(r, v, r->c->storage_key_file, r->c->cluster.storage_key, STORAGE_KEY_LEN);
}

SETTER(max_store_age)
{
	uint32_t seconds = 0;

	config_set_number(r, v, 1, INT_MAX, &seconds);
	r->c->max_store_age_ms = seconds * UINT64_C(1000);
}

SETTER(lease)
{
	uint32_t n = 0;

	config_set_number(r, v, 1024, 1 << 24, &n);
	r->c->cluster.lease = n;
}

static const struct config_key cluster_keys[] = {
	{ "name", TOML_STRING, true, cluster_name },
	{ "ca_file", TOML_STRING, true, ca_file },
	{ "storage_key_file", TOML_STRING, true, storage_key_file },
	{ "user", TOML_STRING, false, cluster_user },
	{ "sessions_max", TOML_INTEGER, false, sessions_max },
	{ "child_sas_max", TOML_INTEGER, false, child_sas_max },
	{ "tombstones_max", TOML_INTEGER, CONFIG_POLICY, tombstones_max },
	{ "tombstones_per_identity", TOML_INTEGER, CONFIG_POLICY, tombstones_per_identity },
	{ "half_open_max", TOML_INTEGER, CONFIG_POLICY, half_open_max },
	{ "auth_timeout_s", TOML_INTEGER, CONFIG_POLICY, auth_timeout },
	{ "cookie_above", TOML_INTEGER, CONFIG_POLICY, cookie_above },
	{ "lease", TOML_INTEGER, false, lease },
	{ "max_store_age_s", TOML_INTEGER, false, max_store_age },
	{ 0 }
};

/* ---- [timing] ---- */

#define TIMING(field, least, most)                                                                 \
	SETTER(timing_##field) { config_set_number(r, v, least, most, &r->c->cluster.timing.field); }
TIMING(heartbeat_ms, 1, 10000)
TIMING(heartbeats_missed, 2, 1000)
TIMING(detection_max_ms, 2, 60000)
TIMING(raft_heartbeat_ms, 5, 10000)
TIMING(raft_election_ms, 50, 60000)
TIMING(isolation_ms, 100, 60000)
TIMING(mark_commit_ms, 50, 60000)
TIMING(retransmit_ms, 50, 60000)
TIMING(retransmit_tries, 1, 20)

#define TIMING_KEY(field) { #field, TOML_INTEGER, false, timing_##field }
static const struct config_key timing_keys[] = {
	TIMING_KEY(heartbeat_ms), TIMING_KEY(heartbeats_missed), TIMING_KEY(detection_max_ms),
	TIMING_KEY(raft_heartbeat_ms),
	TIMING_KEY(raft_election_ms), TIMING_KEY(isolation_ms), TIMING_KEY(mark_commit_ms),
	TIMING_KEY(retransmit_ms), TIMING_KEY(retransmit_tries), { 0 }
};

/* ---- [[node]] ---- */

static void node_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n)
{
	if (n > CLUSTER_NODES_MAX && i == 0)
		reader_error(r, v->line, "at most %u nodes", CLUSTER_NODES_MAX);
	if (i >= CLUSTER_NODES_MAX) {
		reader_error(r, v->line, "one node too many");
		return;
	}
	r->node = (uint32_t)i;
	r->c->cluster.n_nodes = (uint32_t)i + 1;
}

#define NODE (&r->c->node[r->node])
/* If two clusters have a node of the same name on one machine, one must name its control socket. */
SETTER(node_name)
{
	char *name = r->c->cluster.node[r->node];

	config_set_text(r, v, name, CLUSTER_NAME_MAX);
	if (!NODE->control_named)
		snprintf(NODE->control, sizeof(NODE->control), CONFIG_CONTROL_DEFAULT, name);
	for (uint32_t i = 0; i < r->node; i++)
		if (strcmp(r->c->cluster.node[i], name) == 0)
			reader_error(r, v->line, "node \"%s\" is there twice: give each its own name",
				     name);
}
SETTER(node_link)
{
	NODE->link_line = v->line;
	if (endpoint_parse(&NODE->link, v->string) != OK || NODE->link.port == 0)
		reader_error(r, v->line, "\"link\" must be an address and port, such as \"10.0.0.1:7500\"");
}
SETTER(node_cert)
{
	NODE->cert_line = v->line;
	config_set_path(r, v, NODE->cert_file);
}
SETTER(node_key)
{
	NODE->key_line = v->line;
	config_set_path(r, v, NODE->key_file);
}
SETTER(node_link_secret) { config_set_path(r, v, NODE->link_secret_file); }
SETTER(node_data) { config_set_path(r, v, NODE->data_dir); }
SETTER(node_outer)
{
	NODE->outer_line = v->line;
	config_set_text(r, v, NODE->outer_interface, IF_NAMESIZE);
}
SETTER(node_inner)
{
	NODE->inner_line = v->line;
	config_set_text(r, v, NODE->inner_interface, IF_NAMESIZE);
}
SETTER(node_http)
{
	struct endpoint e;

	if (v->string[0] && (endpoint_parse(&e, v->string) != OK || e.port == 0))
		reader_error(r, v->line, "\"http\" must be an address and port, such as "
			     "\"127.0.0.1:9505\", or \"\" for none");
	else
		snprintf(NODE->http, sizeof(NODE->http), "%s", v->string);
}
SETTER(node_control)
{
	char path[CONFIG_PATH_MAX] = "";

	NODE->control_named = true;
	NODE->control[0] = '\0';
	if (v->string[0])
		config_set_path(r, v, path);
	if (strlen(path) >= sizeof(NODE->control))
		reader_error(r, v->line, "\"control\" must be a path of less than %zu octets, with "
					 "its folder", sizeof(NODE->control));
	else
		strcpy(NODE->control, path);
}
SETTER(node_http_name) { config_set_text(r, v, NODE->http_name, sizeof(NODE->http_name)); }

static const struct config_key node_keys[] = {
	{ "name", TOML_STRING, true, node_name },
	{ "link", TOML_STRING, true, node_link },
	{ "cert_file", TOML_STRING, true, node_cert },
	{ "key_file", TOML_STRING, true, node_key },
	{ "link_secret_file", TOML_STRING, false, node_link_secret },
	{ "data_dir", TOML_STRING, true, node_data },
	{ "outer_interface", TOML_STRING, true, node_outer },
	{ "inner_interface", TOML_STRING, true, node_inner },
	{ "http", TOML_STRING, false, node_http },
	{ "http_name", TOML_STRING, false, node_http_name },
	{ "control", TOML_STRING, false, node_control },
	{ 0 }
};

/* ---- [service], [datapath], [log] ---- */

SETTER(service_mode)
{
	int i = config_choice(r, v, (const char *const[]){ "vip", "lb", NULL });

	if (i == 1)
		reader_error(r, v->line, "\"mode\": \"lb\" is not built yet: use \"vip\"");
}
SETTER(service_addresses)
{
	r->c->n_outer = config_set_prefixes(r, v, r->c->outer, CONFIG_ADDRESSES_MAX);
	r->c->cluster.n_service = (uint32_t)r->c->n_outer;
	for (size_t i = 0; i < r->c->n_outer; i++)
		r->c->cluster.service[i] = r->c->outer[i].address;
}
SETTER(service_fragmentation) { r->c->cluster.policy->ike.fragmentation = v->boolean; }
SETTER(service_fragment_size)
{
	config_set_number(r, v, IKE_FRAGMENT_SIZE_MIN, IKE_FRAGMENT_SIZE_MAX, &r->c->cluster.policy->ike.fragment_size);
	if (v->integer >= IKE_FRAGMENT_SIZE_MIN && v->integer < IKE_FRAGMENT_SIZE_ALL)
		reader_warning(r, v->line, "\"fragment_size\" of %u: long messages, as with certificates, do not "
			       "fit into %u fragments; %u is enough for all", r->c->cluster.policy->ike.fragment_size,
			       IKE_DATAGRAMS_MAX, IKE_FRAGMENT_SIZE_ALL);
}
SETTER(service_inner) { r->c->n_inner = config_set_prefixes(r, v, r->c->inner, CONFIG_ADDRESSES_MAX); }

static const struct config_key service_keys[] = {
	{ "mode", TOML_STRING, false, service_mode },
	{ "addresses", TOML_ARRAY, true, service_addresses },
	{ "inner_addresses", TOML_ARRAY, false, service_inner },
	{ "fragmentation", TOML_BOOLEAN, CONFIG_POLICY, service_fragmentation },
	{ "fragment_size", TOML_INTEGER, CONFIG_POLICY, service_fragment_size },
	{ 0 }
};

SETTER(datapath_mode)
{
	int i = config_choice(r, v, (const char *const[]){ "auto", "xdp", "socket", NULL });

	if (i >= 0)
		r->c->datapath = (enum config_datapath)i;
}
SETTER(datapath_tun) { config_set_text(r, v, r->c->tun, IF_NAMESIZE); }
SETTER(datapath_mtu)
{
	uint32_t mtu = 0;

	config_set_number(r, v, 576, 1500, &mtu);
	r->c->tun_mtu = (uint16_t)mtu;
}

SETTER(datapath_mss_clamp) { r->c->mss_clamp = v->boolean; }

static const struct config_key datapath_keys[] = {
	{ "mss_clamp", TOML_BOOLEAN, false, datapath_mss_clamp },
	{ "mode", TOML_STRING, false, datapath_mode },
	{ "tun", TOML_STRING, false, datapath_tun },
	{ "mtu", TOML_INTEGER, false, datapath_mtu },
	{ 0 }
};

SETTER(log_level)
{
	int i = config_choice(r, v, (const char *const[]){ "error", "warning", "info", "debug", NULL });

	if (i >= 0)
		r->c->log_level = (enum config_log_level)i;
}

static const struct config_key log_keys[] = {
	{ "level", TOML_STRING, CONFIG_OWN, log_level },
	{ 0 }
};

/* ---- [test] ---- */

SETTER(test_no_datapath) { r->c->test.no_datapath = v->boolean; }
SETTER(test_leader_holds) { r->c->cluster.leader_holds = v->boolean; }
SETTER(test_heartbeats_off) { r->c->test.heartbeats_off = v->boolean; }
SETTER(test_die_file) { config_set_path(r, v, r->c->test.die_file); }
SETTER(test_store_delay) { config_set_number(r, v, 0, 60000, &r->c->test.store_delay_ms); }
/* Longer than any real one, so that the next owner starts near the end of the space. */
SETTER(test_lease)
{
	if (v->integer < 1 || v->integer > INT64_C(1) << 40)
		reader_error(r, v->line, "\"lease\" must be 1 to 2^40");
	else
		r->c->cluster.lease = (uint64_t)v->integer;
}
SETTER(test_map)
{
	uint32_t n = 0;

	config_set_number(r, v, 1 << 16, INT_MAX, &n);
	r->c->test.store_map_bytes = n;
}
/* Small, so that snapshots are made, sent and installed within a short test. */
SETTER(test_snapshot)
{
	uint32_t n = 0;

	config_set_number(r, v, 1 << 12, INT_MAX, &n);
	r->c->cluster.snapshot_bytes = n;
	r->c->cluster.snapshot_trailing = 16;
}

static const struct config_key test_keys[] = {
	{ "no_datapath", TOML_BOOLEAN, false, test_no_datapath },
	{ "leader_holds", TOML_BOOLEAN, false, test_leader_holds },
	{ "heartbeats_off", TOML_BOOLEAN, false, test_heartbeats_off },
	{ "die_file", TOML_STRING, false, test_die_file },
	{ "lease", TOML_INTEGER, false, test_lease },
	{ "store_delay_ms", TOML_INTEGER, false, test_store_delay },
	{ "store_map_bytes", TOML_INTEGER, false, test_map },
	{ "snapshot_bytes", TOML_INTEGER, false, test_snapshot },
	{ 0 }
};

const struct config_section config_sections[] = {
	/* name, list, required, policy, keys, begin */
	{ "cluster", false, true, false, cluster_keys, NULL },
	{ "timing", false, false, false, timing_keys, NULL },
	{ "node", true, true, false, node_keys, node_begin },
	{ "service", false, true, false, service_keys, NULL },
	{ "datapath", false, false, false, datapath_keys, NULL },
	{ "log", false, false, false, log_keys, NULL },
	{ "connection", true, true, true, config_connection_keys, config_connection_begin },
	{ "secret", true, false, true, config_secret_keys, config_secret_begin },
	{ "user", true, false, true, config_user_keys, config_user_begin },
	{ "client", true, false, true, config_client_keys, config_client_begin },
	{ "radius", true, false, true, config_radius_keys, config_radius_begin },
	{ "test", false, false, false, test_keys, NULL },
	{ 0 }
};
