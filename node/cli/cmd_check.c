/* SPDX-License-Identifier: Apache-2.0 */
/* baton check: every error in a cluster.toml, one per line, each with its place. */
#include "node/cli/cmd.h"
#include "node/config/config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int usage(FILE *out, int status)
{
	fputs("usage: baton check --config FILE [--node NAME]\n"
	      "  -c, --config FILE  cluster.toml; each error in it is printed as FILE:LINE: message,\n"
	      "                     and each probable mistake that works as a warning\n"
	      "  -n, --node NAME    the [[node]] that runs on this machine: certificate and key must be here,\n"
	      "                     interfaces and link address are checked\n"
	      "exit status: 0 good (there may be warnings), 1 errors, 2 usage\n",
	      out);
	return status;
}

int cmd_check(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "node", required_argument, NULL, 'n' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct node_config *c;
	struct config_errors errors;
	const char *path = NULL, *node = NULL;
	int status, o;

	while ((o = getopt_long(argc, argv, "c:n:h", options, NULL)) != -1) {
		if (o == 'h')
			return usage(stdout, CMD_OK);
		if (o == 'c')
			path = optarg;
		else if (o == 'n')
			node = optarg;
		else
			return usage(stderr, CMD_USAGE);
	}
	if (!path || optind != argc)
		return usage(stderr, CMD_USAGE);
	c = malloc(sizeof(*c));
	if (!c)
		return CMD_FAILED;
	status = node_config_load(c, path, node, &errors) == 0 ? CMD_OK : CMD_FAILED;
	if (c->cluster.n_nodes && node_config_check_pki(c, node, time(NULL), CONFIG_CHECK, &errors) != 0)
		status = CMD_FAILED;
	if (status == CMD_OK && node)
		node_config_check_host(c, &errors);
	config_errors_print(&errors);
	if (status == CMD_OK)
		printf("%s: good; %u nodes, %zu connections, %zu secrets, %zu users\n", path,
		       c->cluster.n_nodes, c->cluster.policy->ike.n_connections,
		       c->cluster.policy->ike.n_secrets, c->cluster.policy->ike.n_users);
	config_errors_fini(&errors);
	node_config_fini(c);
	free(c);
	return status;
}
