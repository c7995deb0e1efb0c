/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats. Each carries our send time, the peer's newest send time as we saw it (the echo), our
 * log's last index, and our Raft id; so one frame per heartbeat and direction serves detection,
 * contact and the return from a pause. */
#include "cluster/link/detector.h"

#include "cluster/link/frame.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LATE_FADES 1024u /* Heartbeats until a delay counts for a third: some ten seconds. */

void detector_init(struct detector *d, const struct cluster_config *c, uint64_t now_us)
{
	memset(d, 0, sizeof(*d));
	d->n = c->n_nodes;
	d->self = c->self;
	d->interval_us = c->timing.heartbeat_ms * UINT64_C(1000);
	d->timeout_us = d->interval_us * c->timing.heartbeats_missed;
	d->isolation_us = c->timing.isolation_ms * UINT64_C(1000);
	d->timeout_max_us = c->timing.detection_max_ms * UINT64_C(1000);
	if (d->timeout_max_us > d->isolation_us)
		d->timeout_max_us = d->isolation_us;
	if (d->timeout_max_us < d->timeout_us)
		d->timeout_max_us = d->timeout_us;
	d->isolated = c->n_nodes > 1; /* Until a quorum has answered. */
	(void)now_us;
	for (uint32_t i = 0; i < d->n; i++)
		d->node[i].suspect = i != d->self;
}

void detector_set_quorum(struct detector *d, const struct detector_quorum *q)
{
	d->quorum = *q;
}

void detector_heartbeat_create(struct detector *d, uint32_t node, uint64_t now_us, uint64_t last,
			       uint8_t out[HEARTBEAT_LEN])
{
	CBB b;
	size_t len;
	int ok;

	assert(node < d->n);
	ok = CBB_init_fixed(&b, out, HEARTBEAT_LEN) && CBB_add_u8(&b, FRAME_HEARTBEAT) &&
	     CBB_add_u64(&b, now_us) && CBB_add_u64(&b, d->node[node].its_send_us) &&
	     CBB_add_u64(&b, last) && CBB_add_u64(&b, d->quorum.self) && CBB_finish(&b, NULL, &len);
	assert(ok && len == HEARTBEAT_LEN);
}

/* A log gets shorter only by entries that were never committed: nobody waits for those. */
static void its_last_is(struct detector_node *p, uint64_t last)
{
	p->its_last = last;
	if (p->waiting_us && last < p->waiting_index)
		p->waiting_index = last;
}

enum status detector_heartbeat_consume(struct detector *d, uint32_t node, uint64_t now_us,
				       const uint8_t *frame, size_t len)
{
	struct detector_node *p = &d->node[node];
	uint64_t sent, echo, last, id;
	uint8_t type;
	CBS in;

	assert(node < d->n && node != d->self);
	CBS_init(&in, frame, len);
	if (!CBS_get_u8(&in, &type) || type != FRAME_HEARTBEAT || !CBS_get_u64(&in, &sent) ||
	    !CBS_get_u64(&in, &echo) || !CBS_get_u64(&in, &last) ||
	    !CBS_get_u64(&in, &id) || CBS_len(&in) != 0)
		return ERR_MALFORMED;
	if (id != p->id) /* Another store: its log is not the one we waited for. */
		p->echoed_us = p->waiting_us = p->contact_us = 0;
	p->id = id;
	detector_heard(d, node, now_us);
	p->its_send_us = sent; /* A restarted peer's clock may start anew: no maximum here. */
	its_last_is(p, last);
	if (MUTANT(MUTANT_CONTACT_RECEIVED))
		echo = now_us;
	if (echo <= now_us && echo > p->echoed_us)
		p->echoed_us = echo;
	return OK;
}

uint64_t detector_node_clock(const struct detector *d, uint32_t node)
{
	return d->node[node].its_send_us;
}

void detector_heard(struct detector *d, uint32_t node, uint64_t now_us)
{
	struct detector_node *p = &d->node[node];
	uint64_t gap = p->heard_us && now_us > p->heard_us ? now_us - p->heard_us : 0;
	uint64_t late = gap > d->interval_us ? gap - d->interval_us : 0;

	assert(node < d->n && node != d->self);
	p->heard_us = now_us;
	p->late_us -= p->late_us / LATE_FADES;
	if (late > d->timeout_max_us)
		late = 0; /* It was away. */
	if (late > p->late_us)
		p->late_us = late;
}

