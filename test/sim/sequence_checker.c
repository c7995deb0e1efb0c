/* SPDX-License-Identifier: Apache-2.0 */
/* I1: no (key, sequence number) is sealed twice, by whomever. The AES-GCM IV is the
 * incarnation's salt and the number (esp_iv()), so this is more than I1 asks: it
 * would hold with one salt for all.
 *
 * I2: no packet is let in twice. A second node may let in again only what the first
 * let in after the newest marks that the second had heard from it when it became
 * owner; if it has heard none (its process is newer), what the first let in
 * within the time it takes to commit a mark. */
#include "test/sim/full.h"

#include <string.h>

#define REPORT_SLACK_US (3 * MS)      /* From acceptance to the next frame of marks. */
#define COMMIT_SLACK_US (5 * SECOND)  /* From acceptance to the committed mark, under faults. */

void sequence_checker_init(struct sequence_checker *c, struct full *f)
{
	memset(c, 0, sizeof(*c));
	c->full = f;
}

void sequence_checker_fini(struct sequence_checker *c)
{
	seen_fini(&c->sealed);
	seen_fini(&c->delivered);
}

void sequence_checker_sealed(struct sequence_checker *c, unsigned host, uint32_t spi_in,
			     uint64_t seq)
{
	bool fresh;
	uint64_t *v = seen_get(&c->sealed, spi_in, seq, 0, &fresh);

	if (!fresh)
		world_fail(&c->full->world,
			   "I1: n%u seals number %llu of SA %08x, which n%llu sealed before",
			   host + 1, (unsigned long long)seq, spi_in,
			   (unsigned long long)v[0] + 1);
	v[0] = host;
	c->n_sealed++;
}

/* Up to when the second knew what the process that was first had let in; 0 = never. */
static uint64_t covered_until(const uint64_t *first, const struct acceptance *a)
{
	const struct heard *h = &a->heard[first[1]];

	if (h->incarnation == first[2])
		return h->sent_us;
	return h->old_incarnation == first[2] ? h->old_sent_us : 0;
}

static bool excused(const uint64_t *first, const struct acceptance *a)
{
	uint64_t covered = covered_until(first, a);

	if (first[2] == a->incarnation)
		return false;
	if (covered != 0)
		return first[0] + REPORT_SLACK_US >= covered;
	return first[0] + COMMIT_SLACK_US >= a->at_us;
}

void sequence_checker_delivered(struct sequence_checker *c, uint32_t spi_in, uint64_t seq,
				const struct acceptance *a)
{
	bool fresh;
	uint64_t *v = seen_get(&c->delivered, spi_in, seq, 0, &fresh);

	c->n_delivered++;
	if (!fresh && !excused(v, a))
		world_fail(&c->full->world,
			   "I2: n%u lets number %llu of SA %08x in (epoch %lld), which n%llu let in "
			   "at %.6f (epoch %lld); it had heard its marks of %.6f",
			   a->host + 1, (unsigned long long)seq, spi_in, (long long)a->epoch,
			   (unsigned long long)v[1] + 1, (double)v[0] / 1e6, (long long)v[3],
			   (double)covered_until(v, a) / 1e6);
	c->n_excused += !fresh;
	v[0] = a->at_us;
	v[1] = a->host;
	v[2] = a->incarnation;
	v[3] = (uint64_t)a->epoch;
}
