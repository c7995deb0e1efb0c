/* SPDX-License-Identifier: Apache-2.0 */
/* What commands do to sessions: put, step, delete. The table itself, with its
 * indexes, is table.c's.
 *
 * A pair of IKE SPIs that has a tombstone (tombstones.c), or that is in use, is refused. A step
 * names the serial that it was computed from, so a step that was overtaken cannot restore what
 * another removed. */
#include "cluster/state/accounting_report.h"
#include "cluster/state/state_internal.h"
#include "proto/ike/ike_config.h"
#include "cluster/state/horizon.h"
#include "proto/mutant.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Checks ---- */

static bool ike_has_pair(const struct ike_session *ike, const struct ike_sa *sa)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++)
		if (ike->ike[i].state != 0 && ike->ike[i].spi_i == sa->spi_i &&
		    ike->ike[i].spi_r == sa->spi_r)
			return true;
	return false;
}

/* New pairs: neither in use, nor used lately. self may keep its own. */
static enum status check_pairs(const struct state *s, const struct ike_session *ike,
			       const struct session_entry *self)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &ike->ike[i];
		const struct pair_index *x;
		bool used;

		if (sa->state == 0)
			continue;
		x = session_find_pair(s, sa->spi_i, sa->spi_r);
		used = state_tombstone(s, sa->spi_i, sa->spi_r);
		if (MUTANT(MUTANT_NO_TOMBSTONE))
			used = false;
		if (used || (x && x->entry != self))
			return ERR_STALE;
	}
	return OK;
}

static enum status check_spis(const struct state *s, const struct ike_session *ike,
			      const struct exempt *exempt)
{
	for (unsigned i = 0; i < ike->n_child; i++) {
		const struct child_index *x = session_find_spi(s, ike->child[i].spi_in);

		if (x && !exempt_contains(exempt, x->entry))
			return ERR_EXISTS;
	}
	return OK;
}

static enum status check_room(const struct state *s, const struct room *limit, struct room then)
{
	struct room now = state_taken(s);
	bool lacks_places = capacity_lacks(limit->places, now.places, then.places);

	if (MUTANT(MUTANT_SAS_UNBOUNDED))
		lacks_places = false;
	return lacks_places || capacity_lacks(limit->sessions, now.sessions, then.sessions) ? ERR_FULL : OK;
}

static bool is_same_client(const struct ike_session *a, const struct ike_session *b)
{
	return ike_client_equal(ike_session_client(a), ike_session_client(b));
}

/* The address then belongs to nobody, or to takes_from, of the same client. */
static enum status check_address_put(const struct state *s, const struct session_put *c)
{
	uint64_t user = state_address_user(s, &c->ike.virtual_ip, c->supersedes, c->n_supersedes);

	if (user == 0)
		return OK;
	return user == c->takes_from && is_same_client(&session_find(s, user)->s.ike, &c->ike) ? OK : ERR_EXISTS;
}

/* What it has it may keep, also if a session that followed it has it now. */
static enum status check_address_step(const struct state *s, const struct ike_session *ike,
				      const struct session_entry *e)
{
	bool paired = e->before || e->s.followed_by;

	if (paired && !is_same_client(ike, &e->s.ike))
		return ERR_EXISTS;
	if (address_equal(&ike->virtual_ip, &e->s.ike.virtual_ip))
		return OK;
	return paired || state_address_user(s, &ike->virtual_ip, NULL, 0) != 0
		       ? ERR_EXISTS
		       : OK;
}

/* ---- SessionPut ---- */

static void child_record(struct seq_record *r, int64_t epoch, const struct child_sa *child,
			 uint64_t lease, uint64_t horizon)
{
	lease_init(r, epoch, lease, child->suite.esn == ESN_YES);
	horizon_init(r, epoch, horizon);
}

static struct session_entry *session_create(const struct state *s, const struct session_put *c)
{
	struct session_entry *e = calloc(1, sizeof(*e));
	int64_t epoch = s->slot[c->slot].epoch;

