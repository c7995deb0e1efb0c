/* SPDX-License-Identifier: Apache-2.0 */
/* What an owner sees of its clients and the leader has to know: a sign of life,
 * another address, a sequence space that is used up (FRAME_SESSION). */
#include "cluster/core_internal.h"

void news_send(struct core *c, enum session_news what, const struct sa_report *r)
{
	struct frame f = { .type = FRAME_SESSION };
	uint32_t leader = core_leader_index(c);

	f.session.news = (uint8_t)what;
	f.session.spi_in = r->spi_in;
	f.session.epoch = r->epoch;
	f.session.remote = r->remote;
	if (core_leads(c))
		news_receive(c, &f);
	else if (leader != NODE_NONE)
		core_send(c, leader, &f);
}

/* At the leader. Only the owner sees authenticated packets, so only a report of
 * the session's current epoch counts. */
void news_receive(struct core *c, const struct frame *f)
{
	const struct session *s = state_session_by_spi(c->state, f->session.spi_in, NULL);
	struct command step = { .type = COMMAND_SESSION_STEP };

	if (!core_leads(c) || !s || session_epoch(c->state, s) != f->session.epoch)
		return;
	if (f->session.news == NEWS_SEQUENCE_END) {
		requests_delete_child(c, f->session.spi_in);
		return;
	}
	requests_alive(c, s);
	if (f->session.news == NEWS_BELOW_HORIZON) {
		requests_rekey_child(c, s, f->session.spi_in);
		return;
	}
	/* RFC 7296 2.23: follow a client that is behind a NAT, and only such a one. */
	if (f->session.news != NEWS_PEER || !(s->ike.features & IKE_PEER_BEHIND_NAT) ||
	    endpoint_equal(&s->ike.remote, &f->session.remote) || f->session.remote.port == 0 ||
	    f->session.remote.address.family != s->ike.local.address.family ||
	    !exchange_reserve(c, s->id))
		return;
	step.session_step.session = s->id;
	step.session_step.serial = s->serial;
	step.session_step.lease = c->config->lease;
	step.session_step.horizon = core_first_horizon(c, &s->ike);
	ike_session_copy(&step.session_step.ike, &s->ike);
	step.session_step.ike.remote = f->session.remote;
	proposals_add(c, URGENT_REQUEST, &step);
}
