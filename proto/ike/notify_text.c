/* SPDX-License-Identifier: Apache-2.0 */
/* Operators search for names; nobody remembers that 14 is NO_PROPOSAL_CHOSEN. */
#include "proto/ike/notify_text.h"

#include "proto/ike/ike_message.h"

#include <assert.h>
#include <stdio.h>

#define NAME(type) { IKE_NOTIFY_##type, #type }
static const struct {
	uint16_t type;
	const char *name;
} names[] = {
	NAME(UNSUPPORTED_CRITICAL_PAYLOAD),
	NAME(INVALID_IKE_SPI),
	NAME(INVALID_MAJOR_VERSION),
	NAME(INVALID_SYNTAX),
	NAME(INVALID_MESSAGE_ID),
	NAME(INVALID_SPI),
	NAME(NO_PROPOSAL_CHOSEN),
	NAME(INVALID_KE_PAYLOAD),
	NAME(AUTHENTICATION_FAILED),
	NAME(SINGLE_PAIR_REQUIRED),
	NAME(NO_ADDITIONAL_SAS),
	NAME(INTERNAL_ADDRESS_FAILURE),
	NAME(FAILED_CP_REQUIRED),
	NAME(TS_UNACCEPTABLE),
	NAME(INVALID_SELECTORS),
	NAME(UNACCEPTABLE_ADDRESSES),
	NAME(TEMPORARY_FAILURE),
	NAME(CHILD_SA_NOT_FOUND),
};
_Static_assert(sizeof(names) / sizeof(names[0]) == NOTIFY_ERRORS, "NOTIFY_ERRORS");

size_t notify_error_index(uint16_t type)
{
	size_t i = 0;

	while (i < NOTIFY_ERRORS && names[i].type != type)
		i++;
	return i;
}

const char *notify_error_name(size_t index)
{
	assert(index <= NOTIFY_ERRORS);
	return index < NOTIFY_ERRORS ? names[index].name : "other";
}

const char *notify_format(uint16_t type, char text[NOTIFY_TEXT_LEN])
{
	size_t i = notify_error_index(type);

	if (i < NOTIFY_ERRORS)
		snprintf(text, NOTIFY_TEXT_LEN, "%s", names[i].name);
	else
		snprintf(text, NOTIFY_TEXT_LEN, "NOTIFY %u", type);
	return text;
}
