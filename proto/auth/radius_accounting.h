/* SPDX-License-Identifier: Apache-2.0 */
/* What RADIUS is told of a session (RFC 2866): an Accounting-Request. The octets follow from what is
 * here alone, so whoever tells it again sends the same ones. */
#ifndef PROTO_AUTH_RADIUS_ACCOUNTING_H
#define PROTO_AUTH_RADIUS_ACCOUNTING_H

#include "proto/auth/radius.h"
#include "proto/esp/volume.h"
#include "proto/wire/address.h"

#define RADIUS_SESSION_ID_LEN 40u /* An Acct-Session-Id as text, with its NUL. */

enum radius_status { /* Acct-Status-Type */
	RADIUS_STATUS_START = 1,
	RADIUS_STATUS_STOP = 2,
	RADIUS_STATUS_INTERIM = 3
};

enum radius_cause { /* Acct-Terminate-Cause, RFC 2866 5.10 */
	RADIUS_CAUSE_USER_REQUEST = 1,
	RADIUS_CAUSE_LOST_CARRIER = 2,
	RADIUS_CAUSE_SESSION_TIMEOUT = 5,
	RADIUS_CAUSE_ADMIN_RESET = 6,
	RADIUS_CAUSE_PORT_PREEMPTED = 13
};

struct radius_accounting {
	uint8_t status; /* enum radius_status */
	uint8_t cause;  /* A Stop's: enum radius_cause. */
	uint64_t session, spi;  /* Acct-Session-Id: radius_session_id(). */
	const char *nas_identifier; /* What the cluster calls itself. */
	struct address framed;  /* Family 0: it has none. */
	struct address called, calling; /* Outer addresses. */
	CBS attributes;         /* As they are: User-Name, Class. */
	uint32_t session_s;     /* Not of a Start: for how long it has been there, ... */
	struct volume volume;   /* ... and what it has carried. */
	uint64_t event_unix_s;  /* When it happened; 0: unknown ... */
	uint32_t delay_s;       /* ... and how long before this packet was made. */
};

/* "1f-0011223344556677": the number of the session, and its first SPI, for a cluster that is founded anew counts
 * from 1 again. */
const char *radius_session_id(uint64_t session, uint64_t spi, char text[RADIUS_SESSION_ID_LEN]);
/* False: it is not one of these. */
bool radius_session_id_parse(uint64_t *session, uint64_t *spi, CBS text) must_check;

/* NULL: it would be too long. */
struct blob *radius_accounting_request(const struct radius_accounting *a, uint8_t id,
				       const struct secret *secret) must_check;

#endif
