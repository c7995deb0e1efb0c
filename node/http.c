/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd on the control loop: its epoll descriptor under uv_poll, its
 * timeouts under one uv_timer. */
#include "node/http.h"

#include <microhttpd.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64u
#define IDLE_SECONDS 10u
#define MEMORY_PER_CONNECTION (32u * 1024u)

struct http {
	struct MHD_Daemon *daemon;
	const struct status_view *view;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open; /* Handles that are not closed yet. */
};

static const char page[] =
	"<!doctype html><html lang=en><meta charset=utf-8><title>baton</title>"
	"<meta name=viewport content='width=device-width'>"
	"<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
	"table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;"
	"border-bottom:1px solid #ccc}h1 small{font-weight:400;color:#666}</style>"
	"<h1>baton <small id=who></small></h1><p id=sum></p>"
	"<h2>Nodes</h2><table id=nodes></table><h2>Sessions</h2><table id=sessions></table>"
	"<h2>Events</h2><table id=events></table>"
	"<script>const $=i=>document.getElementById(i),"
	"row=(t,c)=>{const r=t.insertRow();c.forEach(x=>r.insertCell().textContent=x)};"
	"async function show(){const g=async p=>(await fetch(p)).json(),s=await g('/v1/status'),"
	"l=await g('/v1/sessions'),e=await g('/v1/events');"
	"$('who').textContent=s.node+' of '+s.cluster;"
	"$('sum').textContent=(s.ready?'ready':'not ready')+', '+s.role+' in term '+s.term+', leader '"
	"+s.leader+', data path '+s.datapath.detail+', '+s.sessions+' sessions';"
	"$('nodes').innerHTML=$('sessions').innerHTML=$('events').innerHTML='';"
	"row($('nodes'),['name','state','role','holds address','sessions']);"
	"s.nodes.forEach(n=>row($('nodes'),[n.name,n.state,n.role,n.holds_address?'yes':'',n.sessions_owned]));"
	"row($('sessions'),['peer','virtual IP','remote','owner','epoch','takeovers']);"
	"l.slice(0,100).forEach(x=>row($('sessions'),[x.peer_id,x.virtual_ip,x.remote,x.owner,x.epoch,"
	"x.takeovers]));"
	"e.events.slice(-30).reverse().forEach(x=>row($('events'),[new Date(x.at_ms).toISOString(),x.node,"
	"x.kind,x.text]))}show();setInterval(show,2000)</script>";

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      char *body, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(body), body, mode);
	enum MHD_Result result;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	result = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	return answer(connection, status, "text/plain; charset=utf-8", (char *)text,
		      MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_json(struct MHD_Connection *connection, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;

	json_decref(json);
	if (!text)
		return answer_text(connection, 500, "out of memory\n");
	return answer(connection, 200, "application/json", text, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result probe(struct MHD_Connection *connection, bool good)
{
	return good ? answer_text(connection, 200, "ok\n") : answer_text(connection, 503, "no\n");
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **request)
{
	const struct status_view *v = ((struct http *)ctx)->view;
	static int seen;

	(void)version;
	(void)upload;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_text(connection, 405, "only GET\n");
	if (!*request) { /* First call: headers only. */
		*request = &seen;
		return MHD_YES;
	}
	*upload_len = 0;
	if (strcmp(url, "/livez") == 0)
		return probe(connection, true);
	if (strcmp(url, "/readyz") == 0)
		return probe(connection, status_ready(v));
	if (strcmp(url, "/healthz") == 0)
		return probe(connection, status_healthy(v));
	if (strcmp(url, "/metrics") == 0)
		return answer(connection, 200, "text/plain; version=0.0.4", status_metrics(v),
			      MHD_RESPMEM_MUST_FREE);
	if (strcmp(url, "/v1/status") == 0)
		return answer_json(connection, status_json(v));
	if (strcmp(url, "/v1/sessions") == 0)
		return answer_json(connection, status_sessions_json(v));
	if (strcmp(url, "/v1/events") == 0)
		return answer_json(connection, json_pack("{s:o}", "events", v->events(v->ctx)));
	if (strcmp(url, "/") == 0)
		return answer(connection, 200, "text/html; charset=utf-8", (char *)page,
			      MHD_RESPMEM_PERSISTENT);
	return answer_text(connection, 404, "not found\n");
}

/* ---- The loop ---- */

static void run(struct http *h);

static void on_timer(uv_timer_t *t)
{
	run(t->data);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	run(p->data);
}

static void run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		uv_timer_start(&h->timer, on_timer, ms, 0);
	else
		uv_timer_stop(&h->timer);
}

/* Why nothing can listen there. libmicrohttpd's errno does not tell: since 1.0 it
 * is what closing left behind. */
static const char *refusal(const struct sockaddr *at, socklen_t len)
{
	int one = 1, why = 0, fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, at, len) || listen(fd, 1))
		why = errno;
	if (fd >= 0)
		close(fd);
	return why ? strerror(why) : "cannot listen";
}

struct http *http_start(uv_loop_t *loop, const char *listen, const struct status_view *view,
			char err[HTTP_ERR_LEN])
{
	struct http *h = calloc(1, sizeof(*h));
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *at = (struct sockaddr *)&v4;
	socklen_t at_len = sizeof(v4);
	const union MHD_DaemonInfo *info;
	struct endpoint e;
	unsigned flags = MHD_USE_EPOLL;

	if (!h || endpoint_parse(&e, listen) != OK) {
		snprintf(err, HTTP_ERR_LEN, "http: \"%s\" is not an address and port", listen);
		free(h);
		return NULL;
	}
	if (e.address.family == 6) {
		flags |= MHD_USE_IPv6;
		at = (struct sockaddr *)&v6;
		at_len = sizeof(v6);
	}
	v4.sin_port = v6.sin6_port = htons(e.port);
	memcpy(&v4.sin_addr, e.address.octets, 4);
	memcpy(&v6.sin6_addr, e.address.octets, 16);
	h->view = view;
	h->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, h, MHD_OPTION_SOCK_ADDR, at,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONNECTION,
		MHD_OPTION_END);
	if (!h->daemon) {
		snprintf(err, HTTP_ERR_LEN,
			 "http = \"%s\": %s; free the port or choose another in cluster.toml", listen,
			 refusal(at, at_len));
		free(h);
		return NULL;
	}
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	uv_poll_init(loop, &h->poll, info->epoll_fd);
	uv_timer_init(loop, &h->timer);
	h->poll.data = h->timer.data = h;
	h->open = 2;
	uv_poll_start(&h->poll, UV_READABLE, on_readable);
	return h;
}

static void on_close(uv_handle_t *handle)
{
	struct http *h = handle->data;

	if (--h->open > 0)
		return;
	MHD_stop_daemon(h->daemon);
	free(h);
}

void http_stop(struct http *h)
{
	if (!h)
		return;
	uv_close((uv_handle_t *)&h->poll, on_close);
	uv_close((uv_handle_t *)&h->timer, on_close);
}
