/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads may be the first to run again. If it is the packet worker, it sees that no
 * heartbeat has left for long; if it is the one that sends them, that one says so. A worker that
 * slept alone while heartbeats left was not missed by anybody, and needs not wait.
 *
 * What a clock does not show, as of a machine that was put aside with its clock, is not seen
 * here: then late marks are all there is. */
#include "xdp/thread/stop_watch.h"

void stop_watch_look(struct stop_watch *s, uint64_t now_us, uint64_t alive_us, uint64_t stopped_us)
{
	if (s->bound_us == 0)
		return;
	if (stopped_us > s->until_us)
		s->until_us = stopped_us;
	if (alive_us != 0 && now_us > alive_us && now_us - alive_us > s->bound_us)
		s->until_us = now_us;
}

bool stop_watch_is_over(const struct stop_watch *s, uint64_t contact_us)
{
	return contact_us >= s->until_us;
}
