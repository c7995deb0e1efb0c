/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside ID, CP, TS and D payloads, read from the views of
 * ike_message.h. */
#ifndef PROTO_IKE_PAYLOAD_H
#define PROTO_IKE_PAYLOAD_H

#include "proto/ike/ike_message.h"

/* The identity as a value. ERR_TOO_LONG above IKE_ID_MAX; ERR_MALFORMED when it
 * is empty, or an address of the wrong length. */
enum status ike_id_from_payload(struct ike_id *out, const struct ike_payload_id *p) must_check;

/* ---- Configuration payload, RFC 7296 3.15 ---- */

struct ike_cp_attribute {
	uint16_t type; /* IKE_CP_* */
	CBS value;
};

/* Takes the next attribute from *attributes (a copy of ike_cp.attributes, which
 * was checked when it was parsed). False at the end. */
bool ike_cp_next(CBS *attributes, struct ike_cp_attribute *out);

struct ike_cp_request { /* What a CFG_REQUEST asks for. */
	bool ip4, ip6;               /* An address of that family; */
	struct address wanted4, wanted6; /* this one, if family is not 0 (RFC 7296 3.15.1). */
	bool dns4, dns6;
	bool subnets4, subnets6;     /* What is behind us. */
	bool domains;                /* Names that our DNS servers answer for (RFC 8598). */
};

/* Attributes of an unusable length are passed over, unknown ones too. The reply's
 * attributes are read the same way: wanted4 and wanted6 are then the addresses. */
void ike_cp_read(struct ike_cp_request *out, const struct ike_cp *cp);

/* ---- Traffic selector payloads, RFC 7296 3.13 ---- */

/* Reads m->tsi or m->tsr in the order sent. Selectors of unknown type, and such that no
 * packet with visible ports can match (OPAQUE), are left out; what exceeds
 * TS_MAX too. ERR_MALFORMED: lengths, no selector at all, start above end. An
 * empty set with OK means that nothing is left to agree on: TS_UNACCEPTABLE. */
enum status ts_payload_parse(struct ts_set *out, const CBS *body) must_check;
/* The same, narrowed by what is allowed as ts_narrow() does: all selectors are read, however
 * many, and TS_MAX cuts what is left of them. */
enum status ts_payload_narrow(struct ts_set *out, const CBS *body,
			      const struct ts_set *allowed) must_check;

/* ---- Delete payload, RFC 7296 3.11 ---- */

/* Takes the next SPI of an ESP or AH delete. False at the end. */
bool ike_delete_next(CBS *spis, uint32_t *spi);

#endif
