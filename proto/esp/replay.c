/* SPDX-License-Identifier: Apache-2.0 */
/* The anti-replay window. Bit (seq mod bits) of the map says whether seq was
 * received, for the `bits` numbers that end at top:
 *
 *        floor          top-bits+1 ........... top
 *   ------|--- too old ------|==== the map ====|---- new: accepted ---->
 *         refused            refused if its bit is set
 *
 * The map is a ring: raising top clears the bits it passes over and shifts nothing (RFC 6479's
 * idea). The ring is exactly as long as the window and is cleared to the bit, so the window has
 * exactly the configured size.
 *
 * RFC 4303 has no floor: every number at or below it was, or may have been, received by another
 * node, so it is refused even where the map is empty. The floor only rises. */
#include "proto/esp/replay.h"

#include <assert.h>
#include <string.h>

static uint64_t *word_of(struct replay_window *w, uint64_t seq)
{
	return &w->map[(seq & (w->bits - 1)) / 64];
}

static uint64_t bit_of(uint64_t seq)
{
	return UINT64_C(1) << (seq & 63);
}

void replay_init(struct replay_window *w, uint32_t bits, uint64_t floor)
{
	assert(bits >= 64 && bits <= REPLAY_BITS_MAX);
	assert((bits & (bits - 1)) == 0);
	memset(w, 0, sizeof(*w));
	w->bits = bits;
	w->floor = floor;
	w->top = floor;
}

/* RFC 4303 A2.2, with T = Th:Tl the top and W the window size:
 *   Tl >= W - 1 (Case A):  Seql >= Tl - W + 1 ? Th : Th + 1
 *   Tl <  W - 1 (Case B):  Seql >= Tl - W + 1 (mod 2^32) ? Th - 1 : Th
 * In case B with Th = 0 there is nothing below: the number is a high one of the
 * first 2^32. Th + 1 may wrap to 0 at the end of the space; then the number is far
 * below the top and replay_check() refuses it. */
uint64_t replay_infer(const struct replay_window *w, uint32_t seq_low, bool esn)
{
	uint32_t tl = (uint32_t)w->top, th = (uint32_t)(w->top >> 32);
	uint32_t bottom = tl - w->bits + 1;

	if (!esn)
		return seq_low;
	if (tl >= w->bits - 1) {
		if (seq_low < bottom)
			th++;
	} else if (seq_low >= bottom && th > 0) {
		th--;
	}
	return (uint64_t)th << 32 | seq_low;
}

enum drop replay_check(const struct replay_window *w, uint64_t seq)
{
	if (seq == 0 || seq <= w->floor)
		return DROP_REPLAY;
	if (seq > w->top)
		return DROP_NONE;
	if (w->top - seq >= w->bits)
		return DROP_REPLAY;
	return w->map[(seq & (w->bits - 1)) / 64] & bit_of(seq) ? DROP_REPLAY : DROP_NONE;
}

/* Raises top to seq and clears the bits of (old top, seq]. */
static void advance(struct replay_window *w, uint64_t seq)
{
	uint64_t n = seq - w->top, at = w->top + 1;

	w->top = seq;
	if (n >= w->bits) {
		memset(w->map, 0, sizeof(w->map));
		return;
	}
	while (n > 0) { /* A word at a time */
		uint64_t in_word = 64 - (at & 63);
		uint64_t k = n < in_word ? n : in_word;
		uint64_t ones = k == 64 ? UINT64_MAX : (UINT64_C(1) << k) - 1;

		*word_of(w, at) &= ~(ones << (at & 63));
		at += k;
		n -= k;
	}
}

enum drop replay_mark(struct replay_window *w, uint64_t seq)
{
	if (replay_check(w, seq) != DROP_NONE)
		return DROP_REPLAY;
	if (seq > w->top)
		advance(w, seq);
	*word_of(w, seq) |= bit_of(seq);
	return DROP_NONE;
}

void replay_raise_floor(struct replay_window *w, uint64_t floor)
{
	if (floor > w->floor)
		w->floor = floor;
	if (floor > w->top)
		advance(w, floor);
}
