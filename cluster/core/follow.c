/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing acts on a change inside apply(). It is noted here and looked at when Raft has returned,
 * because looking may propose the next command. A step ends when nothing is left to look at.
 *
 * The applied state is the only truth about ownership: whether an entry or a snapshot changed it,
 * the rooms compare and act on the difference (DESIGN section 5). The order is that of looks[]
 * below. */
#include "cluster/core/follow.h"
#include "cluster/core/changes.h"

#include "cluster/core/accounting.h"
#include "cluster/core/bootstrap.h"
#include "cluster/core/collect.h"
#include "cluster/core/rooms.h"
#include "cluster/core/marks_done.h"
#include "cluster/core/exchange.h"
#include "cluster/core/grants.h"
#include "cluster/core/half_open.h"
#include "cluster/core/membership.h"
#include "cluster/core/logged.h"
#include "cluster/core/owed.h"
#include "cluster/core/policy.h"
#include "cluster/core/radius_client.h"
#include "cluster/core/requests.h"
#include "cluster/core/routes.h"
#include "cluster/core/slots_told.h"
#include "cluster/core/takeover.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* told: the workers know of all sessions as they are now. */
static void follow_session(struct core *c, const struct follow_session *f, bool told)
{
	const struct session *s = f->session ? state_session(c->state, f->session) : NULL;

	if (s) {
		if (!told)
			grants_session(c, s);
		requests_applied(c, s);
	} else if (f->session && f->deleted) {
		grants_gone(c, f->session);
		requests_forget(c, f->session);
	}
	if (f->spi_r && f->status == OK)
		half_open_forget(c, f->spi_i, f->spi_r);
	exchange_applied(c, f);
}

/* ---- In this order ---- */

static void look_lost(struct core *c, const struct follow *now)
{
	if (now->lost)
		exchange_lost(c);
}

static void look_role(struct core *c, const struct follow *now)
{
	if (!now->role)
		return;
	membership_role(c);
	radius_role(c);
	accounting_role(c);
	exchange_role(c);
	requests_role(c);
	policy_role(c);
}

/* What is not known of the owners before: grants depend on it. */
static void look_before(struct core *c, const struct follow *now)
{
	owed_slots(c, now->all || now->slots);
	logged_slots(c, now->all || now->slots);
	if (now->all || now->slots)
		collect_slots(c);
	for (unsigned i = 0; i < now->n_down; i++) {
		membership_tell_down(c, &now->down[i].command);
		marks_done_down(c, &now->down[i].command);
		collect_down(c);
		takeover_down(c, &now->down[i].command, now->down[i].index, now->down[i].moved);
	}
}

static void look_slots(struct core *c, const struct follow *now)
{
	if (now->all || now->slots)
		slots_told_look(c);
	if (now->all)
		grants_all(c);
	else if (now->slots)
		grants_slots(c);
	if (now->all || now->slots)
		requests_scan(c);
}

/* First what is gone of each: another may have its SPI by now. */
static void look_sessions(struct core *c, const struct follow *now)
{
	for (size_t i = 0; i < now->n && !now->all; i++)
		grants_drop_gone(c, now->sessions[i].session);
	for (size_t i = 0; i < now->n; i++)
		follow_session(c, &now->sessions[i], now->all);
}

/* Routes first: a node that takes an address has the packets that are sent to it at once. */
static void look_nodes(struct core *c, const struct follow *now)
{
	if (now->nodes || now->all)
		routes_look(c);
	if (now->slots || now->holder || now->nodes || now->all)
		membership_applied(c);
	if (now->nodes || now->all)
		policy_look(c);
	if (now->members)
		bootstrap_admit(c);
}

/* Followers learn of a commit with the next message: they get one now. */
static void look_followers(struct core *c, const struct follow *now)
{
	if ((now->slots || now->holder || now->sas) && core_leads(c) &&
	    consensus_tell(c->consensus, core_now_ms(c)) != OK)
		core_drop(c, DROP_IKE_NO_LEADER);
}

static void (*const looks[])(struct core *c, const struct follow *now) = {
	look_lost, look_role, look_before, look_slots, look_sessions, look_nodes, look_followers,
};

static bool is_any(const struct follow *w)
{
	return w->n || w->all || w->slots || w->holder || w->nodes || w->role || w->members ||
	       w->sas || w->n_down || w->lost;
}

void follow_all(struct core *c)
{
	while (is_any(c->follow)) {
		struct follow now = *c->follow;

		memset(c->follow, 0, sizeof(*c->follow));
		for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
			looks[i](c, &now);
		free(now.sessions);
	}
}

void follow_init(struct core *c)
{
	c->follow = core_room(sizeof(*c->follow));
}

void follow_fini(struct core *c)
{
	free(c->follow->sessions);
	free(c->follow);
}
