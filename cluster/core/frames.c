/* SPDX-License-Identifier: Apache-2.0 */
/* Passes frames of other nodes to the rooms that they are for. Nothing is taken from a node that
 * has not identified itself, or was refused. */
#include "cluster/core/frames.h"

#include "cluster/core/rooms.h"
#include "cluster/core/bootstrap.h"
#include "cluster/core/collect.h"
#include "cluster/core/election.h"
#include "cluster/core/exchange.h"
#include "cluster/core/fitness.h"
#include "cluster/core/wall_clock.h"
#include "cluster/core/grants.h"
#include "cluster/core/half_open.h"
#include "cluster/core/marks_done.h"
#include "cluster/core/activity.h"
#include "cluster/core/proposed.h"
#include "cluster/core/quorum.h"
#include "cluster/core/coa.h"
#include "cluster/core/radius_client.h"
#include "cluster/core/radius_port.h"
#include "cluster/core/sequence.h"
#include "cluster/core/slots_told.h"
#include "cluster/core/takeover.h"
#include "proto/mutant.h"

#include <assert.h>

void frames_datagram(struct core *c, uint32_t via, const struct endpoint *local,
		     const struct endpoint *remote, const uint8_t *data, size_t len)
{
	if (coa_is_for(c, local))
		coa_datagram(c, via, local, remote, data, len);
	else if (radius_is_for(c, local))
		radius_datagram(c, via, local, remote, data, len);
	else
		exchange_datagram(c, via, local, remote, data, len);
}

static void take_marks_done(struct core *c, uint32_t node, const struct frame *f)
{
	collect_done(c, node, f);
	takeover_marks_done(c, node, f->marks_done.index);
	if (takeover_resumes(c))
		grants_resume(c);
}

static void take(struct core *c, uint32_t node, const struct frame *f)
{
	struct known_node *p = &c->known[node];

	switch (f->type) {
	case FRAME_IDENTITY:
		bootstrap_identity(c, f->bytes.data, f->bytes.len);
		break;
	case FRAME_RAFT:
		bootstrap_raft(c, p->raft_id, f->bytes.data, f->bytes.len);
		break;
	case FRAME_PROPOSE:
		proposed_receive(c, node, f->bytes.data, f->bytes.len);
		break;
	case FRAME_RELAY:
		frames_datagram(c, node, &f->datagram.local, &f->datagram.remote, f->datagram.data,
				f->datagram.len);
		break;
	case FRAME_SEND:
		radius_port_sent(c, &f->datagram.local, &f->datagram.remote);
		action_send_datagram(c->actions, &f->datagram.local, &f->datagram.remote,
				     blob_new(f->datagram.data, f->datagram.len));
		break;
	case FRAME_HALF_OPEN:
		half_open_share(c, node, f->bytes.data, f->bytes.len);
		break;
	case FRAME_HALF_OPEN_ACK:
		half_open_ack(c, node, f);
		break;
	case FRAME_HALF_OPEN_END:
		if (core_leads(c) || node == core_leader_index(c))
			half_open_refused(c, f->half_open_ack.spi_i, f->half_open_ack.spi_r);
		break;
	case FRAME_MARKS:
		sequence_marks(c, node, f);
		break;
	case FRAME_MARKS_ACK:
		quorum_acknowledged(c, node, f);
		break;
	case FRAME_MARKS_ASK:
		marks_done_asked(c, node, f->marks_ask.index);
		break;
	case FRAME_MARKS_DONE:
		take_marks_done(c, node, f);
		break;
	case FRAME_SUSPECT:
		election_suspicion(c, node, f);
		break;
	case FRAME_APPLIED:
		p->applied = f->applied.index;
		exchange_owner_applied(c);
		break;
	case FRAME_SESSION:
		activity_receive(c, f);
		break;
	case FRAME_LEAVING:
		p->leaving = true;
		break;
	case FRAME_CLOCK:
		wall_clock_heard(c, node, (int64_t)f->clock.unix_s);
		break;
	case FRAME_FITNESS:
		p->unfit = !f->fitness.fit;
		break;
	case FRAME_HELLO:
	case FRAME_REFUSED:
	case FRAME_HEARTBEAT:
	case FRAME_FORWARD:
	case FRAME_PROOF:
		break;
	}
}

void frames_receive(struct core *c, uint32_t node, const uint8_t *data, size_t len)
{
	struct known_node *p = &c->known[node];
	struct frame f;
	bool heard;

	assert(node < c->config->n_nodes);
	if (frame_parse(&f, data, len) != OK) {
		core_drop(c, DROP_MALFORMED);
		return;
	}
	if (f.type == FRAME_HELLO) {
		if (bootstrap_hello(c, node, &f)) {
			fitness_greet(c, node);
			wall_clock_greet(c, node);
			sequence_tell(c, node, true);
			bootstrap_admit(c);
		}
		slots_told_look(c);
		return;
	}
	if (!p->greeted)
		return;
	/* It may end us: nothing is taken from a node that has not identified itself. */
	if (f.type == FRAME_REFUSED) {
		bootstrap_refused(c, node, &f);
		return;
	}
	heard = !p->refused;
	if (MUTANT(MUTANT_FRAMES_UNGREETED))
		heard = true;
	if (heard)
		take(c, node, &f);
}
