/* SPDX-License-Identifier: Apache-2.0 */
/* Who may stay connected to the status endpoint. Anybody who reaches the port can connect and say
 * nothing, or ask and not listen. So there are at most HTTP_CONNECTIONS_MAX, each with a deadline:
 * a request must be complete in REQUEST_MS, an answer taken in ANSWER_MS. One more connection ends
 * the one that has been open longest without an answer on its way. */
#include "node/http/http_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#define REQUEST_MS 5000u
#define ANSWER_MS 60000u
#define STREAM_MS 5000u /* One that takes longer may have to go. */

struct http_conn *http_conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* In its next turn the library notices that nothing can be sent any more. */
static void conn_end(struct http *h, struct http_conn *c)
{
	if (c->until_ms == 0)
		return;
	c->until_ms = 0;
	h->n--;
	shutdown(c->fd, SHUT_RDWR);
}

/* For the newest: the oldest that has no answer on its way goes, else the oldest. */
static void make_room(struct http *h)
{
	struct http_conn *victim = NULL;

	if (h->n <= HTTP_CONNECTIONS_MAX)
		return;
	for (struct http_conn *c = h->newest->previous; c; c = c->previous)
		if (c->until_ms && (!victim || !c->answering || victim->answering))
			victim = c;
	conn_end(h, victim);
}

static void conn_open(struct http *h, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_conn *c = calloc(1, sizeof(*c));

	assert(c && fd);
	c->fd = fd->connect_fd;
	c->until_ms = uv_now(h->timer.loop) + REQUEST_MS;
	c->previous = h->newest;
	*(c->previous ? &c->previous->next : &h->oldest) = c;
	h->newest = c;
	h->n++;
	*context = c;
	make_room(h);
}

static void conn_gone(struct http *h, struct http_conn *c)
{
	h->n -= c->until_ms != 0;
	*(c->previous ? &c->previous->next : &h->oldest) = c->next;
	*(c->next ? &c->next->previous : &h->newest) = c->previous;
	free(c);
}

void http_on_connection(void *ctx, struct MHD_Connection *connection, void **context,
			enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		conn_open(ctx, connection, context);
	else if (*context)
		conn_gone(ctx, *context);
}

/* The next request has its own time. */
void http_on_completed(void *ctx, struct MHD_Connection *connection, void **request,
		       enum MHD_RequestTerminationCode why)
{
	struct http *h = ctx;
	struct http_conn *c = http_conn_of(connection);

	(void)request;
	(void)why;
	if (!c || c->until_ms == 0)
		return;
	c->answering = c->streaming = false;
	c->until_ms = uv_now(h->timer.loop) + IDLE_SECONDS * 1000 + REQUEST_MS;
}

void http_conn_answers(const struct http *h, struct MHD_Connection *connection)
{
	struct http_conn *c = http_conn_of(connection);

	if (!c || c->until_ms == 0)
		return;
	c->answering = true;
	c->until_ms = uv_now(h->timer.loop) + ANSWER_MS;
}

void http_conn_end_overdue(struct http *h)
{
	uint64_t now = uv_now(h->timer.loop);

	for (struct http_conn *c = h->oldest; c; c = c->next)
		if (now > c->until_ms)
			conn_end(h, c);
}

void http_conn_end_slow(struct http *h)
{
	uint64_t now = uv_now(h->timer.loop);

	for (struct http_conn *c = h->oldest; c; c = c->next)
		if (c->streaming && c->until_ms && now + ANSWER_MS > c->until_ms + STREAM_MS) {
			conn_end(h, c);
			return;
		}
}