uint64_t detector_timeout_us(const struct detector *d, uint32_t node)
{
	uint64_t late = d->node[node].late_us > d->late_us ? d->node[node].late_us : d->late_us;
	uint64_t t = d->interval_us + 2 * late;

	if (MUTANT(MUTANT_TIMEOUT_FIXED))
		return d->timeout_us;
	if (t < d->timeout_us)
		return d->timeout_us;
	if (MUTANT(MUTANT_TIMEOUT_UNBOUNDED))
		return t;
	return t > d->timeout_max_us ? d->timeout_max_us : t;
}

void detector_gone(struct detector *d, uint32_t node)
{
	d->node[node].heard_us = 0;
}

/* One echo at a time waits for its index: under load the others' logs are always a
 * little ahead of what we have applied. */
static void count_echo(struct detector_node *p, uint64_t applied)
{
	for (unsigned i = 0; i < 2; i++) {
		if (p->waiting_us && applied >= p->waiting_index) {
			p->contact_us = p->waiting_us;
			p->waiting_us = 0;
		}
		if (p->waiting_us || p->echoed_us <= p->contact_us)
			return;
		p->waiting_us = p->echoed_us;
		p->waiting_index = p->its_last;
	}
}

/* A node that slept, or had no turn, has heard nobody, and what the others sent is still to be
 * read: our own delay is taken off their silence. A delay that is no sleep says that this machine
 * is busy; theirs may be busy as well, or may be this one. */
static void forgive_own_pause(struct detector *d, uint64_t now_us)
{
	uint64_t gap = d->polled_us ? now_us - d->polled_us : 0;

	d->polled_us = now_us;
	if (now_us - d->faded_us >= d->interval_us) {
		d->late_us -= d->late_us / LATE_FADES;
		d->faded_us = now_us;
	}
	/* A timer comes a millisecond late, or two. */
	if (gap <= d->interval_us + d->interval_us / 2)
		return;
	if (MUTANT(MUTANT_OWN_DELAY_IGNORED))
		return;
	if (gap - d->interval_us > d->late_us && gap - d->interval_us <= d->timeout_us)
		d->late_us = gap - d->interval_us;
	for (uint32_t i = 0; i < d->n; i++) {
		struct detector_node *p = &d->node[i];

		if (!p->heard_us || p->suspect)
			continue;
		p->heard_us += gap - d->interval_us;
		if (p->heard_us > now_us)
			p->heard_us = now_us;
	}
}

size_t detector_poll(struct detector *d, uint64_t now_us, uint64_t applied, uint64_t last,
		     struct detector_report *out)
{
	size_t n = 0;

	/* Our own log is one of the majority's: what it holds must be applied too. */
	d->node[d->self].echoed_us = now_us;
	its_last_is(&d->node[d->self], last);
	forgive_own_pause(d, now_us);
	for (uint32_t i = 0; i < d->n; i++) {
		struct detector_node *p = &d->node[i];
		bool suspect;

		count_echo(p, applied);
		if (i == d->self)
			continue;
		suspect = p->heard_us == 0 || now_us - p->heard_us > detector_timeout_us(d, i);
		if (suspect == p->suspect)
			continue;
		p->suspect = suspect;
		out[n++] = (struct detector_report){
			.node = i,
			.suspect = suspect,
			.silent_us = p->heard_us ? now_us - p->heard_us : 0,
		};
	}
	return n;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y) - (x > y);
}

static bool counts(const struct detector *d, uint32_t i)
{
	uint64_t id = i == d->self ? d->quorum.self : d->node[i].id;

	return id != 0 && d->quorum.voter[i] == id;
}

uint64_t detector_contact_us(const struct detector *d, uint64_t now_us)
{
	uint64_t contact[CLUSTER_NODES_MAX] = { 0 };
	uint32_t n = 0;

	if (d->n == 1)
		return now_us;
	if (MUTANT(MUTANT_NO_ISOLATION))
		return now_us;
	for (uint32_t i = 0; i < d->n; i++)
		if (counts(d, i))
			contact[n++] = d->node[i].contact_us;
	if (n <= d->quorum.n_voters / 2)
		return 0;
	qsort(contact, n, sizeof(contact[0]), newest_first);
	/* The majority's oldest: with 3 voters the second newest; ours counts in any case. */
	if (d->node[d->self].contact_us < contact[d->quorum.n_voters / 2])
		return d->node[d->self].contact_us;
	return contact[d->quorum.n_voters / 2];
}

bool detector_isolation(struct detector *d, uint64_t now_us, bool *isolated)
{
	uint64_t contact = detector_contact_us(d, now_us);
	bool now_isolated = contact == 0 || now_us - contact > d->isolation_us;

	*isolated = now_isolated;
	if (now_isolated == d->isolated)
		return false;
	d->isolated = now_isolated;
	return true;
}
