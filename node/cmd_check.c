/* SPDX-License-Identifier: Apache-2.0 */
/* baton check: every error of a cluster.toml, one a line, each with its place. */
#include "node/cmd.h"
#include "node/config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

int cmd_check(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' }, { 0 } };
	struct node_config *c = malloc(sizeof(*c));
	struct config_errors errors;
	const char *path = NULL;
	int status, o;

	if (!c)
		return CMD_FAILED;
	while ((o = getopt_long(argc, argv, "c:", options, NULL)) != -1)
		if (o == 'c')
			path = optarg;
	if (!path || optind != argc) {
		fprintf(stderr, "usage: baton check --config cluster.toml\n");
		free(c);
		return CMD_USAGE;
	}
	status = node_config_load(c, path, NULL, &errors) == 0 ? CMD_OK : CMD_FAILED;
	config_errors_print(&errors);
	if (status == CMD_OK)
		printf("%s: good; %u nodes, %zu connections, %zu secrets\n", path, c->cluster.n_nodes,
		       c->cluster.ike.n_connections, c->cluster.ike.n_secrets);
	config_errors_fini(&errors);
	node_config_fini(c);
	free(c);
	return status;
}
