/* SPDX-License-Identifier: Apache-2.0 */
/* Two rings of a node's packets: from clients and the server, and from other nodes. A full ring
 * takes no more, as a device's does. */
#include "test/sim/arrivals.h"

static void arrive(struct node *n, struct arrivals *q, struct arrival a)
{
	if (q->n == ARRIVALS_MAX || a.data->len > DATAPATH_PACKET_MAX)
		return; /* The ring is full. */
	a.data = blob_ref(a.data);
	a.hostile = n->hostile;
	q->list[q->n++] = a;
	worker_wake_later(n);
}

void worker_arrive(struct node *n, enum datapath_direction direction, const struct sad_path *path,
		   struct blob *packet)
{
	arrive(n, &n->worker.ring,
	       (struct arrival){ .data = packet, .path = *path, .direction = direction });
}

void worker_inject(struct node *n, const struct datapath_forward *f)
{
	struct arrival a = { .data = blob_new(f->packet, f->len), .path = f->path,
			     .direction = f->direction, .injected = true };

	a.path.local.port = CAME_BY_LINK;
	arrive(n, &n->worker.injected, a);
	blob_unref(a.data);
}

size_t arrivals_burst(struct random *r, const struct arrival *a, size_t n)
{
	size_t k = 1, most = random_between(r, 1, ARRIVALS_BURST_MAX);

	while (k < n && k < most && !a->hostile && !a[k].hostile && a[k].direction == a->direction)
		k++;
	return k;
}
