/* SPDX-License-Identifier: Apache-2.0 */
/* Inward, after all stages: an accepted packet goes out at once, or (exact) once a majority has its
 * mark. Only here do clients' packets leave the engine for the network behind, and are counted. */
#include "xdp/engine/delivery.h"
#include "xdp/engine/carried.h"

#include <assert.h>

void engine_deliver(struct engine *e, struct packet *packets, size_t n)
{
	struct packet *ready[BURST];
	size_t n_ready;

	assert(n <= BURST);
	n_ready = packets_alive(packets, n, ready);
	if (n_ready)
		e->out.inner(e->out.ctx, ready, n_ready);
	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];

		if (p->done)
			continue;
		if (p->drop != DROP_NONE) {
			engine_drop(e, p->drop);
			continue;
		}
		assert(p->sa && !sad_entry_must_wait(&p->sa->e, p->seq) && p->epoch == p->sa->e.epoch);
		counter_add(&e->counters.packets_in, 1);
		counter_add(&e->counters.octets_in, p->len);
		p->sa->e.volume.packets_in++;
		p->sa->e.volume.octets_in += p->len;
		carried_later(e, p->sa);
	}
}
