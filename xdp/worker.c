/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the packet worker. It sleeps in epoll until a port or the mailbox has something, then
 * serves each ready one with one burst: a port that is always ready cannot starve the mailbox,
 * through which grants are revoked.
 *
 * Before each burst the worker checks the boot-time clock for isolation and for a stop. After a
 * stop it defers inbound packets until a majority has answered: what the majority knows is then in
 * the mailbox, and is applied before the packets go on. */
#include "xdp/worker.h"
#include "xdp/engine/carried.h"
#include "xdp/thread/clock.h"
#include "xdp/thread/isolation.h"
#include "xdp/thread/privilege.h"
#include "xdp/thread/thread.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum source { SOURCE_MAILBOX, SOURCE_TUN, SOURCE_SOCKET, SOURCE_XSK };
#define EVENTS_MAX 64

static void begin_burst(struct worker *w)
{
	struct engine *e = &w->engine;
	uint64_t alive, stopped;

	engine_begin(e, boottime_us());
	if (!w->isolation_ms)
		return;
	alive = atomic_load(&w->contact->alive_us);
	stopped = atomic_load(&w->contact->stopped_us);
	stop_watch_look(&w->watch, e->now_us, alive, stopped);
	if (!stop_watch_is_over(&w->watch, atomic_load(&w->contact->contact_us)))
		engine_stop(e);
	e->isolated = isolation_reached(e->now_us, atomic_load(&w->contact->contact_us),
					w->isolation_ms);
}

static void serve_tun(struct worker *w)
{
	struct packet burst[BURST];

	do {
		uint64_t malformed = 0;
		size_t n = tun_read(&w->tun, burst, w->buffers, BURST, &malformed);

		begin_burst(w);
		counter_add(&w->engine.counters.drops[DROP_MALFORMED], malformed);
		if (n)
			engine_outbound(&w->engine, burst, n);
	} while (tun_waiting(&w->tun));
}

static void serve_socket(struct worker *w, size_t address, enum socket_kind kind)
{
	struct socket_message messages[BURST];
	struct packet burst[BURST];
	struct engine *e = &w->engine;
	size_t n_esp = 0;
	size_t n = sockets_read(&w->sockets, address, kind, messages);

	begin_burst(w);
	for (size_t i = 0; i < n; i++) {
		struct socket_message *m = &messages[i];

		switch (m->kind) {
		case ENCAP_ESP:
			burst[n_esp++] = (struct packet){
				.data = m->data, .len = m->len, .path = m->path};
			break;
		case ENCAP_IKE:
			counter_add(&e->counters.ike_in, 1);
			e->face.ike(e->face.ctx, &m->path.local, &m->path.remote, m->data, m->len);
			break;
		case ENCAP_KEEPALIVE:
			counter_add(&e->counters.keepalives, 1);
			break;
		case ENCAP_SHORT:
			engine_drop(e, DROP_SHORT);
			break;
		}
	}
	assert(n_esp <= n && n <= BURST);
	if (n_esp)
		engine_inbound(e, burst, n_esp);
}

static void serve_xsk(struct worker *w, size_t queue)
{
	struct packet burst[BURST];
	size_t n = xsk_read(&w->xsk, queue, burst, &w->engine);

	counter_add(&w->engine.counters.xdp_in, n);
	begin_burst(w);
	if (n)
		engine_inbound(&w->engine, burst, n);
	xsk_return(&w->xsk, queue);
}

/* ---- Mail ---- */

static void apply_updates(struct worker *w)
{
	struct mail *m = &w->mail;

	begin_burst(w);
	for (size_t i = 0; i < m->n_updates; i++)
		engine_update(&w->engine, &m->updates[i].update, m->updates[i].sa);
	m->n_updates = 0; /* Their SAs are the engine's now. */
	assert(w->engine.spis.used <= w->engine.spis.max);
	if (!m->ticket)
		return;
	engine_update_done(&w->engine);
	w->engine.face.applied(w->engine.face.ctx, m->ticket);
}

