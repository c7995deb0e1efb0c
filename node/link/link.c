/* SPDX-License-Identifier: Apache-2.0 */
/* The link thread: who is connected, and who dials whom.
 *
 * One rule: of two nodes the first one in the file dials. When a link ends it dials again at once,
 * then backs off from 20 to 500 ms. The other one *probes*: it connects and closes. A refused
 * connection means that the process is gone, so the detector learns that within a round trip
 * instead of by silence; if only the link broke, nobody refuses.
 *
 * What the core believes of a node rests on frames that came in order, each of them. One that finds
 * no room in the inbox therefore ends its link, and both sides begin anew with HELLO; while the
 * control loop is that far behind, no link begins.
 *
 * All handles and connections belong to the link thread. Other threads touch
 * queues, under `lock`, and atomics (link_send.c). */
#include "node/link/link_internal.h"
#include "xdp/thread/privilege.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROBES 3u
#define LISTENER_FD 700
#define SAY_AGAIN_US 10000000u
#define SAY_LINES 5u

static void out_queue_clear(struct out_queue *q)
{
	while (q->first) {
		struct out_frame *f = q->first;

		q->first = f->next;
		free(f);
	}
	q->end = &q->first;
	q->octets = 0;
}

/* Trouble with a node: only new lines, and a few in ten seconds. Strangers get one line, whatever
 * they do; lines left out are counted, and the next line says how many. */
void link_say(struct link *l, uint32_t node, const char *format, ...)
{
	bool stranger = node >= l->cluster->n_nodes;
	struct node_link *p = &l->node[stranger ? l->cluster->self : node];
	uint64_t now = boottime_us();
	char text[sizeof(p->said.text)], more[48] = "";
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (p->said.since_us && now - p->said.since_us < SAY_AGAIN_US) {
		if (p->said.lines >= (stranger ? 1 : SAY_LINES) || strcmp(text, p->said.text) == 0) {
			p->said.withheld++;
			return;
		}
	} else {
		p->said.since_us = now;
		p->said.lines = 0;
	}
	if (p->said.withheld)
		snprintf(more, sizeof(more), " (%u more lines were withheld)", p->said.withheld);
	strcpy(p->said.text, text);
	p->said.lines++;
	p->said.withheld = 0;
	events_add(l->events, CONFIG_LOG_WARNING, "link", "%s: %s%s",
		   stranger ? "a stranger" : l->cluster->node[node], text, more);
}

struct sockaddr_storage link_socket_address(const struct endpoint *e)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

	if (e->address.family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(e->port);
		memcpy(&v4->sin_addr, e->address.octets, 4);
	} else {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(e->port);
		memcpy(&v6->sin6_addr, e->address.octets, 16);
	}
	return ss;
}

static struct sockaddr_storage source_address(const struct endpoint *listen)
{
	struct endpoint e = *listen;

	e.port = 0;
	return link_socket_address(&e);
}

static void put_link(struct link *l, uint32_t node, bool up, uint64_t generation)
{
	struct inbox_item *i = inbox_item_new(INBOX_LINK, NULL, 0);

	i->link.node = node;
	i->link.up = up;
	i->link.generation = generation;
	inbox_put(l->inbox, i, INBOX_OTHER);
}

/* ---- Links ---- */

/* The frames behind a lost one must not be taken for all that it has said: marks, then DONE. */
static void lose(struct conn *c)
{
	c->link->behind = true;
	link_say(c->link, c->node, "the control loop does not keep up with what it sends: the link begins anew");
	conn_close(c);
}

/* A link that began now would only end again, and cost the other node all that it says at first. */
static bool is_behind(struct link *l)
{
	l->behind = l->behind && inbox_is_crowded(l->inbox, INBOX_FRAMES);
	return l->behind || !link_loop_lives(l, boottime_us());
}

void link_frame(struct conn *c, const uint8_t *frame, size_t len)
{
	struct inbox_item *i = inbox_item_new(INBOX_EVENT, frame, len);

	if (frame[0] == FRAME_HELLO && !link_hello_fits(c, frame, len)) {
		link_say(c->link, c->node, "its HELLO names another process than its proof");
		inbox_item_free(i);
		conn_close(c);
		return;
	}
	c->greeted |= frame[0] == FRAME_HELLO;
	atomic_fetch_add(&c->link->frames_in, 1);
	i->event = (struct event){.type = EVENT_FRAME,
				  .frame = {.node = c->node, .data = i->data, .len = len}};
	c->link->arrived = true;
	if (frame[0] == FRAME_RELAY)
		atomic_fetch_add(&c->link->relays_lost, !inbox_add(c->link->inbox, i, INBOX_IKE));
	else if (!inbox_add(c->link->inbox, i, INBOX_FRAMES))
		lose(c);
}

void link_arrived(struct link *l)
{
	if (l->arrived)
		inbox_wake(l->inbox);
	l->arrived = false;
}

