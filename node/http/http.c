/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd on the control loop: its epoll descriptor under uv_poll, its
 * timeouts under one uv_timer. Who may stay connected, and how long: http_conn.c.
 *
 * The list of sessions is made in slices as the client takes it (status_sessions.c), one in a turn
 * of the loop, because each waits for the packet workers; STREAMS_MAX lists at a time.
 *
 * A page whose name resolves to our address may lead here the browser of somebody who can reach the
 * port (DNS rebinding): the browser then sends that name as Host, and is refused. */
#include "node/http/http_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_BEFORE_ROOM 64u /* They are told to end, and it takes a turn until they have. */
#define LOOK_MS 500u
#define STREAMS_MAX 4u /* Lists of sessions under way. */
#define SLICE 16384u /* Octets of an answer that is made as it is taken. */
#define MEMORY_PER_CONNECTION (32u * 1024u)

struct stream { /* A list of sessions on its way. */
	struct http *http;
	struct status_sessions *sessions;
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
	"$('sum').textContent=(s.ready?'ready':'not ready ('+s.unready.map(x=>x.reason+': '+x.text).join('; ')+')')+(s.datapath?', '+s.role+' in term '+s.term+', leader '"
	"+s.leader+', data path '+s.datapath.detail+', '+s.sessions+' sessions':'');"
	"$('nodes').innerHTML=$('sessions').innerHTML=$('events').innerHTML='';"
	"row($('nodes'),['name','state','role','holds address','sessions']);"
	"(s.nodes||[]).forEach(n=>row($('nodes'),[n.name,n.state,n.role,n.holds_address?'yes':'',n.sessions_owned]));"
	"row($('sessions'),['peer','virtual IP','remote','owner','epoch','takeovers']);"
	"l.slice(0,100).forEach(x=>row($('sessions'),[x.peer_id,x.virtual_ip,x.remote,x.owner,x.epoch,"
	"x.takeovers]));"
	"e.events.slice(-30).reverse().forEach(x=>row($('events'),[new Date(x.at_ms).toISOString(),x.node,"
	"x.kind,x.text]))}show();setInterval(show,2000)</script>";

/* Adopts r. */
static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *type,
			     struct MHD_Response *r)
{
	enum MHD_Result result;

	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	result = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      char *body, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(body), body, mode);

	return r ? queue(connection, status, type, r) : MHD_NO;
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

/* ---- Requests ---- */

/* Numbers and names that are ours; without a Host there is no browser. */
static bool host_is_ours(const struct http *h, struct MHD_Connection *connection)
{
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	const struct cluster_config *c = &h->view->config->cluster;
	const char *name = h->view->config->node[c->self].http_name;
	char text[256];
	struct address a;
	size_t len;

	if (!host)
		return true;
	if (host[0] == '[')
		len = strcspn(++host, "]");
	else
		len = strcspn(host, ":");
	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	if (address_parse(&a, text) == OK || strcasecmp(text, "localhost") == 0 ||
	    (name[0] && strcasecmp(text, name) == 0))
		return true;
	for (uint32_t i = 0; i < c->n_nodes; i++)
		if (strcasecmp(text, c->node[i]) == 0)
			return true;
	return false;
}

