/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5176. A request says which NAS it means (NAS-Identifier, NAS-IP-Address), which sessions
 * (User-Name, Acct-Session-Id, Framed-IP-Address, and to choose among these, Called-Station-Id and
 * Calling-Station-Id), and what is to become of them. "All attributes MUST be treated as
 * mandatory" (2.3): a session must match all that identify, and any other attribute would be an
 * order that we do not carry out, so it refuses the whole request (401).
 *
 * Request Authenticator and Message-Authenticator are computed as for accounting, with 16 zero
 * octets (2.3, 3.4). */
#include "proto/auth/radius_coa.h"

#include "proto/auth/radius_accounting.h"

#include <string.h>

static bool take_u32(CBS value, uint32_t *v)
{
	return CBS_get_u32(&value, v) && CBS_len(&value) == 0;
}

static bool take_text(CBS *to, CBS value)
{
	if (CBS_len(to) > 0 || CBS_len(&value) == 0)
		return false;
	*to = value;
	return true;
}

static bool take_address(struct address *to, CBS value)
{
	uint32_t v;

	if (to->family != 0 || !take_u32(value, &v))
		return false;
	*to = address_ipv4(v);
	return true;
}

static bool take_session(struct radius_coa *q, CBS value)
{
	if (q->has_session)
		return false;
	q->has_session = true;
	if (!radius_session_id_parse(&q->session, &q->spi, value))
		q->session = q->spi = 0; /* Another NAS'. */
	return true;
}

static bool take_time(struct radius_coa *q, CBS value)
{
	uint32_t v;

	if (q->event_unix_s != 0 || !take_u32(value, &v))
		return false;
	q->event_unix_s = v;
	return true;
}

/* What identifies the NAS or sessions, and what is about the request itself. False: it is neither. */
static bool take_name(struct radius_coa *q, const struct radius_attribute *a, bool *good)
{
	switch (a->type) {
	case RADIUS_MESSAGE_AUTHENTICATOR:
	case RADIUS_PROXY_STATE:
	case RADIUS_NAS_IDENTIFIER:
		return true;
	case RADIUS_EVENT_TIMESTAMP:
		*good = take_time(q, a->value);
		return true;
	case RADIUS_USER_NAME:
		*good = take_text(&q->user_name, a->value);
		return true;
	case RADIUS_ACCT_SESSION_ID:
		*good = take_session(q, a->value);
		return true;
	case RADIUS_FRAMED_IP_ADDRESS:
		*good = take_address(&q->framed, a->value);
		return true;
	case RADIUS_CALLED_STATION_ID:
		*good = take_text(&q->called, a->value);
		return true;
	case RADIUS_CALLING_STATION_ID:
		*good = take_text(&q->calling, a->value);
		return true;
	case RADIUS_NAS_IP_ADDRESS:
		*good = take_address(&q->nas, a->value);
		return true;
	default:
		return false;
	}
}

static enum radius_error_cause take(struct radius_coa *q, const struct radius_attribute *a, const char *nas_identifier)
{
	bool good = true;

	if (a->type == RADIUS_NAS_IDENTIFIER &&
	    !CBS_mem_equal(&a->value, (const uint8_t *)nas_identifier, strlen(nas_identifier)))
		return RADIUS_ERROR_NAS_MISMATCH;
	if (take_name(q, a, &good))
		return good ? RADIUS_ERROR_NONE : RADIUS_ERROR_INVALID_REQUEST;
	if (a->type == RADIUS_SERVICE_TYPE && !q->disconnect) /* 3.2: we cannot do "Authorize Only". */
		return RADIUS_ERROR_UNSUPPORTED_SERVICE;
	if (a->type != RADIUS_SESSION_TIMEOUT || q->disconnect)
		return RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE;
	if (q->timeout_s != 0 || !take_u32(a->value, &q->timeout_s) || q->timeout_s == 0)
		return RADIUS_ERROR_INVALID_REQUEST;
	return RADIUS_ERROR_NONE;
}

enum radius_error_cause radius_coa_parse(struct radius_coa *q, const struct radius *r, const char *nas_identifier)
{
	enum radius_error_cause error = RADIUS_ERROR_NONE, first = RADIUS_ERROR_NONE;
	CBS rest = r->attributes;
	struct radius_attribute a;

	memset(q, 0, sizeof(*q));
	q->disconnect = r->code == RADIUS_DISCONNECT_REQUEST;
	while (radius_next(&rest, &a)) { /* To the end: whatever else is wrong, its time must be known. */
		error = take(q, &a, nas_identifier);
		if (first == RADIUS_ERROR_NONE)
			first = error;
	}
	if (first != RADIUS_ERROR_NONE)
		return first;
	if ((CBS_len(&q->user_name) == 0 && !q->has_session && q->framed.family == 0) ||
	    (!q->disconnect && q->timeout_s == 0))
		return RADIUS_ERROR_MISSING_ATTRIBUTE;
	return RADIUS_ERROR_NONE;
}

const char *radius_error_text(enum radius_error_cause error)
{
	switch (error) {
	case RADIUS_ERROR_NONE:
		return "done";
	case RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE:
		return "it has an attribute that baton cannot carry out";
	case RADIUS_ERROR_MISSING_ATTRIBUTE:
		return "it lacks User-Name, Acct-Session-Id and Framed-IP-Address, or Session-Timeout";
	case RADIUS_ERROR_NAS_MISMATCH:
		return "it means another NAS";
	case RADIUS_ERROR_INVALID_REQUEST:
		return "an attribute is there twice, or has no possible value";
	case RADIUS_ERROR_UNSUPPORTED_SERVICE:
		return "it has a Service-Type";
	case RADIUS_ERROR_SESSION_NOT_FOUND:
		return "no session that RADIUS let in matches";
	case RADIUS_ERROR_RESOURCES_UNAVAILABLE:
		return "too much at once";
	}
	return "";
}

/* Proxy-State (3.1) and State (3.3) go back as they are. */
static bool returns(const struct radius *r, const struct radius_attribute *a)
{
	return CBS_len(&a->value) > 0 &&
	       (a->type == RADIUS_PROXY_STATE || (a->type == RADIUS_STATE && r->code == RADIUS_COA_REQUEST));
}

struct blob *radius_coa_answer(const struct radius *r, enum radius_error_cause error, const struct secret *secret)
{
	static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];
	uint8_t code = (uint8_t)(r->code + (error == RADIUS_ERROR_NONE ? 1 : 2)); /* Request, ACK, NAK. */
	CBS rest = r->attributes;
	struct radius_attribute a;
	struct radius_builder b;

	radius_begin(&b, code, r->id, zero);
	if (error != RADIUS_ERROR_NONE)
		radius_add_u32(&b, RADIUS_ERROR_CAUSE, error);
	while (radius_next(&rest, &a))
		if (returns(r, &a))
			radius_add(&b, a.type, CBS_data(&a.value), CBS_len(&a.value));
	return radius_finish_answer(&b, r, secret);
}
