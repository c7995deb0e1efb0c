/* SPDX-License-Identifier: Apache-2.0 */
/* Is there a leader, for this node, that can commit at once? It has applied the first
 * entries of its term, the node knows it, and between it and a majority of the voters
 * nothing is slow: links, disks, processes. The promises that begin with "once there is a
 * leader" are held to that (i2_delivery.c). */
#include "test/sim/full.h"

#include "test/sim/net.h"

#define BEHIND_MAX 64u          /* Entries. */
#define DISK_MAX_US (40 * MS)   /* A sync may take so long on a healthy disk. */

static bool is_prompt(struct world *w, unsigned a, unsigned b)
{
	return a == b || (net_is_prompt(w, a, b) && net_is_prompt(w, b, a));
}

/* Would its answer to the leader's next entry come at once? */
static bool keeps_up(struct full *f, unsigned i, unsigned leader, const struct core_status *led,
		     uint64_t last)
{
	const struct host *h = &f->world.host[i];
	const struct core *c = node_core(h);
	struct core_status s;

	if (!c || h->paused || h->disk.slow_us || h->disk.full ||
	    h->disk.last_us > f->world.now_us + DISK_MAX_US || !is_prompt(&f->world, i, leader))
		return false;
	core_status(c, &s);
	return s.leader == leader && s.term == led->term &&
	       core_last_index(c) + BEHIND_MAX >= last &&
	       s.commit_applied + BEHIND_MAX >= led->commit_applied;
}

static bool majority_keeps_up(struct full *f, unsigned leader, const struct core_status *led)
{
	const struct core *c = node_core(&f->world.host[leader]);
	struct detector_quorum q;
	uint32_t n = 0;

	core_quorum(c, &q);
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		n += q.voter[i] != 0 && q.voter[i] == f->raft_id[i] &&
		     keeps_up(f, i, leader, led, core_last_index(c));
	return n > q.n_voters / 2;
}

uint64_t full_led_term(struct full *f, unsigned host)
{
	const struct core *c;
	struct core_status s, led;

	core_status(node_core(&f->world.host[host]), &s);
	if (s.leader >= f->world.n_hosts)
		return 0;
	c = node_core(&f->world.host[s.leader]);
	if (!c)
		return 0;
	core_status(c, &led);
	if (led.role != CONSENSUS_LEADER || led.term != s.term)
		return 0;
	if (f->led.term != led.term) { /* The first entries of its term are in its log already. */
		f->led.term = led.term;
		f->led.first = core_last_index(c);
	}
	return led.commit_applied >= f->led.first &&
			       keeps_up(f, host, s.leader, &led, core_last_index(c)) &&
			       majority_keeps_up(f, s.leader, &led)
		       ? led.term
		       : 0;
}
