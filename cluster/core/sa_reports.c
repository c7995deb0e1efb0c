/* SPDX-License-Identifier: Apache-2.0 */
/* Passes the packet workers' reports about SAs to the rooms that they are for. */
#include "cluster/core/sa_reports.h"

#include "cluster/core/rooms.h"
#include "cluster/core/grants.h"
#include "cluster/core/lease_requests.h"
#include "cluster/core/activity.h"
#include "cluster/core/quorum.h"
#include "cluster/core/sequence.h"
#include "cluster/core/takeover.h"
#include "cluster/core/volumes.h"
#include "cluster/state/horizon.h"

/* First the SAs that wait for a majority: what the others are told follows from it. */
static void marked(struct core *c, const struct sa_report *r)
{
	unsigned child;
	const struct session *s = state_session_by_spi(c->state, r->spi_in, &child);

	if (!s)
		return;
	if (horizon_exact(&s->seq[child]))
		quorum_marked(c, s, r);
	sequence_marked(c, s, child, r);
	volumes_counted(c, s, r);
}

static void counted(struct core *c, const struct sa_report *r)
{
	const struct session *s = state_session_by_spi(c->state, r->spi_in, NULL);

	if (s)
		volumes_counted(c, s, r);
}

void sa_reports(struct core *c, const struct sa_report *reports, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct sa_report *r = &reports[i];

		switch (r->kind) {
		case SA_REPORT_MARK:
			marked(c, r);
			break;
		case SA_REPORT_VOLUME:
			counted(c, r);
			break;
		case SA_REPORT_LEASE_LOW:
			leases_low(c, r);
			break;
		case SA_REPORT_SEQUENCE_END:
			activity_send(c, ACTIVITY_SEQUENCE_END, r);
			break;
		case SA_REPORT_PEER:
			activity_send(c, ACTIVITY_PEER, r);
			break;
		case SA_REPORT_FORM:
			activity_send(c, ACTIVITY_FORM, r);
			break;
		case SA_REPORT_FIRST_IN:
			takeover_first_in(c, r->spi_in);
			grants_first_in(c, r->spi_in);
			activity_send(c, ACTIVITY_ALIVE, r);
			break;
		case SA_REPORT_HORIZON_LOW:
			leases_horizon_low(c, r);
			break;
		case SA_REPORT_BELOW_HORIZON:
			activity_below_horizon(c, r);
			break;
		}
	}
}
