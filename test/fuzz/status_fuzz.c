/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of a node on any state that a snapshot may hold. Peers choose their identities: for
 * any of them every session is in the list, the list is JSON, and each line of the metrics is one
 * of Prometheus. */
#include "cluster/core/rooms.h"
#include "node/http/status_json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* runs: 10000 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct node_config config;
static struct core *core;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct core_start start = {.raft_id = 1, .incarnation = 1, .now_us = 1};
	struct actions actions;
	const char *why = "";

	(void)argc;
	(void)argv;
	cluster_config_defaults(&config.cluster);
	config.cluster.policy = cluster_policy_new();
	strcpy(config.cluster.name, "fuzz");
	config.cluster.n_nodes = 3;
	for (unsigned i = 0; i < 3; i++)
		snprintf(config.cluster.node[i], CLUSTER_NAME_MAX, "n%u", i + 1);
	actions_init(&actions);
	core = core_new(&config.cluster, &start, &actions, &why);
	actions_fini(&actions);
	assert(core);
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

/* All sessions, taken in pieces of `room` octets. */
static json_t *sessions(const struct status_view *v, size_t room)
{
	struct status_sessions *s = status_sessions_new(v, 0, UINT64_MAX);
	size_t len = 0, n, size = 1 << 16;
	char *text = malloc(size);
	json_t *list;

	do {
		if (size - len < room)
			text = realloc(text, size *= 2);
		assert(text);
		n = status_sessions_read(s, text + len, room);
		len += n;
	} while (n);
	status_sessions_free(s);
	list = json_loadb(text, len, 0, NULL);
	free(text);
	return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct status_view v = {.config = &config, .core = core};
	struct state *own = core->state, *state = state_decode(data, len, UINT8_MAX);
	json_t *list;

	if (!state)
		return 0;
	core->state = state;
	list = sessions(&v, 1 + len % 5000);
	assert(list && json_array_size(list) == state_sessions(state));
	check_json(list);
	check_json(status_json(&v));
	check_metrics(status_metrics(&v));
	status_healthy(&v);
	core->state = own;
	state_free(state);
	return 0;
}
