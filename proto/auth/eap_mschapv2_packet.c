/* SPDX-License-Identifier: Apache-2.0 */
/* Type-Data of EAP-MSCHAPv2:
 *
 * 	OpCode (1)  MS-CHAPv2-ID (1)  MS-Length (2)  and
 * 	  challenge   request   16, Challenge (16), Name
 * 	  response    response  49, Peer-Challenge (16), 0 (8), NT-Response (24), Flags (1), Name
 * 	  success     request   "S=" and 40 digits, " M=" and a text
 * 	  failure     request   "E=691 R=0 C=" and 32 digits, " V=3 M=" and a text
 * 	OpCode (1)              the response to success and to failure
 *
 * MS-Length counts from OpCode on, so it tells nothing new. Flags other than 0 mean nothing. */
#include "proto/auth/eap_mschapv2_packet.h"

#include <string.h>

#define HEAD 4u
#define RESERVED 8u
#define RESPONSE_VALUE (MSCHAPV2_CHALLENGE_LEN + RESERVED + MSCHAPV2_RESPONSE_LEN + 1u)

static bool take_value(struct mschapv2_packet *p, CBS *in)
{
	CBS value, reserved;
	uint8_t flags;

	if (!CBS_get_u8_length_prefixed(in, &value))
		return false;
	p->name = *in;
	if (p->op == MSCHAPV2_CHALLENGE) {
		p->challenge = value;
		return CBS_len(&value) == MSCHAPV2_CHALLENGE_LEN;
	}
	return CBS_get_bytes(&value, &p->challenge, MSCHAPV2_CHALLENGE_LEN) &&
	       CBS_get_bytes(&value, &reserved, RESERVED) &&
	       CBS_get_bytes(&value, &p->response, MSCHAPV2_RESPONSE_LEN) && CBS_get_u8(&value, &flags) &&
	       CBS_len(&value) == 0;
}

enum status mschapv2_packet_parse(struct mschapv2_packet *p, const struct eap *e)
{
	bool request = e->code == EAP_REQUEST;
	CBS in = e->data;
	uint16_t len;

	memset(p, 0, sizeof(*p));
	if (!CBS_get_u8(&in, &p->op))
		return ERR_MALFORMED;
	if (!request && (p->op == MSCHAPV2_SUCCESS || p->op == MSCHAPV2_FAILURE))
		return OK; /* Some have the rest of the header too. */
	if (!CBS_get_u8(&in, &p->id) || !CBS_get_u16(&in, &len) || len != CBS_len(&e->data))
		return ERR_MALFORMED;
	if (p->op == (request ? MSCHAPV2_CHALLENGE : MSCHAPV2_RESPONSE))
		return take_value(p, &in) ? OK : ERR_MALFORMED;
	if (!request || (p->op != MSCHAPV2_SUCCESS && p->op != MSCHAPV2_FAILURE))
		return ERR_MALFORMED;
	p->message = in;
	return OK;
}

static bool add_value(CBB *out, const struct mschapv2_packet *p)
{
	static const uint8_t reserved[RESERVED];

	if (p->op == MSCHAPV2_CHALLENGE)
		return CBB_add_u8(out, MSCHAPV2_CHALLENGE_LEN) &&
		       CBB_add_bytes(out, CBS_data(&p->challenge), MSCHAPV2_CHALLENGE_LEN);
	return CBB_add_u8(out, RESPONSE_VALUE) &&
	       CBB_add_bytes(out, CBS_data(&p->challenge), MSCHAPV2_CHALLENGE_LEN) &&
	       CBB_add_bytes(out, reserved, sizeof(reserved)) &&
	       CBB_add_bytes(out, CBS_data(&p->response), MSCHAPV2_RESPONSE_LEN) && CBB_add_u8(out, 0);
}

static bool add_content(CBB *out, uint8_t code, const struct mschapv2_packet *p)
{
	bool ends = p->op == MSCHAPV2_SUCCESS || p->op == MSCHAPV2_FAILURE;
	size_t value = p->op == MSCHAPV2_CHALLENGE ? 1 + MSCHAPV2_CHALLENGE_LEN : 1 + RESPONSE_VALUE;
	const CBS *text = ends ? &p->message : &p->name;
	size_t len = HEAD + (ends ? 0 : value) + CBS_len(text);

	if (ends && code == EAP_RESPONSE)
		return CBB_add_u8(out, p->op);
	return len <= EAP_LEN_MAX && CBB_add_u8(out, p->op) && CBB_add_u8(out, p->id) &&
	       CBB_add_u16(out, (uint16_t)len) && (ends || add_value(out, p)) &&
	       CBB_add_bytes(out, CBS_data(text), CBS_len(text));
}

struct blob *mschapv2_packet_encode(uint8_t code, const struct mschapv2_packet *p)
{
	struct eap e = {.code = code, .id = p->id, .type = EAP_TYPE_MSCHAPV2};
	struct blob *b = NULL;
	CBB out;

	if (CBB_init(&out, 64) && add_content(&out, code, p)) {
		CBS_init(&e.data, CBB_data(&out), CBB_len(&out));
		b = eap_encode(&e);
	}
	CBB_cleanup(&out);
	return b;
}
