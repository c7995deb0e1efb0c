/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads may be the first to run again. The packet worker sees that no heartbeat has left for
 * long; the thread that sends them reports it. If the worker alone slept while heartbeats left,
 * nobody missed this process, and the worker need not wait.
 *
 * A stop that the clock does not show, as when a machine is frozen together with its clock, is not
 * seen here: then only late marks help. */
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
