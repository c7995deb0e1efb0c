/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/config_reader.h"

#include "node/config/config_image.h"
#include "node/process/guard.h"

#include <openssl/mem.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static bool write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* As `baton check` and `baton run` do. */
static bool answer(int fd, const char *path, const char *node_name)
{
	struct node_config *c = calloc(1, sizeof(*c));
	struct config_errors errors = {0};
	uint8_t *image;
	size_t len;
	bool sent;

	if (!c)
		return false;
	if (node_config_load(c, path, node_name, &errors) == 0 &&
	    node_config_check_pki(c, node_name, time(NULL), CONFIG_RELOAD, &errors) != 0) {
		/* It is in errors. */
	}
	image = config_image_encode(c, &errors, &len);
	sent = write_all(fd, image, len);
	OPENSSL_cleanse(image, len);
	free(image);
	config_errors_fini(&errors);
	node_config_fini(c);
	free(c);
	return sent;
}

/* It ends with the node, and by no signal that is meant for that. */
static void __attribute__((noreturn)) serve(int fd, const char *path, const char *node_name)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
	uint8_t octet;
	ssize_t n;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_NAME, "baton-config");
	guard_reader();
	do
		n = read(fd, &octet, 1);
	while ((n < 0 && errno == EINTR) || (n == 1 && answer(fd, path, node_name)));
	_exit(0);
}

/* Whatever the working folder becomes; a link is followed anew at each reading. */
static char *absolute(const char *path)
{
	char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0), *out = NULL;

	if (path[0] == '/')
		return strdup(path);
	if (folder && asprintf(&out, "%s/%s", folder, path) < 0)
		out = NULL;
	free(folder);
	return out;
}

int config_reader_start(const char *path, const char *node_name)
{
	int ends[2];
	char *file;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	file = absolute(path);
	pid = file ? fork() : -1;
	if (pid == 0) {
		close(ends[0]);
		serve(ends[1], file, node_name);
	}
	free(file);
	close(ends[1]);
	if (pid > 0)
		return ends[0];
	close(ends[0]);
	return -1;
}
