/* SPDX-License-Identifier: Apache-2.0 */
/* One connection. Inside TLS there are chunks, each with a 4-octet head:
 *
 *   bit 31 MORE: the frame goes on in the next chunk; bit 30 URGENT: a whole frame
 *   of its own, between the chunks of another; bits 0-23: octets that follow
 *
 * so a heartbeat never waits for the end of a snapshot. For the same reason little is given to TLS
 * and the kernel ahead of time (TCP_NOTSENT_LOWAT), and between two pieces of work link_beat()
 * sends the heartbeats that are due. A frame's memory grows with the octets that really arrive, up
 * to the limit of its type.
 *
 * The first chunk of each side is its proof (cluster/link/proof.h); nothing else is read before it
 * has been verified, and the link is up from then on. In TLS 1.3 the connecting side is done before
 * the other has seen its certificate: the proof shows that, too. */
#include "node/link/link_internal.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK_MORE (1u << 31)
#define CHUNK_URGENT (1u << 30)
#define AHEAD_MAX CHUNK_MAX    /* Octets given to TLS before the socket has taken them. */
#define TURN_MAX (256u << 10)  /* Sent to one node before the others' turn. */

struct write_request {
	uv_write_t request;
	struct conn *conn;
	size_t len;
	uint8_t data[];
};

struct conn *conn_new(struct link *l, bool server, uint32_t node)
{
	struct conn *c = calloc(1, sizeof(*c));

	assert(c);
	c->link = l;
	c->server = server;
	c->node = node;
	c->state = CONN_DIALING;
	c->started_us = c->heard_us = boottime_us();
	uv_tcp_init(&l->loop, &c->tcp);
	c->tcp.data = c;
	c->next = l->conns;
	l->conns = c;
	return c;
}

static void on_closed(uv_handle_t *h)
{
	struct conn *c = h->data, **at = &c->link->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	tls_free(c->tls);
	free(c->sending);
	free(c->chunk);
	free(c->frame);
	free(c);
}

