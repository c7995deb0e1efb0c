/* SPDX-License-Identifier: Apache-2.0 */
/* A connection is one line in and one line out. It has a fixed place with room for both, and
 * PATIENCE_MS: a client that says nothing then makes room for others. All of it runs on the control
 * loop, which asks the core (node_start.c); the core answers through perform.c. */
#include "node/control/control_socket.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MODE 0660
#define FOLDER_MODE 0755
#define LOOK_MS 1000u
#define PATIENCE_MS 15000u /* The core's own is shorter. */

struct connection {
	struct control_socket *socket; /* NULL: this place is free. */
	uv_pipe_t pipe;
	uint64_t from, until_ms;
	char line[CONTROL_LINE_MAX + 1]; /* And its newline. */
	size_t len;
	uv_write_t write;
	char *answer;
	bool asked;                    /* Its line is whole. */
};

struct control_socket {
	uv_pipe_t listener;
	uv_timer_t timer;
	struct control_face face;
	char path[CONTROL_PATH_MAX];
	struct connection connection[CONTROL_CONNECTIONS_MAX];
	uint64_t last;  /* The number given last. */
	unsigned open;  /* Handles that are not closed yet. */
	bool stopping;
};

/* ---- Ends ---- */

static void free_last(struct control_socket *c)
{
	if (--c->open == 0)
		free(c);
}

static void on_handle_closed(uv_handle_t *h)
{
	free_last(h->data);
}

static void on_connection_closed(uv_handle_t *h)
{
	struct connection *x = h->data;
	struct control_socket *c = x->socket;

	free(x->answer);
	memset(x, 0, sizeof(*x));
	free_last(c);
}

static void end(struct connection *x)
{
	if (!uv_is_closing((uv_handle_t *)&x->pipe))
		uv_close((uv_handle_t *)&x->pipe, on_connection_closed);
}

/* ---- Answers ---- */

static void on_written(uv_write_t *w, int status)
{
	(void)status;
	end(w->data);
}

static void say(struct connection *x, bool ok, uint32_t sessions, const char *text, json_t *revoked)
{
	uv_buf_t buf;

	if (x->answer) { /* It has one. */
		json_decref(revoked);
		return;
	}
	x->answer = control_line_answer(ok, sessions, text, revoked);
	if (!x->answer) {
		end(x);
		return;
	}
	buf = uv_buf_init(x->answer, (unsigned)strlen(x->answer));
	x->write.data = x;
	uv_read_stop((uv_stream_t *)&x->pipe);
	if (uv_write(&x->write, (uv_stream_t *)&x->pipe, &buf, 1, on_written) != 0)
		end(x);
}

void control_socket_answer(struct control_socket *c, uint64_t from, bool ok, uint32_t sessions,
			   const char *text)
{
	for (unsigned i = 0; c && i < CONTROL_CONNECTIONS_MAX; i++)
		if (c->connection[i].socket && c->connection[i].from == from &&
		    !uv_is_closing((uv_handle_t *)&c->connection[i].pipe))
			say(&c->connection[i], ok, sessions, text, NULL);
}

/* ---- Requests ---- */

static void list(struct connection *x)
{
	json_t *revoked = x->socket->face.revoked(x->socket->face.ctx);
	size_t n = json_array_size(revoked);
	char text[64];

	snprintf(text, sizeof(text), n == 1 ? "%zu identity is revoked" : "%zu identities are revoked", n);
	say(x, true, 0, text, revoked);
}

static void take(struct connection *x, size_t len)
{
	struct control_request r;
	char why[CONTROL_WHY_LEN];

	x->asked = true;
	uv_read_stop((uv_stream_t *)&x->pipe);
	if (!control_line_read(&r, x->line, len, why)) {
		say(x, false, 0, why, NULL);
	} else if (r.verb == CONTROL_LIST) {
		list(x);
	} else if (r.verb == CONTROL_RELOAD) {
		x->socket->face.reload(x->socket->face.ctx, x->from);
	} else {
		r.from = x->from;
		x->socket->face.request(x->socket->face.ctx, &r);
	}
}

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct connection *x = h->data;

	(void)suggested;
	*buf = uv_buf_init(x->line + x->len, (unsigned)(sizeof(x->line) - x->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct connection *x = s->data;
	char *newline;

	(void)buf;
	if (n < 0) {
		end(x);
		return;
	}
	x->len += (size_t)n;
	newline = memchr(x->line, '\n', x->len);
	if (newline)
		take(x, (size_t)(newline - x->line));
	else if (x->len == sizeof(x->line))
		take(x, x->len); /* Too long: it is refused as that. */
}

static void on_time(uv_timer_t *t)
{
	struct control_socket *c = t->data;
	unsigned n = 0;

	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		struct connection *x = &c->connection[i];

		n += x->socket != NULL;
		if (x->socket && uv_now(t->loop) > x->until_ms)
			end(x);
	}
	if (n == 0)
		uv_timer_stop(t);
}

