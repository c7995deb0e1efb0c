/* SPDX-License-Identifier: Apache-2.0 */
/* What the link thread does every heartbeat: send heartbeats through the links (heartbeat_thread.c
 * sends those that nothing may delay), end silent connections, and check whether the control loop
 * still answers.
 *
 * Data that the others sent while we slept is in our sockets, so after a late tick no connection
 * counts as silent before that was read. */
#include "node/link/link_internal.h"
#include "node/link/forward.h"

#include <string.h>
#include <time.h>

#define STALL_US 100000u
#define CERTIFICATE_CHECK_US (3600 * UINT64_C(1000000))
#define CERTIFICATE_WARN_S (14 * 86400)
#define DATAGRAMS_US 3000000u

void link_set_quorum(struct link *l, const struct detector_quorum *q)
{
	if (memcmp(&l->quorum, q, sizeof(*q)) == 0) /* Only this thread writes it. */
		return;
	pthread_mutex_lock(&l->lock);
	l->quorum = *q;
	pthread_mutex_unlock(&l->lock);
}

void link_judge(struct link *l, uint32_t node, uint64_t generation, bool accepted)
{
	atomic_store(&l->verdict[node], generation * 2 + accepted);
}

/* A heartbeat or a packet: complete in itself, between the chunks of others. */
void link_urgent(struct conn *c, const uint8_t *frame, size_t len)
{
	struct link *l = c->link;
	struct datapath_forward f;
	bool accepted = atomic_load(&l->verdict[c->node]) == c->generation * 2 + 1;

	if (frame[0] == FRAME_HEARTBEAT) {
		beat_take(l, c->node, c->generation, frame, len);
	} else if (frame[0] == FRAME_FORWARD && accepted) {
		if (!l->datapath || forward_parse(&f, frame, len) != OK ||
		    datapath_inject(l->datapath, &f) != OK)
			atomic_fetch_add(&l->forwards_lost, 1);
	}
}

static bool conn_overdue(const struct conn *c, uint64_t now)
{
	switch (c->state) {
	case CONN_DIALING:
		return now - c->started_us > DIAL_US;
	case CONN_HANDSHAKE:
	case CONN_PROVING:
		return now - c->started_us >
		       (c->stranger && !c->reserved ? STRANGER_US : HANDSHAKE_US);
	case CONN_UP:
		return now - c->heard_us > SILENCE_US && !c->link->config->test.heartbeats_off;
	case CONN_CLOSING:
		break;
	}
	return false;
}

bool link_loop_lives(const struct link *l, uint64_t now)
{
	uint64_t asked = atomic_load(&l->asked_us), answered = atomic_load(&l->answered_us);

	return answered >= asked || now < asked + l->cluster->timing.isolation_ms * UINT64_C(1000);
}

void link_heartbeat(struct conn *c)
{
	uint8_t frame[HEARTBEAT_LEN];

	beat_create(c->link, c->node, frame);
	conn_heartbeat(c, frame);
}

void link_beat(struct link *l)
{
	uint64_t now = boottime_us();

	/* The timer comes in whole milliseconds. */
	if (l->config->test.heartbeats_off || l->stopping ||
	    now - l->beat_us + 1000 <= l->beat.detector.interval_us || !link_loop_lives(l, now))
		return;
	/* To a node that gets none but these we may be lost now. */
	if (l->beat_us && now - l->beat_us > l->beat.detector.timeout_us)
		for (struct conn *c = l->conns; c; c = c->next)
			if (c->state == CONN_UP && !beat_heard(l, c->node))
				atomic_store(&l->contact.stopped_us, now);
	l->beat_us = now;
	for (struct conn *c = l->conns, *next; c; c = next) {
		next = c->next;
		if (c->state == CONN_UP)
			link_heartbeat(c);
	}
}

/* By then some have come, if they are let through at all. */
static void tick_datagrams(struct link *l, uint32_t node, uint64_t now)
{
	struct node_link *p = &l->node[node];

	if (p->datagrams_told || now - p->up_us < DATAGRAMS_US || l->config->test.heartbeats_off)
		return;
	p->datagrams_told = true;
	if (!beat_heard(l, node))
		link_say(l, node, "its heartbeats come through the link alone, where a busy machine delays them: "
				  "let UDP through to port %u, too", l->config->node[node].link.port);
}

static void tick_conns(struct link *l, uint64_t now, bool late)
{
	for (struct conn *c = l->conns, *next; c; c = next) {
		next = c->next;
		/* After a pause of our own, what the others sent has yet to be read. */
		if (conn_overdue(c, now) && !late)
			conn_close(c);
	}
	for (uint32_t i = 0; i < l->cluster->n_nodes; i++) {
		struct node_link *p = &l->node[i];

		if (p->up)
			tick_datagrams(l, i, now);
		if (i == l->cluster->self || p->up || p->dialing)
			continue;
		if (i > l->cluster->self ? now >= p->dial_at_us : p->probes > 0)
			link_dial(l, i);
	}
}

static void tick_control(struct link *l, uint64_t now)
{
	uint64_t asked = atomic_load(&l->asked_us), answered = atomic_load(&l->answered_us);

	if (answered >= asked) {
		if (l->stalled)
			events_add(l->events, CONFIG_LOG_WARNING, "loop_stall",
				   "the control loop is back after %llu ms",
				   (unsigned long long)((now - asked) / 1000));
		l->stalled = l->silent = false;
		atomic_store(&l->asked_us, now);
		l->inbox->wake(l->inbox->ctx);
	} else if (now - asked > STALL_US && !l->stalled) {
		l->stalled = true;
		atomic_fetch_add(&l->loop_stalls, 1);
		events_add(l->events, CONFIG_LOG_WARNING, "loop_stall",
			   "the control loop has not answered for %u ms", STALL_US / 1000);
	}
	if (!link_loop_lives(l, now) && !l->silent) {
		events_add(l->events, CONFIG_LOG_ERROR, "loop_stall",
			   "the control loop has not answered for %u ms: no more heartbeats, so that others take over",
			   l->cluster->timing.isolation_ms);
		l->silent = true;
	}
}

static void tick_certificate(struct link *l, uint64_t now)
{
	int64_t left;

	if (now < l->certificate_us)
		return;
	l->certificate_us = now + CERTIFICATE_CHECK_US;
	left = tls_context_expires_in(l->tls, (int64_t)time(NULL));
	if (left < CERTIFICATE_WARN_S)
		events_add(l->events, CONFIG_LOG_WARNING, "certificate",
			   "cert_file %s expires in %lld days",
			   l->config->node[l->cluster->self].cert_file,
			   (long long)(left < 0 ? 0 : left / 86400));
}

void link_tick(uv_timer_t *timer)
{
	struct link *l = timer->data;
	uint64_t now = boottime_us(), before = atomic_load(&l->ticked_us);
	bool late = before && now - before > l->beat.detector.timeout_us / 2;

	if (late) /* We slept, not they: read first, judge then. */
		l->read_first_us = now + 2 * l->beat.detector.interval_us;
	atomic_store(&l->ticked_us, now);
	link_beat(l); /* Before all else. */
	tick_conns(l, now, now < l->read_first_us);
	tick_control(l, now);
	tick_certificate(l, now);
}
