/* SPDX-License-Identifier: Apache-2.0 */
/* One struct link for each pair of hosts; its two directions are struct pipe. An epoch counts
 * connections: frames of an earlier one never arrive. */
#include "test/sim/net.h"

#include <assert.h>
#include <stdlib.h>

#define GIVE_UP_US (3 * SECOND)        /* A stalled connection ends after this. */
#define PROMPT_US (5 * MS)
#define RETRANSMIT_US (200 * MS)       /* TCP needs up to this after a block ends. */

struct held {
	struct blob *frame;
	bool urgent;
	struct held *next;
};

struct pipe {
	bool blocked;
	uint64_t blocked_us; /* Since when. */
	uint64_t slow_us, last_us;
	uint64_t full_until_us, late_us; /* Until when non-urgent frames wait; when the last arrives. */
	struct held *held, **tail;
};

struct link {
	struct net *net;
	unsigned a, b; /* a < b */
	bool up;
	uint64_t epoch;
	uint64_t silent_us; /* One end lost power then; 0 = no. */
	struct pipe pipe[2]; /* a to b, b to a */
};

struct net {
	struct world *world;
	struct net_fault fault;
	uint64_t clogged_until_us;
	struct link link[HOSTS_MAX][HOSTS_MAX]; /* [a][b], a < b */
};

static struct link *link_of(struct world *w, unsigned x, unsigned y)
{
	return x < y ? &w->net->link[x][y] : &w->net->link[y][x];
}

static struct pipe *pipe_of(struct link *l, unsigned from)
{
	return &l->pipe[from == l->a ? 0 : 1];
}

static void on_connect(struct world *w, void *ctx, uint64_t a, struct blob *data);

struct net *net_new(struct world *w)
{
	struct net *n = calloc(1, sizeof(*n));

