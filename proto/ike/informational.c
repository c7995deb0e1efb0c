/* SPDX-License-Identifier: Apache-2.0 */
/* INFORMATIONAL as responder (RFC 7296 1.4): DELETE of Child SAs and of the IKE SA, a client
 * that rejects us, MOBIKE (mobike.c), and everything else, which is a liveness check: "An INFORMATIONAL request with no
 * payloads ... is commonly used". Unknown content is ignored and answered. */
#include "proto/ike/builder.h"
#include "proto/ike/child_make.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/mobike.h"
#include "proto/ike/notify_text.h"
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

/* RFC 7296 2.21.2: if the client refuses our AUTH, it "MAY" say so "in a separate INFORMATIONAL exchange". It has no
 * IKE SA then, as after INVALID_SYNTAX (2.21.3). */
static const struct ike_notify *rejection(const struct ike_message *m)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_AUTHENTICATION_FAILED);

	return n ? n : ike_message_notify(m, IKE_NOTIFY_INVALID_SYNTAX);
}

void ike_step_informational(struct ike_step *s)
{
	const struct ike_notify *rejects = rejection(s->message);
	char text[NOTIFY_TEXT_LEN];

	if (rejects) {
		s->sa_ends = true;
		ike_note(s->out, "client rejects us: %s", notify_format(rejects->type, text));
		return;
	}
	ike_note(s->out, "liveness check answered");
	if (s->message->n_delete > 0)
		step_delete(s);
	if (s->next->features & IKE_PEER_MOBIKE)
		ike_step_mobike(s);
}
