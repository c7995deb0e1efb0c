/* SPDX-License-Identifier: Apache-2.0 */
/* Which node owns an SA that this node does not own, and forwarding its packets there.
 *
 * A loss moves slots, not SAs (DESIGN section 3), so an entry has its slot, and the owner of a slot
 * is stored once for all SAs in it. A packet is forwarded as it came, unopened, and once: the
 * receiving node never forwards it again, so two nodes that each believe the other is the owner
 * send nothing to and fro. */
#include "xdp/engine/forwarding.h"

#include "proto/mutant.h"

#include <assert.h>
#include <string.h>

void forwarding_init(struct engine *e)
{
	memset(e->owner, SAD_OWNER_NONE, sizeof(e->owner));
}

void forwarding_owner(struct engine *e, const struct sa_update *u)
{
	assert(u->slot + u->n_slots <= SAD_SLOTS_MAX);
	memset(&e->owner[u->slot], u->owner, u->n_slots);
}

static bool came_from_a_node(const struct packet *p)
{
	if (MUTANT(MUTANT_FORWARD_TWICE))
		return false;
	return p->injected;
}

void engine_forward(struct engine *e, struct packet *p, enum datapath_direction direction)
{
	const struct sad_entry *entry = &p->sa->e;
	struct datapath_forward f = {
		.direction = direction,
		.node = e->owner[entry->slot],
		.spi = entry->child.spi_in,
		.session = entry->session,
		.path = direction == DATAPATH_INBOUND ? p->path : entry->path,
		.packet = p->data,
		.len = p->len,
	};

	assert(packet_alive(p) && !entry->granted && entry->slot < SAD_SLOTS_MAX);
	assert(direction == DATAPATH_INBOUND || direction == DATAPATH_OUTBOUND);
	if (came_from_a_node(p))
		p->drop = DROP_FORWARD_TWICE;
	else if (f.node == SAD_OWNER_NONE)
		p->drop = DROP_NOT_OWNER;
	else if (p->len > DATAPATH_PACKET_MAX)
		p->drop = DROP_TOO_BIG;
	if (p->drop != DROP_NONE)
		return;
	p->done = true;
	counter_add(direction == DATAPATH_INBOUND ? &e->counters.forwarded_in
						  : &e->counters.forwarded_out,
		    1);
	e->face.forward(e->face.ctx, &f);
}
