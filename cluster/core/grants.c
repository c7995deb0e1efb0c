/* SPDX-License-Identifier: Apache-2.0 */
/* The applied state, told to the packet workers: which SAs there are, where
 * their clients are, and what this node may do with them.
 *
 * A *shadow* is what the workers were told about a session. Whether an entry or a snapshot changed
 * the state, we compare and tell the difference. A grant follows from the applied record alone
 * (lease_at()), so a new owner may send without a further commit, and never before its own apply.
 *
 * A successor sends outward at once, and defers inbound packets until it has the marks of the lost
 * owner, as takeover.c says (for exact SAs, collect.c). No owner's floor is below a mark of an
 * epoch before its own, however late that mark comes. */
#include "cluster/core/grants.h"

#include "cluster/core/rooms.h"
#include "cluster/core/slots_seen.h"
#include "cluster/core/voter.h"
#include "cluster/core/collect.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/sequence.h"
#include "cluster/core/takeover.h"
#include "cluster/state/horizon.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct grant_shadow;

struct grants {
	struct grant_shadow *shadow;
	uint64_t from_horizon;   /* Exact SAs that had to begin at their horizon. */
};

struct grant_shadow {
	uint64_t session;
	uint32_t slot;
	struct owned_sa *child[IKE_CHILD_MAX];
	unsigned n;
	bool lost; /* A Child SA that carried packets out is gone. */
	UT_hash_handle hh;
};

static struct grant_shadow *shadow_find(struct core *c, uint64_t session)
{
	struct grant_shadow *g;

	HASH_FIND(hh, c->grants->shadow, &session, sizeof(session), g);
	return g;
}

static struct owned_sa *child_find(struct grant_shadow *g, uint32_t spi_in)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->child[i]->spi_in == spi_in)
			return g->child[i];
	return NULL;
}

static struct sad_path path_of(const struct session *s, const struct child_sa *child)
{
	struct ike_esp_path path = ike_session_esp_path(&s->ike);
	struct sad_path p = { .local = path.local, .remote = path.remote };

	/* RFC 7296 2.23: UDP encapsulation where a NAT was detected, or where the client does it anyway. Where no
	 * NAT is, all of that has one port, though IKE may be at the other one. */
	p.followed = path.nat == 0 && child->esp_in_udp;
	p.udp_encap = path.nat != 0 || p.followed;
	if (path.nat == 0)
		p.local.port = p.remote.port = p.followed ? UDP_PORT_ENCAP : 0;
	return p;
}

static bool path_equal(const struct sad_path *a, const struct sad_path *b)
{
	return endpoint_equal(&a->local, &b->local) && endpoint_equal(&a->remote, &b->remote) &&
	       a->udp_encap == b->udp_encap && a->followed == b->followed;
}

static void tell(struct core *c, enum sa_update_kind kind, uint64_t session, uint32_t spi_in)
{
	struct sa_update u = { .kind = kind, .session = session, .spi_in = spi_in };

	action_sa(c->actions, &u);
}

/* ---- One Child SA ---- */

static struct owned_sa *put(struct core *c, struct grant_shadow *g, const struct session *s,
			    const struct child_sa *child)
{
	struct owned_sa *sa = child_find(g, child->spi_in);
	struct sad_path path = path_of(s, child);
	const struct ike_connection *connection = core_connection(c, s);
	struct sa_update u = { .session = s->id, .spi_in = child->spi_in, .path = path };

	if (sa && path_equal(&sa->grant.path, &path))
		return sa;
	if (sa) {
		u.kind = SA_UPDATE_PATH;
	} else {
		assert(g->n < IKE_CHILD_MAX);
		sa = g->child[g->n++] = owned_sa_get(c, child->spi_in);
		sa->grant = (struct sa_grant){ .known = true, .since = core_applied(c) };
		u.kind = SA_UPDATE_PUT;
		u.replay_bits = connection ? connection->replay_bits : 0;
		u.child = child;
		u.slot = (uint16_t)s->slot;
	}
	sa->grant.path = path;
	action_sa(c->actions, &u);
	return sa;
}

/* The leader sees it too, and rekeys (requests_child.c). */
static void warn_high(struct core *c, const struct session *s, struct owned_sa *sa, bool high)
{
	if (high && !sa->grant.high)
		action_event(c->actions, "sequence_high",
			     "session %llu: SPI %08x has used 75 %% of its sequence numbers",
			     (unsigned long long)s->id, sa->spi_in);
	sa->grant.high = high;
}

