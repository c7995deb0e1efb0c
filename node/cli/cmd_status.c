/* SPDX-License-Identifier: Apache-2.0 */
/* baton status, baton sessions: ask a running node's status endpoint. */
#include "node/cli/cmd.h"
#include "node/config/config.h"

#include <jansson.h>

#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)
#define PATIENCE_SECONDS 5
#define TEXTS 8u /* More than one line has. */
#define TEXT_MAX 400u

struct question {
	char http[64]; /* Where to ask. */
	bool json;
	bool help; /* Nothing is asked. */
};

/* ---- Asking ---- */

static int dial(const char *http)
{
	const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *ai = NULL;
	char host[ADDRESS_TEXT_LEN], port[8];
	struct endpoint e;
	int fd = -1;

	if (endpoint_parse(&e, http) != OK)
		return -1;
	address_format(&e.address, host);
	snprintf(port, sizeof(port), "%u", e.port);
	if (getaddrinfo(host, port, &hints, &ai) == 0)
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	if (ai)
		freeaddrinfo(ai);
	return fd;
}

static char *read_all(int fd)
{
	char *text = NULL;
	size_t len = 0, room = 0;
	ssize_t n;

	do {
		if (len + 4096 > room) {
			room = room ? room * 2 : 8192;
			text = realloc(text, room);
			if (!text || room > ANSWER_MAX)
				break;
		}
		n = read(fd, text + len, room - len - 1);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	if (text)
		text[len] = '\0';
	return text;
}

static json_t *ask(const char *http, const char *path)
{
	char request[160], *text, *body;
	int n, fd = dial(http);
	json_t *json = NULL;

	if (fd < 0)
		return NULL;
	n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, http);
	if (write(fd, request, (size_t)n) == n) {
		text = read_all(fd);
		body = text ? strstr(text, "\r\n\r\n") : NULL;
		if (body)
			json = json_loads(body + 4, 0, NULL);
		free(text);
	}
	close(fd);
	return json;
}

/* ---- What is asked ---- */

static int usage(FILE *out, const char *name)
{
	fprintf(out,
		"usage: baton %s --config FILE --node NAME [-o table|json]\n"
		"       baton %s --http ADDRESS:PORT [-o table|json]\n"
		"  -c, --config FILE   cluster.toml; names the node's \"http\" address\n"
		"  -n, --node NAME     which [[node]]\n"
		"  -o, --output FORMAT table (for people) or json (as the node sends it)\n"
		"exit status: 0 ok, 1 failed, 2 usage, 3 degraded, 4 no answer\n",
		name, name);
	return CMD_USAGE;
}

static int from_config(struct question *q, const char *path, const char *node)
{
	struct config_errors errors;
	char http[CONFIG_PATH_MAX];
	int status = CMD_OK;

	if (node_config_text(path, node, "http", http, &errors) < 0) {
		config_errors_print(&errors);
		status = CMD_FAILED;
	} else if (!http[0] || strlen(http) >= sizeof(q->http)) {
		fprintf(stderr, "baton: node %s has no status endpoint: set \"http\" in %s\n",
			node ? node : "1", path);
		status = CMD_FAILED;
	} else {
		snprintf(q->http, sizeof(q->http), "%.63s", http);
	}
	config_errors_fini(&errors);
	return status;
}

static int parse(struct question *q, int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "node", required_argument, NULL, 'n' },
						 { "http", required_argument, NULL, 'h' },
						 { "output", required_argument, NULL, 'o' },
						 { "help", no_argument, NULL, 'H' },
						 { 0 } };
	const char *config = NULL, *node = NULL, *format = "table";
	struct endpoint e;
	int o;

	memset(q, 0, sizeof(*q));
	while ((o = getopt_long(argc, argv, "c:n:o:", options, NULL)) != -1) {
		if (o == 'c')
			config = optarg;
		else if (o == 'n')
			node = optarg;
		else if (o == 'h')
			snprintf(q->http, sizeof(q->http), "%s", optarg);
		else if (o == 'o')
			format = optarg;
		else if (o == 'H')
			q->help = true;
		else
			return usage(stderr, argv[0]);
	}
	if (q->help) {
		(void)usage(stdout, argv[0]);
		return CMD_OK;
	}
	q->json = strcmp(format, "json") == 0;
	if (optind != argc || (!q->json && strcmp(format, "table") != 0) || (!config && !q->http[0]))
		return usage(stderr, argv[0]);
	if (!q->http[0])
		return from_config(q, config, node);
	if (endpoint_parse(&e, q->http) == OK && e.port != 0)
		return CMD_OK;
	fprintf(stderr, "baton: \"%s\" is not an address and port, such as \"127.0.0.1:9505\"\n", q->http);
	return CMD_USAGE;
}

