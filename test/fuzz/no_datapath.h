/* SPDX-License-Identifier: Apache-2.0 */
/* For the reports of node/status.c: what they would ask of a data path and of links, on a
 * node that has neither. None of it is ever called. */
#ifndef TEST_FUZZ_NO_DATAPATH_H
#define TEST_FUZZ_NO_DATAPATH_H

#include "node/link.h"

#include <stdlib.h>

enum datapath_mode datapath_mode(const struct datapath *dp) { (void)dp; abort(); }
const char *datapath_mode_text(const struct datapath *dp) { (void)dp; abort(); }
const char *datapath_mode_why(const struct datapath *dp) { (void)dp; abort(); }
void datapath_count(const struct datapath *dp, struct datapath_counters *out)
{
	(void)dp;
	(void)out;
	abort();
}
void datapath_sa_stats(struct datapath *dp, const uint32_t *spi_in, size_t n,
		       struct datapath_sa_stats *out)
{
	(void)dp;
	(void)spi_in;
	(void)n;
	(void)out;
	abort();
}
void link_count(const struct link *l, struct link_counters *out)
{
	(void)l;
	(void)out;
	abort();
}

#endif
