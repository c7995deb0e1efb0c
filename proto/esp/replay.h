/* SPDX-License-Identifier: Apache-2.0 */
/* The anti-replay window: RFC 4303 3.4.3 and Appendix A (RFC 6479's idea of
 * not shifting). Two verbs, in this order: replay_check() before the packet is
 * opened, replay_mark() after it was authenticated. */
#ifndef PROTO_ESP_REPLAY_H
#define PROTO_ESP_REPLAY_H

#include "proto/wire/drop.h"

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_BITS_MAX 4096u
#define REPLAY_BITS_DEFAULT 1024u

struct replay_window {
	uint64_t top;   /* Highest number accepted; 0 = none yet. */
	uint64_t floor; /* Nothing at or below it is accepted, ever. */
	uint32_t bits;  /* Window size, a power of two, 64..REPLAY_BITS_MAX. */
	uint64_t map[REPLAY_BITS_MAX / 64 + 1];
};

/* Starts a window in which everything up to and with floor counts as received. */
void replay_init(struct replay_window *w, uint32_t bits, uint64_t floor);

/* The 64-bit number of a packet from the 32 bits on the wire. With ESN the
 * high half is inferred (RFC 4303 A2.2); without, it is zero. */
uint64_t replay_infer(const struct replay_window *w, uint32_t seq_low, bool esn);

/* DROP_NONE or DROP_REPLAY. Number 0 is never accepted. Changes nothing. */
enum drop replay_check(const struct replay_window *w, uint64_t seq);

/* Marks seq as received. Call only after the packet was authenticated: marking
 * forged packets would let an attacker push the window past the real peer
 * (RFC 4303 3.4.3). Checks again: DROP_REPLAY if it was marked meanwhile. */
enum drop replay_mark(struct replay_window *w, uint64_t seq) __attribute__((warn_unused_result));

/* A floor only rises. */
void replay_raise_floor(struct replay_window *w, uint64_t floor);

#endif
