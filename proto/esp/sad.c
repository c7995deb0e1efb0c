/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may do with an SA. This file keeps *this* node from using a (key, sequence number)
 * twice and from letting a packet in twice. The replicated state sees to it that two nodes never
 * have overlapping grants (DESIGN section 5).
 *
 *   never granted --grant(e)--> granted in e --grant(e+n)--> granted in e+n
 *                                 |    ^  end may rise
 *                           revoke|    |grant(e): goes on where it stood
 *                                 v    |
 *                               revoked --grant(e+n)--> granted in e+n
 *
 * In two points the code is stricter than the grant, because a node remembers what it did: a number
 * that it drew in an earlier epoch is not drawn again even if a new lease began below it, and a
 * packet that it accepted in an earlier epoch stays accepted even if the mark reached nobody. For
 * grants that follow the rules the first case never arises. */
#include "proto/esp/sad.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

/* The leader may have missed it, or the client may have moved behind its NAT since; a client
 * without answers sends little, so it is reported again after a few packets. */
#define HORIZON_REPEAT 4u

/* One past the last number the SA may ever use. */
static uint64_t space_end(const struct sad_entry *e)
{
	return e->child.suite.esn == ESN_YES ? ESP_ESN_SEQ_END : UINT64_C(1) << 32;
}

enum status sad_entry_init(struct sad_entry *e, uint64_t session, const struct child_sa *child,
			   const struct sad_path *path, uint32_t replay_bits)
{
	enum status status;

	memset(e, 0, sizeof(*e));
	status = esp_context_init(&e->in, &child->suite, &child->in, false);
	if (status != OK)
		return status;
	status = esp_context_init(&e->out, &child->suite, &child->out, true);
	if (status != OK) {
		esp_context_fini(&e->in);
		return status;
	}
	e->session = session;
	e->child = *child;
	/* The contexts have the keys, and cleanse them; nothing needs them in clear again. */
	OPENSSL_cleanse(&e->child.in, sizeof(e->child.in));
	OPENSSL_cleanse(&e->child.out, sizeof(e->child.out));
	e->path = *path;
	e->epoch = INT64_MIN; /* Before every epoch. */
	replay_init(&e->window, replay_bits, 0);
	return OK;
}

