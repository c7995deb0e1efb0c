/* SPDX-License-Identifier: Apache-2.0 */
/* INFORMATIONAL as responder (RFC 7296 1.4): DELETE of Child SAs and of the IKE SA,
 * MOBIKE's address update (RFC 4555), and everything else, which is a liveness
 * check: "An INFORMATIONAL request with no payloads ... is commonly used". What we
 * do not know is ignored and answered. */
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/nat.h"
#include "proto/ike/outcome.h"
#include "proto/ike/payload.h"
#include "proto/ike/session_step.h"

#include <string.h>

/* ---- DELETE, RFC 7296 1.4.1, 3.11 ---- */

static struct child_sa *child_by_spi_out(struct ike_session *s, uint32_t spi_out)
{
	for (size_t i = 0; i < s->n_child; i++)
		if (s->child[i].spi_out == spi_out)
			return &s->child[i];
	return NULL;
}

/* One ESP DELETE: the client's inbound SPIs. Collects our half of each pair. */
static void delete_children(struct ike_step *s, CBS spis, uint32_t *ours, size_t *n_ours)
{
	struct child_sa *child;
	uint32_t spi_out;

	while (ike_delete_next(&spis, &spi_out)) {
		child = child_by_spi_out(s->next, spi_out);
		if (!child) /* 2.25.1: "does not exist ... reply without a Delete payload" */
			continue;
		/* 1.4.1: when both closed the pair at the same time, the response "MUST NOT"
		 * name it again. */
		if (s->sa->purpose != IKE_PURPOSE_DELETE_CHILD ||
		    s->sa->purpose_arg != child->spi_in)
			ours[(*n_ours)++] = child->spi_in;
		ike_child_remove(s->next, child->spi_in);
	}
}

static bool deletes_ike(const struct ike_message *m)
{
	struct ike_delete_walk w = ike_message_deletes(m);
	struct ike_delete d;

	while (ike_message_next_delete(&w, &d))
		if (d.protocol == IKE_PROTOCOL_IKE)
			return true;
	return false;
}

static void step_delete(struct ike_step *s)
{
	const struct ike_message *m = s->message;
	struct ike_delete_walk w = ike_message_deletes(m);
	uint32_t ours[IKE_CHILD_MAX];
	struct ike_delete d;
	size_t n_ours = 0;

	/* 1.4.1: "the response ... is an empty INFORMATIONAL response", and the Child SAs
	 * go with the IKE SA. */
	if (deletes_ike(m)) {
		s->sa_ends = true;
		ike_note(s->out, s->sa == &s->next->ike[0] ? "client deletes the IKE SA"
							   : "client deletes the rekeyed IKE SA");
		return;
	}
	while (ike_message_next_delete(&w, &d))
		if (d.protocol == IKE_PROTOCOL_ESP)
			delete_children(s, d.spis, ours, &n_ours);
	if (n_ours > 0)
		ike_add_delete_esp(&s->reply, ours, n_ours);
	ike_note(s->out, "client deletes %zu Child SA(s)", n_ours);
}

/* ---- MOBIKE, RFC 4555 ---- */

/* 3.9, 4.2.6: the notification holds source address, destination address, source
 * port, destination port as the client sent them. */
static bool nats_allowed(const struct ike_step *s)
{
	const struct ike_notify *n = ike_message_notify(s->message, IKE_NOTIFY_NO_NATS_ALLOWED);
	const struct endpoint *from = s->path.remote, *to = s->path.local;
	size_t size = address_len(&from->address);
	uint16_t from_port, to_port;
	CBS data, from_address, to_address;

	if (!n)
		return true;
	data = n->data;
	return CBS_get_bytes(&data, &from_address, size) && CBS_get_bytes(&data, &to_address, size) &&
	       CBS_get_u16(&data, &from_port) && CBS_get_u16(&data, &to_port) &&
	       CBS_len(&data) == 0 && CBS_mem_equal(&from_address, from->address.octets, size) &&
	       CBS_mem_equal(&to_address, to->address.octets, size) && from_port == from->port &&
	       to_port == to->port;
}

/* 3.5: "Updates the IP addresses in the IKE_SA with the values from the IP header."
 * The IPsec SAs follow: the session's addresses are theirs. */
static void update_addresses(struct ike_step *s)
{
	char text[ENDPOINT_TEXT_LEN];

	s->next->local = *s->path.local;
	s->next->remote = *s->path.remote;
	ike_nat_detect(&s->next->features, s->message, &s->path);
	ike_note(s->out, "client moves to %s", endpoint_format(s->path.remote, text));
}

static void step_mobike(struct ike_step *s)
{
	const struct ike_message *m = s->message;
	const struct ike_notify *cookie = ike_message_notify(m, IKE_NOTIFY_COOKIE2);

	if (ike_message_notify(m, IKE_NOTIFY_UPDATE_SA_ADDRESSES)) {
		if (nats_allowed(s)) {
			update_addresses(s);
		} else {
			ike_add_notify(&s->reply, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, NULL, 0);
			ike_note(s->out, "client forbids NATs, and there is one");
		}
	}
	/* 3.8: "if the request includes them, the responder MUST also include them". */
	if (ike_message_notify(m, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP))
		ike_nat_add(&s->reply, s->sa->spi_i, s->sa->spi_r, &s->path);
	/* 3.7: COOKIE2 "MUST be included in the response" as it came; 4.2.5: it is
	 * "between 8 and 64 octets in length (inclusive)". */
	if (cookie && CBS_len(&cookie->data) >= 8 && CBS_len(&cookie->data) <= 64)
		ike_add_notify(&s->reply, IKE_NOTIFY_COOKIE2, CBS_data(&cookie->data),
			       CBS_len(&cookie->data));
}

void ike_step_informational(struct ike_step *s)
{
	ike_note(s->out, "liveness check answered");
	if (s->message->n_delete > 0)
		step_delete(s);
	if (s->next->features & IKE_PEER_MOBIKE)
		step_mobike(s);
}
