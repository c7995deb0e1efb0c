/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a snapshot, one by one. Slots are written as runs, because most neighbours are
 * alike: 4112 slots of one owner take 50 octets. Reading checks whatever apply() relies on: every
 * command keeps each rule below, so a snapshot that breaks one was not made by us. */
#include "cluster/level.h"
#include "cluster/state/accounting_report.h"
#include "cluster/state/state_internal.h"

#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_MAX (INT64_C(1) << 60) /* Far from the end of 64 bits, also in sums. */

static bool epoch_possible(int64_t epoch)
{
	return epoch >= -EPOCH_MAX && epoch <= EPOCH_MAX;
}

/* An owner or holder is up, in its current incarnation; or there is none. */
static bool owner_possible(const struct state *s, uint64_t id, uint64_t incarnation)
{
	const struct node_record *n = state_node_up(s, id, 0);

	return id == 0 ? incarnation == 0 : n && n->incarnation == incarnation;
}

static void codec_node(struct codec *c, struct node_record *n)
{
	codec_u64(c, &n->id);
	if (n->id == 0)
		return;
	codec_text(c, n->name, sizeof(n->name));
	codec_u64(c, &n->incarnation);
	codec_bool(c, &n->up);
	codec_u64(c, &n->config_hash);
	codec_u64(c, &n->policy_hash);
	codec_prefixes(c, &n->routes);
	codec_u8(c, &n->level);
	codec_u64(c, &n->stored_index);
}

static void codec_nodes(struct codec *c, struct state *s)
{
	for (uint32_t i = 0; i < STATE_NODES_MAX; i++) {
		codec_node(c, &s->node[i]);
		codec_check(c, s->node[i].id == 0 || s->node[i].level >= s->level);
		for (uint32_t k = 0; k < i; k++)
			codec_check(c, s->node[i].id == 0 || s->node[i].id != s->node[k].id);
	}
	codec_u64(c, &s->holder);
	codec_u64(c, &s->holder_incarnation);
	codec_check(c, owner_possible(s, s->holder, s->holder_incarnation));
}

static bool slot_same(const struct slot *a, const struct slot *b)
{
	return a->node == b->node && a->incarnation == b->incarnation && a->epoch == b->epoch &&
	       a->previous_node == b->previous_node &&
	       a->previous_incarnation == b->previous_incarnation;
}

static void codec_slot(struct codec *c, struct slot *x)
{
	codec_u64(c, &x->node);
	codec_u64(c, &x->incarnation);
	codec_i64(c, &x->epoch);
	codec_u64(c, &x->previous_node);
	codec_u64(c, &x->previous_incarnation);
	codec_check(c, x->epoch >= 0 && x->epoch <= EPOCH_MAX);
}

static void codec_slots(struct codec *c, struct state *s)
{
	uint32_t i = 0;

	while (i < STATE_SLOTS_ALL && !c->bad) {
		struct slot *first = &s->slot[i];
		uint32_t run = 1;

		while (!codec_reads(c) && i + run < STATE_SLOTS_ALL &&
		       slot_same(first, &s->slot[i + run]))
			run++;
		codec_count(c, &run, STATE_SLOTS_ALL - i);
		codec_slot(c, first);
		codec_check(c, run > 0 && owner_possible(s, first->node, first->incarnation));
		/* One run for what is alike, or the same state would have two forms. */
		codec_check(c, i == 0 || !slot_same(&s->slot[i - 1], first));
		for (uint32_t k = 1; codec_reads(c) && k < run; k++)
			s->slot[i + k] = *first;
		i += run;
	}
}

void codec_report(struct codec *c, const struct state *s, struct accounting_report *r)
{
	codec_u64(c, &r->id);
	codec_u64(c, &r->session);
	codec_u64(c, &r->spi);
	codec_u8(c, &r->status);
	codec_u8(c, &r->cause);
	codec_u64(c, &r->made_ms);
	codec_u64(c, &r->unix_s);
	codec_u64(c, &r->given_ms);
	codec_u32(c, &r->session_s);
	codec_volume(c, &r->volume);
	codec_address(c, &r->framed);
	codec_address(c, &r->called);
	codec_address(c, &r->calling);
	codec_blob_of(c, &r->attributes, IKE_ACCOUNT_MAX);
	codec_check(c, r->status >= RADIUS_STATUS_START && r->status <= RADIUS_STATUS_INTERIM);
	codec_check(c, r->made_ms <= r->given_ms && r->given_ms <= s->time_ms && r->attributes);
	codec_check(c, r->id != 0 && r->id <= s->last_report && r->session != 0 &&
			       r->session <= s->last_session);
}