/* A new epoch: do we know already what was accepted before? */
static bool must_defer(const struct core *c, const struct session *s, const struct seq_record *r)
{
	if (horizon_exact(r))
		return collect_awaits(c, s) && r->made_in != session_epoch(c->state, s);
	return takeover_awaits(c, session_slot(c->state, s));
}

/* The highest number that may have been accepted in earlier epochs, as far as this node knows. */
static uint64_t floor_of(const struct core *c, const struct seq_record *r, uint32_t spi_in,
			 int64_t epoch)
{
	uint64_t known = sequence_before(c, spi_in, epoch), logged = mark_floor(r, epoch);

	return known < logged ? logged : known;
}

/* A mark of an earlier epoch came into the log since the grant. It tells nothing new if we knew it;
 * we may have put it there ourselves. */
static void follow_late(struct core *c, const struct session *s, const struct seq_record *r,
			struct owned_sa *sa)
{
	uint64_t logged = mark_floor(r, sa->grant.epoch);

	if (logged <= sa->grant.logged)
		return;
	sa->grant.logged = logged;
	if (logged > sequence_before(c, sa->spi_in, sa->grant.epoch))
		takeover_floor(c, sa->spi_in, (struct mark){ s->first_epoch, logged });
}

static void revoke(struct core *c, const struct session *s, struct owned_sa *sa)
{
	if (sa->grant.granted) {
		tell(c, SA_UPDATE_REVOKE, s->id, sa->spi_in);
		sequence_ended(c, sa->spi_in, sa->grant.epoch);
	}
	sa->grant.granted = sa->grant.deferred = false;
}

static bool is_expired(const struct session *s, const struct seq_record *r)
{
	return s->ike.child[r - s->seq].expired;
}

static void grant(struct core *c, const struct session *s, const struct seq_record *r,
		  struct owned_sa *sa)
{
	int64_t epoch = session_epoch(c->state, s);
	struct seq_lease lease = lease_at(r, epoch);
	struct sa_update u = { .kind = SA_UPDATE_GRANT, .session = s->id, .spi_in = sa->spi_in };

	if (!core_owns(c, s) || is_expired(s, r)) {
		revoke(c, s, sa);
		return;
	}
	if (sa->grant.granted && sa->grant.epoch == epoch) {
		follow_late(c, s, r, sa);
		if (sa->grant.end == lease.end && sa->grant.horizon == r->horizon)
			return;
	}
	u.grant.epoch = epoch;
	u.grant.start = lease.start;
	u.grant.end = lease.end;
	u.grant.floor = floor_of(c, r, sa->spi_in, epoch);
	u.grant.horizon = r->horizon;
	u.grant.quorum = horizon_exact(r) && voter_majority(c) > 1;
	u.grant.defer = (!sa->grant.granted || sa->grant.epoch != epoch) && must_defer(c, s, r);
	u.grant.volume = r->volume;
	sa->grant.deferred = sa->grant.deferred || u.grant.defer;
	sa->grant.exact = horizon_exact(r);
	sa->grant.horizon = r->horizon;
	sa->grant.logged = mark_floor(r, epoch);
	warn_high(c, s, sa, lease_is_high(r, epoch));
	sa->grant.granted = true;
	sa->grant.epoch = epoch;
	sa->grant.end = lease.end;
	action_sa(c->actions, &u);
}

/* A Child SA that replaces another carries packets out once the client has used it, as we or an
 * owner before us saw, or has deleted the old one: otherwise a packet may reach the client before
 * the response that makes the SA (RFC 7296 2.8). */
static bool carries(struct grant_shadow *g, const struct session *s, unsigned i)
{
	const struct child_sa *child = &s->ike.child[i];
	struct owned_sa *sa = child_find(g, child->spi_in);

	if (child->expired)
		return false;
	return sa->grant.heard || s->seq[i].mark != 0 || child->replaces == 0 ||
	       !child_find(g, child->replaces) || i == 0;
}

static bool is_replaced(struct grant_shadow *g, const struct session *s, unsigned i)
{
	for (unsigned j = 0; j < s->ike.n_child; j++)
		if (s->ike.child[j].replaces == s->ike.child[i].spi_in && carries(g, s, j))
			return true;
	return false;
}

