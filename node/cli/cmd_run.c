/* SPDX-License-Identifier: Apache-2.0 */
/* baton run: one node, in the foreground. Logs to stderr; on SIGTERM or SIGINT it hands over and
 * ends. */
#include "node/cli/cmd.h"
#include "node/process/config_reader.h"
#include "node/process/guard.h"
#include "node/process/node.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define PRIORITY (-10) /* nice */

static int usage(FILE *out, int status)
{
	fputs("usage: baton run --config FILE --node NAME\n"
	      "  -c, --config FILE  cluster.toml, the same on all nodes\n"
	      "  -n, --node NAME    the [[node]] that this process is\n"
	      "  --accept-old-store start a whole cluster from data older than max_store_age_s\n",
	      out);
	return status;
}

static int run(const char *file, const char *name, bool accept_old_store)
{
	struct node_config *config = calloc(1, sizeof(*config));
	struct node *n = calloc(1, sizeof(*n));
	struct config_errors errors = {0};
	char err[NODE_ERR_LEN] = "";
	int status = CMD_FAILED, reader = config_reader_start(file, name);

	if (!config || !n) {
		fputs("baton: out of memory\n", stderr);
	} else if (node_config_load(config, file, name, &errors) != 0 ||
		   node_config_check_pki(config, name, time(NULL), CONFIG_RUN, &errors) != 0) {
		config_errors_print(&errors);
	} else {
		config_errors_print(&errors); /* Warnings. */
		config->accept_old_store = accept_old_store;
		guard_memory(config);
		if (node_start(n, config, reader, err)) {
			/* The core has it, until it gets another. */
			cluster_policy_unref(config->cluster.policy);
			config->cluster.policy = NULL;
			guard_started(n->events);
			status = loop_run(n);
		} else if (n->ended) {
			status = CMD_OK; /* It was told to end while it waited. */
		} else {
			fprintf(stderr, "baton: %s\n", err);
		}
		node_stop(n);
	}
	config_errors_fini(&errors);
	if (config)
		node_config_fini(config);
	free(config);
	free(n);
	return status;
}

int cmd_run(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"node", required_argument, NULL, 'n'},
						{"accept-old-store", no_argument, NULL, 'a'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	static const int ignored[] = {SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2};
	const char *file = NULL, *name = NULL;
	bool accept_old_store = false;
	int o;

	while ((o = getopt_long(argc, argv, "c:n:h", options, NULL)) != -1)
		switch (o) {
		case 'c':
			file = optarg;
			break;
		case 'n':
			name = optarg;
			break;
		case 'a':
			accept_old_store = true;
			break;
		case 'h':
			return usage(stdout, CMD_OK);
		default:
			return usage(stderr, CMD_USAGE);
		}
	if (!file || !name || optind != argc)
		return usage(stderr, CMD_USAGE);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN); /* The loop will tell of some of them. */
	setpriority(PRIO_PROCESS, 0, PRIORITY); /* As routing daemons do; where it is allowed. */
	return run(file, name, accept_old_store);
}
