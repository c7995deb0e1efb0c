/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests to the status endpoint: libmicrohttpd parses, node/http/http.c answers. The input
 * is all that a client sends on one connection. Each answer is HTTP; only GET and HEAD ever get
 * 200, JSON is JSON, and the connection ends. */
#include "node/http/http.c" /* For run(), as its loop calls it. */
#include "test/lib/story.h"

/* runs: 10000 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define REPLY_MAX (256u << 10)

static struct story story;
static struct node_config config;
static struct status_view view;
static struct http *http;
static char reply[REPLY_MAX + 1];

static json_t *no_events(void *ctx)
{
	(void)ctx;
	return json_array();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static uv_loop_t loop;
	static char err[HTTP_ERR_LEN];

	(void)argc;
	(void)argv;
	story_init(&story, 1);
	story_start(&story, 0);
	story_run(&story, 2000);
	story_client_connect(&story);
	config.cluster = story.config[0];
	view = (struct status_view){.config = &config, .core = story.node[0].core, .events = no_events};
	uv_loop_init(&loop);
	http = http_start(&loop, "127.0.0.1:0", &view, err);
	if (!http) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	return 0;
}

/* Sends all, then reads until the other end closes. */
static size_t exchange(const uint8_t *data, size_t len)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	size_t sent = 0, got = 0;
	int fd[2], rc, idle = 0;
	ssize_t n;

	rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd);
	assert(rc == 0);
	rc = MHD_add_connection(http->daemon, fd[0], (struct sockaddr *)&from, sizeof(from));
	assert(rc == MHD_YES);
	for (n = 1; n != 0 && idle < 100; idle++) {
		if (sent < len && (n = send(fd[1], data + sent, len - sent, MSG_NOSIGNAL)) > 0)
			sent += (size_t)n;
		else if (sent < len && errno != EAGAIN)
			sent = len; /* It does not want the rest. */
		if (sent == len)
			shutdown(fd[1], SHUT_WR);
		run(http);
		while ((n = recv(fd[1], reply + got, REPLY_MAX - got, 0)) > 0) {
			got += (size_t)n;
			idle = 0;
		}
		if (n < 0 && errno != EAGAIN)
			break;
	}
	close(fd[1]);
	run(http);
	assert(idle < 100 && !http->oldest && http->n == 0);
	return got;
}

/* The chunks of RFC 9112 7.1, put together in place. */
static size_t unchunk(char *body)
{
	char *from = body, *to = body;
	unsigned long n;

	while ((n = strtoul(from, &from, 16)) > 0) {
		assert(memcmp(from, "\r\n", 2) == 0 && from + 2 + n < reply + REPLY_MAX);
		memmove(to, from + 2, n);
		to += n;
		from += 2 + n;
	}
	return (size_t)(to - body);
}

static bool is_json(const char *headers, char *body, size_t len)
{
	json_t *j;

	if (strstr(headers, "Transfer-Encoding: chunked"))
		len = unchunk(body);
	j = json_loadb(body, len, JSON_DISABLE_EOF_CHECK, NULL);
	json_decref(j);
	return j != NULL;
}

/* The first answer; others may follow when the client sends more requests at once. */
static void check(const uint8_t *data, size_t len, size_t got)
{
	unsigned status = 0;
	char *body;
	bool head;

	if (got == 0)
		return;
	reply[got] = '\0';
	assert(sscanf(reply, "HTTP/1.%*1[01] %3u ", &status) == 1);
	assert(status == 100 || status == 200 || (status >= 400 && status < 600));
	body = strstr(reply, "\r\n\r\n");
	assert(body);
	if (status != 200)
		return;
	head = memmem(data, len, "HEAD", 4) != NULL; /* libmicrohttpd forgives much before it. */
	assert(head || memmem(data, len, "GET", 3));
	*body = '\0';
	if (!head && strstr(reply, "application/json"))
		assert(is_json(reply, body + 4, got - (size_t)(body + 4 - reply)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > 0)
		check(data, len, exchange(data, len));
	return 0;
}
