/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's INFORMATIONAL requests: DELETE, the takeover notice, and RFC 6311. Unknown content
 * is ignored and answered; an empty request is a liveness check.
 *
 * RFC 6311 lets a gateway that lost count after a failover set both message IDs by a
 * request with ID 0. Its one danger is a replay, which section 5.1 counters: the send
 * value M1 must be above everything that was seen from the gateway, earlier
 * synchronizations included. The very bytes of the last one are not a new request but
 * its retransmission (RFC 7296 2.1): they get the same answer again and change
 * nothing. */
#include "proto/ike/initiator_step.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/payload.h"
#include "proto/wire/wire.h"

/* No IKE SA gets this far: it is rekeyed long before. So nothing wraps. */
#define MESSAGE_ID_MAX (UINT32_C(1) << 31)
/* The same for what IPSEC_REPLAY_COUNTER_SYNC adds. */
#define SKIP_MAX (UINT64_C(1) << 62)

/* ---- RFC 6311 5.1 ---- */

bool initiator_may_sync(const struct initiator *i, const struct ike_sa *sa)
{
	return sa == &i->ike[0] && sa->state == IKE_SA_ESTABLISHED && (i->features & IKE_PEER_SYNC);
}

/* Contents of a message with ID 0; forbidden contents are checked when it is answered. */
bool initiator_is_sync(const struct ike_message *m)
{
	return m->header.exchange == IKE_EXCHANGE_INFORMATIONAL &&
	       ike_message_notify(m, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC) != NULL;
}

/* "MUST NOT contain any additional payloads, other than an optional
 * IPSEC_REPLAY_COUNTER_SYNC notification in the request." */
static bool is_alone(const struct ike_message *m)
{
	unsigned ids = 0, counters = 0;

	for (size_t k = 0; k < m->n_notify; k++) {
		ids += m->notify[k].type == IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC;
		counters += m->notify[k].type == IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC;
	}
	return m->present == UINT64_C(1) << IKE_PAYLOAD_N && ids == 1 && counters <= 1 &&
	       ids + counters == m->n_notify;
}

/* 5.2, 6.4: the peer "MUST increment the replay counters for all Child SAs ... by the
 * amount requested". 8 octets where the Child SAs have ESN, else 4. */
static void take_skip(struct initiator *i, const struct ike_message *m)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC);
	bool esn = i->n_child > 0 && i->child[0].suite.esn == ESN_YES;
	uint64_t delta = 0;
	CBS data;

	if (!n || !(i->features & IKE_PEER_REPLAY_SYNC) || CBS_len(&n->data) != (esn ? 8 : 4))
		return;
	for (data = n->data; CBS_len(&data) > 0;) {
		uint8_t octet = 0;

		if (CBS_get_u8(&data, &octet))
			delta = delta << 8 | octet;
	}
	if (delta <= SKIP_MAX - i->skip)
		i->skip += delta;
}

struct ids { /* 6.3 */
	uint32_t nonce, send, receive;
};

static bool read_ids(struct ids *ids, const struct ike_message *m)
{
	CBS data = ike_message_notify(m, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC)->data;

	return CBS_get_u32(&data, &ids->nonce) && CBS_get_u32(&data, &ids->send) &&
	       CBS_get_u32(&data, &ids->receive) && CBS_len(&data) == 0;
}

static struct ike_datagrams *sync_response(struct initiator *i, const struct ike_message *m,
				  const struct ids *ids)
{
	struct ike_header h = ike_reply_header(&m->header);
	uint8_t data[16];
	struct ike_builder b;

	ike_builder_init_message(&b, &h);
	wire_put_u64(data, (uint64_t)ids->nonce << 32 | ids->send);
	wire_put_u64(data + 8, (uint64_t)ids->receive << 32);
	ike_add_notify(&b, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC, data, 12);
	return initiator_seal(i, &i->ike[0], &b);
}