static void on_stranger_closed(uv_handle_t *h)
{
	free(h);
}

/* Taken from the queue, and let go of. */
static void turn_away(struct control_socket *c)
{
	uv_pipe_t *p = calloc(1, sizeof(*p));

	assert(p);
	uv_pipe_init(c->listener.loop, p, 0);
	(void)uv_accept((uv_stream_t *)&c->listener, (uv_stream_t *)p);
	uv_close((uv_handle_t *)p, on_stranger_closed);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct control_socket *c = s->data;
	struct connection *x = NULL;

	if (status != 0 || c->stopping)
		return;
	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX && !x; i++)
		if (!c->connection[i].socket)
			x = &c->connection[i];
	if (!x) {
		turn_away(c);
		return;
	}
	x->socket = c;
	x->from = ++c->last;
	x->until_ms = uv_now(s->loop) + PATIENCE_MS;
	uv_pipe_init(s->loop, &x->pipe, 0);
	x->pipe.data = x;
	c->open++;
	if (uv_accept(s, (uv_stream_t *)&x->pipe) != 0 ||
	    uv_read_start((uv_stream_t *)&x->pipe, on_room, on_read) != 0)
		end(x);
	else if (!uv_is_active((uv_handle_t *)&c->timer))
		uv_timer_start(&c->timer, on_time, LOOK_MS, LOOK_MS);
}

/* ---- Life ---- */

/* Is somebody there who answers? */
static bool is_alive(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0;

	if (fd >= 0)
		close(fd);
	return alive;
}

static const char *make_room(const struct sockaddr_un *at)
{
	char folder[CONTROL_PATH_MAX], *slash;
	struct stat st;

	snprintf(folder, sizeof(folder), "%s", at->sun_path);
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		if (mkdir(folder, FOLDER_MODE) != 0 && errno != EEXIST)
			return strerror(errno);
	}
	if (lstat(at->sun_path, &st) != 0)
		return NULL;
	if (!S_ISSOCK(st.st_mode))
		return "something other than a socket is there";
	if (is_alive(at))
		return "another process listens there";
	return unlink(at->sun_path) == 0 ? NULL : strerror(errno);
}

/* Bound, with its mode from the first moment on; -1: *why says it. */
static int open_socket(const char *path, const char **why)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	*why = make_room(&at);
	if (*why)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Linux gives the file the mode of the socket, less the umask. */
	if (fd >= 0 && fchmod(fd, MODE) == 0 &&
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && chmod(path, MODE) == 0)
		return fd;
	*why = strerror(errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

struct control_socket *control_socket_open(uv_loop_t *loop, const char *path, char err[CONTROL_ERR_LEN])
{
	struct control_socket *c;
	const char *why = "";
	int fd = open_socket(path, &why), rc;

	if (fd < 0) {
		snprintf(err, CONTROL_ERR_LEN, "control = \"%s\": %s", path, why);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	assert(c);
	snprintf(c->path, sizeof(c->path), "%s", path);
	uv_pipe_init(loop, &c->listener, 0);
	uv_timer_init(loop, &c->timer);
	c->listener.data = c->timer.data = c;
	c->open = 2;
	rc = uv_pipe_open(&c->listener, fd);
	if (rc == 0)
		return c;
	close(fd);
	snprintf(err, CONTROL_ERR_LEN, "control = \"%s\": %s", path, uv_strerror(rc));
	control_socket_stop(c);
	return NULL;
}

bool control_socket_serve(struct control_socket *c, const struct control_face *face,
			  char err[CONTROL_ERR_LEN])
{
	int rc;

	c->face = *face;
	rc = uv_listen((uv_stream_t *)&c->listener, CONTROL_CONNECTIONS_MAX, on_connection);
	if (rc != 0)
		snprintf(err, CONTROL_ERR_LEN, "control = \"%s\": %s", c->path, uv_strerror(rc));
	return rc == 0;
}

void control_socket_stop(struct control_socket *c)
{
	if (!c)
		return;
	c->stopping = true;
	unlink(c->path); /* Where we still may; else the next start does. */
	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (c->connection[i].socket)
			end(&c->connection[i]);
	uv_close((uv_handle_t *)&c->listener, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}
