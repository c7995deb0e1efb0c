/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to a client leave by the node through which its own messages came: the NAT lets them
 * through from there. */
#include "cluster/core/outgoing.h"

#include "cluster/core/rooms.h"

void outgoing_send(struct core *c, uint32_t via, const struct endpoint *local,
		   const struct endpoint *remote, const struct ike_datagrams *message)
{
	bool here = via == NODE_NONE || via == c->config->self || !c->known[via].linked;
	struct frame f = { .type = FRAME_SEND };

	f.datagram.local = *local;
	f.datagram.remote = *remote;
	for (uint32_t i = 0; message && i < message->n; i++) {
		struct blob *data = message->datagram[i];

		if (here) {
			action_send_datagram(c->actions, local, remote, blob_ref(data));
			continue;
		}
		f.datagram.data = data->data;
		f.datagram.len = data->len;
		core_send(c, via, &f);
	}
}