	assert(n);
	n->world = w;
	n->fault = (struct net_fault){ 0, 0, 0, 100, 400 };
	for (unsigned a = 0; a < w->n_hosts; a++) {
		for (unsigned b = a + 1; b < w->n_hosts; b++) {
			struct link *l = &n->link[a][b];

			l->net = n;
			l->a = a;
			l->b = b;
			l->pipe[0].tail = &l->pipe[0].held;
			l->pipe[1].tail = &l->pipe[1].held;
			world_at(w, random_between(&w->random, 1, 20) * MS, on_connect, l, 0, NULL);
		}
	}
	return n;
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void drop_held(struct pipe *p)
{
	while (p->held) {
		struct held *h = p->held;

		p->held = h->next;
		blob_unref(h->frame);
		free(h);
	}
	p->tail = &p->held;
}

void net_free(struct net *n)
{
	for (unsigned a = 0; a < HOSTS_MAX; a++) {
		for (unsigned b = a + 1; b < HOSTS_MAX; b++) {
			drop_held(&n->link[a][b].pipe[0]);
			drop_held(&n->link[a][b].pipe[1]);
		}
	}
	free(n);
}

/* ---- Connections ---- */

static void tell(struct world *w, unsigned host, unsigned peer, enum delivery_kind kind,
		 uint64_t value)
{
	struct delivery d = { .kind = kind, .peer = peer, .value = value };

	host_deliver(&w->host[host], w->host[host].generation, &d);
}

static void connection_ends(struct world *w, struct link *l, uint64_t refused_a, uint64_t refused_b)
{
	if (!l->up)
		return;
	l->up = false;
	l->silent_us = 0;
	l->epoch++;
	drop_held(&l->pipe[0]);
	drop_held(&l->pipe[1]);
	world_say(w, "link n%u-n%u ends", l->a + 1, l->b + 1);
	tell(w, l->a, l->b, DELIVER_LINK_DOWN, refused_a);
	tell(w, l->b, l->a, DELIVER_LINK_DOWN, refused_b);
}

/* Tries again and again, and ends stalled connections. */
static void on_connect(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct link *l = ctx;
	bool open = !l->pipe[0].blocked && !l->pipe[1].blocked;

	(void)a;
	(void)data;
	if (!l->up && open && host_runs(&w->host[l->a]) && host_runs(&w->host[l->b]) &&
	    !w->host[l->a].paused && !w->host[l->b].paused) {
		l->up = true;
		l->silent_us = 0;
		l->pipe[0].last_us = l->pipe[1].last_us = w->now_us;
		l->pipe[0].late_us = l->pipe[1].late_us = 0; /* The obstacle is gone. */
		l->pipe[0].full_until_us = l->pipe[1].full_until_us = 0;
		world_say(w, "link n%u-n%u", l->a + 1, l->b + 1);
		tell(w, l->a, l->b, DELIVER_LINK_UP, 0);
		if (l->up)
			tell(w, l->b, l->a, DELIVER_LINK_UP, 0);
	} else if (l->up && l->silent_us && w->now_us - l->silent_us > GIVE_UP_US) {
		connection_ends(w, l, 0, 0);
	} else if (l->up && !open) {
		for (unsigned i = 0; i < 2; i++)
			if (l->pipe[i].blocked && w->now_us - l->pipe[i].blocked_us > GIVE_UP_US) {
				connection_ends(w, l, 0, 0);
				break;
			}
	}
	world_at(w, random_between(&w->random, 5, 30) * MS, on_connect, l, 0, NULL);
}

/* A new process knows nothing of old connections: its kernel resets them. */
void net_host_started(struct host *h)
{
	for (unsigned i = 0; i < h->world->n_hosts; i++)
		if (i != h->index)
			connection_ends(h->world, link_of(h->world, h->index, i), 0, 0);
}

void net_host_stopped(struct host *h, bool power_lost)
{
	struct world *w = h->world;

	for (unsigned i = 0; i < w->n_hosts; i++) {
		struct link *l;
		bool reachable;

		if (i == h->index)
			continue;
		l = link_of(w, h->index, i);
		if (power_lost) {
			l->silent_us = w->now_us;
			continue;
		}
		reachable = !pipe_of(l, h->index)->blocked && !pipe_of(l, i)->blocked;
		connection_ends(w, l, reachable && l->b == h->index, reachable && l->a == h->index);
	}
}

bool net_linked(const struct world *w, unsigned a, unsigned b)
{
	return link_of((struct world *)w, a, b)->up;
}

bool net_is_prompt(struct world *w, unsigned from, unsigned to)
{
	const struct link *l = link_of(w, from, to);
	const struct pipe *p = pipe_of((struct link *)l, from);

	return l->up && !p->blocked && p->slow_us == 0 && p->full_until_us <= w->now_us &&
	       later_of(p->last_us, p->late_us) <= w->now_us + PROMPT_US;
}

void net_reset(struct world *w, unsigned a, unsigned b)
{
	connection_ends(w, link_of(w, a, b), 0, 0);
}

/* ---- Frames ---- */

static void on_arrival(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct link *l = ctx;
	bool from_b = a & 1;
	unsigned to = from_b ? l->a : l->b;
	struct delivery d = { .kind = DELIVER_FRAME, .peer = from_b ? l->b : l->a, .data = data };

	if (l->up && a >> 1 == l->epoch)
		host_deliver(&w->host[to], w->host[to].generation, &d);
}

static void launch(struct world *w, struct link *l, unsigned from, struct blob *frame,
		   bool urgent, uint64_t extra_us)
{
	struct pipe *p = pipe_of(l, from);
	uint64_t at = w->now_us + extra_us + p->slow_us +
		      random_between(&w->random, l->net->fault.delay_min_us,
				     l->net->fault.delay_max_us);

	at = later_of(at, p->last_us);
	if (!urgent && later_of(p->full_until_us, p->late_us) > at)
		p->late_us = at = later_of(p->full_until_us, p->late_us);
	else
		p->last_us = at;
	world_at(w, at - w->now_us, on_arrival, l, l->epoch << 1 | (from == l->b), blob_ref(frame));
}

void net_send(struct host *from, unsigned to, struct blob *frame, bool urgent)
{
	struct world *w = from->world;
	struct link *l = link_of(w, from->index, to);
	struct pipe *p = pipe_of(l, from->index);
	struct held *h;

	if (!l->up)
		return;
	if (!p->blocked) {
		launch(w, l, from->index, frame, urgent, 0);
		return;
	}
	h = calloc(1, sizeof(*h));
	assert(h);
	h->frame = blob_ref(frame);
	h->urgent = urgent;
	*p->tail = h;
	p->tail = &h->next;
}

/* ---- Faults ---- */

void net_block(struct world *w, unsigned from, unsigned to, bool blocked)
{
	struct link *l = link_of(w, from, to);
	struct pipe *p = pipe_of(l, from);
	uint64_t extra = random_below(&w->random, RETRANSMIT_US);

	if (p->blocked == blocked)
		return;
	p->blocked = blocked;
	p->blocked_us = w->now_us;
	while (!blocked && p->held) {
		struct held *h = p->held;

		p->held = h->next;
		launch(w, l, from, h->frame, h->urgent, extra);
		blob_unref(h->frame);
		free(h);
	}
	if (!blocked)
		p->tail = &p->held;
}

void net_slow(struct world *w, unsigned from, unsigned to, uint64_t extra_us)
{
	pipe_of(link_of(w, from, to), from)->slow_us = extra_us;
}

void net_fill(struct world *w, unsigned from, unsigned to, uint64_t until_us)
{
	pipe_of(link_of(w, from, to), from)->full_until_us = until_us;
}

void net_set_fault(struct world *w, const struct net_fault *f)
{
	w->net->fault = *f;
}

void net_clog(struct world *w, uint64_t until_us)
{
	w->net->clogged_until_us = until_us;
}

void net_heal(struct world *w)
{
	struct net_fault none = { 0, 0, 0, 100, 400 };

	net_set_fault(w, &none);
	w->net->clogged_until_us = 0;
	for (unsigned a = 0; a < w->n_hosts; a++) {
		for (unsigned b = 0; b < w->n_hosts; b++) {
			if (a == b)
				continue;
			net_block(w, a, b, false);
			net_slow(w, a, b, 0);
			net_fill(w, a, b, 0);
		}
	}
}

/* ---- Datagrams ---- */

void net_datagram(struct world *w, world_fn fn, void *ctx, uint64_t a, struct blob *data)
{
	const struct net_fault *f = &w->net->fault;
	unsigned copies = random_chance(&w->random, f->loss) ? 0 : 1;

	if (copies && random_chance(&w->random, f->duplicate))
		copies = 2;
	for (unsigned i = 0; i < copies; i++) {
		uint64_t delay = random_between(&w->random, f->delay_min_us, f->delay_max_us);

		if (w->now_us < w->net->clogged_until_us)
			delay += w->net->clogged_until_us - w->now_us;
		if (random_chance(&w->random, f->reorder))
			delay += random_between(&w->random, 1, 20) * MS;
		world_at(w, delay, fn, ctx, a, blob_ref(data));
	}
	blob_unref(data);
}
