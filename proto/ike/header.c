/* SPDX-License-Identifier: Apache-2.0 */
/* The IKE header, RFC 7296 3.1: all that a node can judge without state. A node that does not lead
 * uses it to drop what no leader could answer. */
#include "proto/ike/ike_message.h"

#include <string.h>

static bool take_header(struct ike_header *h, const uint8_t *data, size_t len)
{
	CBS in;
	uint8_t version;

	memset(h, 0, sizeof(*h));
	CBS_init(&in, data, len);
	if (!CBS_get_u64(&in, &h->spi_i) || !CBS_get_u64(&in, &h->spi_r) ||
	    !CBS_get_u8(&in, &h->next_payload) || !CBS_get_u8(&in, &version) ||
	    !CBS_get_u8(&in, &h->exchange) || !CBS_get_u8(&in, &h->flags) ||
	    !CBS_get_u32(&in, &h->message_id) || !CBS_get_u32(&in, &h->length))
		return false;
	h->major = version >> 4;
	h->minor = version & 0x0f;
	return true;
}

/* The initiator's flag tells which side made the IKE SA, the response flag which side asks. */
static bool flags_fit(const struct ike_header *h)
{
	bool initiator = h->flags & IKE_FLAG_INITIATOR;
	bool response = h->flags & IKE_FLAG_RESPONSE;

	switch (h->exchange) {
	case IKE_EXCHANGE_SA_INIT:
		/* "The SPI of the responder is zero" in the first message (2.6), also
		 * when it is sent again with a cookie; 2.2: Message ID 0. */
		return initiator != response && h->message_id == 0 &&
		       (response || h->spi_r == 0);
	case IKE_EXCHANGE_AUTH:
		return initiator != response && h->message_id != 0 && h->spi_r != 0;
	case IKE_EXCHANGE_CREATE_CHILD_SA:
	case IKE_EXCHANGE_INFORMATIONAL: /* RFC 6311: with Message ID 0 too. */
		return h->spi_r != 0;
	default:
		return false;
	}
}

enum drop ike_header_parse(struct ike_header *h, const uint8_t *data, size_t len)
{
	if (!take_header(h, data, len))
		return DROP_SHORT;
	/* The minor version "MUST be ignored", and so must reserved flags and V. */
	if (h->major != 2 || h->length != len)
		return DROP_IKE_HEADER;
	if (h->spi_i == 0 || !flags_fit(h)) /* 3.1: the SPI "MUST NOT be zero" */
		return DROP_IKE_HEADER;
	return DROP_NONE;
}

void ike_header_write(uint8_t out[IKE_HEADER_LEN], const struct ike_header *h)
{
	for (int i = 0; i < 8; i++) {
		out[i] = (uint8_t)(h->spi_i >> (56 - 8 * i));
		out[8 + i] = (uint8_t)(h->spi_r >> (56 - 8 * i));
	}
	out[16] = h->next_payload;
	out[17] = (uint8_t)(h->major << 4 | (h->minor & 0x0f));
	out[18] = h->exchange;
	out[19] = h->flags;
	for (int i = 0; i < 4; i++) {
		out[20 + i] = (uint8_t)(h->message_id >> (24 - 8 * i));
		out[24 + i] = (uint8_t)(h->length >> (24 - 8 * i));
	}
}