void sad_entry_fini(struct sad_entry *e)
{
	esp_context_fini(&e->in);
	esp_context_fini(&e->out);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void raise_horizon(struct sad_entry *e, uint64_t horizon)
{
	if (horizon <= e->horizon)
		return;
	e->horizon = horizon;
	e->horizon_from = e->window.top;
	e->reported_horizon = false;
}

void sad_entry_grant(struct sad_entry *e, const struct seq_grant *g)
{
	assert(g->epoch != INT64_MIN);
	if (g->epoch < e->epoch)
		return;
	if (g->epoch == e->epoch) {
		/* The floor stays: it is our own mark, and numbers below it may be on their way. */
		e->granted = true;
		raise_horizon(e, g->horizon);
		if (g->end > e->end) {
			e->end = g->end;
			e->start = e->next; /* Half of what is new, for sad_entry_lease_low(). */
			e->reported_low = false;
		}
		return;
	}
	e->granted = true;
	e->defer = g->defer;
	e->epoch = g->epoch;
	/* Number 0 is never sent (RFC 4303 3.3.3). */
	e->next = max_u64(max_u64(g->start, e->next), 1);
	e->start = e->next;
	e->end = g->end;
	e->reported_low = false;
	replay_init(&e->window, e->window.bits, max_u64(g->floor, e->window.top));
	e->accepted = e->marked = 0;
	e->quorum = g->quorum;
	e->delivered = 0;
	e->horizon = 0;
	raise_horizon(e, g->horizon);
	e->horizon_floor = e->horizon && g->floor >= e->horizon - 1 ? e->window.top : 0;
	e->horizon_repeat = 0;
	(void)volume_raise(&e->volume, &g->volume);
}

void sad_entry_revoke(struct sad_entry *e)
{
	e->granted = false;
}

void sad_entry_raise_floor(struct sad_entry *e, uint64_t mark, bool from_horizon)
{
	replay_raise_floor(&e->window, mark);
	if (from_horizon)
		e->horizon_floor = max_u64(e->horizon_floor, mark);
}

bool sad_entry_mark(struct sad_entry *e, uint64_t *mark)
{
	if (e->accepted <= e->marked)
		return false;
	*mark = e->marked = e->accepted;
	return true;
}

enum drop sad_entry_draw(struct sad_entry *e, uint64_t *seq)
{
	if (!e->granted)
		return DROP_NOT_OWNER;
	/* "the transmitted sequence number must never be allowed to cycle" (RFC 4303 2.2) */
	if (e->next >= space_end(e))
		return DROP_SEQUENCE_END;
	if (e->next >= e->end)
		return DROP_LEASE;
	*seq = e->next++;
	return DROP_NONE;
}

/* The highest number not above the horizon floor that has these 32 bits. With ESN the
 * floor may be so far above the client that RFC 4303 A2.2 takes its numbers for those
 * of the next 2^32. */
static bool infer_below_horizon(const struct sad_entry *e, uint32_t seq_low, uint64_t *seq)
{
	*seq = (e->horizon_floor & ~(uint64_t)UINT32_MAX) | seq_low;
	if (*seq > e->horizon_floor && *seq >> 32 != 0)
		*seq -= UINT64_C(1) << 32;
	return *seq != 0 && *seq <= e->horizon_floor;
}

enum drop sad_entry_check(struct sad_entry *e, uint32_t seq_low, uint64_t *seq, int64_t *epoch)
{
	uint64_t below;
	enum drop d;

	if (!e->granted)
		return DROP_NOT_OWNER;
	*epoch = e->epoch;
	*seq = replay_infer(&e->window, seq_low, e->child.suite.esn == ESN_YES);
	d = replay_check(&e->window, *seq);
	if (!e->horizon_floor || (d == DROP_NONE && *seq < e->horizon) || !infer_below_horizon(e, seq_low, &below))
		return d;
	if (e->horizon_repeat) {
		e->horizon_repeat--;
		return d;
	}
	/* Beyond the horizon, or 2^32 below that? The ICV tells. Packets are tried alternately as
	 * the one and as the other, so a forged packet cannot decide it. */
	if (d == DROP_NONE && (seq_low & 1))
		return d;
	*seq = below;
	return DROP_NONE;
}

enum drop sad_entry_accept(struct sad_entry *e, uint64_t seq, int64_t epoch)
{
	if (!e->granted || epoch != e->epoch)
		return DROP_NOT_OWNER;
	if (e->defer)
		return DROP_DEFERRED_EXPIRED;
	if (e->horizon && seq >= e->horizon)
		return DROP_HORIZON;
	if (replay_mark(&e->window, seq) != DROP_NONE)
		return DROP_REPLAY;
	e->accepted = max_u64(e->accepted, seq);
	return DROP_NONE;
}

/* ---- Exact ---- */

bool sad_entry_must_wait(const struct sad_entry *e, uint64_t seq)
{
	return e->quorum && seq > e->delivered;
}

void sad_entry_raise_delivered(struct sad_entry *e, uint64_t seq, int64_t epoch)
{
	if (epoch == e->epoch)
		e->delivered = max_u64(e->delivered, seq);
}

enum drop sad_entry_deliver(const struct sad_entry *e, uint64_t seq, int64_t epoch)
{
	assert(epoch != e->epoch || !sad_entry_must_wait(e, seq));
	return e->granted && epoch == e->epoch ? DROP_NONE : DROP_UNDELIVERED;
}

bool sad_entry_horizon_low(struct sad_entry *e)
{
	uint64_t top = e->window.top;

	if (!e->granted || e->horizon == 0 || e->reported_horizon)
		return false;
	if (top < e->horizon && top - e->horizon_from < e->horizon - top)
		return false;
	e->reported_horizon = true;
	return true;
}

bool sad_entry_below_horizon(struct sad_entry *e, uint64_t seq)
{
	if (!e->granted || seq > e->horizon_floor)
		return false;
	e->horizon_repeat = HORIZON_REPEAT;
	return true;
}

bool sad_entry_lease_low(struct sad_entry *e)
{
	uint64_t end = e->end;

	if (!e->granted || e->reported_low)
		return false;
	if (end >= space_end(e)) /* There is no more to ask for. */
		return false;
	if (end > e->start && e->next - e->start < end - e->next)
		return false;
	e->reported_low = true;
	return true;
}