bool link_established(struct conn *c)
{
	struct link *l = c->link;
	struct node_link *p = &l->node[c->node];

	stranger_leave(c);
	if (c->server) {
		if (c->node >= l->cluster->self) {
			link_say(l, c->node, "it connects to us, but we are to connect to it: are the "
					     "nodes in the same order in its cluster.toml?");
			c->node = CLUSTER_NODES_MAX;
			return false;
		}
		if (p->up) /* It knows better than we that the old one is dead. */
			conn_close(p->up);
	} else {
		p->dialing = NULL;
	}
	p->up = c;
	p->backoff_ms = 0;
	p->probes = 0;
	p->said.text[0] = '\0';
	pthread_mutex_lock(&l->lock);
	p->generation = c->generation = ++l->generations;
	p->open = true;
	p->overflow = false;
	pthread_mutex_unlock(&l->lock);
	atomic_fetch_add(&l->connections, 1);
	p->up_us = boottime_us();
	p->datagrams_told = false;
	beat_up(c);
	put_link(l, c->node, true, p->generation);
	if (link_loop_lives(l, boottime_us()))
		link_heartbeat(c);
	return c->state == CONN_UP;
}

/* After a link or an attempt ended: when to try again. */
static void dial_later(struct link *l, uint32_t node, bool unproved)
{
	struct node_link *p = &l->node[node];

	p->backoff_ms = p->backoff_ms == 0 ? 20 : p->backoff_ms * 2 > 500 ? 500 : p->backoff_ms * 2;
	if (unproved) /* That takes a person to mend. */
		p->backoff_ms = BACKOFF_UNPROVED_MS;
	p->dial_at_us = boottime_us() + p->backoff_ms * UINT64_C(1000);
}

void link_ended(struct conn *c)
{
	struct link *l = c->link;
	struct node_link *p;

	stranger_leave(c);
	if (c->node >= l->cluster->n_nodes)
		return;
	p = &l->node[c->node];
	if (p->dialing == c) {
		p->dialing = NULL;
		if (!c->probe && !l->stopping)
			dial_later(l, c->node, c->unproved);
	}
	if (p->up != c)
		return;
	p->up = NULL;
	pthread_mutex_lock(&l->lock);
	p->open = false;
	out_queue_clear(&p->queue);
	out_queue_clear(&p->urgent);
	pthread_mutex_unlock(&l->lock);
	beat_down(l, c->node);
	put_link(l, c->node, false, p->generation);
	if (l->stopping)
		return;
	p->backoff_ms = 0;
	p->probes = PROBES;
	link_dial(l, c->node);
}

static void on_dialed(uv_connect_t *request, int status)
{
	struct conn *c = request->data;
	struct link *l = c->link;

	if (status == UV_ECONNREFUSED && !l->node[c->node].up) {
		l->node[c->node].probes = 0;
		beat_gone(l, c->node);
	}
	if (c->state == CONN_CLOSING)
		return;
	if (status < 0 || c->probe)
		conn_close(c);
	else
		conn_accept(c);
}

/* Connects to be connected, or to see whether anybody is there. */
void link_dial(struct link *l, uint32_t node)
{
	struct sockaddr_storage to = link_socket_address(&l->config->node[node].link);
	struct sockaddr_storage own = source_address(&l->config->node[l->cluster->self].link);
	struct node_link *p = &l->node[node];
	struct conn *c;

	if (p->dialing)
		return;
	if (node > l->cluster->self && is_behind(l)) {
		dial_later(l, node, false);
		return;
	}
	c = conn_new(l, false, node);
	c->probe = node < l->cluster->self;
	c->dial.data = c;
	p->dialing = c;
	if (c->probe)
		p->probes--;
	/* From where we listen: for that address the others keep room. */
	if (own.ss_family == to.ss_family)
		(void)uv_tcp_bind(&c->tcp, (struct sockaddr *)&own, 0);
	if (uv_tcp_connect(&c->dial, &c->tcp, (struct sockaddr *)&to, on_dialed))
		conn_close(c);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct link *l = s->data;
	struct conn *c;

	if (status < 0)
		return;
	c = conn_new(l, true, CLUSTER_NODES_MAX);
	if (uv_accept(s, (uv_stream_t *)&c->tcp) || is_behind(l) || !stranger_admit(c))
		conn_close(c);
	else
		conn_accept(c);
}

/* ---- The thread ---- */

/* A heartbeat that waits for a busy worker looks like a dead node to the others. Not a
 * real-time class: libuv spins for a thread that was preempted in uv_async_send(). */
static void be_punctual(struct link *l)
{
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), LINK_NICE) != 0)
		events_add(l->events, CONFIG_LOG_WARNING, "detector",
			   "heartbeats have no priority, so a busy machine may look dead: set "
			   "LimitNICE=%d in the unit (ulimit nice=%d in a container), or give it "
			   "CAP_SYS_NICE", LINK_NICE, 20 - LINK_NICE);
}

