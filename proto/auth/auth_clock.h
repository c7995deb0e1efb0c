/* SPDX-License-Identifier: Apache-2.0 */
/* The time by which certificates and CRLs are judged. Whoever asks says it, and whether it can be
 * right; whoever judges reads no clock. */
#ifndef PROTO_AUTH_AUTH_CLOCK_H
#define PROTO_AUTH_AUTH_CLOCK_H

#include <stdint.h>

struct auth_clock {
	int64_t unix_now;
	const char *wrong; /* A literal: what is wrong with it, so it lets nobody in. NULL: nothing. */
};

#endif
