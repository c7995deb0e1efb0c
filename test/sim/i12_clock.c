/* SPDX-License-Identifier: Apache-2.0 */
/* I12: no date is judged by a wrong clock. A leader's time counts for certificates and CRLs only if
 * most clocks are near it; most are right here (clocks.c), so it is not far from the right time. A
 * leader whose time does not count refuses, and says that its clock is why. And no client is let in
 * whose certificate is not valid, whatever the clocks show. */
#include "test/sim/clocks.h"

#include "cluster/core/wall_clock.h"
#include "proto/auth/outside.h"
#include "test/sim/certificates.h"

#include <string.h>

/* Right clocks are off by 10 s, and what a node heard half a minute ago goes on by its own
 * boot-time clock, which drifts and jumps. Wrong clocks are 100 s off or more. */
#define FAR_S ((int64_t)WALL_CLOCK_APART_S + 30)

void i12_asked(struct i12_clock *c, unsigned host, const struct auth_clock *clock, const struct blob *answer)
{
	int64_t off_s = clock->unix_now - clocks_right(c->full);
	struct auth_outcome outcome;

	if (c->full->plan.certificates != CERTIFICATES_BOTH)
		return;
	c->n_checked++;
	if (!clock->wrong && (off_s > FAR_S || off_s < -FAR_S))
		world_fail(&c->full->world, "I12: n%u judges dates by a clock that is off by %lld s", host + 1,
			   (long long)off_s);
	if (!clock->wrong)
		return;
	c->n_refused++;
	if (!auth_outcome_read(&outcome, answer) || !outcome.why || strncmp(outcome.why, "clock: ", 7) != 0)
		world_fail(&c->full->world, "I12: n%u does not say that its clock is why it refuses", host + 1);
}

void i12_let_in(struct i12_clock *c, unsigned client)
{
	const char *why = certificates_bad(c->full, client);

	if (why)
		world_fail(&c->full->world, "I12: client %u is let in by a certificate that %s", client, why);
}
