/* SPDX-License-Identifier: Apache-2.0 */
/* The SA payload: choosing from an offer (RFC 7296 2.7, 3.3). Offers are read as a
 * stream; nothing is stored, so the number of proposals and transforms is
 * bounded only by the datagram. */
#ifndef PROTO_IKE_SA_PAYLOAD_H
#define PROTO_IKE_SA_PAYLOAD_H

#include "proto/ike/ike_message.h"

struct sa_choice {
	uint8_t number;    /* Proposal Num, returned with the answer (RFC 7296 3.3.1). */
	uint8_t protocol;  /* IKE_PROTOCOL_IKE or IKE_PROTOCOL_ESP */
	uint8_t spi_len;   /* 0 (IKE_SA_INIT), 8 (IKE rekey) or 4 (ESP) */
	uint64_t spi;      /* The offering side's SPI, host order. */
	struct suite suite; /* ESP: prf is 0; dh is DH_NONE without PFS. */
	bool integ_none;   /* INTEG / D-H were offered with the value NONE, which is */
	bool dh_none;      /* returned when chosen: attributes of the answer are those of the offer. */
	bool ke_mismatch;  /* suite.dh is not the group of the KE payload: INVALID_KE_PAYLOAD. */
};

/* Each transform in turn, with the number of its proposal. Ends at what is malformed. */
void sa_walk(const CBS *sa, void (*each)(void *ctx, uint8_t number, uint8_t type, uint16_t id,
					 uint16_t key_bits), void *ctx);

/* Chooses for an IKE SA. ke_group: the group of the KE payload, 0 if there was none.
 * spi_len is 0 for IKE_SA_INIT, 8 for a rekey.
 *
 * Our order decides: the first proposal of ours that accepts one of those offered, then our
 * order of values; for many clients name AES-CBC first, for gateways older than AEADs, and
 * mean nothing by it. But of what this proposal accepts, a group for which the client already
 * sent its KE is preferred, which saves a round trip; then the client's order counts.
 *
 *  OK
 *  ERR_MALFORMED    INVALID_SYNTAX
 *  ERR_UNSUPPORTED  NO_PROPOSAL_CHOSEN */
enum status sa_select_ike(struct sa_choice *out, const CBS *sa, const struct proposal *ours,
			  size_t n_ours, uint8_t spi_len, uint16_t ke_group) must_check;

/* The same for ESP. SA_DH_IGNORE is for IKE_AUTH, where no group is negotiated (RFC
 * 7296 1.2: a D-H transform there has no meaning; some clients send one). With
 * SA_DH_NEGOTIATE (CREATE_CHILD_SA) a proposal of ours that names no group takes
 * an offer without PFS, and also one that insists on PFS with a group we speak: that
 * is never weaker than what was configured. */
enum sa_dh { SA_DH_IGNORE, SA_DH_NEGOTIATE };
enum status sa_select_esp(struct sa_choice *out, const CBS *sa, const struct proposal *ours,
			  size_t n_ours, enum sa_dh dh, uint16_t ke_group) must_check;

/* Reads an answer: exactly one proposal, at most one transform of each type, all
 * of them known. ERR_MALFORMED, ERR_UNSUPPORTED. For the initiator's side; whether it
 * is one of those offered is for the caller to check. */
enum status sa_parse_answer(struct sa_choice *out, const CBS *sa) must_check;

#endif