static void inject_burst(struct worker *w, struct packet *burst, size_t n,
			 enum datapath_direction direction)
{
	assert(n <= BURST);
	if (!n)
		return;
	begin_burst(w);
	counter_add(&w->engine.counters.injected, n);
	if (direction == DATAPATH_INBOUND)
		engine_inbound(&w->engine, burst, n);
	else
		engine_outbound(&w->engine, burst, n);
}

static void serve_injected(struct worker *w)
{
	struct injected_packet *p = w->mail.injected;

	w->mail.injected = NULL;
	while (p) {
		struct injected_packet *spent[BURST];
		struct packet burst[BURST];
		enum datapath_direction direction = p->direction;
		size_t n = 0;

		for (; p && n < BURST && p->direction == direction; p = p->next, n++) {
			spent[n] = p;
			burst[n] = (struct packet){.data = p->buffer + PACKET_HEAD_ROOM,
						   .len = p->len,
						   .path = p->path,
						   .injected = true};
		}
		inject_burst(w, burst, n, direction);
		for (size_t i = 0; i < n; i++)
			free(spent[i]);
	}
}

static void answer(struct worker *w, struct stats_question *q)
{
	for (size_t i = 0; i < q->n; i++) {
		const struct sa *sa = spi_table_find(&w->engine.spis, q->spi_in[i]);

		if (!sa) {
			memset(&q->out[i], 0, sizeof(q->out[i]));
			continue;
		}
		q->out[i] = (struct datapath_sa_stats){
			.session = sa->e.session,
			.spi_in = sa->e.child.spi_in,
			.spi_out = sa->e.child.spi_out,
			.granted = sa->e.granted,
			.defer = sa->e.defer,
			.outbound = sa->e.outbound,
			.epoch = sa->e.epoch,
			.next = sa->e.next,
			.end = sa->e.end,
			.top = sa->e.window.top,
			.floor = sa->e.window.floor,
			.volume = sa->e.volume,
			.remote = sa->e.path.remote,
		};
	}
	mailbox_answer(&w->mailbox, q);
}

static void serve_mailbox(struct worker *w)
{
	mailbox_take(&w->mailbox, &w->mail);
	apply_updates(w);
	serve_injected(w);
	if (w->mail.question)
		answer(w, w->mail.question);
	w->mail.question = NULL;
}

/* What a majority knew is posted before contact says that it answered. */
static void look_for_end_of_stop(struct worker *w)
{
	uint64_t until = w->watch.until_us;
	bool over = stop_watch_is_over(&w->watch, atomic_load(&w->contact->contact_us));

	serve_mailbox(w);
	if (over && w->watch.until_us == until)
		engine_go_on(&w->engine);
}

/* ---- The thread ---- */

/* In milliseconds; -1: for whatever comes. */
static int wait_at_most(const struct worker *w)
{
	if (w->engine.marks || w->engine.stopped || xsk_unsent(&w->xsk))
		return 1;
	return w->engine.volumes ? (int)(VOLUMES_US / 1000) : -1;
}

static uint64_t tag(enum source source, size_t address, enum socket_kind kind)
{
	return (uint64_t)source | (uint64_t)address << 8 | (uint64_t)kind << 32;
}

