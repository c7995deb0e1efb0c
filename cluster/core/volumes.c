/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's worker counts what an SA carries, starting from what the log said when its epoch began.
 * The sum goes into the log within a second, with the SA's mark if there is one to commit. Nothing more
 * is counted for an epoch that is over: the successor has begun where the log stood. So a loss makes
 * the sum too small by up to a second's traffic, and nothing makes it too great. */
#include "cluster/core/volumes.h"

#include "cluster/core/lease_requests.h"
#include "cluster/core/rooms.h"

#define AGAIN_US (100 * MS)          /* The leader it was proposed to may be gone. */
#define ROWS_STEP_MAX (2 * SEQ_ROWS_MAX)

static void wait_for_commit(struct core *c, struct owned_sa *sa)
{
	if (owned_sa_is_on(sa, SAS_COUNTED) || owned_sa_is_on(sa, SAS_VOLUME_ASKED))
		return;
	sa->volume.commit_us = c->now_us + c->config->timing.mark_commit_ms * MS * 8 / 10;
	owned_sa_append(c, sa, SAS_COUNTED);
}

void volumes_counted(struct core *c, const struct session *s, const struct sa_report *r)
{
	struct owned_sa *sa;

	if (!core_owns(c, s) || r->epoch != session_epoch(c->state, s))
		return;
	sa = owned_sa_get(c, r->spi_in);
	sa->volume.epoch = r->epoch;
	if (volume_raise(&sa->volume.own, &r->volume))
		wait_for_commit(c, sa);
}

/* Its record, if we are still its owner in the epoch of the count. */
static const struct seq_record *record_of(const struct core *c, const struct owned_sa *sa)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, sa->spi_in, &i);

	return s && core_owns(c, s) && session_epoch(c->state, s) == sa->volume.epoch ? &s->seq[i] : NULL;
}

void volumes_ride(struct core *c, struct owned_sa *sa, struct seq_row *row)
{
	const struct seq_record *r = record_of(c, sa);

	if (!r || row->epoch != sa->volume.epoch || volume_covers(&r->volume, &sa->volume.own))
		return;
	row->volume = sa->volume.asked = sa->volume.own;
	sa->volume.again_us = c->now_us + AGAIN_US;
	owned_sa_remove(c, sa, SAS_COUNTED);
	owned_sa_remove(c, sa, SAS_VOLUME_ASKED);
	owned_sa_append(c, sa, SAS_VOLUME_ASKED);
}

static void propose(struct core *c, struct owned_sa *sa)
{
	struct seq_row row = { .spi_in = sa->spi_in, .epoch = sa->volume.epoch };

	volumes_ride(c, sa, &row);
	if (!volume_is_zero(&row.volume))
		leases_row(c, &row);
}

void volumes_tick(struct core *c)
{
	struct owned_sa *sa;

	while ((sa = owned_sa_first(c, SAS_VOLUME_ASKED)) && c->now_us >= sa->volume.again_us &&
	       leases_rows(c) < ROWS_STEP_MAX) {
		const struct seq_record *r = record_of(c, sa);

		owned_sa_remove(c, sa, SAS_VOLUME_ASKED);
		if (r && !volume_covers(&r->volume, &sa->volume.asked))
			propose(c, sa);
		else if (r && !volume_covers(&r->volume, &sa->volume.own))
			wait_for_commit(c, sa);
	}
	while ((sa = owned_sa_first(c, SAS_COUNTED)) && c->now_us >= sa->volume.commit_us &&
	       leases_rows(c) < ROWS_STEP_MAX) {
		owned_sa_remove(c, sa, SAS_COUNTED);
		propose(c, sa);
	}
}
