/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/status.h"

#include <assert.h>

const char *status_text(enum status s)
{
	static const char *const text[] = {
#define X(name, text) text,
		STATUS_LIST(X)
#undef X
	};

	assert(s < STATUS_COUNT);
	return text[s];
}
