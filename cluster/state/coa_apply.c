/* SPDX-License-Identifier: Apache-2.0 */
/* Does what a RADIUS server wants of sessions (RFC 5176), once: they end, as by an operator, or they live
 * for so long from now on. The outcome is kept (coa_done.c), and is the answer. */
#include "cluster/state/state_internal.h"
#include "cluster/state/coa_done.h"

#include "proto/auth/radius_accounting.h"
#include "proto/auth/radius_coa.h"
#include "proto/mutant.h"

#include <string.h>

static void live_until(struct state *s, struct session_entry *e, uint32_t timeout_s)
{
	cut_before_session_changes(s, e);
	e->s.ike.ends_ms = s->time_ms + timeout_s * UINT64_C(1000);
	e->s.serial++; /* A step that was computed from what it was is refused. */
}

void apply_coa(struct state *s, const struct coa_command *c, struct apply_result *r)
{
	struct coa_done d = {.error = c->error, .at_ms = s->time_ms};
	uint16_t error;
	bool known = state_coa(s, c->hash, &error);
	uint32_t n = 0;

	if (MUTANT(MUTANT_COA_TWICE))
		known = false;
	r->status = known ? ERR_EXISTS : state_coas(s) >= STATE_COA_MAX ? ERR_FULL : OK;
	if (r->status != OK)
		return;
	for (uint32_t i = 0; i < c->n; i++) {
		struct session_entry *e = session_find(s, c->session[i]);

		if (!e || session_ends(&e->s))
			continue;
		if (c->timeout_s == 0)
			r->n_ended += session_end(s, e, RADIUS_CAUSE_ADMIN_RESET);
		else
			live_until(s, e, c->timeout_s);
		n++;
	}
	if (c->error == RADIUS_ERROR_NONE && n == 0)
		d.error = RADIUS_ERROR_SESSION_NOT_FOUND;
	memcpy(d.hash, c->hash, sizeof(d.hash));
	coa_add(s, &d);
}