	assert(e);
	e->s.id = s->last_session + 1;
	e->s.serial = 1;
	e->s.slot = c->slot;
	e->s.epoch_base = 0;
	e->s.spi = c->ike.ike[0].spi_r;
	e->s.first_epoch = e->s.noticed_epoch = e->s.acknowledged_epoch = epoch;
	e->s.moved.epoch = epoch;
	ike_session_copy(&e->s.ike, &c->ike);
	for (unsigned i = 0; i < c->ike.n_child; i++)
		child_record(&e->s.seq[i], epoch, &c->ike.child[i], c->lease, c->horizon);
	return e;
}

static void passed(struct apply_result *r, uint64_t session)
{
	if (session != 0)
		r->passed[r->n_passed++] = session;
}

/* Its IKE_AUTH is older than its revocation: it is to be asked again. */
static enum status check_revoked(const struct state *s, const struct ike_id *id)
{
	if (MUTANT(MUTANT_REVOKED_SLIPS_IN))
		return OK;
	return state_is_revoked(s, id) ? ERR_STALE : OK;
}

/* If several of an identity come together, some do not find the others there yet. */
static enum status check_identity(const struct state *s, const struct session_put *c)
{
	if (MUTANT(MUTANT_IDENTITY_SLIPS_IN))
		return OK;
	return c->identity_max != 0 && state_identity_sessions(s, c, &c->ike) > c->identity_max ? ERR_FULL : OK;
}

void apply_session_put(struct state *s, const struct session_put *c, struct apply_result *r)
{
	struct exempt gone = exempt_of(s, c);
	struct session_entry *e, *from;
	enum status inserted;

	r->status = c->slot < STATE_SLOTS ? session_check(&c->ike) : ERR_MALFORMED;
	if (r->status == OK)
		r->status = check_revoked(s, &c->ike.peer_id);
	if (r->status == OK)
		r->status = check_pairs(s, &c->ike, NULL);
	if (r->status == OK)
		r->status = check_spis(s, &c->ike, &gone);
	if (r->status == OK)
		r->status = check_address_put(s, c);
	if (r->status == OK)
		r->status = check_room(s, &c->room, state_taken_with(s, c, &c->ike));
	if (r->status == OK)
		r->status = check_identity(s, c);
	if (r->status != OK)
		return;
	from = capacity_followed(s, c, &c->ike, &gone);
	assert(gone.n <= COMMAND_SUPERSEDES_MAX);
	for (uint32_t i = 0; i < gone.n; i++) {
		r->superseded[r->n_superseded++] = gone.entry[i]->s.id;
		accounting_stop(s, gone.entry[i], RADIUS_CAUSE_LOST_CARRIER);
		passed(r, session_remove(s, gone.entry[i]));
	}
	e = session_create(s, c);
	if (from) {
		pool_pass(s, from, e);
		passed(r, from->s.id);
	}
	inserted = session_insert(s, e);
	assert(inserted == OK);
	assert(e->s.id > s->last_session);
	s->last_session = e->s.id;
	accounting_start(s, e);
	r->session = e->s.id;
}

/* ---- SessionStep ---- */

/* The same SA, as far as sequence numbers under its keys go? */
static bool child_same(const struct child_sa *a, const struct child_sa *b)
{
	size_t encr = suite_encr_key_len(&a->suite), integ = suite_integ_key_len(&a->suite);

	return a->spi_out == b->spi_out && a->suite.encr == b->suite.encr &&
	       a->suite.encr_key_bits == b->suite.encr_key_bits &&
	       a->suite.integ == b->suite.integ && a->suite.esn == b->suite.esn &&
	       CRYPTO_memcmp(a->in.encr, b->in.encr, encr) == 0 &&
	       CRYPTO_memcmp(a->out.encr, b->out.encr, encr) == 0 &&
	       CRYPTO_memcmp(a->in.integ, b->in.integ, integ) == 0 &&
	       CRYPTO_memcmp(a->out.integ, b->out.integ, integ) == 0;
}

/* Sequence records of the new session: a Child SA that stays keeps its record, a new one starts.
 * False: an SPI that stays with other keys or other rules would carry its numbers into another SA,
 * or an SA into other numbers. */