static void close_all(struct link *l)
{
	l->stopping = true;
	for (struct conn *c = l->conns; c; c = c->next) {
		if (c->state == CONN_UP)
			conn_pump(c);
		conn_close(c);
	}
	uv_close((uv_handle_t *)&l->listener, NULL);
	uv_close((uv_handle_t *)&l->tick, NULL);
	wakeup_close(&l->wake);
}

static void on_wake(struct wakeup *w)
{
	struct link *l = w->data;

	if (l->stopping)
		return;
	for (uint32_t i = 0; i < l->cluster->n_nodes; i++) {
		struct node_link *p = &l->node[i];
		bool overflow;

		if (!p->up)
			continue;
		pthread_mutex_lock(&l->lock);
		overflow = p->overflow;
		pthread_mutex_unlock(&l->lock);
		if (overflow) {
			link_say(l, i, "it does not read what is sent to it");
			conn_close(p->up);
		} else {
			conn_pump(p->up);
		}
	}
	if (atomic_load(&l->stop))
		close_all(l);
}

static void *run(void *ctx)
{
	struct link *l = ctx;

	pthread_setname_np(pthread_self(), "baton-link");
	be_punctual(l);
	(void)privilege_keep(PRIVILEGE_NONE);
	uv_run(&l->loop, UV_RUN_DEFAULT);
	return NULL;
}

/* The kernel closes a killed process's files from the highest descriptor down, and those of the
 * data path take tens of milliseconds. So the listener gets a high one: connections are refused
 * before the links end, and the probes see it. */
static int listen_open(struct link *l, const struct sockaddr_storage *at)
{
	int fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), high, rc;

	if (fd < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, LISTENER_FD);
	if (high >= 0) {
		close(fd);
		fd = high;
	}
	rc = uv_tcp_open(&l->listener, fd);
	if (rc == 0)
		rc = uv_tcp_bind(&l->listener, (const struct sockaddr *)at, 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&l->listener, 128, on_connection);
	return rc;
}

struct link *link_new(const struct link_options *o, char err[LINK_ERR_LEN])
{
	const struct cluster_config *cluster = &o->config->cluster;
	const struct endpoint *own = &o->config->node[cluster->self].link;
	struct sockaddr_storage at = link_socket_address(own);
	struct link *l = calloc(1, sizeof(*l));
	char text[ENDPOINT_TEXT_LEN];
	int rc;

	assert(l);
	l->config = o->config;
	l->cluster = cluster;
	l->tls = o->tls;
	l->events = o->events;
	l->inbox = o->inbox;
	l->incarnation = o->incarnation;
	l->handshakes = STRANGERS_MAX;
	pthread_mutex_init(&l->lock, NULL);
	for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
		l->node[i].queue.end = &l->node[i].queue.first;
		l->node[i].urgent.end = &l->node[i].urgent.first;
	}
	beat_init(l);
	uv_loop_init(&l->loop);
	wakeup_init(&l->wake, &l->loop, on_wake, l);
	uv_timer_init(&l->loop, &l->tick);
	uv_tcp_init(&l->loop, &l->listener);
	l->tick.data = l->listener.data = l;
	rc = listen_open(l, &at);
	if (rc == 0)
		rc = beat_open(l, &at);
	if (rc == 0)
		return l;
	snprintf(err, LINK_ERR_LEN, "%.512s:%d: link of node \"%s\": cannot listen on %s: %s%s",
		 o->config->file, o->config->node[cluster->self].link_line,
		 cluster->node[cluster->self], endpoint_format(own, text), uv_strerror(rc),
		 rc == UV_EADDRINUSE	  ? "; does another process run there?"
		 : rc == UV_EADDRNOTAVAIL ? "; it is not an address of this host"
					  : "");
	link_stop(l);
	link_free(l);
	return NULL;
}

void link_start(struct link *l, struct datapath *datapath)
{
	uint64_t interval_ms = l->cluster->timing.heartbeat_ms;
	int rc;

	l->datapath = datapath;
	atomic_store(&l->answered_us, 1);
	beat_start(l);
	uv_timer_start(&l->tick, link_tick, 0, interval_ms ? interval_ms : 10);
	rc = pthread_create(&l->thread, NULL, run, l);
	assert(rc == 0);
	l->started = true;
}

void link_stop(struct link *l)
{
	if (!l)
		return;
	if (l->started) {
		atomic_store(&l->stop, true);
		wakeup_ask(&l->wake);
		pthread_join(l->thread, NULL);
	} else {
		close_all(l);
		uv_run(&l->loop, UV_RUN_DEFAULT);
	}
	beat_stop(l);
	uv_loop_close(&l->loop);
}

void link_free(struct link *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
		out_queue_clear(&l->node[i].queue);
		out_queue_clear(&l->node[i].urgent);
	}
	beat_fini(l);
	wakeup_fini(&l->wake);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
