/* SPDX-License-Identifier: Apache-2.0 */
/* Between http.c and http_conn.c. */
#ifndef NODE_HTTP_HTTP_INTERNAL_H
#define NODE_HTTP_HTTP_INTERNAL_H

#include "node/http/http.h"

#include <microhttpd.h>

#define IDLE_SECONDS 10u /* Libmicrohttpd ends a connection on which nothing moves. */

struct http_conn {
	struct http_conn *next, *previous; /* Oldest first. */
	int fd;
	uint64_t until_ms; /* 0: it was told to end. */
	bool answering;
	bool streaming;    /* ... a list of sessions. */
};

struct http {
	struct MHD_Daemon *daemon;
	const struct status_view *view;
	uv_poll_t poll;
	uv_timer_t timer;
	struct http_conn *oldest, *newest;
	unsigned n;    /* Connections that were not told to end. */
	unsigned streams;
	bool sliced;   /* A slice was made in this turn: the loop's other work comes first. */
	unsigned open; /* Handles that are not closed yet. */
};

/* libmicrohttpd says: a connection is there, or has gone; an answer is out. */
void http_on_connection(void *ctx, struct MHD_Connection *connection, void **context,
			enum MHD_ConnectionNotificationCode what);
void http_on_completed(void *ctx, struct MHD_Connection *connection, void **request,
		       enum MHD_RequestTerminationCode why);

struct http_conn *http_conn_of(struct MHD_Connection *connection); /* May be NULL. */
/* The request is complete: now the answer has its time. */
void http_conn_answers(const struct http *h, struct MHD_Connection *connection);
void http_conn_end_overdue(struct http *h);
/* A client that takes a list slowly gives way to the next one that asks, once that one comes
 * again. */
void http_conn_end_slow(struct http *h);

#endif