static bool step_records(const struct session *old, const struct session_step *c, int64_t epoch,
			 struct seq_record seq[IKE_CHILD_MAX])
{
	for (unsigned i = 0; i < c->ike.n_child; i++) {
		const struct child_sa *child = &c->ike.child[i];
		unsigned k = 0;

		while (k < old->ike.n_child && old->ike.child[k].spi_in != child->spi_in)
			k++;
		if (MUTANT(MUTANT_RENEW_BY_STEP))
			k = old->ike.n_child;
		if (k == old->ike.n_child)
			child_record(&seq[i], epoch, child, c->lease, c->horizon);
		else if (child_same(&old->ike.child[k], child))
			seq[i] = old->seq[k];
		else
			return false;
	}
	return true;
}

/* What ends never goes on; and so it gets no Child SA (session_check()). */
static bool step_respects_end(const struct session *old, const struct ike_session *next)
{
	return !session_ends(old) || (next->features & IKE_ENDS);
}

static int64_t later(int64_t old, int64_t epoch, int64_t current)
{
	return epoch > old && epoch <= current ? epoch : old;
}

void apply_session_step(struct state *s, const struct session_step *c, struct apply_result *r)
{
	struct session_entry *e = session_find(s, c->session);
	struct exempt self = {.entry = {e}, .n = 1};
	struct seq_record seq[IKE_CHILD_MAX] = {0};
	int64_t epoch;

	if (!e) {
		r->status = ERR_NOT_FOUND;
		return;
	}
	epoch = session_epoch(s, &e->s);
	r->status = c->serial == e->s.serial ? OK : ERR_STALE;
	if (MUTANT(MUTANT_STEP_NO_SERIAL))
		r->status = OK;
	if (r->status == OK)
		r->status = session_check(&c->ike);
	if (r->status == OK)
		r->status = check_pairs(s, &c->ike, e);
	if (r->status == OK)
		r->status = check_spis(s, &c->ike, &self);
	if (r->status == OK)
		r->status = check_address_step(s, &c->ike, e);
	if (r->status == OK && !step_records(&e->s, c, epoch, seq))
		r->status = ERR_EXISTS;
	if (r->status == OK)
		r->status = check_room(s, &c->room, capacity_after_step(s, e, &c->ike));
	if (r->status == OK && !step_respects_end(&e->s, &c->ike))
		r->status = ERR_STALE;
	if (r->status != OK)
		return;
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &e->s.ike.ike[i];

		if (sa->state != 0 && !ike_has_pair(&c->ike, sa))
			tombstone_add(s, sa->spi_i, sa->spi_r, tombstone_peer(ike_session_client(&e->s.ike)),
				      s->time_ms);
	}
	if (c->ike.features & IKE_ENDS)
		accounting_stop(s, e, RADIUS_CAUSE_ADMIN_RESET);
	session_replace(s, e, &c->ike, seq);
	assert(e->s.ike.n_child <= IKE_CHILD_MAX && e->s.serial < UINT64_MAX);
	e->s.serial++;
	if (c->noticed)
		e->s.noticed_epoch = later(e->s.noticed_epoch, c->epoch, epoch);
	if (c->acknowledged)
		e->s.acknowledged_epoch = later(e->s.acknowledged_epoch, c->epoch, epoch);
	r->session = e->s.id;
}

/* ---- SessionDel ---- */

void apply_session_del(struct state *s, const struct session_del *c, struct apply_result *r)
{
	struct session_entry *e = session_find(s, c->session);
	uint64_t spi_i, spi_r;

	if (!e) {
		r->status = ERR_NOT_FOUND;
		return;
	}
	if (e->s.serial != c->serial) {
		r->status = ERR_STALE;
		return;
	}
	spi_i = e->s.ike.ike[0].spi_i;
	spi_r = e->s.ike.ike[0].spi_r;
	r->session = e->s.id;
	r->session_deleted = true;
	accounting_stop(s, e, c->lost ? RADIUS_CAUSE_LOST_CARRIER : RADIUS_CAUSE_USER_REQUEST);
	passed(r, session_remove(s, e));
	tombstone_say(s, spi_i, spi_r, c->final_response, c->request_hash);
}
