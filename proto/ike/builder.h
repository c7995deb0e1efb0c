/* SPDX-License-Identifier: Apache-2.0 */
/* Writes messages and payload chains. Each add function appends one payload and
 * enters its type into the header before it; a failure (memory, a length that
 * does not fit) sticks and shows in ike_builder_finish(), so callers check once.
 *
 *	struct ike_builder b;
 *	struct blob *content;
 *	ike_builder_init(&b);                      the content of an SK payload
 *	ike_add_id(&b, IKE_PAYLOAD_IDr, &id);
 *	ike_add_auth(&b, IKE_AUTH_SHARED_KEY, mac, sizeof(mac));
 *	s = ike_builder_finish(&b, &content);      first payload: b.first
 */
#ifndef PROTO_IKE_BUILDER_H
#define PROTO_IKE_BUILDER_H

#include "proto/ike/sa_payload.h"

struct ike_builder {
	CBB cbb;
	size_t next_at;  /* Where the next payload's type goes; SIZE_MAX: into first. */
	size_t open_at;  /* Start of the payload that is being written. */
	uint8_t first;   /* Type of the first payload, IKE_PAYLOAD_NONE if there is none. */
	bool message;    /* Starts with an IKE header. */
	bool failed;
};

/* A chain by itself, or a whole clear message: h's next_payload and length are filled in. */
void ike_builder_init(struct ike_builder *b);
void ike_builder_init_message(struct ike_builder *b, const struct ike_header *h);

/* Ends b in any case. OK: *out is the bytes (the caller's), NULL for an empty
 * chain. Else ERR_TOO_LONG and *out is NULL. b->first stays readable. */
enum status ike_builder_finish(struct ike_builder *b, struct blob **out) must_check;
void ike_builder_fini(struct ike_builder *b); /* Instead of finish: throws it away. */

/* ---- SA, RFC 7296 3.3 ---- */

/* The answer: the chosen proposal. spi is the answering side's own SPI (c->spi_len octets). */
void ike_add_sa_answer(struct ike_builder *b, const struct sa_choice *c, uint64_t spi);

/* An offer: n proposals numbered from 1, all with the same SPI of spi_len octets.
 * with_dh false leaves the groups out (ESP in IKE_AUTH). */
struct sa_offer {
	uint8_t protocol; /* IKE_PROTOCOL_IKE, IKE_PROTOCOL_ESP */
	uint8_t spi_len;
	uint64_t spi;
	const struct proposal *proposals;
	size_t n;
	bool with_dh;
};
void ike_add_sa_offer(struct ike_builder *b, const struct sa_offer *o);

/* ---- The others ---- */

void ike_add_ke(struct ike_builder *b, uint16_t group, const uint8_t *data, size_t len);
void ike_add_nonce(struct ike_builder *b, const uint8_t *data, size_t len);
void ike_add_id(struct ike_builder *b, uint8_t type, const struct ike_id *id); /* IDi or IDr */
void ike_add_auth(struct ike_builder *b, uint8_t method, const uint8_t *data, size_t len);
/* CERT or CERTREQ: certificates, or hashes of CAs' keys (RFC 7296 3.6, 3.7). */
void ike_add_cert(struct ike_builder *b, uint8_t type, const uint8_t *data, size_t len);
void ike_add_ts(struct ike_builder *b, uint8_t type, const struct ts_set *set); /* TSi or TSr */

/* NOTIFY without protocol and SPI; data may be NULL when len is 0. */
void ike_add_notify(struct ike_builder *b, uint16_t type, const void *data, size_t len);
void ike_add_notify_u16(struct ike_builder *b, uint16_t type, uint16_t data); /* INVALID_KE_PAYLOAD */
/* NOTIFY about an ESP SA: REKEY_SA, CHILD_SA_NOT_FOUND. */
void ike_add_notify_esp(struct ike_builder *b, uint16_t type, uint32_t spi);

void ike_add_delete_ike(struct ike_builder *b);
void ike_add_delete_esp(struct ike_builder *b, const uint32_t *spis, size_t n);

/* CP: open, any number of attributes, close. */
void ike_cp_open(struct ike_builder *b, uint8_t cfg_type);
void ike_cp_add(struct ike_builder *b, uint16_t type, const void *value, size_t len);
/* INTERNAL_IP4_ADDRESS or _IP6_ADDRESS (with prefix length 128), by family. */
void ike_cp_add_address(struct ike_builder *b, const struct address *a);
void ike_cp_add_dns(struct ike_builder *b, const struct address *a);
/* INTERNAL_IP4_SUBNET or _IP6_SUBNET. */
void ike_cp_add_subnet(struct ike_builder *b, const struct prefix *p);
void ike_cp_close(struct ike_builder *b);

/* Any payload by its body: V, EAP, CERTREQ, or what a test invents. */
void ike_add_payload(struct ike_builder *b, uint8_t type, bool critical, const void *body, size_t len);

#endif
