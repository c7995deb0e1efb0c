/* SPDX-License-Identifier: Apache-2.0 */
/* A node's core: one event in, the rooms do their part, actions out. A step ends when everything
 * that was applied in it has been followed up (follow.c) and all its proposals have gone out as one
 * log entry; of events that come together, the last one's step does this for all. */
#include "cluster/core/core.h"
#include "cluster/core/rooms.h"
#include "cluster/core/frames.h"
#include "cluster/core/heard.h"
#include "cluster/core/marks_done.h"
#include "cluster/core/proposed.h"
#include "cluster/core/relief.h"
#include "cluster/core/sa_reports.h"
#include "cluster/core/slots_seen.h"
#include "cluster/core/slots_told.h"
#include "cluster/core/bootstrap.h"
#include "cluster/core/cluster_time.h"
#include "cluster/core/collect.h"
#include "cluster/core/control_room.h"
#include "cluster/core/departure.h"
#include "cluster/core/election.h"
#include "cluster/core/exchange.h"
#include "cluster/core/fitness.h"
#include "cluster/core/follow.h"
#include "cluster/core/grants.h"
#include "cluster/core/fragments.h"
#include "cluster/core/half_open.h"
#include "cluster/core/holder.h"
#include "cluster/core/lease_requests.h"
#include "cluster/core/membership.h"
#include "cluster/core/node_clocks.h"
#include "cluster/core/activity.h"
#include "cluster/core/logged.h"
#include "cluster/core/owed.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/policy.h"
#include "cluster/core/pools.h"
#include "cluster/core/routes.h"
#include "cluster/core/proposals.h"
#include "cluster/core/quorum.h"
#include "cluster/core/accounting.h"
#include "cluster/core/coa.h"
#include "cluster/core/radius_client.h"
#include "cluster/core/radius_port.h"
#include "cluster/core/refusals.h"
#include "cluster/core/refused_pairs.h"
#include "cluster/core/relay.h"
#include "cluster/core/requests.h"
#include "cluster/core/sequence.h"
#include "cluster/core/slow_dh.h"
#include "cluster/core/snapshot.h"
#include "cluster/core/takeover.h"
#include "cluster/core/unready.h"
#include "cluster/core/volumes.h"
#include "cluster/core/wall_clock.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Events ---- */

static bool is_other(const struct core *c, uint32_t node)
{
	return node < c->config->n_nodes && node != c->config->self;
}

static void on_event(struct core *c, const struct event *e)
{
	switch (e->type) {
	case EVENT_TICK:
		break; /* tick() runs after every event. */
	case EVENT_DATAGRAM:
		frames_datagram(c, c->config->self, &e->datagram.local, &e->datagram.remote,
				e->datagram.data, e->datagram.len);
		break;
	case EVENT_FRAME:
		assert(e->frame.node < c->config->n_nodes);
		frames_receive(c, e->frame.node, e->frame.data, e->frame.len);
		break;
	case EVENT_LINK:
		assert(is_other(c, e->link.node));
		bootstrap_link(c, e->link.node, e->link.up);
		break;
	case EVENT_SUSPECT:
		assert(is_other(c, e->suspect.node));
		membership_suspect(c, e);
		break;
	case EVENT_ISOLATION:
		c->isolated = e->isolation.isolated;
		action_event(c->actions, e->isolation.isolated ? "isolated" : "rejoined",
			     e->isolation.isolated ? "no contact with a quorum: the node falls silent"
						   : "in contact with a quorum");
		membership_applied(c);
		break;
	case EVENT_STORED:
		if (c->consensus)
			consensus_stored(c->consensus, core_now_ms(c), e->stored.seq);
		break;
	case EVENT_IDENTITY_STORED:
		bootstrap_stored(c);
		break;
	case EVENT_CLOCK:
		wall_clock_set(c, e->clock.unix_s);
		break;
	case EVENT_DH:
		exchange_computed(c, e->dh.id, e->dh.result);
		break;
	case EVENT_AUTH_ANSWER:
		exchange_answered(c, &e->auth_answer.question, e->auth_answer.data, e->auth_answer.len);
		break;
	case EVENT_SA_REPORTS:
		sa_reports(c, e->sa_reports.reports, e->sa_reports.n);
		break;
	case EVENT_CONTROL:
		control_request(c, e->control);
		break;
	case EVENT_SHUTDOWN:
		departure_begin(c);
		break;
	case EVENT_FITNESS:
		fitness_set(c, e->fitness.fit);
		break;
	case EVENT_POLICY:
		policy_set(c, e->policy);
		radius_policy(c);
		accounting_policy(c);
		requests_policy(c);
		routes_look(c);
		membership_say_again(c);
		break;
	case EVENT_ROUTES:
		routes_laid(c, e->routes);
		membership_say_again(c);
		break;
	}
}