struct blob *initiator_answer_sync(struct initiator *i, const struct ike_message *m,
				   const uint8_t *data, size_t len)
{
	struct ike_sa *sa = &i->ike[0];
	/* "one more than the highest sender value used by the peer" */
	uint32_t ours = sa->window.next_out + (sa->window.outstanding != NULL);
	struct ids asked, now = {0};

	/* "MUST silently drop any received synchronization message if M1 is lower than or equal
	 * to the highest value it has seen from the cluster." */
	if (!is_alone(m) || !read_ids(&asked, m) || asked.send < sa->window.next_in ||
	    asked.send < i->sync.floor || asked.send >= MESSAGE_ID_MAX ||
	    asked.receive >= MESSAGE_ID_MAX)
		return initiator_ignore(i);
	i->counts.syncs++;
	i->sync.floor = (uint64_t)asked.send + 1;
	/* Section 9: "should not wait for any pending responses". The caller sees that nothing is
	 * outstanding, and asks again if it still wants to know. */
	now.nonce = asked.nonce;
	now.receive = asked.send;                               /* M2 */
	now.send = asked.receive > ours ? asked.receive : ours; /* P2 */
	ike_window_sync(&sa->window, now.receive, now.send);
	sa->purpose = INITIATOR_NOTHING;
	take_skip(i, m);
	ike_datagrams_set(&i->sync.response, sync_response(i, m, &now));
	hash_sha256(data, len, i->sync.request_hash);
	return initiator_first(i->sync.response);
}

/* ---- Requests in the window ---- */

static void take_notice(struct initiator *i, const struct ike_message *m)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_TAKEOVER);
	uint64_t epoch, node;
	CBS data;

	if (!n)
		return;
	data = n->data;
	if (!CBS_get_u64(&data, &epoch) || !CBS_get_u64(&data, &node) || CBS_len(&data) != 0)
		return;
	i->notice_epoch = (int64_t)epoch;
	i->notice_node = node;
	i->counts.notices++;
}

/* RFC 7296 1.4.1: our half of each pair goes into the answer, except for the one that we are
 * closing ourselves. */
static void answer_deletes(struct initiator *i, const struct ike_delete *d, struct ike_builder *b)
{
	const struct ike_sa *sa = &i->ike[0];
	uint32_t spi_out, ours;
	CBS spis = d->spis;

	while (ike_delete_next(&spis, &spi_out)) {
		const struct child_sa *child = initiator_child_by_spi_out(i, spi_out);

		if (!child)
			continue;
		ours = child->spi_in;
		if (sa->purpose != INITIATOR_DELETE_CHILD || sa->purpose_arg != ours)
			ike_add_delete_esp(b, &ours, 1);
		child_list_remove(i->child, &i->n_child, ours);
	}
}

void initiator_answer_informational(struct initiator *i, const struct ike_message *m,
				    struct ike_builder *b, bool *closes)
{
	const struct ike_notify *cookie = ike_message_notify(m, IKE_NOTIFY_COOKIE2);
	struct ike_delete_walk w = ike_message_deletes(m);
	struct ike_delete d;

	while (ike_message_next_delete(&w, &d))
		*closes |= d.protocol == IKE_PROTOCOL_IKE;
	if (*closes)
		return; /* 1.4.1: an empty response; the Child SAs go with it. */
	take_notice(i, m);
	if (cookie && (!i->config.cookie2_with_nat ||
		       ike_message_notify(m, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP))) /* RFC 4555 3.7 */
		ike_add_notify(b, IKE_NOTIFY_COOKIE2, CBS_data(&cookie->data), CBS_len(&cookie->data));
	i->counts.checks += cookie != NULL;
	/* With a message ID of its own it is an ordinary request. */
	if (!ike_message_notify(m, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC))
		take_skip(i, m);
	w = ike_message_deletes(m);
	while (ike_message_next_delete(&w, &d))
		if (d.protocol == IKE_PROTOCOL_ESP)
			answer_deletes(i, &d, b);
}
