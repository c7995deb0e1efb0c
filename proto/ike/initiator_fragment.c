/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of several datagrams at the initiator (RFC 7383): the gateway's are collected, its
 * own are handed out one by one. */
#include "proto/ike/initiator_step.h"
#include "proto/ike/fragment.h"

/* ---- What comes ---- */

/* One reassembly for both IKE SAs: if the gateway goes on with the other one, the message that it
 * began before is dropped. */
static enum drop reassemble(struct ike_reassembly *r, const struct ike_sa *sa, const uint8_t *data,
			    size_t len, struct ike_datagrams **message)
{
	const struct sk_direction theirs = initiator_theirs(sa);

	*message = NULL;
	if (r->total != 0 && r->header.spi_r != sa->spi_r) {
		enum drop d = ike_authenticate(&theirs, data, len);

		if (d != DROP_NONE)
			return d;
		ike_reassembly_clear(r);
	}
	return ike_reassembly_take(r, &theirs, data, len, message);
}

struct ike_datagrams *initiator_collect(struct initiator *i, const struct ike_sa *sa,
					const struct ike_header *h, const uint8_t *data, size_t len)
{
	enum ike_window_position place = ike_window_position(&sa->window, h, data, len);
	bool response = h->flags & IKE_FLAG_RESPONSE;
	struct ike_datagrams *message;

	if (ike_fragment_of(data, len).total == 0 || place == IKE_WINDOW_REPEATED ||
	    place == IKE_WINDOW_RECUT)
		return ike_datagrams_of(blob_new(data, len));
	if (!(i->features & IKE_PEER_FRAGMENTATION) || place == IKE_WINDOW_OUTSIDE ||
	    reassemble(response ? &i->response : &i->request, sa, data, len, &message) != DROP_NONE) {
		initiator_ignore(i);
		return NULL;
	}
	i->counts.fragments += message == NULL;
	return message;
}

/* ---- What leaves ---- */

struct blob *initiator_first(const struct ike_datagrams *message)
{
	return blob_ref(message->datagram[0]);
}

static struct blob *next_of(const struct ike_datagrams *message, const struct blob *datagram)
{
	for (uint32_t n = 0; message && n + 1 < message->n; n++)
		if (message->datagram[n] == datagram)
			return blob_ref(message->datagram[n + 1]);
	return NULL;
}

struct blob *initiator_next_datagram(const struct initiator *i, const struct blob *datagram)
{
	struct blob *next = NULL;

	for (size_t k = 0; k < IKE_SA_MAX && !next; k++) {
		next = next_of(i->ike[k].window.outstanding, datagram);
		if (!next)
			next = next_of(i->ike[k].window.response, datagram);
	}
	return next;
}
