/* SPDX-License-Identifier: Apache-2.0 */
/* What comes to RADIUS' port goes to the leader if somebody was asked there lately. The leader has
 * its own policy, so it is not the holder's that says whom it may ask; the holder remembers where
 * its requests went. It sees no more of an answer than that. */
#include "cluster/core/radius_port.h"

#include "cluster/core/outgoing.h"
#include "cluster/core/rooms.h"

#include <stdlib.h>

#define ASKED_MAX (4u * IKE_RADIUS_MAX) /* Two policies, and two ports of each server. */
#define ASKED_US (30000 * MS)

struct radius_port {
	struct {
		struct endpoint at;
		uint64_t until_us;
	} asked[ASKED_MAX];
};

void radius_port_sent(struct core *c, const struct endpoint *local, const struct endpoint *remote)
{
	struct radius_port *p = c->radius_port;
	unsigned place = 0;

	if (local->port != RADIUS_LOCAL_PORT)
		return;
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		if (endpoint_equal(&p->asked[i].at, remote)) {
			place = i;
			break;
		}
		if (p->asked[i].until_us < p->asked[place].until_us)
			place = i;
	}
	p->asked[place].at = *remote;
	p->asked[place].until_us = c->now_us + ASKED_US;
}

bool radius_port_expects(const struct core *c, const struct endpoint *remote)
{
	for (unsigned i = 0; i < ASKED_MAX; i++)
		if (c->now_us < c->radius_port->asked[i].until_us &&
		    endpoint_equal(&c->radius_port->asked[i].at, remote))
			return true;
	return false;
}

bool radius_send(struct core *c, const struct endpoint *remote, const struct blob *packet)
{
	uint64_t incarnation, holder = state_holder(c->state, &incarnation);
	struct endpoint local = {.address = c->config->inside[remote->address.family == 6],
				 .port = RADIUS_LOCAL_PORT};
	struct ike_datagrams *message;
	uint32_t node;

	if (local.address.family != remote->address.family || !core_is_up(c, holder, incarnation))
		return false;
	node = core_node_index(c, holder);
	if (node == NODE_NONE || (node != c->config->self && !c->known[node].linked))
		return false;
	if (node == c->config->self)
		radius_port_sent(c, &local, remote);
	message = ike_datagrams_of(blob_new(packet->data, packet->len));
	outgoing_send(c, node, &local, remote, message);
	ike_datagrams_unref(message);
	return true;
}

void radius_port_init(struct core *c)
{
	c->radius_port = core_room(sizeof(*c->radius_port));
}

void radius_port_fini(struct core *c)
{
	free(c->radius_port);
}