static void codec_moved(struct codec *c, struct session *x, int64_t epoch)
{
	codec_i64(c, &x->moved.epoch);
	codec_check(c, x->moved.epoch >= x->first_epoch && x->moved.epoch <= epoch);
	if (x->moved.epoch == x->first_epoch) /* As it was made: no owner before. */
		return;
	codec_u64(c, &x->moved.node);
	codec_u64(c, &x->moved.incarnation);
}

void codec_session_record(struct codec *c, const struct state *s, struct session *x)
{
	int64_t epoch;

	codec_u64(c, &x->id);
	codec_u64(c, &x->serial);
	codec_u32(c, &x->slot);
	codec_i64(c, &x->epoch_base);
	codec_i64(c, &x->first_epoch);
	codec_i64(c, &x->noticed_epoch);
	codec_i64(c, &x->acknowledged_epoch);
	codec_u64(c, &x->followed_by);
	codec_u64(c, &x->spi);
	codec_u64(c, &x->reported_ms);
	codec_check(c, x->reported_ms <= s->time_ms);
	codec_volume(c, &x->gone);
	codec_check(c, x->slot < STATE_SLOTS_ALL && epoch_possible(x->epoch_base));
	if (c->bad)
		return;
	epoch = session_epoch(s, x);
	codec_check(c, epoch_possible(x->first_epoch) && x->first_epoch <= epoch);
	codec_check(c, x->noticed_epoch >= x->first_epoch && x->noticed_epoch <= epoch);
	codec_check(c, x->acknowledged_epoch >= x->first_epoch && x->acknowledged_epoch <= epoch);
	codec_moved(c, x, epoch);
	codec_session(c, &x->ike);
	for (unsigned i = 0; i < x->ike.n_child; i++) {
		codec_seq_record(c, &x->seq[i], &x->ike.child[i]);
		codec_check(c, x->seq[i].e0 >= x->first_epoch && x->seq[i].e0 <= epoch);
		codec_check(c, x->seq[i].mark_epoch >= x->first_epoch &&
				       x->seq[i].mark_epoch <= epoch);
		codec_check(c, !x->seq[i].horizon || (x->seq[i].made_in >= x->first_epoch &&
						      x->seq[i].made_in <= epoch));
		if (MUTANT(MUTANT_SNAPSHOT_NO_LEASES) && c->in)
			lease_init(&x->seq[i], x->first_epoch, x->seq[i].length, false);
	}
}

void codec_tombstone(struct codec *c, struct tombstone *t)
{
	codec_u64(c, &t->pair[0]);
	codec_u64(c, &t->pair[1]);
	codec_u64(c, &t->peer);
	codec_u64(c, &t->at_ms);
	codec_datagrams(c, &t->final_response, COMMAND_FINAL_RESPONSE_MAX);
	if (t->final_response)
		codec_octets(c, t->request_hash, sizeof(t->request_hash));
}

void codec_freed(struct codec *c, struct freed *f)
{
	codec_address(c, &f->address);
	codec_u64(c, &f->peer);
	codec_u64(c, &f->at_ms);
	codec_check(c, f->address.family != 0);
}

void codec_head(struct codec *c, struct state *s, uint8_t own)
{
	codec_u8(c, &s->level);
	codec_check(c, s->level >= LEVEL_FIRST && s->level <= own);
	c->level = s->level;
	codec_u64(c, &s->time_ms);
	codec_u64(c, &s->unix_s);
	codec_u64(c, &s->last_session);
	codec_u64(c, &s->last_report);
	codec_u64(c, &s->reports_lost);
	codec_nodes(c, s);
	codec_slots(c, s);
	codec_revoked(c, s);
	codec_coa(c, s);
}
