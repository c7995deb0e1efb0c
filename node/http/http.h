/* SPDX-License-Identifier: Apache-2.0 */
/* The status endpoint: GET /livez /readyz /healthz /metrics /v1/status /v1/sessions /v1/events and
 * / for people. Read-only. Runs on the control loop; connections, their memory and their time are
 * bounded. /v1/sessions?after=ID&limit=N returns at most N sessions after that id. */
#ifndef NODE_HTTP_HTTP_H
#define NODE_HTTP_HTTP_H

#include "node/http/status_json.h"

#include <uv.h>

#define HTTP_ERR_LEN 256u
#define HTTP_CONNECTIONS_MAX 64u

struct http;

/* listen: "127.0.0.1:9505". NULL: err says why, e.g. that the port is in use.
 * view is borrowed. */
struct http *http_start(uv_loop_t *loop, const char *listen, const struct status_view *view,
			char err[HTTP_ERR_LEN]);
/* Closes its handles; they end with the loop's next turn. NULL is accepted. */
void http_stop(struct http *h);

#endif