/* 0: not now, ask again with the next turn. */
static ssize_t read_sessions(void *ctx, uint64_t position, char *out, size_t room)
{
	struct stream *s = ctx;
	size_t n;

	(void)position;
	if (!status_sessions_ready(s->sessions)) {
		if (s->http->sliced)
			return 0;
		s->http->sliced = true;
	}
	n = status_sessions_read(s->sessions, out, room);
	return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_sessions(void *ctx)
{
	struct stream *s = ctx;

	s->http->streams--;
	status_sessions_free(s->sessions);
	free(s);
}

/* A number in the query; missing: the default. False: not a number. */
static bool query_number(struct MHD_Connection *connection, const char *key, uint64_t missing,
			 uint64_t *out)
{
	const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
	char *end;

	*out = missing;
	if (!text)
		return true;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static enum MHD_Result answer_sessions(struct MHD_Connection *connection, struct http *h)
{
	uint64_t after, limit;
	struct MHD_Response *r;
	struct http_conn *c = http_conn_of(connection);
	struct stream *s;

	if (!query_number(connection, "after", 0, &after) ||
	    !query_number(connection, "limit", UINT64_MAX, &limit))
		return answer_text(connection, 400, "after and limit are numbers\n");
	if (h->streams == STREAMS_MAX) {
		http_conn_end_slow(h);
		return answer_text(connection, 503, "others are reading the sessions: ask again\n");
	}
	s = calloc(1, sizeof(*s));
	assert(s);
	s->http = h;
	s->sessions = status_sessions_new(h->view, after, limit);
	h->streams++;
	if (c)
		c->streaming = true;
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SLICE, read_sessions, s, free_sessions);
	if (!r) {
		free_sessions(s);
		return MHD_NO;
	}
	return queue(connection, 200, "application/json", r);
}

/* why: malloc'ed, or NULL: all is well. */
static enum MHD_Result probe(struct MHD_Connection *connection, char *why)
{
	return why ? answer(connection, 503, "text/plain; charset=utf-8", why, MHD_RESPMEM_MUST_FREE)
		   : answer_text(connection, 200, "ok\n");
}

static enum MHD_Result on_get(struct http *h, struct MHD_Connection *connection, const char *url)
{
	const struct status_view *v = h->view;

	if (!host_is_ours(h, connection))
		return answer_text(connection, 421,
				   "not a name of this node: use its address, or set http_name\n");
	if (strcmp(url, "/livez") == 0)
		return probe(connection, NULL);
	if (strcmp(url, "/readyz") == 0)
		return probe(connection, status_ready(v) ? NULL : status_no_text(v, false));
	if (strcmp(url, "/healthz") == 0)
		return probe(connection, status_healthy(v) ? NULL : status_no_text(v, true));
	if (strcmp(url, "/metrics") == 0)
		return answer(connection, 200, "text/plain; version=0.0.4", status_metrics(v),
			      MHD_RESPMEM_MUST_FREE);
	if (strcmp(url, "/v1/status") == 0)
		return answer_json(connection, status_json(v));
	if (strcmp(url, "/v1/sessions") == 0)
		return answer_sessions(connection, h);
	if (strcmp(url, "/v1/events") == 0)
		return answer_json(connection, json_pack("{s:o}", "events", v->events(v->ctx)));
	if (strcmp(url, "/") == 0)
		return answer(connection, 200, "text/html; charset=utf-8", (char *)page,
			      MHD_RESPMEM_PERSISTENT);
	return answer_text(connection, 404, "not found\n");
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **request)
{
	struct http *h = ctx;
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
	http_conn_answers(h, connection);
	return on_get(h, connection, url);
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

	http_conn_end_overdue(h);
	h->sliced = false;
	MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES || ms > LOOK_MS)
		ms = LOOK_MS;
	if (ms < LOOK_MS || h->oldest)
		uv_timer_start(&h->timer, on_timer, ms, 0);
	else
		uv_timer_stop(&h->timer);
}

/* A socket that listens there, or -errno. The host need not have the address yet (IP_FREEBIND;
 * *absent): the gateway does not wait for it. */
static int listen_at(const struct sockaddr *at, socklen_t len, bool *absent)
{
	int one = 1, error, fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool v4 = at->sa_family == AF_INET;

	if (fd < 0)
		return -errno;
	error = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || bind(fd, at, len) ? errno : 0;
	*absent = error == EADDRNOTAVAIL;
	if (*absent)
		error = setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND,
				   &one, sizeof(one)) ||
					bind(fd, at, len)
				? errno
				: 0;
	if (!error && listen(fd, HTTP_CONNECTIONS_MAX))
		error = errno;
	if (!error)
		return fd;
	close(fd);
	return -error;
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
	bool absent = false;
	int fd;

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
	fd = listen_at(at, at_len, &absent);
	if (fd < 0) {
		snprintf(err, HTTP_ERR_LEN,
			 "http = \"%s\": %s; free the port or choose another in cluster.toml", listen,
			 strerror(-fd));
		free(h);
		return NULL;
	}
	if (absent)
		snprintf(err, HTTP_ERR_LEN, "%s is no address of this host yet", listen);
	h->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX + CONNECTIONS_BEFORE_ROOM,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)MEMORY_PER_CONNECTION, MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, h,
		MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, h, MHD_OPTION_END);
	if (!h->daemon) {
		snprintf(err, HTTP_ERR_LEN, "http: libmicrohttpd does not start");
		close(fd);
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
