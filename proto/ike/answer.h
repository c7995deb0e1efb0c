/* SPDX-License-Identifier: Apache-2.0 */
/* What the initiator of an exchange does with the answer, whichever side it is. */
#ifndef PROTO_IKE_ANSWER_H
#define PROTO_IKE_ANSWER_H

#include "proto/ike/child_make.h"

/* Our half of the keys, until the answer is here. */
struct ike_half {
	const uint8_t *nonce;        /* IKE_NONCE_LEN octets */
	const struct dh_keypair *dh; /* Group DH_NONE: no KE payload was sent. */
	struct dh_desk *desk;        /* NULL: what it takes is computed at once. */
};

/* Reads m's SA payload. False unless it is one of the proposals that were offered, with
 * nothing in it that was not (RFC 7296 2.7), and with the group of our KE, or none. */
bool ike_answer_suite(struct sa_choice *out, const struct sa_offer *offer,
		      const struct ike_half *ours, const struct ike_message *m) must_check;

/* Nr and KEr: what the keys are made of. shared is room for g^ir, for the caller to
 * cleanse in every case; it stays empty without a group. */
bool ike_answer_keys(struct ike_key_input *in, struct dh_secret *shared, const struct ike_half *ours,
		     const struct suite *suite, uint16_t prf,
		     const struct ike_message *m) must_check;

/* What was asked of a Child SA. */
struct child_question {
	const struct sa_offer *offer;
	const struct ts_set *local, *remote; /* TSi, TSr */
	const struct ike_half *ours;
	bool cut; /* What is wider in the answer is cut away; else it is refused. */
};

/* The plan that m answers with; its selectors are within those that were sent (2.9: the responder
 * may only narrow; OpenIKED answers with its policy's whatever it is offered). Returns 0
 * or what is wrong with it: NO_PROPOSAL_CHOSEN, TS_UNACCEPTABLE, INVALID_SYNTAX. */
uint16_t ike_child_answer(struct child_plan *plan, const struct child_question *q,
			  struct child_list have, const struct ike_message *m);

/* RFC 7296 2.8.1: which of two nonces is the lower one? "an octet-by-octet comparison ...
 * If you reach the end of one nonce, that nonce is the lower one." */
bool ike_nonce_is_lower(CBS a, CBS b);

/* The ID payload of ours and the AUTH over it, with a shared key. octets: what AUTH
 * covers besides the ID, which is filled in here. */
void ike_add_id_and_auth(struct ike_builder *b, uint8_t type, const struct ike_id *id, uint16_t prf,
			 const struct secret *psk, struct auth_octets octets);
/* The AUTH alone: the peer knows the ID. */
void ike_add_auth_over(struct ike_builder *b, const struct ike_id *id, uint16_t prf,
		       const struct secret *psk, struct auth_octets octets);

#endif