static void serve(struct worker *w, uint64_t what)
{
	switch ((enum source)(what & 0xff)) {
	case SOURCE_MAILBOX:
		serve_mailbox(w);
		break;
	case SOURCE_TUN:
		serve_tun(w);
		break;
	case SOURCE_SOCKET:
		serve_socket(w, what >> 8 & 0xffff, (enum socket_kind)(what >> 32));
		break;
	case SOURCE_XSK:
		serve_xsk(w, what >> 8 & 0xffff);
		break;
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct epoll_event events[EVENTS_MAX];

	(void)privilege_keep(PRIVILEGE_BPF);
	while (!w->stop) {
		int n = epoll_wait(w->epoll, events, EVENTS_MAX, wait_at_most(w));

		begin_burst(w);
		(void)engine_marks(&w->engine);
		carried_report(&w->engine);
		xsk_kick(&w->xsk);
		if (w->engine.stopped)
			look_for_end_of_stop(w);
		for (int i = 0; i < n; i++)
			serve(w, events[i].data.u64);
		engine_rest(&w->engine);
	}
	mailbox_close(&w->mailbox);
	return NULL;
}

static int watch(struct worker *w, int fd, uint64_t what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void worker_init(struct worker *w)
{
	memset(w, 0, sizeof(*w));
	w->epoll = w->tun.fd = w->mailbox.wake = -1;
	assert(!w->started);
}

static void send_inner(void *ctx, struct packet **packets, size_t n)
{
	struct worker *w = ctx;

	tun_write(&w->tun, packets, n);
}

static void send_outer(void *ctx, struct packet **packets, size_t n)
{
	struct worker *w = ctx;

	if (w->xsk.n) {
		size_t left = xsk_write(&w->xsk, packets, n);

		assert(left <= n);
		counter_add(&w->engine.counters.xdp_out, n - left);
		n = left;
	}
	if (n)
		sockets_write(&w->sockets, packets, n);
}

static void learn_sa(void *ctx, struct sa *sa)
{
	struct worker *w = ctx;

	if (!w->xsk.n)
		return;
	sa->in_xdp = loader_spi_put(&w->xsk.loader, sa->e.child.spi_in, &sa->xdp_slot) == 0;
	if (!sa->in_xdp) /* The program drops what it does not know: the SA receives nothing. */
		counter_add(&w->engine.counters.sas_refused, 1);
}

static void forget_sa(void *ctx, const struct sa *sa)
{
	struct worker *w = ctx;

	if (w->xsk.n && sa->in_xdp)
		loader_spi_del(&w->xsk.loader, sa->e.child.spi_in, sa->xdp_slot);
}

/* Numbers that the window can no longer accept need not come up here. With ESN the low 32 bits
 * alone do not tell. */
static void raise_minimum(void *ctx, const struct sa *sa)
{
	struct worker *w = ctx;
	const struct replay_window *window = &sa->e.window;

	if (w->xsk.n && sa->in_xdp && sa->e.child.suite.esn == ESN_NO && window->top > window->bits)
		loader_spi_min(&w->xsk.loader, sa->xdp_slot, (uint32_t)(window->top - window->bits));
}

void worker_output(struct worker *w, struct engine_output *out)
{
	*out = (struct engine_output){.ctx = w,
				      .inner = send_inner,
				      .outer = send_outer,
				      .sa_put = learn_sa,
				      .sa_seen = raise_minimum,
				      .sa_del = forget_sa};
}

int worker_start(struct worker *w)
{
	int error;

	assert(!w->started && w->mailbox.wake >= 0);
	w->buffers = calloc(BURST, sizeof(*w->buffers));
	if (!w->buffers)
		return -ENOMEM;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0)
		return -errno;
	if ((error = watch(w, w->mailbox.wake, tag(SOURCE_MAILBOX, 0, 0))) ||
	    (error = watch(w, w->tun.fd, tag(SOURCE_TUN, 0, 0))))
		return error;
	for (size_t i = 0; i < w->sockets.n; i++)
		for (unsigned kind = 0; kind < SOCKET_KINDS; kind++)
			if (w->sockets.fds[i][kind] >= 0 &&
			    (error = watch(w, w->sockets.fds[i][kind], tag(SOURCE_SOCKET, i, kind))))
				return error;
	for (size_t i = 0; i < w->xsk.n; i++)
		if ((error = watch(w, xsk_fd(&w->xsk, i), tag(SOURCE_XSK, i, 0))))
			return error;
	if ((error = thread_start(&w->thread, "baton-worker", worker_main, w)))
		return error;
	w->started = true;
	return 0;
}

void worker_stop(struct worker *w)
{
	assert(!w->started || w->mailbox.wake >= 0);
	if (w->started) {
		w->stop = true;
		mailbox_wake(&w->mailbox);
		pthread_join(w->thread, NULL);
	}
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->xsk.n)
		xsk_close(&w->xsk);
	tun_close(&w->tun);
	sockets_close(&w->sockets);
	mail_fini(&w->mail);
	mailbox_fini(&w->mailbox);
	free(w->buffers);
}
