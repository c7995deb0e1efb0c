/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of `baton`. Each gets its arguments, argv[0] being its name, and returns the exit
 * status; only those that ask a node return 3 and 4. */
#ifndef NODE_CLI_CMD_H
#define NODE_CLI_CMD_H

#define CMD_OK 0
#define CMD_FAILED 1
#define CMD_USAGE 2
#define CMD_DEGRADED 3
#define CMD_UNREACHABLE 4

int cmd_run(int argc, char **argv);      /* node/cli/cmd_run.c */
int cmd_check(int argc, char **argv);    /* node/cli/cmd_check.c */
int cmd_init(int argc, char **argv);     /* node/cli/cmd_init.c */
int cmd_status(int argc, char **argv);   /* node/cli/cmd_status.c */
int cmd_sessions(int argc, char **argv); /* node/cli/cmd_status.c */
int cmd_end(int argc, char **argv);      /* node/cli/cmd_control.c */
int cmd_revoke(int argc, char **argv);   /* node/cli/cmd_control.c */
int cmd_allow(int argc, char **argv);    /* node/cli/cmd_control.c */
int cmd_prune(int argc, char **argv);    /* node/cli/cmd_control.c */
int cmd_reload(int argc, char **argv);   /* node/cli/cmd_control.c */

#endif
