/* SPDX-License-Identifier: Apache-2.0 */
/* I2: no packet is let in twice, and none that its SA's selectors do not cover.
 *
 * A second process may let in again only what the first let in after the newest marks that the
 * second has heard from it, also if these come late, after its takeover. If it has heard none (it
 * is newer): what the first let in so late that no leader since then has led long enough, without a
 * break, to commit the mark. And only within the mark age that is published in the end (i2_ages.c).
 * Of an exact SA nothing is let in again, unless all disks were put back at once: then no node is
 * left that knows better. */
#include "test/sim/full.h"

#include <stdio.h>

#define REPORT_SLACK_US (3 * MS)      /* From acceptance to the next frame of marks. */
#define COMMIT_US (1100 * MS)         /* ... to the committed mark, once there is a leader. */
#define LOOK_US (30 * MS)             /* Its leader is checked at least this often. */

/* Up to when the second process knew what the first had let in; 0 = never. */
static uint64_t covered_until(const uint64_t *first, const struct acceptance *a)
{
	const struct heard *h = &a->heard[first[1]];

	if (h->incarnation == first[2])
		return h->sent_us;
	return h->old_incarnation == first[2] ? h->old_sent_us : 0;
}

/* What that process let in until then must be in the log. */
static uint64_t committed_until(const struct i2_delivery *c, uint64_t incarnation)
{
	const uint64_t *v = seen_find(&c->led, incarnation, 0, 0);

	return v ? v[3] : 0;
}

static bool excused(const struct i2_delivery *c, const uint64_t *first, const struct acceptance *a)
{
	uint64_t covered = covered_until(first, a);

	if (first[2] == a->incarnation || (a->exact && !c->full->checkers.i1.rolled_back))
		return false;
	if (c->full->checkers.i1.rolled_back)
		return true; /* The marks are old ones. */
	if (covered != 0)
		return first[0] + REPORT_SLACK_US >= covered;
	/* Not yet lost, as far as it knows: nobody has told it anything. */
	return (int64_t)first[3] > a->epoch || first[0] > committed_until(c, first[2]);
}

/* The owner in the lower epoch was lost; it may be the first or the second process here. */
static void let_in_again(struct i2_delivery *c, uint32_t spi_in, uint64_t seq,
			 const uint64_t *first, const struct acceptance *a)
{
	char what[160];

	c->n_excused++;
	if (c->full->checkers.i1.rolled_back)
		return;
	snprintf(what, sizeof(what), "number %llu of SA %08x, let in by n%llu at %.6f and by n%u at %.6f",
		 (unsigned long long)seq, spi_in, (unsigned long long)first[1] + 1,
		 (double)first[0] / 1e6, a->host + 1, (double)a->at_us / 1e6);
	if ((int64_t)first[3] < a->epoch)
		i2_again(c, first[0], first[2], a->incarnation, what);
	else
		i2_again(c, a->at_us, a->incarnation, first[2], what);
}

void i2_led(struct i2_delivery *c, uint64_t incarnation, uint64_t term)
{
	bool fresh;
	uint64_t *v = seen_get(&c->led, incarnation, 0, 0, &fresh), now = c->full->world.now_us;

	if (term != v[0] || now > v[2] + LOOK_US) {
		v[0] = term;
		v[1] = now; /* It leads since then. */
	}
	v[2] = now;
	if (term != 0 && now - v[1] >= COMMIT_US)
		v[3] = now - COMMIT_US;
}

void i2_delivered(struct i2_delivery *c, uint32_t spi_in, uint64_t seq, const struct acceptance *a)
{
	bool fresh;
	uint64_t *v = seen_get(&c->delivered, spi_in, seq, 0, &fresh);

	c->n_delivered++;
	if (!fresh && !excused(c, v, a))
		world_fail(&c->full->world,
			   "I2: n%u lets number %llu of SA %08x in (epoch %lld), which n%llu let in "
			   "at %.6f (epoch %lld); it had heard its marks of %.6f",
			   a->host + 1, (unsigned long long)seq, spi_in, (long long)a->epoch,
			   (unsigned long long)v[1] + 1, (double)v[0] / 1e6, (long long)v[3],
			   (double)covered_until(v, a) / 1e6);
	if (!fresh)
		let_in_again(c, spi_in, seq, v, a);
	v[0] = a->at_us;
	v[1] = a->host;
	v[2] = a->incarnation;
	v[3] = (uint64_t)a->epoch;
}

/* Clients with bad manners put other sources than their own into the tunnel, and say
 * so in the packet. */
void i2_inside(struct i2_delivery *c, const uint8_t *inner)
{
	if (inner[INNER_EVIL])
		world_fail(&c->full->world,
			   "I2: a packet of client %u from %u.%u.%u.%u, outside its selectors, is let in",
			   inner[INNER_CLIENT] | inner[INNER_CLIENT + 1] << 8, inner[12], inner[13],
			   inner[14], inner[15]);
}
