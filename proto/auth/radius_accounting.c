/* SPDX-License-Identifier: Apache-2.0 */
/* An Accounting-Request (RFC 2866 5): who, from where, since when, how much. "Input" is what came from
 * the client (5.3). The numbers of octets have 64 bits by Gigawords (RFC 2869 5.1); those of packets have
 * no such half, and begin anew after 2^32.
 *
 * Event-Timestamp (RFC 2869 5.3) says when it happened, whenever it arrives; Acct-Delay-Time says the same
 * to servers that know no other. */
#include "proto/auth/radius_accounting.h"

#include <stdio.h>
#include <string.h>

enum { SERVICE_FRAMED = 2, PORT_VIRTUAL = 5, AUTHENTIC_RADIUS = 1 }; /* RFC 2865 5.6, 5.41; RFC 2866 5.6 */

const char *radius_session_id(uint64_t session, uint64_t spi, char text[RADIUS_SESSION_ID_LEN])
{
	snprintf(text, RADIUS_SESSION_ID_LEN, "%llx-%016llx", (unsigned long long)session,
		 (unsigned long long)spi);
	return text;
}

static bool hex_digit(uint8_t c, uint64_t *v)
{
	if (*v >> 60)
		return false;
	if (c >= '0' && c <= '9')
		*v = *v << 4 | (uint64_t)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*v = *v << 4 | (uint64_t)(c - 'a' + 10);
	else
		return false;
	return true;
}

bool radius_session_id_parse(uint64_t *session, uint64_t *spi, CBS text)
{
	char same[RADIUS_SESSION_ID_LEN];
	uint64_t *v = session;
	uint8_t c;

	*session = *spi = 0;
	for (CBS rest = text; CBS_get_u8(&rest, &c);) {
		if (c == '-' && v == session)
			v = spi;
		else if (!hex_digit(c, v))
			return false;
	}
	/* Each has one spelling. */
	radius_session_id(*session, *spi, same);
	return CBS_len(&text) == strlen(same) && memcmp(same, CBS_data(&text), strlen(same)) == 0;
}

static void add_text(struct radius_builder *b, uint8_t type, const char *text)
{
	if (text[0])
		radius_add(b, type, text, strlen(text));
}

static void add_station(struct radius_builder *b, uint8_t type, const struct address *a)
{
	char text[ADDRESS_TEXT_LEN];

	if (a->family)
		add_text(b, type, address_format(a, text));
}

static void add_framed(struct radius_builder *b, const struct address *a)
{
	if (a->family == 4)
		radius_add(b, RADIUS_FRAMED_IP_ADDRESS, a->octets, 4);
	else if (a->family == 6)
		radius_add(b, RADIUS_FRAMED_IPV6_ADDRESS, a->octets, 16);
}

static void add_volume(struct radius_builder *b, const struct volume *v)
{
	radius_add_u32(b, RADIUS_ACCT_INPUT_OCTETS, (uint32_t)v->octets_in);
	radius_add_u32(b, RADIUS_ACCT_OUTPUT_OCTETS, (uint32_t)v->octets_out);
	radius_add_u32(b, RADIUS_ACCT_INPUT_GIGAWORDS, (uint32_t)(v->octets_in >> 32));
	radius_add_u32(b, RADIUS_ACCT_OUTPUT_GIGAWORDS, (uint32_t)(v->octets_out >> 32));
	radius_add_u32(b, RADIUS_ACCT_INPUT_PACKETS, (uint32_t)v->packets_in);
	radius_add_u32(b, RADIUS_ACCT_OUTPUT_PACKETS, (uint32_t)v->packets_out);
}

struct blob *radius_accounting_request(const struct radius_accounting *a, uint8_t id,
				       const struct secret *secret)
{
	char session[RADIUS_SESSION_ID_LEN];
	struct radius_attribute given;
	CBS rest = a->attributes;
	struct radius_builder b;

	radius_begin_unsigned(&b, RADIUS_ACCOUNTING_REQUEST, id);
	radius_add_u32(&b, RADIUS_ACCT_STATUS_TYPE, a->status);
	add_text(&b, RADIUS_ACCT_SESSION_ID, radius_session_id(a->session, a->spi, session));
	add_text(&b, RADIUS_NAS_IDENTIFIER, a->nas_identifier);
	radius_add_u32(&b, RADIUS_NAS_PORT_TYPE, PORT_VIRTUAL);
	radius_add_u32(&b, RADIUS_SERVICE_TYPE, SERVICE_FRAMED);
	radius_add_u32(&b, RADIUS_ACCT_AUTHENTIC, AUTHENTIC_RADIUS);
	add_station(&b, RADIUS_CALLED_STATION_ID, &a->called);
	add_station(&b, RADIUS_CALLING_STATION_ID, &a->calling);
	add_framed(&b, &a->framed);
	while (radius_next(&rest, &given))
		radius_add(&b, given.type, CBS_data(&given.value), CBS_len(&given.value));
	if (a->event_unix_s)
		radius_add_u32(&b, RADIUS_EVENT_TIMESTAMP, (uint32_t)a->event_unix_s);
	radius_add_u32(&b, RADIUS_ACCT_DELAY_TIME, a->delay_s);
	if (a->status != RADIUS_STATUS_START) {
		radius_add_u32(&b, RADIUS_ACCT_SESSION_TIME, a->session_s);
		add_volume(&b, &a->volume);
	}
	if (a->status == RADIUS_STATUS_STOP)
		radius_add_u32(&b, RADIUS_ACCT_TERMINATE_CAUSE, a->cause);
	return radius_finish_unsigned(&b, secret);
}