/* A session's packets leave through its last Child SA that carries any, and for other selectors
 * through those that have them; through none if another session has its address. One that is told
 * takes over from those before it: so those after it are told again, and all are when one is gone,
 * for those that it had taken over from may have to carry again. Nobody is without a route
 * meanwhile. */
static void carry(struct core *c, struct grant_shadow *g, const struct session *s)
{
	bool passed = s->followed_by && s->ike.virtual_ip.family != 0;
	bool carry[IKE_CHILD_MAX], all = g->lost;
	struct owned_sa *sa[IKE_CHILD_MAX];

	for (unsigned i = 0; i < s->ike.n_child; i++) {
		sa[i] = child_find(g, s->ike.child[i].spi_in);
		carry[i] = !passed && carries(g, s, i) && !is_replaced(g, s, i);
		all |= s->ike.child[i].expired && sa[i]->grant.outbound;
	}
	for (unsigned i = 0; i < s->ike.n_child; i++) {
		all |= carry[i] && !sa[i]->grant.outbound;
		if (carry[i] && all)
			tell(c, SA_UPDATE_OUTBOUND, s->id, sa[i]->spi_in);
	}
	for (unsigned i = 0; i < s->ike.n_child; i++) {
		if (sa[i]->grant.outbound && !carry[i])
			tell(c, SA_UPDATE_INBOUND, s->id, sa[i]->spi_in);
		sa[i]->grant.outbound = carry[i];
	}
	g->lost = false;
}

static void drop_gone(struct core *c, struct grant_shadow *g, const struct session *s)
{
	for (unsigned i = 0; i < g->n;) {
		uint32_t spi_in = g->child[i]->spi_in;

		if (s && ike_session_has_child(&s->ike, spi_in)) {
			i++;
			continue;
		}
		tell(c, SA_UPDATE_DEL, g->session, spi_in);
		g->lost |= g->child[i]->grant.outbound;
		owned_sa_gone(c, g->child[i]);
		g->child[i] = g->child[--g->n];
	}
}

/* It was handed to a node alone, or back. */
static void place(struct core *c, struct grant_shadow *g, const struct session *s)
{
	struct sa_update u = { .kind = SA_UPDATE_SLOT,
			       .session = s->id,
			       .slot = (uint16_t)s->slot };

	for (unsigned i = 0; i < g->n && g->slot != s->slot; i++) {
		u.spi_in = g->child[i]->spi_in;
		action_sa(c->actions, &u);
	}
	g->slot = s->slot;
}

/* ---- One session, all sessions ---- */

void grants_session(struct core *c, const struct session *s)
{
	struct grant_shadow *g = shadow_find(c, s->id);

	if (!g) {
		g = calloc(1, sizeof(*g));
		assert(g);
		g->session = s->id;
		g->slot = s->slot;
		HASH_ADD(hh, c->grants->shadow, session, sizeof(g->session), g);
		/* Made, and given to us since, all in this step, as at a restart. */
		if (core_owns(c, s) && session_epoch(c->state, s) > s->first_epoch)
			takeover_slot(c, session_slot(c->state, s));
	}
	drop_gone(c, g, s);
	place(c, g, s);
	for (unsigned i = 0; i < s->ike.n_child; i++)
		grant(c, s, &s->seq[i], put(c, g, s, &s->ike.child[i]));
	carry(c, g, s);
}

static void shadow_free(struct core *c, struct grant_shadow *g)
{
	HASH_DEL(c->grants->shadow, g);
	free(g);
}

void grants_gone(struct core *c, uint64_t session)
{
	struct grant_shadow *g = shadow_find(c, session);

	if (!g)
		return;
	drop_gone(c, g, NULL);
	shadow_free(c, g);
}

void grants_drop_gone(struct core *c, uint64_t session)
{
	struct grant_shadow *g = shadow_find(c, session);
	const struct session *s = g ? state_session(c->state, session) : NULL;

	if (s)
		drop_gone(c, g, s);
	else
		grants_gone(c, session);
}

/* Only slots changed: of a hundred thousand sessions only those that come to us or leave us are
 * looked at, so most nodes have nothing to do. */
