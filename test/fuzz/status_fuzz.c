/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of a node on any state that a snapshot may hold. Peers choose their
 * identities: whatever they are, every session is in the list, the list is JSON, and
 * each line of the metrics is one of Prometheus. */
#include "node/status.c"
#include "cluster/core_internal.h"

/* runs: 10000 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct node_config config;
static struct core core;

/* Without a data path none of these is called. */
enum datapath_mode datapath_mode(const struct datapath *dp) { (void)dp; abort(); }
const char *datapath_mode_text(const struct datapath *dp) { (void)dp; abort(); }
const char *datapath_mode_why(const struct datapath *dp) { (void)dp; abort(); }
void datapath_count(const struct datapath *dp, struct datapath_counters *out) { (void)dp; (void)out; abort(); }
void datapath_sa_stats(struct datapath *dp, const uint32_t *spi_in, size_t n, struct datapath_sa_stats *out)
{
	(void)dp;
	(void)spi_in;
	(void)n;
	(void)out;
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	cluster_config_defaults(&config.cluster);
	strcpy(config.cluster.name, "fuzz");
	config.cluster.n_nodes = 3;
	for (unsigned i = 0; i < 3; i++)
		snprintf(config.cluster.node[i], CLUSTER_NAME_MAX, "n%u", i + 1);
	core.config = &config.cluster;
	core.raft_id = 1;
	return 0;
}

static void check_json(json_t *j)
{
	char *text;
	json_t *again;

	assert(j);
	text = json_dumps(j, JSON_COMPACT);
	assert(text);
	again = json_loads(text, 0, NULL);
	assert(again && json_equal(j, again));
	json_decref(again);
	free(text);
	json_decref(j);
}

static void check_metrics(char *text)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert(strncmp(line, "# TYPE baton_", 13) == 0 || strncmp(line, "baton_", 6) == 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct status_view v = {.config = &config, .core = &core};
	json_t *list;

	core.state = state_decode(data, len);
	if (!core.state)
		return 0;
	list = status_sessions_json(&v);
	assert(json_array_size(list) == state_sessions(core.state));
	check_json(list);
	check_json(status_json(&v));
	check_metrics(status_metrics(&v));
	status_healthy(&v);
	state_free(core.state);
	return 0;
}