void conn_close(struct conn *c)
{
	if (c->state == CONN_CLOSING)
		return;
	link_ended(c);
	c->state = CONN_CLOSING;
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* ---- Sending ---- */

static void on_written(uv_write_t *request, int status)
{
	struct write_request *w = (struct write_request *)request;
	struct conn *c = w->conn;

	c->writing -= w->len;
	free(w);
	if (status < 0)
		conn_close(c);
	else if (c->state == CONN_UP)
		conn_pump(c);
}

/* From TLS to the socket; what it does not take at once waits in libuv. */
static void conn_flush(struct conn *c)
{
	struct write_request *w;
	const uint8_t *data;
	size_t n = tls_pending(c->tls, &data), done = 0;
	uv_buf_t buf;
	int rc;

	if (n == 0 || c->state == CONN_CLOSING)
		return;
	if (c->writing == 0) {
		buf = uv_buf_init((char *)data, (unsigned)n);
		rc = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
		done = rc > 0 ? (size_t)rc : 0;
	}
	atomic_fetch_add(&c->link->octets_out, n);
	if (done < n) {
		w = malloc(sizeof(*w) + n - done);
		assert(w);
		w->conn = c;
		w->len = n - done;
		memcpy(w->data, data + done, w->len);
		buf = uv_buf_init((char *)w->data, (unsigned)w->len);
		c->writing += w->len;
		if (uv_write(&w->request, (uv_stream_t *)&c->tcp, &buf, 1, on_written)) {
			c->writing -= w->len;
			free(w);
			conn_close(c);
			return;
		}
	}
	tls_sent(c->tls, n);
}

static bool chunk_write(struct conn *c, uint32_t flags, const uint8_t *data, size_t len)
{
	uint8_t buffer[4 + CHUNK_MAX];
	uint32_t head = flags | (uint32_t)len;

	assert(len > 0 && len <= CHUNK_MAX);
	for (unsigned i = 0; i < 4; i++)
		buffer[i] = (uint8_t)(head >> (24 - 8 * i));
	memcpy(buffer + 4, data, len);
	if (tls_write(c->tls, buffer, 4 + len) == TLS_OK)
		return true;
	conn_close(c);
	return false;
}

bool conn_say(struct conn *c, const uint8_t *frame, size_t len)
{
	if (!chunk_write(c, 0, frame, len))
		return false;
	conn_flush(c);
	return c->state != CONN_CLOSING;
}

void conn_heartbeat(struct conn *c, const uint8_t frame[HEARTBEAT_LEN])
{
	if (chunk_write(c, CHUNK_URGENT, frame, HEARTBEAT_LEN))
		conn_flush(c);
}

static struct out_frame *queue_take(struct link *l, struct out_queue *q)
{
	struct out_frame *f;

	pthread_mutex_lock(&l->lock);
	f = q->first;
	if (f) {
		q->first = f->next;
		q->octets -= f->len;
		if (!q->first)
			q->end = &q->first;
	}
	pthread_mutex_unlock(&l->lock);
	return f;
}

/* One chunk into TLS; false: nothing is left, or the connection ended. */
static bool pump_one(struct conn *c)
{
	struct node_link *p = &c->link->node[c->node];
	struct out_frame *f = queue_take(c->link, &p->urgent);
	size_t n;
	bool ok;

	if (f) {
		ok = chunk_write(c, CHUNK_URGENT, f->data, f->len);
		free(f);
		return ok;
	}
	if (!c->sending) {
		c->sending = queue_take(c->link, &p->queue);
		c->sent = 0;
	}
	if (!c->sending)
		return false;
	n = c->sending->len - c->sent;
	if (n > CHUNK_MAX)
		n = CHUNK_MAX;
	ok = chunk_write(c, c->sent + n < c->sending->len ? CHUNK_MORE : 0,
			 c->sending->data + c->sent, n);
	c->sent += n;
	if (c->sent == c->sending->len) {
		free(c->sending);
		c->sending = NULL;
		atomic_fetch_add(&c->link->frames_out, 1);
	}
	return ok;
}

void conn_pump(struct conn *c)
{
	const uint8_t *data;
	size_t turn = 0;

	while (c->state == CONN_UP && c->writing == 0) {
		while (tls_pending(c->tls, &data) < AHEAD_MAX && pump_one(c))
			;
		if (c->state != CONN_UP || tls_pending(c->tls, &data) == 0)
			return;
		turn += tls_pending(c->tls, &data);
		conn_flush(c);
		link_beat(c->link);
		if (turn > TURN_MAX) { /* Goes on after timers and what came in. */
			wakeup_ask(&c->link->wake);
			return;
		}
	}
}

/* ---- Receiving ---- */

static size_t frame_limit(const struct conn *c, uint8_t type)
{
	if (!c->greeted)
		return type == FRAME_HELLO ? HELLO_MAX : 0;
	return type == FRAME_RAFT ? FRAME_LEN_MAX : type < FRAME_EDGE ? FRAME_SHORT_MAX : 0;
}

/* A whole chunk; false: the peer breaks the rules. */
static bool chunk_done(struct conn *c, uint32_t head)
{
	size_t len = c->frame_len + c->chunk_len;

	if (c->state == CONN_PROVING) {
		link_proved(c, c->chunk, c->chunk_len);
		return true;
	}
	if (head & CHUNK_URGENT) {
		link_urgent(c, c->chunk, c->chunk_len);
		return true;
	}
	if (len > frame_limit(c, c->frame_len ? c->frame[0] : c->chunk[0]))
		return false;
	if (c->frame_len == 0 && !(head & CHUNK_MORE)) {
		link_frame(c, c->chunk, c->chunk_len);
		return true;
	}
	if (len > c->frame_room) {
		c->frame_room = len * 2 > FRAME_LEN_MAX ? FRAME_LEN_MAX : len * 2;
		c->frame = realloc(c->frame, c->frame_room);
		assert(c->frame);
	}
	memcpy(c->frame + c->frame_len, c->chunk, c->chunk_len);
	c->frame_len = len;
	if (head & CHUNK_MORE)
		return true;
	link_frame(c, c->frame, c->frame_len);
	free(c->frame);
	c->frame = NULL;
	c->frame_len = c->frame_room = 0;
	return true;
}

static bool head_fits(const struct conn *c, uint32_t head)
{
	uint32_t len = head & 0xffffff;

	if (c->state == CONN_PROVING)
		return head == len && len > 0 && len <= PROOF_LEN_MAX;
	return len > 0 && len <= (head & CHUNK_URGENT ? URGENT_MAX : CHUNK_MAX) &&
	       !(head & 0x3f000000) && !(head & CHUNK_URGENT && head & CHUNK_MORE);
}

static bool conn_consume(struct conn *c, const uint8_t *data, size_t len)
{
	if (!c->chunk)
		c->chunk = malloc(CHUNK_MAX);
	assert(c->chunk);
	while (len > 0 && (c->state == CONN_UP || c->state == CONN_PROVING)) {
		uint32_t head;
		size_t n;

		if (c->head_len < 4) {
			c->head[c->head_len++] = *data++;
			len--;
			if (c->head_len < 4)
				continue;
		}
		head = (uint32_t)c->head[0] << 24 | (uint32_t)c->head[1] << 16 |
		       (uint32_t)c->head[2] << 8 | c->head[3];
		c->chunk_want = head & 0xffffff;
		if (!head_fits(c, head))
			return false;
		n = c->chunk_want - c->chunk_len;
		if (n > len)
			n = len;
		memcpy(c->chunk + c->chunk_len, data, n);
		c->chunk_len += n;
		data += n;
		len -= n;
		if (c->chunk_len < c->chunk_want)
			continue;
		if (!chunk_done(c, head))
			return false;
		c->head_len = c->chunk_len = 0;
	}
	return true;
}

static void handshake(struct conn *c)
{
	enum tls_result r = tls_handshake(c->tls);
	struct link *l = c->link;
	uint32_t node;

	conn_flush(c);
	if (c->state == CONN_CLOSING || r == TLS_WAIT)
		return;
	if (r != TLS_OK) {
		atomic_fetch_add(&l->refused, 1);
		link_say(l, c->node, "%s",
			 r == TLS_FAILED ? tls_error(c->tls) : "closed during the handshake");
		conn_close(c);
		return;
	}
	node = tls_peer(c->tls, l->cluster);
	if (node == CLUSTER_NODES_MAX || node == l->cluster->self ||
	    (!c->server && node != c->node)) {
		atomic_fetch_add(&l->refused, 1);
		link_say(l, c->node, "its certificate names %s",
			 node < l->cluster->n_nodes ? l->cluster->node[node] : "no node of this cluster");
		conn_close(c);
		return;
	}
	c->node = node;
	c->state = CONN_PROVING;
	link_prove(c);
}

static void read_all(struct conn *c)
{
	uint8_t buffer[16384];
	enum tls_result r;
	size_t n;

	if (c->state == CONN_HANDSHAKE)
		handshake(c);
	while (c->state == CONN_UP || c->state == CONN_PROVING) {
		link_beat(c->link);
		r = tls_read(c->tls, buffer, sizeof(buffer), &n);
		if (r == TLS_WAIT)
			break;
		if (r != TLS_OK) {
			if (r == TLS_FAILED)
				link_say(c->link, c->node, "%s", tls_error(c->tls));
			conn_close(c);
			return;
		}
		if (!conn_consume(c, buffer, n)) {
			link_say(c->link, c->node, "it sent a frame that no node sends");
			conn_close(c);
			return;
		}
	}
}

static void conn_advance(struct conn *c)
{
	read_all(c);
	link_arrived(c->link);
	if (c->state != CONN_CLOSING)
		conn_flush(c);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct conn *c = h->data;

	(void)hint;
	*buf = uv_buf_init((char *)c->link->read_buffer, sizeof(c->link->read_buffer));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = s->data;

	if (n == 0 || c->state == CONN_CLOSING)
		return;
	if (n < 0) {
		conn_close(c);
		return;
	}
	c->heard_us = boottime_us();
	atomic_fetch_add(&c->link->octets_in, (uint64_t)n);
	tls_feed(c->tls, (const uint8_t *)buf->base, (size_t)n);
	conn_advance(c);
}

void conn_accept(struct conn *c)
{
	static const int one = 1, lowat = 16384, user_timeout_ms = 2000;
	int fd = -1;

	uv_tcp_nodelay(&c->tcp, 1);
	uv_tcp_keepalive(&c->tcp, 1, 1);
	if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms,
			   sizeof(user_timeout_ms));
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
	}
	c->tls = tls_new(c->link->tls, c->server);
	c->state = CONN_HANDSHAKE;
	if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read))
		conn_close(c);
	else
		conn_advance(c);
}
