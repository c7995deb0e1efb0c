/* SPDX-License-Identifier: Apache-2.0 */
/* What an owner sees of its clients and the leader has to know: a sign of life, another address, a
 * sequence space that is used up (FRAME_SESSION). If a Child SA cannot be used any more, the owner
 * repeats that until there is another one: the client may send little, and the leader may
 * change. */
#include "cluster/core/activity.h"

#include "cluster/core/rooms.h"
#include "cluster/core/lane_reserve.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/proposals.h"
#include "cluster/core/requests.h"

#include <stdlib.h>

struct activity {
	uint64_t again_us;
};

#define BELOW_AGAIN_US (1000 * MS)

void activity_send(struct core *c, enum session_activity what, const struct sa_report *r)
{
	struct frame f = { .type = FRAME_SESSION };
	uint32_t leader = core_leader_index(c);

	f.session.activity = (uint8_t)what;
	f.session.spi_in = r->spi_in;
	f.session.epoch = r->epoch;
	f.session.remote = r->remote;
	if (core_leads(c))
		activity_receive(c, &f);
	else if (leader != NODE_NONE)
		core_send(c, leader, &f);
}

static void step_begin(struct core *c, struct command *step, const struct session *s)
{
	*step = (struct command){ .type = COMMAND_SESSION_STEP };
	core_step_terms(c, s, &step->session_step);
	ike_session_copy(&step->session_step.ike, &s->ike);
}

/* The next owner is to answer in the same form, though its client may have nothing to send. Where a NAT is
 * known, that decides. */
static void form_changes(struct core *c, const struct session *s, unsigned k, const struct frame *f)
{
	struct ike_esp_path path = ike_session_esp_path(&s->ike);
	bool in_udp = f->session.remote.port != 0;
	const struct child_sa *child = &s->ike.child[k];
	struct command step;

	if (path.nat != 0 || child->esp_in_udp == in_udp ||
	    !address_equal(&path.remote.address, &f->session.remote.address) ||
	    !exchange_reserve(c, s->id))
		return;
	step_begin(c, &step, s);
	step.session_step.ike.child[k].esp_in_udp = in_udp;
	proposals_add(c, URGENT_REQUEST, &step);
}

/* At the leader. Only the owner sees authenticated packets, so only a report of
 * the session's current epoch counts. */
void activity_receive(struct core *c, const struct frame *f)
{
	unsigned k;
	const struct session *s = state_session_by_spi(c->state, f->session.spi_in, &k);
	struct command step;

	if (!core_leads(c) || !s || session_epoch(c->state, s) != f->session.epoch)
		return;
	if (f->session.activity == ACTIVITY_SEQUENCE_END) {
		requests_delete_child(c, f->session.spi_in);
		return;
	}
	/* No sign of life: it may have been a replayed packet. */
	if (f->session.activity == ACTIVITY_BELOW_HORIZON) {
		requests_wake(c, s, &f->session.remote);
		requests_rekey_child(c, s, f->session.spi_in);
		return;
	}
	requests_alive(c, s);
	if (f->session.activity == ACTIVITY_FORM) {
		form_changes(c, s, k, f);
		return;
	}
	/* A client with MOBIKE has moved, and may be unable to say so: if it has answered our rekey of the IKE SA
	 * and the answer was lost, it speaks by an IKE SA that nobody here knows. */
	if (f->session.activity == ACTIVITY_PEER && (s->ike.features & IKE_PEER_MOBIKE))
		requests_wake(c, s, &f->session.remote);
	/* RFC 7296 2.23: follow only a client that is behind a NAT, and not one that is about to
	 * show where it is (MOBIKE). */
	if (f->session.activity != ACTIVITY_PEER || !(s->ike.features & IKE_PEER_BEHIND_NAT) || s->ike.moving ||
	    endpoint_equal(&s->ike.remote, &f->session.remote) || f->session.remote.port == 0 ||
	    f->session.remote.address.family != s->ike.local.address.family ||
	    !exchange_reserve(c, s->id))
		return;
	step_begin(c, &step, s);
	step.session_step.ike.remote = f->session.remote;
	proposals_add(c, URGENT_REQUEST, &step);
}

/* ---- Below the horizon ---- */

void activity_below_horizon(struct core *c, const struct sa_report *r)
{
	struct owned_sa *sa = owned_sa_get(c, r->spi_in);

	owned_sa_append(c, sa, SAS_BELOW_HORIZON);
	sa->below_horizon.epoch = r->epoch;
	sa->below_horizon.remote = r->remote;
	activity_send(c, ACTIVITY_BELOW_HORIZON, r);
}

void activity_tick(struct core *c)
{
	struct owned_sa *sa, *next;

	if (!owned_sa_first(c, SAS_BELOW_HORIZON) || c->now_us < c->activity->again_us)
		return;
	c->activity->again_us = c->now_us + BELOW_AGAIN_US;
	for (sa = owned_sa_first(c, SAS_BELOW_HORIZON); sa; sa = next) {
		const struct session *s = state_session_by_spi(c->state, sa->spi_in, NULL);
		struct sa_report r = { .spi_in = sa->spi_in,
				       .epoch = sa->below_horizon.epoch,
				       .remote = sa->below_horizon.remote };

		next = sa->link[SAS_BELOW_HORIZON].next;
		if (!s || !core_owns(c, s) || session_epoch(c->state, s) != r.epoch ||
		    core_has_replacement(s, sa->spi_in))
			owned_sa_remove(c, sa, SAS_BELOW_HORIZON);
		else
			activity_send(c, ACTIVITY_BELOW_HORIZON, &r);
	}
}

void activity_init(struct core *c)
{
	c->activity = core_room(sizeof(*c->activity));
}

void activity_fini(struct core *c)
{
	free(c->activity);
}
