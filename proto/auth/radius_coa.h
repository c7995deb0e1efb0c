/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that a RADIUS server makes of us (RFC 5176): that sessions end (Disconnect), or get another time
 * to live (CoA). */
#ifndef PROTO_AUTH_RADIUS_COA_H
#define PROTO_AUTH_RADIUS_COA_H

#include "proto/auth/radius.h"
#include "proto/wire/address.h"

enum radius_error_cause { /* RFC 5176 3.5 */
	RADIUS_ERROR_NONE = 0,
	RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE = 401,
	RADIUS_ERROR_MISSING_ATTRIBUTE = 402,
	RADIUS_ERROR_NAS_MISMATCH = 403,
	RADIUS_ERROR_INVALID_REQUEST = 404,
	RADIUS_ERROR_UNSUPPORTED_SERVICE = 405,
	RADIUS_ERROR_SESSION_NOT_FOUND = 503,
	RADIUS_ERROR_RESOURCES_UNAVAILABLE = 506
};

#define RADIUS_COA_WINDOW_S 300u /* RFC 5176 6.3: Event-Timestamp may be so far from now. */

struct radius_coa {
	bool disconnect;        /* Otherwise CoA. */
	CBS user_name;          /* Each of these: empty or 0 if the request does not say. */
	bool has_session;
	uint64_t session, spi;  /* Acct-Session-Id; both 0: no session of ours can have it. */
	struct address framed;
	CBS called, calling;    /* Outer addresses as text, as in Access-Request. */
	struct address nas;     /* NAS-IP-Address */
	uint32_t timeout_s;     /* CoA: Session-Timeout, from now on. */
	uint64_t event_unix_s;  /* Event-Timestamp; set even if the request is refused. */
};

/* Views of r. nas_identifier: ours. */
enum radius_error_cause radius_coa_parse(struct radius_coa *q, const struct radius *r,
					 const char *nas_identifier) must_check;
const char *radius_error_text(enum radius_error_cause error); /* For the log. */
/* The answer: an ACK if there is no error. Its octets follow from the arguments alone. NULL: it would be too long. */
struct blob *radius_coa_answer(const struct radius *r, enum radius_error_cause error,
			       const struct secret *secret) must_check;

#endif