void grants_slots(struct core *c)
{
	bool changed[STATE_SLOTS_ALL], any = false;
	struct grant_shadow *g;

	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
		any |= changed[i] = slots_seen_changed(c, i);
	for (g = any ? c->grants->shadow : NULL; g; g = g->hh.next) {
		const struct session *s = changed[g->slot] ? state_session(c->state, g->session)
							: NULL;

		if (s && core_owns(c, s))
			takeover_slot(c, session_slot(c->state, s));
		for (unsigned i = 0; s && i < s->ike.n_child; i++) {
			struct owned_sa *sa = child_find(g, s->ike.child[i].spi_in);

			if (sa)
				grant(c, s, &s->seq[i], sa);
		}
	}
}

void grants_all(struct core *c)
{
	struct grant_shadow *g, *tmp;
	bool changed[STATE_SLOTS_ALL];

	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
		changed[i] = slots_seen_changed(c, i);
	HASH_ITER (hh, c->grants->shadow, g, tmp)
		grants_drop_gone(c, g->session);
	for (const struct session *s = state_next_session(c->state, 0); s;
	     s = state_next_session(c->state, s->id)) {
		if (changed[s->slot] && core_owns(c, s))
			takeover_slot(c, session_slot(c->state, s));
		grants_session(c, s);
	}
}

void grants_first_in(struct core *c, uint32_t spi_in)
{
	const struct session *s = state_session_by_spi(c->state, spi_in, NULL);
	struct grant_shadow *g = s ? shadow_find(c, s->id) : NULL;
	struct owned_sa *sa = g ? child_find(g, spi_in) : NULL;

	if (!sa || sa->grant.heard)
		return;
	sa->grant.heard = true;
	grants_session(c, s);
}

/* ---- The successor ---- */

static void let_go(struct core *c, const struct grant_shadow *g, struct owned_sa *sa)
{
	if (sa->grant.deferred)
		tell(c, SA_UPDATE_RESUME, g->session, sa->spi_in);
	sa->grant.deferred = false;
}

void grants_resume(struct core *c)
{
	struct grant_shadow *g;

	for (g = c->grants->shadow; g; g = g->hh.next) {
		if (takeover_awaits(c, state_slot(c->state, g->slot)))
			continue;
		for (unsigned i = 0; i < g->n; i++)
			if (!g->child[i]->grant.exact)
				let_go(c, g, g->child[i]);
	}
}

/* Nobody can say what was accepted, only that nothing at or above the horizon was. The horizon
 * rises when an authentic packet comes from there. While the mark stands right below it, every
 * later owner sees that this is no real mark, and reports a client that stays below. */
static void fall(struct core *c, const struct session *s, const struct seq_record *r)
{
	struct sa_update u = { .kind = SA_UPDATE_FLOOR, .session = s->id, .from_horizon = true };
	int64_t epoch = session_epoch(c->state, s);

	u.spi_in = s->ike.child[r - s->seq].spi_in;
	u.mark = r->horizon - 1;
	sequence_fall(c, u.spi_in, epoch, u.mark);
	action_sa(c->actions, &u);
	c->grants->from_horizon++;
}

void grants_collected(struct core *c, const uint8_t *how)
{
	uint64_t before = c->grants->from_horizon;

	for (struct grant_shadow *g = c->grants->shadow; g; g = g->hh.next) {
		const struct session *s = how[g->slot] ? state_session(c->state, g->session) : NULL;

		for (unsigned i = 0; s && core_owns(c, s) && i < s->ike.n_child; i++) {
			struct owned_sa *sa = child_find(g, s->ike.child[i].spi_in);

			if (!sa || !sa->grant.exact)
				continue;
			if (how[g->slot] == COLLECTED_NOTHING && s->seq[i].made_in != session_epoch(c->state, s))
				fall(c, s, &s->seq[i]);
			let_go(c, g, sa);
		}
	}
	if (c->grants->from_horizon > before)
		action_event(
			c->actions, "replay_horizon",
			"too few nodes remember what %llu SAs have received: their replay windows "
			"begin at the horizon",
			(unsigned long long)(c->grants->from_horizon - before));
}

void grants_init(struct core *c)
{
	c->grants = core_room(sizeof(*c->grants));
}

void grants_fini(struct core *c)
{
	struct grant_shadow *g, *tmp;

	HASH_ITER (hh, c->grants->shadow, g, tmp)
		shadow_free(c, g);
	free(c->grants);
}
