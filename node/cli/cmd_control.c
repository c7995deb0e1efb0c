/* SPDX-License-Identifier: Apache-2.0 */
/* baton end, revoke, allow, prune, reload: an operator's commands to a running node, through its
 * control socket. */
#include "node/cli/cmd.h"
#include "node/config/config.h"
#include "node/control/control_socket.h"

#include <jansson.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_SECONDS 20

struct order {
	char path[CONTROL_PATH_MAX];
	const char *verb, *what; /* What follows it; NULL: nothing. */
	bool json, help, yes, list, identity;
};

/* ---- Asking ---- */

static int dial(const char *path)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

static json_t *read_answer(int fd)
{
	char *text = malloc(CONTROL_ANSWER_MAX);
	json_t *answer = NULL;
	size_t len = 0;
	ssize_t n = 1;

	while (text && n > 0 && len < CONTROL_ANSWER_MAX) {
		n = read(fd, text + len, CONTROL_ANSWER_MAX - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (text)
		answer = json_loadb(text, len, 0, NULL);
	free(text);
	return answer;
}

static json_t *ask(const struct order *o, const char *line)
{
	size_t len = strlen(line);
	int fd = dial(o->path);
	json_t *answer = NULL;

	if (fd < 0) {
		fprintf(stderr, "baton: %s: %s%s\n", o->path, strerror(errno),
			errno == EACCES ? "" : ": is the node running?");
		return NULL;
	}
	if (write(fd, line, len) == (ssize_t)len)
		answer = read_answer(fd);
	if (!json_is_object(answer)) {
		fprintf(stderr, "baton: no answer from %s\n", o->path);
		json_decref(answer);
		answer = NULL;
	}
	close(fd);
	return answer;
}

/* ---- What is asked ---- */

static int usage(FILE *out, const char *verb)
{
	const char *what = strcmp(verb, "end") == 0      ? "ID|IDENTITY"
			   : strcmp(verb, "revoke") == 0 ? "IDENTITY|--list"
			   : strcmp(verb, "allow") == 0  ? "IDENTITY"
			   : strcmp(verb, "prune") == 0  ? "[--yes]"
							 : "";

	fprintf(out,
		"usage: baton %s%s%s --config FILE --node NAME [-o table|json]\n"
		"       baton %s%s%s --control PATH [-o table|json]\n"
		"  -c, --config FILE   cluster.toml; names the node's \"control\" socket\n"
		"  -n, --node NAME     which [[node]]: one that runs on this machine\n"
		"  -o, --output FORMAT table (for people) or json (as the node sends it)\n",
		verb, *what ? " " : "", what, verb, *what ? " " : "", what);
	if (strcmp(verb, "end") == 0)
		fputs("  --identity          an argument of digits is an identity, not the ID of a session\n",
		      out);
	if (strcmp(verb, "prune") == 0)
		fputs("  --yes               end these sessions; without it they are only counted\n", out);
	fputs("exit status: 0 ok, 1 failed, 2 usage, 4 no answer\n", out);
	return CMD_USAGE;
}

/* Whoever may open the socket need not be able to read secrets. */
static int from_config(struct order *o, const char *file, const char *node)
{
	char path[CONFIG_PATH_MAX] = "";
	struct config_errors errors = {0};
	int status = CMD_FAILED;

	if (node_config_control(file, node, path, &errors) != 0) {
		config_errors_print(&errors);
	} else if (!path[0] || strlen(path) >= sizeof(o->path)) {
		fprintf(stderr, "baton: node %s has no control socket: set \"control\" in %s\n", node, file);
	} else {
		strcpy(o->path, path);
		status = CMD_OK;
	}
	config_errors_fini(&errors);
	return status;
}

static bool takes_what(const struct order *o)
{
	return strcmp(o->verb, "prune") != 0 && strcmp(o->verb, "reload") != 0 && !o->list;
}

static int parse(struct order *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"node", required_argument, NULL, 'n'},
		{"control", required_argument, NULL, 'k'}, {"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {"yes", no_argument, NULL, 'y'},
		{"list", no_argument, NULL, 'l'}, {"identity", no_argument, NULL, 'i'}, {0}};
	const char *config = NULL, *node = NULL, *format = "table";
	int x;

	while ((x = getopt_long(argc, argv, "c:n:o:", options, NULL)) != -1) {
		if (x == 'c')
			config = optarg;
		else if (x == 'n')
			node = optarg;
		else if (x == 'o')
			format = optarg;
		else if (x == 'k' && strlen(optarg) < sizeof(o->path))
			strcpy(o->path, optarg);
		else if (x == 'y' && strcmp(o->verb, "prune") == 0)
			o->yes = true;
		else if (x == 'l' && strcmp(o->verb, "revoke") == 0)
			o->list = true;
		else if (x == 'i' && strcmp(o->verb, "end") == 0)
			o->identity = true;
		else if (x == 'h')
			o->help = true;
		else
			return usage(stderr, o->verb);
	}
	if (o->help) {
		(void)usage(stdout, o->verb);
		return CMD_OK;
	}
	o->json = strcmp(format, "json") == 0;
	o->what = optind < argc ? argv[optind] : NULL;
	if ((!o->json && strcmp(format, "table") != 0) || argc - optind != takes_what(o) ||
	    (!o->path[0] && !(config && node)))
		return usage(stderr, o->verb);
	return o->path[0] ? CMD_OK : from_config(o, config, node);
}

/* The id of a session; 0: it is an identity. */
static json_int_t session_of(const struct order *o)
{
	char *end;
	long long id;

	if (o->identity || !o->what || strspn(o->what, "0123456789") != strlen(o->what))
		return 0;
	errno = 0;
	id = strtoll(o->what, &end, 10);
	return errno == 0 && *end == '\0' ? id : 0;
}

static char *line_of(const struct order *o)
{
	json_int_t session = strcmp(o->verb, "end") == 0 ? session_of(o) : 0;
	json_t *j = o->list			       ? json_pack("{s:s}", "do", "list")
		    : strcmp(o->verb, "prune") == 0 ? json_pack("{s:s, s:b}", "do", "prune", "yes", o->yes)
		    : strcmp(o->verb, "reload") == 0 ? json_pack("{s:s}", "do", "reload")
		    : session			       ? json_pack("{s:s, s:I}", "do", "end", "session", session)
				 : json_pack("{s:s, s:s}", "do", o->verb, "identity", o->what);
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL, *line = NULL;

	if (!text || asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	json_decref(j);
	return line;
}

/* ---- What is answered ---- */

/* For a terminal: none but what is printable ASCII. */
static void print_text(FILE *out, const char *text)
{
	for (; text && *text; text++)
		putc(*text < 0x20 || *text >= 0x7f ? '?' : *text, out);
	putc('\n', out);
}

static int print_answer(const struct order *o, const json_t *answer)
{
	bool ok = json_is_true(json_object_get(answer, "ok"));
	const json_t *one;
	size_t i;

	if (o->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		printf("\n");
		return ok ? CMD_OK : CMD_FAILED;
	}
	if (!ok)
		fputs("baton: ", stderr);
	print_text(ok ? stdout : stderr, json_string_value(json_object_get(answer, "text")));
	json_array_foreach(json_object_get(answer, "revoked"), i, one)
		print_text(stdout, json_string_value(one));
	return ok ? CMD_OK : CMD_FAILED;
}

static int run(const char *verb, int argc, char **argv)
{
	struct order o = {.verb = verb};
	int status = parse(&o, argc, argv);
	json_t *answer;
	char *line;

	if (status != CMD_OK || o.help)
		return status;
	line = line_of(&o);
	if (!line || strlen(line) > CONTROL_LINE_MAX) {
		fprintf(stderr, "baton: \"%s\" is no identity\n", o.what ? o.what : "");
		free(line);
		return CMD_FAILED;
	}
	answer = ask(&o, line);
	free(line);
	if (!answer)
		return CMD_UNREACHABLE;
	status = print_answer(&o, answer);
	json_decref(answer);
	return status;
}

int cmd_end(int argc, char **argv)
{
	return run("end", argc, argv);
}

int cmd_revoke(int argc, char **argv)
{
	return run("revoke", argc, argv);
}

int cmd_allow(int argc, char **argv)
{
	return run("allow", argc, argv);
}

int cmd_reload(int argc, char **argv)
{
	return run("reload", argc, argv);
}

int cmd_prune(int argc, char **argv)
{
	return run("prune", argc, argv);
}
