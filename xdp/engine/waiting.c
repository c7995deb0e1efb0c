/* SPDX-License-Identifier: Apache-2.0 */
/* Opened packets of exact SAs that wait until a majority holds their mark (DESIGN section 5): a
 * pool for all SAs, a list for each, in the order of arrival. When a grant ends, its list is
 * dropped: those numbers count as received, and nobody delivers the packets. Only the worker uses
 * the pool; nothing is allocated after the first grant that needs it. */
#include "xdp/engine/waiting.h"
#include "xdp/engine/delivery.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct waiting_packet {
	struct waiting_packet *next;
	uint64_t seq;
	int64_t epoch;
	size_t len;
	uint8_t buffer[PACKET_BUFFER]; /* The inner packet is at PACKET_HEAD_ROOM. */
};

bool waiting_prepare(struct engine *e)
{
	if (!e->waiting)
		e->waiting = calloc(WAITING_MAX, sizeof(*e->waiting));
	return e->waiting != NULL;
}

void waiting_fini(struct engine *e)
{
	free(e->waiting);
	e->waiting = e->waiting_free = NULL;
}

static struct waiting_packet *take(struct engine *e)
{
	struct waiting_packet *w = e->waiting_free;

	if (w)
		e->waiting_free = w->next;
	else if (e->waiting && e->waiting_used < WAITING_MAX)
		w = &e->waiting[e->waiting_used++];
	return w;
}

static void give(struct engine *e, struct waiting_packet *w)
{
	assert(w >= e->waiting && w < e->waiting + e->waiting_used);
	w->next = e->waiting_free;
	e->waiting_free = w;
}

void waiting_add(struct engine *e, struct packet *p)
{
	struct waiting_packet *w = p->len <= DATAPATH_PACKET_MAX ? take(e) : NULL;
	struct sa *sa = p->sa;

	assert(packet_alive(p) && sa && sa->e.quorum);
	if (!w) {
		p->drop = DROP_WAITING_FULL;
		return;
	}
	w->next = NULL;
	w->seq = p->seq;
	w->epoch = p->epoch;
	w->len = p->len;
	memcpy(w->buffer + PACKET_HEAD_ROOM, p->data, p->len);
	if (sa->waiting)
		sa->waiting_last->next = w;
	else
		sa->waiting = w;
	sa->waiting_last = w;
	p->done = true;
	counter_add(&e->counters.waited, 1);
}

static void drop_all(struct engine *e, struct sa *sa, enum drop d)
{
	while (sa->waiting) {
		struct waiting_packet *w = sa->waiting;

		sa->waiting = w->next;
		engine_drop(e, d);
		give(e, w);
	}
}

void waiting_drop(struct engine *e, struct sa *sa)
{
	drop_all(e, sa, DROP_UNDELIVERED);
	assert(!sa->waiting);
}

/* Takes up to BURST packets that need no longer wait off the list. */
static size_t take_burst(struct sa *sa, struct waiting_packet *out[BURST])
{
	struct waiting_packet **at = &sa->waiting, *last = NULL;
	size_t n = 0;

	while (*at && n < BURST) {
		struct waiting_packet *w = *at;

		if (sad_entry_must_wait(&sa->e, w->seq)) {
			last = w;
			at = &w->next;
		} else {
			*at = w->next;
			out[n++] = w;
		}
	}
	if (!*at)
		sa->waiting_last = last;
	assert(!sa->waiting || sa->waiting_last->next == NULL);
	return n;
}

void waiting_deliver(struct engine *e, struct sa *sa)
{
	struct waiting_packet *ready[BURST];
	struct packet burst[BURST];
	size_t n;

	if (e->isolated) {
		drop_all(e, sa, DROP_ISOLATED);
		return;
	}
	while ((n = take_burst(sa, ready)) > 0) {
		for (size_t i = 0; i < n; i++)
			burst[i] = (struct packet){ .data = ready[i]->buffer + PACKET_HEAD_ROOM,
						    .len = ready[i]->len,
						    .seq = ready[i]->seq,
						    .epoch = ready[i]->epoch,
						    .sa = sa,
						    .drop = sad_entry_deliver(&sa->e, ready[i]->seq,
									      ready[i]->epoch) };
		engine_deliver(e, burst, n);
		for (size_t i = 0; i < n; i++)
			give(e, ready[i]);
	}
}