/* What RADIUS has answered. */
static void take_answers(struct core *c)
{
	struct auth_question name;
	struct blob *answer;

	while (radius_next_answer(c, &name, &answer)) {
		exchange_answered(c, &name, answer->data, answer->len);
		blob_unref(answer);
	}
}

static void tick(struct core *c)
{
	uint8_t how[STATE_SLOTS_ALL];

	bootstrap_tick(c);
	if (c->stopped)
		return;
	if (c->consensus && !c->old_s && core_now_ms(c) >= consensus_deadline_ms(c->consensus))
		consensus_tick(c->consensus, core_now_ms(c));
	routes_tick(c);
	membership_tick(c);
	if (c->consensus && !c->stopped && core_leads(c))
		bootstrap_admit(c);
	half_open_tick(c);
	refused_pairs_tick(c);
	fragments_tick(c);
	slow_dh_tick(c);
	exchange_tick(c);
	radius_tick(c);
	take_answers(c);
	requests_tick(c);
	takeover_tick(c);
	if (takeover_resumes(c))
		grants_resume(c);
	marks_done_tick(c);
	if (collect_tick(c, how))
		grants_collected(c, how);
	activity_tick(c);
	quorum_tick(c);
	sequence_tick(c);
	volumes_tick(c);
	leases_tick(c);
	control_tick(c);
	policy_tick(c);
	pools_tick(c);
	accounting_tick(c);
	coa_tick(c);
	if (c->now_us >= c->housekeeping_us)
		c->housekeeping_us = c->now_us + c->config->timing.sequence_tick_ms * MS;
}

/* The leader waits for an owner to have applied an SA before the client hears of it. */
static void tell_applied(struct core *c)
{
	uint64_t applied = core_applied(c);
	uint32_t leader = core_leader_index(c);

	if (applied == c->applied_sent || leader == NODE_NONE || leader == c->config->self)
		return;
	core_send(c, leader, &(struct frame){ .type = FRAME_APPLIED, .applied.index = applied });
	c->applied_sent = applied;
}

static void begin(struct core *c, uint64_t now_us, const uint8_t *seed, struct actions *actions)
{
	uint64_t beat_us = c->config->timing.heartbeat_ms * MS;

	assert(now_us >= c->now_us);
	if (c->now_us && now_us - c->now_us > 2 * beat_us)
		c->slept_until_us = now_us + beat_us;
	c->now_us = now_us;
	c->actions = actions;
	entropy_init(&c->entropy, seed);
}

static void leave(struct core *c)
{
	entropy_fini(&c->entropy);
	c->actions = NULL;
}

static void end(struct core *c)
{
	follow_all(c);
	proposals_flush(c);
	follow_all(c);
	proposals_flush(c);
	tell_applied(c);
	leave(c);
}

void cluster_step(struct core *c, const struct event *event, struct actions *actions)
{
	if (c->stopped)
		return;
	begin(c, event->now_us, event->seed, actions);
	on_event(c, event);
	follow_all(c);
	c->unfinished = event->more && !c->stopped;
	if (c->unfinished) {
		leave(c);
		return;
	}
	if (!c->stopped)
		tick(c);
	end(c);
}

uint64_t core_deadline_us(const struct core *c)
{
	uint64_t d = c->housekeeping_us;
	const uint64_t other[] = {
		c->consensus && !c->old_s ? consensus_deadline_ms(c->consensus) * MS : NEVER,
		election_deadline_us(c), half_open_deadline_us(c), exchange_deadline_us(c),
		requests_deadline_us(c),   takeover_deadline_us(c),  sequence_deadline_us(c),
		leases_deadline_us(c),	   collect_deadline_us(c),  quorum_deadline_us(c),
		radius_deadline_us(c),
	};

	if (c->unfinished)
		return c->now_us;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (other[i] < d)
			d = other[i];
	return d > c->now_us ? d : c->now_us;
}

/* ---- Life ---- */