static int unreachable(const struct question *q)
{
	fprintf(stderr, "baton: no answer from %s: is the node running?\n", q->http);
	return CMD_UNREACHABLE;
}

/* For a terminal, which obeys control characters: it gets none of C0 and C1, whoever answers and
 * whatever a client is called. Valid for the next TEXTS calls. */
static const char *text_of(const json_t *o, const char *key)
{
	static char texts[TEXTS][TEXT_MAX];
	static unsigned turn;
	const char *s = json_string_value(json_object_get(o, key));
	char *out = texts[turn++ % TEXTS], *at = out;

	for (; s && *s && at < out + TEXT_MAX - 2; s++) {
		uint8_t c = (uint8_t)*s, next = (uint8_t)s[1];
		bool c1 = c == 0xc2 && next < 0xa0; /* UTF-8, as jansson has seen to. */

		*at++ = c < 0x20 || c == 0x7f || c1 ? '?' : (char)c;
		s += c1;
	}
	*at = '\0';
	return out;
}

static long long number_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/* ---- Tables ---- */

static void status_table(const json_t *s)
{
	const json_t *t = json_object_get(s, "takeovers");
	size_t i;
	json_t *n;

	printf("%s, node %s: %s, %s in term %lld, leader %s\n", text_of(s, "cluster"),
	       text_of(s, "node"), json_is_true(json_object_get(s, "ready")) ? "ready" : "not ready",
	       text_of(s, "role"), number_of(s, "term"), text_of(s, "leader"));
	json_array_foreach(json_object_get(s, "unready"), i, n)
		printf("unready: %s: %s\n", text_of(n, "reason"), text_of(n, "text"));
	printf("data path %s, %lld sessions, %lld Child SAs, %lld takeovers (%lld acknowledged)\n\n",
	       text_of(json_object_get(s, "datapath"), "mode"), number_of(s, "sessions"),
	       number_of(s, "child_sas"), number_of(t, "count"), number_of(t, "acknowledged"));
	printf("%-16s %-8s %-10s %-8s %s\n", "NODE", "STATE", "ROLE", "ADDRESS", "SESSIONS");
	json_array_foreach(json_object_get(s, "nodes"), i, n)
		printf("%-16s %-8s %-10s %-8s %lld\n", text_of(n, "name"), text_of(n, "state"),
		       text_of(n, "role"),
		       json_is_true(json_object_get(n, "holds_address")) ? "holds" : "",
		       number_of(n, "sessions_owned"));
}

static void sessions_table(const json_t *l)
{
	size_t i, k;
	json_t *s, *c;

	printf("%-6s %-20s %-22s %-15s %-8s %5s %5s  %s\n", "ID", "PEER", "REMOTE", "VIRTUAL IP", "OWNER",
	       "EPOCH", "TAKEN", "CHILD SAs (in/out)");
	json_array_foreach(l, i, s)
	{
		printf("%-6lld %-20s %-22s %-15s %-8s %5lld %5lld ", number_of(s, "id"),
		       text_of(s, "peer_id"), text_of(s, "remote"), text_of(s, "virtual_ip"),
		       text_of(s, "owner"), number_of(s, "epoch"), number_of(s, "takeovers"));
		json_array_foreach(json_object_get(s, "children"), k, c)
			printf(" %s/%s", text_of(c, "spi_in"), text_of(c, "spi_out"));
		printf("\n");
	}
}

static bool degraded(const json_t *s)
{
	size_t i;
	json_t *n;

	if (!json_is_true(json_object_get(s, "ready")))
		return true;
	json_array_foreach(json_object_get(s, "nodes"), i, n)
		if (strcmp(text_of(n, "state"), "up") != 0)
			return true;
	return false;
}

static int run(int argc, char **argv, const char *path, void (*table)(const json_t *))
{
	struct question q;
	int status = parse(&q, argc, argv);
	json_t *json;

	if (status != CMD_OK || q.help)
		return status;
	json = ask(q.http, path);
	if (!json)
		return unreachable(&q);
	if (q.json) {
		json_dumpf(json, stdout, JSON_INDENT(2));
		printf("\n");
	} else {
		table(json);
	}
	if (json_is_object(json) && degraded(json))
		status = CMD_DEGRADED;
	json_decref(json);
	return status;
}

int cmd_status(int argc, char **argv)
{
	return run(argc, argv, "/v1/status", status_table);
}

int cmd_sessions(int argc, char **argv)
{
	return run(argc, argv, "/v1/sessions", sessions_table);
}
