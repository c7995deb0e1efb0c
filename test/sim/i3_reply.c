/* SPDX-License-Identifier: Apache-2.0 */
/* I3, at the place where IKE messages come from: the core that leads. Right after
 * a step its state is what it has applied; a response that it sends must be the
 * cached one of the session there, a request the outstanding one. Two different
 * messages never have one Message ID. Seen from the client, a request never has a Message ID
 * beyond the next: the one before it must have been answered. */
#include "test/sim/full.h"

#include "proto/ike/ike_message.h"

#include <string.h>

static bool is(const struct ike_datagrams *message, const uint8_t *data, size_t len)
{
	for (uint32_t i = 0; message && i < message->n; i++) {
		const struct blob *b = message->datagram[i];

		if (b->len == len && memcmp(b->data, data, len) == 0)
			return true;
	}
	return false;
}

static bool committed(const struct state *s, const struct ike_header *h, const uint8_t *data,
		      size_t len)
{
	const struct session *x = state_session_by_ike(s, h->spi_i, h->spi_r);

	if (!x) /* Its last word, or a refusal: neither leaves anything behind. */
		return (h->flags & IKE_FLAG_RESPONSE) &&
		       (h->exchange == IKE_EXCHANGE_AUTH || state_tombstone(s, h->spi_i, h->spi_r));
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &x->ike.ike[i];

		if (is(h->flags & IKE_FLAG_RESPONSE ? sa->window.response : sa->window.outstanding, data,
		       len))
			return true;
	}
	return false;
}

void i3_sent(struct i3_reply *c, unsigned host, const struct core *core, const uint8_t *message,
	     size_t len)
{
	uint64_t hash = seen_hash(message, len), *v;
	struct ike_header h;
	bool fresh;

	if (ike_header_parse(&h, message, len) != DROP_NONE)
		world_fail(&c->full->world, "n%u sends what is no IKE message", host + 1);
	if (h.exchange == IKE_EXCHANGE_SA_INIT)
		return;
	c->n_checked++;
	if (!committed(core_state(core), &h, message, len))
		world_fail(&c->full->world,
			   "I3: n%u sends a %s (exchange %u, message %u) that is not committed",
			   host + 1, h.flags & IKE_FLAG_RESPONSE ? "response" : "request",
			   h.exchange, h.message_id);
	if (h.exchange == IKE_EXCHANGE_AUTH &&
	    !state_session_by_ike(core_state(core), h.spi_i, h.spi_r))
		return; /* A refusal may be given twice. */
	if (c->full->checkers.i1.rolled_back)
		return; /* Nobody remembers what was said since. */
	v = seen_get(&c->bytes, h.spi_r, h.flags, h.message_id, &fresh);
	if (!fresh && v[0] != hash)
		world_fail(&c->full->world,
			   "I3: n%u sends message %u of exchange %u with other bytes than before",
			   host + 1, h.message_id, h.exchange);
	v[0] = hash;
}

void i3_received(struct i3_reply *c, unsigned client, const struct initiator *i,
		 const struct blob *message)
{
	struct ike_header h;

	if (ike_header_parse(&h, message->data, message->len) != DROP_NONE ||
	    (h.flags & IKE_FLAG_RESPONSE) || c->full->checkers.i1.rolled_back)
		return;
	for (unsigned k = 0; k < IKE_SA_MAX; k++)
		if (i->ike[k].state != 0 && i->ike[k].spi_i == h.spi_i &&
		    i->ike[k].spi_r == h.spi_r && h.message_id > i->ike[k].window.next_in)
			world_fail(&c->full->world,
				   "I3: client %u gets request %u, but has not answered %u", client,
				   h.message_id, i->ike[k].window.next_in);
}
