/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads ask the links to do: frames go into a peer's queues, under the lock, and the
 * link thread is woken; everything else is an atomic. */
#include "node/link/link_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void append(struct out_queue *q, struct out_frame *f)
{
	f->next = NULL;
	*q->end = f;
	q->end = &f->next;
	q->octets += f->len;
}

void link_send(struct link *l, uint32_t node, uint64_t generation, const uint8_t *frame, size_t len)
{
	struct node_link *p = &l->node[node];
	bool urgent = frame[0] >= FRAME_EDGE, relay = frame[0] == FRAME_RELAY, queued = false;
	struct out_frame *f;

	assert(node < l->cluster->n_nodes && len > 0 && (!urgent || len <= URGENT_MAX));
	if (len > FRAME_LEN_MAX) { /* The state outgrew what the other end takes. */
		events_add(l->events, CONFIG_LOG_ERROR, "link", "a frame of %zu octets is not sent", len);
		return;
	}
	f = malloc(sizeof(*f) + len);
	assert(f);
	f->len = len;
	memcpy(f->data, frame, len);
	pthread_mutex_lock(&l->lock);
	if (p->open && p->generation == generation) {
		if (urgent && p->urgent.octets + len <= QUEUE_URGENT_MAX) {
			append(&p->urgent, f);
			queued = true;
		} else if (!urgent && p->queue.octets + len <= (relay ? QUEUE_RELAY_MAX : QUEUE_MAX)) {
			append(&p->queue, f);
			queued = true;
		} else if (!urgent && !relay) {
			p->overflow = true;
		}
	}
	pthread_mutex_unlock(&l->lock);
	if (!queued) {
		free(f);
		atomic_fetch_add(&l->forwards_lost, urgent);
		atomic_fetch_add(&l->relays_lost, relay);
	}
	l->unsent = true;
}

void link_flush(struct link *l)
{
	if (!l->unsent)
		return;
	l->unsent = false;
	wakeup_ask(&l->wake);
}

void link_set_log(struct link *l, uint64_t applied, uint64_t last)
{
	atomic_store(&l->last, last);
	atomic_store(&l->applied, applied);
}

void link_answer(struct link *l)
{
	atomic_store(&l->answered_us, atomic_load(&l->asked_us));
}

uint64_t link_node_clock(const struct link *l, uint32_t node)
{
	return atomic_load(&l->clock_us[node]);
}

const struct contact *link_contact(const struct link *l)
{
	return &l->contact;
}

int64_t link_certificate_expires_in(const struct link *l, int64_t unix_now)
{
	return tls_context_expires_in(l->tls, unix_now);
}

void link_count(const struct link *l, struct link_counters *out)
{
	*out = (struct link_counters){
		.frames_in = atomic_load(&l->frames_in),
		.frames_out = atomic_load(&l->frames_out),
		.octets_in = atomic_load(&l->octets_in),
		.octets_out = atomic_load(&l->octets_out),
		.connections = atomic_load(&l->connections),
		.refused = atomic_load(&l->refused),
		.forwards_lost = atomic_load(&l->forwards_lost),
		.relays_lost = atomic_load(&l->relays_lost),
		.loop_stalls = atomic_load(&l->loop_stalls),
		.strangers = atomic_load(&l->strangers),
		.evicted = atomic_load(&l->evicted),
		.unproved = atomic_load(&l->unproved),
	};
}
