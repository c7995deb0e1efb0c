/* SPDX-License-Identifier: Apache-2.0 */
/* RADIUS packets (RFC 2865, 2866; with EAP: RFC 3579), written and read. Their security depends on
 * MD5 and a shared secret: somebody on the path who does not know the secret can turn a reject into
 * an accept unless each packet has a Message-Authenticator (CVE-2024-3596). So for authentication
 * we send one, before all other attributes, and accept no answer without one. Accounting does without
 * (RFC 2866; radius_is_accounted()).
 *
 * 	struct radius_builder b;
 * 	radius_begin(&b, RADIUS_ACCESS_REQUEST, id, authenticator);
 * 	radius_add(&b, RADIUS_USER_NAME, name, len);
 * 	request = radius_finish(&b, secret);
 * 	...
 * 	if (radius_parse(&answer, data) == OK && radius_is_answer(&answer, request, secret)) ... */
#ifndef PROTO_AUTH_RADIUS_H
#define PROTO_AUTH_RADIUS_H

#include "proto/crypto/secret.h"
#include "proto/wire/blob.h"
#include "proto/wire/status.h"

#include <openssl/bytestring.h>

enum { /* Codes */
	RADIUS_ACCESS_REQUEST = 1,
	RADIUS_ACCESS_ACCEPT = 2,
	RADIUS_ACCESS_REJECT = 3,
	RADIUS_ACCOUNTING_REQUEST = 4,
	RADIUS_ACCOUNTING_RESPONSE = 5,
	RADIUS_ACCESS_CHALLENGE = 11,
	RADIUS_DISCONNECT_REQUEST = 40, /* Its ACK and NAK are the next two. */
	RADIUS_COA_REQUEST = 43
};

enum { /* Attributes; others are skipped. */
	RADIUS_USER_NAME = 1,
	RADIUS_NAS_IP_ADDRESS = 4,
	RADIUS_NAS_PORT_TYPE = 61,
	RADIUS_NAS_PORT_ID = 87,
	RADIUS_SERVICE_TYPE = 6,
	RADIUS_FRAMED_IP_ADDRESS = 8,
	RADIUS_FRAMED_MTU = 12,
	RADIUS_REPLY_MESSAGE = 18,
	RADIUS_STATE = 24,
	RADIUS_CLASS = 25,
	RADIUS_VENDOR_SPECIFIC = 26,
	RADIUS_SESSION_TIMEOUT = 27,
	RADIUS_CALLED_STATION_ID = 30,
	RADIUS_CALLING_STATION_ID = 31,
	RADIUS_NAS_IDENTIFIER = 32,
	RADIUS_PROXY_STATE = 33,
	RADIUS_ACCT_STATUS_TYPE = 40,
	RADIUS_ACCT_DELAY_TIME = 41,
	RADIUS_ACCT_INPUT_OCTETS = 42,
	RADIUS_ACCT_OUTPUT_OCTETS = 43,
	RADIUS_ACCT_SESSION_ID = 44,
	RADIUS_ACCT_AUTHENTIC = 45,
	RADIUS_ACCT_SESSION_TIME = 46,
	RADIUS_ACCT_INPUT_PACKETS = 47,
	RADIUS_ACCT_OUTPUT_PACKETS = 48,
	RADIUS_ACCT_TERMINATE_CAUSE = 49,
	RADIUS_ACCT_INPUT_GIGAWORDS = 52,
	RADIUS_ACCT_OUTPUT_GIGAWORDS = 53,
	RADIUS_EVENT_TIMESTAMP = 55,
	RADIUS_EAP_MESSAGE = 79,
	RADIUS_MESSAGE_AUTHENTICATOR = 80,
	RADIUS_ACCT_INTERIM_INTERVAL = 85,
	RADIUS_ERROR_CAUSE = 101,
	RADIUS_FRAMED_IPV6_ADDRESS = 168
};

enum { /* Attributes of Microsoft, vendor 311 (RFC 2548) */
	RADIUS_MS_MPPE_SEND_KEY = 16,
	RADIUS_MS_MPPE_RECV_KEY = 17
};

#define RADIUS_HEADER_LEN 20u
#define RADIUS_LEN_MAX 4096u
#define RADIUS_AUTHENTICATOR_LEN 16u
#define RADIUS_VALUE_MAX 253u
#define RADIUS_KEY_MAX 64u /* Octets of an MPPE key in clear; EAP's have 32. */

/* ---- Reading ---- */

struct radius {
	uint8_t code, id;
	CBS packet;        /* All of it, without padding. */
	CBS authenticator; /* 16 octets */
	CBS attributes;    /* Each one is complete. */
};

struct radius_attribute {
	uint8_t type;
	CBS value;
};

/* data may have padding behind it (RFC 2865 3). */
enum status radius_parse(struct radius *r, CBS data) must_check;
/* From r->attributes on; false: there are no more. */
bool radius_next(CBS *attributes, struct radius_attribute *a);
/* The first of that type. */
bool radius_find(const struct radius *r, uint8_t type, CBS *value);
/* The first of that type of Microsoft's. */
bool radius_find_microsoft(const struct radius *r, uint8_t type, CBS *value);

/* Does it answer that request, and does its sender know the secret? Its Response Authenticator must
 * be right, and it must have one Message-Authenticator, which is right. Constant time. */
bool radius_is_answer(const struct radius *r, const struct radius *request, const struct secret *secret);

/* The same of an answer about accounting (RFC 2866 3): it need not have a Message-Authenticator, for nothing of
 * the request comes from strangers; one that is there must be right. */
bool radius_is_accounted(const struct radius *r, const struct radius *request, const struct secret *secret);

/* Is it a request to us (RFC 5176) of somebody who knows the secret? Its Request Authenticator
 * must be right, and it must have one Message-Authenticator, which is right. Constant time. */
bool radius_is_coa(const struct radius *r, const struct secret *secret);

/* All EAP-Message attributes, one after the other; NULL: there is none. */
struct blob *radius_eap(const struct radius *r);
/* An MPPE key in clear (RFC 2548 2.4.2), from an answer to that request. Its length; 0: it is none. */
size_t radius_mppe_key(uint8_t out[RADIUS_KEY_MAX], CBS value, const struct radius *request,
		       const struct secret *secret);

/* ---- Writing ---- */

struct radius_builder {
	CBB cbb;
	bool failed;
};

void radius_begin(struct radius_builder *b, uint8_t code, uint8_t id,
		  const uint8_t authenticator[RADIUS_AUTHENTICATOR_LEN]);
/* Without Message-Authenticator; ends with radius_finish_unsigned(). */
void radius_begin_unsigned(struct radius_builder *b, uint8_t code, uint8_t id);
/* 1 to RADIUS_VALUE_MAX octets. */
void radius_add(struct radius_builder *b, uint8_t type, const void *value, size_t len);
void radius_add_u32(struct radius_builder *b, uint8_t type, uint32_t value);
void radius_add_eap(struct radius_builder *b, CBS packet); /* In as many attributes as it takes. */
/* Signs it; ends b. NULL: it would be too long, or a value did not fit. */
struct blob *radius_finish(struct radius_builder *b, const struct secret *secret);
/* Its authenticator is the MD5 of it all (RFC 2866 3). */
struct blob *radius_finish_unsigned(struct radius_builder *b, const struct secret *secret);
/* The same for the answer to that request: with its Response Authenticator. */
struct blob *radius_finish_answer(struct radius_builder *b, const struct radius *request,
				  const struct secret *secret);

#endif
