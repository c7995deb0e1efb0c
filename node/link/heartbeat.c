/* SPDX-License-Identifier: Apache-2.0 */
/* What the link thread does every heartbeat: send heartbeats, let the detector
 * judge, publish the time of contact, end connections that are silent, and see whether
 * the control loop still answers.
 *
 * The clock is CLOCK_BOOTTIME: a host that slept has been out of contact all that
 * time. But what the others sent meanwhile lies in our sockets, so after a late
 * tick nobody is judged before that was read. Isolation is judged at once: contact
 * is by the *send* time of our own heartbeats. */
#include "node/link/link_internal.h"
#include "node/link/forward.h"

#include <string.h>
#include <time.h>

#define STALL_US 100000u
#define CERTIFICATE_CHECK_US (3600 * UINT64_C(1000000))
#define CERTIFICATE_WARN_S (14 * 86400)

static void put_event(struct link *l, const struct event *e)
{
	struct inbox_item *i = inbox_item_new(INBOX_EVENT, NULL, 0);

	i->event = *e;
	inbox_put(l->inbox, i, INBOX_OTHER);
}

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

void link_look(struct link *l, uint64_t now)
{
	struct detector_report report[CLUSTER_NODES_MAX];
	uint64_t applied = atomic_load(&l->applied);
	size_t n;

	pthread_mutex_lock(&l->lock);
	detector_set_quorum(&l->detector, &l->quorum);
	pthread_mutex_unlock(&l->lock);
	n = detector_poll(&l->detector, now, applied, atomic_load(&l->last), report);

	for (size_t i = 0; i < n; i++)
		put_event(l, &(struct event){.type = EVENT_SUSPECT,
					     .suspect = {.node = report[i].node,
							 .suspect = report[i].suspect,
							 .silent_us = report[i].silent_us}});
}

static void detector_publish(struct link *l, uint64_t now)
{
	bool isolated;

	atomic_store(&l->contact.contact_us, detector_contact_us(&l->detector, now));
	if (detector_isolation(&l->detector, now, &isolated))
		put_event(l, &(struct event){.type = EVENT_ISOLATION,
					     .isolation.isolated = isolated});
}

/* A heartbeat or a packet: complete in itself, between the chunks of others. */
void link_urgent(struct conn *c, const uint8_t *frame, size_t len)
{
	struct link *l = c->link;
	struct datapath_forward f;
	uint64_t now = boottime_us(), verdict = atomic_load(&l->verdict[c->node]);
	bool judged = verdict / 2 == c->generation, accepted = judged && verdict % 2;

	if (frame[0] == FRAME_HEARTBEAT) {
		if (judged && !accepted)
			return;
		if (!judged)
			detector_heard(&l->detector, c->node, now);
		else if (detector_heartbeat_consume(&l->detector, c->node, now, frame, len) != OK)
			return;
		atomic_store(&l->clock_us[c->node], detector_peer_clock(&l->detector, c->node));
		if (now >= l->poll_from_us)
			link_look(l, now);
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

/* Heartbeats of ours that are that late: we may be lost to the others. */
static void tell_alive(struct link *l, uint64_t now)
{
	uint64_t before = atomic_load(&l->contact.alive_us);

	if (before && now - before > l->detector.timeout_us)
		atomic_store(&l->contact.stopped_us, now);
	atomic_store(&l->contact.alive_us, now);
}

void link_beat(struct link *l)
{
	uint64_t now = boottime_us();

	tell_alive(l, now);
	/* The timer comes in whole milliseconds. */
	if (l->config->test.heartbeats_off || l->stopping ||
	    now - l->beat_us + 1000 <= l->detector.interval_us)
		return;
	l->beat_us = now;
	for (struct conn *c = l->conns, *next; c; c = next) {
		next = c->next;
		if (c->state == CONN_UP)
			conn_heartbeat(c);
	}
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
		struct peer_link *p = &l->peer[i];

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
		l->stalled = false;
		atomic_store(&l->asked_us, now);
		l->inbox->wake(l->inbox->ctx);
	} else if (now - asked > STALL_US && !l->stalled) {
		l->stalled = true;
		atomic_fetch_add(&l->loop_stalls, 1);
		events_add(l->events, CONFIG_LOG_WARNING, "loop_stall",
			   "the control loop has not answered for %u ms", STALL_US / 1000);
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
	uint64_t now = boottime_us();
	bool late = l->ticked_us && now - l->ticked_us > l->detector.timeout_us / 2;

	if (late) /* We slept, not they: read first, judge then. */
		l->poll_from_us = now + 2 * l->detector.interval_us;
	l->ticked_us = now;
	late = now < l->poll_from_us;
	link_beat(l); /* Before all else. */
	tick_conns(l, now, late);
	if (!late)
		link_look(l, now);
	detector_publish(l, now);
	tick_control(l, now);
	tick_certificate(l, now);
}
