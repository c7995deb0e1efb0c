/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the initiator share; nobody else includes this. */
#ifndef PROTO_IKE_INITIATOR_STEP_H
#define PROTO_IKE_INITIATOR_STEP_H

#include "proto/ike/initiator.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/ike_seal.h"

/* ---- initiator.c ---- */

/* Seals a message in clear for sa. Ends b. */
struct ike_datagrams *initiator_seal(struct initiator *i, const struct ike_sa *sa, struct ike_builder *b);
bool initiator_can_ask(const struct initiator *i, size_t which);
/* No longer a client of anybody: forgets all SAs. state: FAILED or CLOSED. */
void initiator_end(struct initiator *i, enum initiator_state state, uint16_t error);
/* An IKE SA is deleted: the current one takes everything with it. */
void initiator_remove_sa(struct initiator *i, struct ike_sa *sa);
struct blob *initiator_ignore(struct initiator *i);
struct child_sa *initiator_child_by_spi_out(struct initiator *i, uint32_t spi_out);
/* A Child SA that was refused after the gateway made it: its DELETE. */
struct blob *initiator_refuse_child(struct initiator *i, uint16_t error);

/* i->replacement becomes the current IKE SA; the one before waits to be deleted. */
void initiator_replace(struct initiator *i);

/* Drawn for a new SA. */
uint32_t initiator_draw_esp_spi(struct initiator *i);
uint64_t initiator_draw_ike_spi(struct initiator *i);
void initiator_draw_dh(struct initiator *i, uint16_t group);
void initiator_add_ke(const struct initiator *i, struct ike_builder *b);

/* What opens the gateway's messages on this IKE SA. */
static inline struct sk_direction initiator_theirs(const struct ike_sa *sa)
{
	return sk_direction_of(&sa->suite, &sa->keys, !sa->original_initiator);
}

/* ---- initiator_fragment.c ---- */
/* The message that is complete with this datagram; NULL: there is none. */
struct ike_datagrams *initiator_collect(struct initiator *i, const struct ike_sa *sa,
					const struct ike_header *h, const uint8_t *data, size_t len);
/* The first datagram of a message, which is there: a new reference. */
struct blob *initiator_first(const struct ike_datagrams *message);

/* ---- initiator_auth.c: IKE_SA_INIT and IKE_AUTH ---- */
struct blob *initiator_consume_init(struct initiator *i, const uint8_t *data, size_t len);
struct blob *initiator_consume_auth(struct initiator *i, const struct ike_opened *o);
/* RFC 7296 2.15: what our AUTH covers, and the gateway's. */
struct auth_octets initiator_auth_octets(const struct initiator *i, bool ours, CBS id);

/* ---- proto/auth/initiator_psk.c ---- */
/* Is it the gateway? Its identity, and that it has the certificate, or knows the key. */
bool initiator_psk_gateway(struct initiator *i, const struct ike_message *m);

/* ---- proto/auth/initiator_pubkey.c ---- */
void initiator_add_certreq(const struct initiator *i, struct ike_builder *b);
/* Does m show, by certificate, that it is from gateway_id? */
bool initiator_verify_gateway(struct initiator *i, const struct ike_message *m) must_check;

/* ---- initiator_child.c: CREATE_CHILD_SA ---- */

/* The ESP proposals that are offered with a KE of group (DH_NONE: without). */
struct initiator_esp_offer {
	struct proposal esp[INITIATOR_PROPOSALS_MAX];
	struct sa_offer offer; /* For esp; with new_spi. */
};
void initiator_esp_offer(const struct initiator *i, uint16_t group, struct initiator_esp_offer *o);
/* Adds the Child SA that m answers with, or returns why not. input: in IKE_AUTH the nonces
 * of IKE_SA_INIT; else empty, for m has its own. */
uint16_t initiator_take_child(struct initiator *i, const struct ike_sa *sa,
			      const struct ike_message *m, const struct ike_key_input *input);
/* The answer to a request of ours for that purpose. */
struct blob *initiator_consume_child(struct initiator *i, struct ike_sa *sa,
				     enum initiator_purpose purpose, const struct ike_message *m);
/* The gateway's request: adds what answers it. Returns the error in it, or 0. */
uint16_t initiator_answer_child(struct initiator *i, struct ike_sa *sa,
				const struct ike_message *m, struct ike_builder *b);

/* ---- initiator_informational.c: the gateway's INFORMATIONAL requests ---- */

/* Adds what answers it. *closes: it ends that IKE SA. */
void initiator_answer_informational(struct initiator *i, const struct ike_message *m,
				    struct ike_builder *b, bool *closes);
/* RFC 6311 has been agreed on, and sa is the current one: may a message with ID 0 set
 * message IDs? */
bool initiator_may_sync(const struct initiator *i, const struct ike_sa *sa);
bool initiator_is_sync(const struct ike_message *m);
struct blob *initiator_answer_sync(struct initiator *i, const struct ike_message *m,
				   const uint8_t *data, size_t len);

#endif
