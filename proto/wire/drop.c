/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/drop.h"

#include <assert.h>

const char *drop_text(enum drop d)
{
	static const char *const text[] = {
#define X(name, text) text,
		DROP_LIST(X)
#undef X
	};

	assert(d < DROP_COUNT);
	return text[d];
}
