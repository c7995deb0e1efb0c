/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to `baton status` and `baton sessions`, from a node or an impostor at its address. The
 * first octet chooses the command and the format; the rest is the answer.
 *
 * What must hold: the exit status is a documented one; a table has only printable lines (a terminal
 * obeys the rest), and JSON is JSON. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int fuzz_socket(void);
#define socket(family, type, protocol) fuzz_socket()
#define connect(fd, address, len) 0
#include "node/cli/cmd_status.c" /* The one file of node/ that this needs. */
#undef socket
#undef connect

#include <assert.h>

/* runs: 8000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t *answer;
static size_t answer_len;
static int other_end; /* Takes the request. */

/* A connection whose other end has sent everything. */
static int fuzz_socket(void)
{
	static const int room = 1 << 20;
	size_t sent = 0;
	ssize_t n;
	int fd[2], rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);

	assert(rc == 0);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	while (sent < answer_len && (n = send(fd[1], answer + sent, answer_len - sent, MSG_DONTWAIT)) > 0)
		sent += (size_t)n;
	shutdown(fd[1], SHUT_WR);
	other_end = fd[1];
	return fd[0];
}

static void check_table(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		assert(c == '\n' || (c >= 0x20 && c != 0x7f));
		assert(c != 0xc2 || i + 1 == len || ((uint8_t)text[i + 1] & 0xe0) != 0x80); /* C1 */
	}
}

static void check_json(const char *text, size_t len)
{
	json_t *j = json_loadb(text, len, 0, NULL);

	assert(j);
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *argv[] = {"status", "--http", "127.0.0.1:9505", "-o", "table", NULL};
	FILE *terminal = stdout, *notes = stderr;
	char *text = NULL, *said = NULL;
	size_t text_len = 0, said_len = 0;
	int status;

	if (len < 1)
		return 0;
	if (data[0] & 2)
		argv[4] = "json";
	answer = data + 1;
	answer_len = len - 1;
	optind = 0;
	stdout = open_memstream(&text, &text_len);
	stderr = open_memstream(&said, &said_len);
	assert(stdout && stderr);
	status = data[0] & 1 ? cmd_sessions(5, argv) : cmd_status(5, argv);
	fclose(stdout);
	fclose(stderr);
	stdout = terminal;
	stderr = notes;
	close(other_end);
	assert(status == CMD_OK || status == CMD_DEGRADED || status == CMD_UNREACHABLE);
	assert((text_len > 0) == (status != CMD_UNREACHABLE));
	if (data[0] & 2 && text_len > 0)
		check_json(text, text_len);
	else
		check_table(text, text_len);
	free(text);
	free(said);
	return 0;
}