static const struct {
	void (*init)(struct core *c);
	void (*fini)(struct core *c);
} rooms[] = {
	{ bootstrap_init, bootstrap_fini },
	{ proposals_init, proposals_fini },
	{ proposed_init, proposed_fini },
	{ snapshot_init, snapshot_fini },
	{ follow_init, follow_fini },
	{ membership_init, membership_fini },
	{ holder_init, holder_fini },
	{ election_init, election_fini },
	{ departure_init, departure_fini },
	{ cluster_time_init, cluster_time_fini },
	{ wall_clock_init, wall_clock_fini },
	{ relief_init, relief_fini },
	{ fragments_init, fragments_fini },
	{ radius_port_init, radius_port_fini },
	{ radius_init, radius_fini },
	{ accounting_init, accounting_end },
	{ coa_init, coa_end },
	{ refused_pairs_init, refused_pairs_fini },
	{ half_open_init, half_open_fini },
	{ slow_dh_init, slow_dh_fini },
	{ relay_init, relay_fini },
	{ exchange_init, exchange_fini },
	{ refusals_init, refusals_fini },
	{ requests_init, requests_fini },
	{ grants_init, grants_fini },
	{ slots_seen_init, slots_seen_fini },
	{ slots_told_init, slots_told_fini },
	{ heard_init, heard_fini },
	{ node_clocks_init, node_clocks_fini },
	{ takeover_init, takeover_fini },
	{ owed_init, owed_fini },
	{ logged_init, logged_fini },
	{ owned_sa_init, owned_sa_fini },
	{ sequence_init, sequence_fini },
	{ leases_init, leases_fini },
	{ quorum_init, quorum_fini },
	{ collect_init, collect_fini },
	{ marks_done_init, marks_done_fini },
	{ activity_init, activity_fini },
	{ policy_init, policy_fini },
	{ control_init, control_fini },
	{ pools_init, pools_fini },
	{ routes_init, routes_fini },
};
#define ROOMS (sizeof(rooms) / sizeof(rooms[0]))

struct core *core_new(const struct cluster_config *config, const struct core_start *start,
		      struct actions *actions, const char **why)
{
	struct core *c = calloc(1, sizeof(*c));

	assert(c && config->n_nodes > 0 && config->self < config->n_nodes && start->raft_id != 0);
	c->config = config;
	c->in_force = cluster_policy_ref(config->policy);
	c->raft_id = start->raft_id;
	c->incarnation = start->incarnation;
	c->started_us = start->now_us;
	c->unlogged_us = start->unlogged_ms * MS;
	if (c->unlogged_us < config->timing.mark_commit_ms * MS)
		c->unlogged_us = config->timing.mark_commit_ms * MS;
	c->seal = seal_key_new(config->storage_key, config->name);
	c->state = state_new();
	c->isolated = config->n_nodes > 1;
	for (size_t i = 0; i < ROOMS; i++)
		rooms[i].init(c);
	for (uint32_t i = 0; i < config->n_nodes; i++)
		c->known[i].suspect = c->known[i].never_heard = i != config->self;
	begin(c, start->now_us, start->seed, actions);
	wall_clock_begin(c, start);
	if (bootstrap_begin(c, start, why) != OK) {
		c->actions = NULL;
		core_free(c);
		return NULL;
	}
	end(c);
	return c;
}

void core_free(struct core *c)
{
	if (!c)
		return;
	for (size_t i = ROOMS; i > 0; i--)
		rooms[i - 1].fini(c);
	consensus_free(c->consensus);
	state_free(c->state);
	seal_key_free(c->seal);
	entropy_fini(&c->entropy); /* Left by a step that did not end: the store was refused. */
	cluster_policy_unref(c->in_force);
	free(c);
}

/* ---- Status ---- */

bool core_clock_is_wrong(const struct core *c)
{
	return wall_clock_is_wrong(c, c->config->self);
}

void core_status(const struct core *c, struct core_status *out)
{
	memset(out, 0, sizeof(*out));
	out->role = c->consensus ? consensus_role(c->consensus) : CONSENSUS_FOLLOWER;
	out->leader = core_leader_index(c);
	out->term = c->consensus ? consensus_term(c->consensus) : 0;
	out->commit_applied = core_applied(c);
	out->isolated = c->isolated;
	out->ready = core_unready(c) == 0;
	out->holds_address = holder_holds(c);
	out->quorum_wiped = bootstrap_quorum_wiped(c);
	requests_count(c, &out->takeovers, &out->takeovers_acknowledged);
	out->last_mark_age_us = takeover_last_age_us(c);
	out->last_gap_us = takeover_last_gap_us(c);
	out->deferred_expired = takeover_deferred_expired(c);
	out->false_node_downs = proposed_false_downs(c);
	out->half_open = half_open_count(c);
	out->radius_waiting = radius_open(c);
	out->fragments = fragments_octets(c);
	out->pending = exchange_pending(c);
	out->policy_hash = c->in_force->hash;
	out->revoked_refused = c->refused_revoked;
	memcpy(out->drops, c->drops, sizeof(out->drops));
	memcpy(out->refusals, refusals_counts(c), sizeof(out->refusals));
	out->drops[DROP_MALFORMED] += c->consensus ? consensus_malformed(c->consensus) : 0;
}
