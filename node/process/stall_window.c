/* SPDX-License-Identifier: Apache-2.0 */
/* Two windows that follow one another: what is said of the last time covers at least the whole one before,
 * so who asks every ten seconds misses nothing. */
#include "node/process/stall_window.h"

static void roll(struct stall_window *w, uint64_t now_us)
{
	static const struct stall none;
	uint64_t age_us = now_us - w->since_us;

	if (age_us < STALL_WINDOW_US)
		return;
	w->before = age_us < 2 * STALL_WINDOW_US ? w->now : none;
	w->now = none;
	w->since_us = now_us - age_us % STALL_WINDOW_US;
}

static void raise(struct stall *s, const struct stall *took)
{
	if (took->wall_us > s->wall_us)
		s->wall_us = took->wall_us;
	if (took->cpu_us > s->cpu_us)
		s->cpu_us = took->cpu_us;
}

void stall_window_add(struct stall_window *w, uint64_t now_us, struct stall took)
{
	roll(w, now_us);
	raise(&w->now, &took);
	raise(&w->ever, &took);
}

struct stall stall_window_lately(struct stall_window *w, uint64_t now_us)
{
	struct stall out;

	roll(w, now_us);
	out = w->now;
	raise(&out, &w->before);
	return out;
}
