/* SPDX-License-Identifier: Apache-2.0 */
/* The table of SAs, by SPI. It knows no part of an entry: whose part it is does. */
#include "cluster/core/owned_sa.h"
#include "cluster/core/core_internal.h"
#include "cluster/core/grants.h"
#include "cluster/core/lease_requests.h"
#include "cluster/core/news.h"
#include "cluster/core/quorum.h"
#include "cluster/core/sequence.h"

#include <assert.h>
#include <stdlib.h>

struct owned_sa *owned_sa_find(const struct core *c, uint32_t spi_in)
{
	struct owned_sa *sa;

	HASH_FIND(hh, c->owned_sas, &spi_in, sizeof(spi_in), sa);
	return sa;
}

struct owned_sa *owned_sa_get(struct core *c, uint32_t spi_in)
{
	struct owned_sa *sa = owned_sa_find(c, spi_in);

	if (sa)
		return sa;
	sa = calloc(1, sizeof(*sa));
	assert(sa);
	sa->spi_in = spi_in;
	HASH_ADD(hh, c->owned_sas, spi_in, sizeof(sa->spi_in), sa);
	return sa;
}

uint32_t owned_sa_count(const struct core *c)
{
	return HASH_COUNT(c->owned_sas);
}

void owned_sa_gone(struct core *c, struct owned_sa *sa)
{
	sequence_gone(c, sa);
	leases_gone(c, sa);
	quorum_gone(c, sa);
	news_gone(c, sa);
	HASH_DEL(c->owned_sas, sa);
	free(sa);
}

void owned_sa_reports(struct core *c, const struct sa_report *reports, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct sa_report *r = &reports[i];

		switch (r->kind) {
		case SA_REPORT_MARK:
			sequence_marked(c, r);
			break;
		case SA_REPORT_LEASE_LOW:
			leases_low(c, r);
			break;
		case SA_REPORT_SEQUENCE_END:
			news_send(c, NEWS_SEQUENCE_END, r);
			break;
		case SA_REPORT_PEER:
			news_send(c, NEWS_PEER, r);
			break;
		case SA_REPORT_FIRST_IN:
			grants_first_in(c, r->spi_in);
			news_send(c, NEWS_ALIVE, r);
			break;
		case SA_REPORT_HORIZON_LOW:
			leases_horizon_low(c, r);
			break;
		case SA_REPORT_BELOW_HORIZON:
			news_below(c, r);
			break;
		}
	}
}

void owned_sa_fini(struct core *c)
{
	struct owned_sa *sa, *tmp;

	HASH_ITER (hh, c->owned_sas, sa, tmp)
		owned_sa_gone(c, sa);
}
