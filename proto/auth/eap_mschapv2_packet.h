/* SPDX-License-Identifier: Apache-2.0 */
/* The contents of EAP packets of type 26 (draft-kamath-pppext-eap-mschapv2): MS-CHAP-V2 in EAP, as
 * every client speaks it. */
#ifndef PROTO_AUTH_EAP_MSCHAPV2_PACKET_H
#define PROTO_AUTH_EAP_MSCHAPV2_PACKET_H

#include "proto/auth/eap.h"
#include "proto/crypto/mschapv2.h"

enum {
	MSCHAPV2_CHALLENGE = 1,
	MSCHAPV2_RESPONSE = 2,
	MSCHAPV2_SUCCESS = 3,
	MSCHAPV2_FAILURE = 4
};

struct mschapv2_packet {
	uint8_t op, id; /* id: MS-CHAPv2-ID; a bare success or failure response has none. */
	CBS challenge;  /* CHALLENGE: the authenticator's; RESPONSE: the peer's; 16 octets */
	CBS response;   /* RESPONSE: NT-Response, 24 octets */
	CBS name;       /* CHALLENGE, RESPONSE: whose it is */
	CBS message;    /* SUCCESS, FAILURE of the authenticator: "S=..." or "E=..." */
};

/* e: a request or response of type EAP_TYPE_MSCHAPV2. */
enum status mschapv2_packet_parse(struct mschapv2_packet *p, const struct eap *e) must_check;

/* The EAP packet, with the same identifier twice. code: EAP_REQUEST or EAP_RESPONSE, and which
 * of p's fields count follows from it. NULL: too long. */
struct blob *mschapv2_packet_encode(uint8_t code, const struct mschapv2_packet *p);

#endif
