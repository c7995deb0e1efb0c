/* SPDX-License-Identifier: Apache-2.0 */
/* EAP packets (RFC 3748):
 *
 *	code (1)  identifier (1)  length (2)  [type (1)  type-data]     request, response
 *	code (1)  identifier (1)  length (2) = 4                        success, failure */
#include "proto/auth/eap.h"

#include <string.h>

static bool has_type(uint8_t code)
{
	return code == EAP_REQUEST || code == EAP_RESPONSE;
}

enum status eap_parse(struct eap *e, CBS packet)
{
	size_t whole = CBS_len(&packet);
	uint16_t len;

	memset(e, 0, sizeof(*e));
	if (!CBS_get_u8(&packet, &e->code) || !CBS_get_u8(&packet, &e->id) ||
	    !CBS_get_u16(&packet, &len) || len != whole)
		return ERR_MALFORMED;
	if (whole > EAP_LEN_MAX)
		return ERR_TOO_LONG;
	if (!has_type(e->code))
		return (e->code == EAP_SUCCESS || e->code == EAP_FAILURE) && whole == EAP_HEADER_LEN
			       ? OK
			       : ERR_MALFORMED;
	/* There is no type 0 (RFC 3748 6.2 begins at 1). */
	if (!CBS_get_u8(&packet, &e->type) || e->type == 0)
		return ERR_MALFORMED;
	e->data = packet;
	return OK;
}

struct blob *eap_encode(const struct eap *e)
{
	size_t len = has_type(e->code) ? EAP_HEADER_LEN + 1 + CBS_len(&e->data) : EAP_HEADER_LEN;
	struct blob *b;

	if (len > EAP_LEN_MAX)
		return NULL;
	b = blob_new(NULL, len);
	b->data[0] = e->code;
	b->data[1] = e->id;
	b->data[2] = (uint8_t)(len >> 8);
	b->data[3] = (uint8_t)len;
	if (!has_type(e->code))
		return b;
	b->data[4] = e->type;
	if (CBS_len(&e->data) > 0)
		memcpy(b->data + 5, CBS_data(&e->data), CBS_len(&e->data));
	return b;
}
