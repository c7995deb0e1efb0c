/* SPDX-License-Identifier: Apache-2.0 */
/* A list of the SAs that have carried something since the list was last walked. An SA whose volume
 * was reported with a mark meanwhile stays on it and is skipped: taking it off costs more. */
#include "xdp/engine/carried.h"

#include <assert.h>

void carried_later(struct engine *e, struct sa *sa)
{
	if (sa->volume_link)
		return;
	sa->volume_next = e->volumes;
	sa->volume_link = &e->volumes;
	if (sa->volume_next)
		sa->volume_next->volume_link = &sa->volume_next;
	e->volumes = sa;
}

void carried_forget(struct sa *sa)
{
	if (!sa->volume_link)
		return;
	assert(*sa->volume_link == sa);
	*sa->volume_link = sa->volume_next;
	if (sa->volume_next)
		sa->volume_next->volume_link = sa->volume_link;
	sa->volume_next = NULL;
	sa->volume_link = NULL;
}

void carried_told(struct sa *sa)
{
	assert(volume_covers(&sa->e.volume, &sa->volume_told)); /* It only grows. */
	sa->volume_told = sa->e.volume;
}

void carried_now(struct engine *e, struct sa *sa)
{
	carried_forget(sa);
	if (volume_covers(&sa->volume_told, &sa->e.volume))
		return;
	engine_report(e, sa, SA_REPORT_VOLUME, 0);
	carried_told(sa);
}

void carried_report(struct engine *e)
{
	if (!e->volumes || e->now_us - e->volumes_at_us < VOLUMES_US)
		return;
	while (e->volumes)
		carried_now(e, e->volumes);
	e->volumes_at_us = e->now_us;
	engine_report_flush(e);
}
