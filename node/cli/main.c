/* SPDX-License-Identifier: Apache-2.0 */
/* baton: a cluster of IPsec gateways. Picks the subcommand. */
#include "node/cli/cmd.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} commands[] = {
	{"run", cmd_run, "run one node in the foreground"},
	{"check", cmd_check, "check a configuration and print every error"},
	{"init", cmd_init, "make keys, certificates and a commented configuration"},
	{"status", cmd_status, "show the state of the cluster, as a node sees it"},
	{"sessions", cmd_sessions, "list sessions"},
	{"end", cmd_end, "end a session, or all sessions of an identity"},
	{"revoke", cmd_revoke, "lock an identity out, and end its sessions"},
	{"allow", cmd_allow, "undo a revocation"},
	{"prune", cmd_prune, "end sessions that cluster.toml no longer allows"},
	{"reload", cmd_reload, "have a running node read cluster.toml again"},
};

static int usage(FILE *out, int status)
{
	fputs("usage: baton COMMAND [OPTION...]\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].about);
	fputs("baton COMMAND --help explains a command, baton --version prints the version.\n", out);
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr, CMD_USAGE);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return usage(stdout, CMD_OK);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)
		return puts("baton " BATON_VERSION) < 0 ? CMD_FAILED : CMD_OK;
	fprintf(stderr, "baton: there is no command \"%s\"\n", argv[1]);
	return usage(stderr, CMD_USAGE);
}
