/* SPDX-License-Identifier: Apache-2.0 */
/* Which payloads an exchange has in which direction (RFC 7296 1.2 to 1.4, Appendix C), as a table.
 * Parsing has checked that a payload occurs only once; here is what is allowed and what must be
 * there. Order is free: "implementations MUST NOT reject as invalid a message with those payloads
 * in any other order" (2.5). Unknown payloads never get here. */
#include "proto/ike/ike_message.h"

enum need {
	END,      /* of the table */
	OPTIONAL,
	REQUIRED, /* except where the message says why not: an error, COOKIE, or SUFFICES */
	SUFFICES
};

struct rule {
	uint8_t type;
	enum need need;
};

static const struct rule init_rules[] = {
	{IKE_PAYLOAD_SA, REQUIRED},    {IKE_PAYLOAD_KE, REQUIRED}, {IKE_PAYLOAD_NONCE, REQUIRED},
	{IKE_PAYLOAD_CERTREQ, OPTIONAL}, {IKE_PAYLOAD_N, OPTIONAL}, {IKE_PAYLOAD_V, OPTIONAL},
	{0, END},
};

/* The first IKE_AUTH request. */
static const struct rule auth_first_rules[] = {
	{IKE_PAYLOAD_IDi, REQUIRED},   {IKE_PAYLOAD_SA, REQUIRED},   {IKE_PAYLOAD_TSi, REQUIRED},
	{IKE_PAYLOAD_TSr, REQUIRED},   {IKE_PAYLOAD_AUTH, OPTIONAL}, {IKE_PAYLOAD_IDr, OPTIONAL},
	{IKE_PAYLOAD_CERT, OPTIONAL},  {IKE_PAYLOAD_CERTREQ, OPTIONAL}, {IKE_PAYLOAD_CP, OPTIONAL},
	{IKE_PAYLOAD_N, OPTIONAL},     {IKE_PAYLOAD_V, OPTIONAL},    {0, END},
};

/* Further ones (2.16): EAP messages, then AUTH. */
static const struct rule auth_next_rules[] = {
	{IKE_PAYLOAD_EAP, SUFFICES},   {IKE_PAYLOAD_AUTH, REQUIRED}, {IKE_PAYLOAD_IDi, OPTIONAL},
	{IKE_PAYLOAD_CERT, OPTIONAL},  {IKE_PAYLOAD_N, OPTIONAL},    {IKE_PAYLOAD_V, OPTIONAL},
	{0, END},
};

/* A failed Child SA leaves out SA, TSi and TSr, and says so in a NOTIFY (1.2); the last
 * answer of an EAP exchange has no IDr. */
static const struct rule auth_response_rules[] = {
	{IKE_PAYLOAD_EAP, SUFFICES},   {IKE_PAYLOAD_AUTH, REQUIRED}, {IKE_PAYLOAD_IDr, OPTIONAL},
	{IKE_PAYLOAD_SA, OPTIONAL},    {IKE_PAYLOAD_TSi, OPTIONAL},  {IKE_PAYLOAD_TSr, OPTIONAL},
	{IKE_PAYLOAD_CERT, OPTIONAL},  {IKE_PAYLOAD_CP, OPTIONAL},   {IKE_PAYLOAD_N, OPTIONAL},
	{IKE_PAYLOAD_V, OPTIONAL},     {0, END},
};

/* Without TSi and TSr it rekeys the IKE SA (1.3.2). */
static const struct rule create_child_rules[] = {
	{IKE_PAYLOAD_SA, REQUIRED},    {IKE_PAYLOAD_NONCE, REQUIRED}, {IKE_PAYLOAD_KE, OPTIONAL},
	{IKE_PAYLOAD_TSi, OPTIONAL},   {IKE_PAYLOAD_TSr, OPTIONAL},  {IKE_PAYLOAD_CP, OPTIONAL},
	{IKE_PAYLOAD_N, OPTIONAL},     {IKE_PAYLOAD_V, OPTIONAL},    {0, END},
};

/* Possibly empty (1.4). */
static const struct rule informational_rules[] = {
	{IKE_PAYLOAD_N, OPTIONAL},     {IKE_PAYLOAD_D, OPTIONAL},    {IKE_PAYLOAD_CP, OPTIONAL},
	{IKE_PAYLOAD_V, OPTIONAL},     {0, END},
};

static const struct rule *rules_of(const struct ike_header *h)
{
	bool response = h->flags & IKE_FLAG_RESPONSE;

	switch (h->exchange) {
	case IKE_EXCHANGE_SA_INIT:
		return init_rules;
	case IKE_EXCHANGE_AUTH:
		if (response)
			return auth_response_rules;
		return h->message_id == 1 ? auth_first_rules : auth_next_rules;
	case IKE_EXCHANGE_CREATE_CHILD_SA:
		return create_child_rules;
	case IKE_EXCHANGE_INFORMATIONAL:
		return informational_rules;
	default:
		return NULL;
	}
}

/* Does the response say why nothing else is in it? */
static bool is_refusal(const struct ike_message *m)
{
	return (m->header.flags & IKE_FLAG_RESPONSE) &&
	       (ike_message_error(m) || ike_message_notify(m, IKE_NOTIFY_COOKIE));
}

enum drop ike_message_check(const struct ike_message *m)
{
	const uint64_t both_ts = UINT64_C(1) << IKE_PAYLOAD_TSi | UINT64_C(1) << IKE_PAYLOAD_TSr;
	const struct rule *rules = rules_of(&m->header);
	uint64_t allowed = 0, required = 0;
	bool suffices = is_refusal(m);

	if (!rules)
		return DROP_IKE_PAYLOAD;
	for (const struct rule *r = rules; r->need != END; r++) {
		allowed |= UINT64_C(1) << r->type;
		if (r->need == REQUIRED)
			required |= UINT64_C(1) << r->type;
		if (r->need == SUFFICES && ike_message_has(m, r->type))
			suffices = true;
	}
	if ((m->present & ~allowed) != 0)
		return DROP_IKE_PAYLOAD;
	if (!suffices && (m->present & required) != required)
		return DROP_IKE_PAYLOAD;
	/* The two sides of a Child SA come together or not at all. */
	if ((m->present & both_ts) != 0 && (m->present & both_ts) != both_ts)
		return DROP_IKE_PAYLOAD;
	return DROP_NONE;
}
