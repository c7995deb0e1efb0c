/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages of an LMDB file are in use, from the file alone. */
#ifndef NODE_STORE_STORE_CHECK_PAGES_H
#define NODE_STORE_STORE_CHECK_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { /* In store_pages.used */
	STORE_PAGE_VALUE = 1, /* LMDB handed out a value in it. */
	STORE_PAGE_REACHED = 2
};

struct store_pages {
	const uint8_t *base; /* The map's. */
	size_t size;         /* A page's. */
	uint64_t last;       /* Page number. */
	uint8_t *used;       /* One octet per page, to last. */
};

/* Follows both trees of the newest transaction and notes every page of theirs as
 * reached. False: they are no trees, or a page is in two places. */
bool store_pages_walk(struct store_pages *p);

#endif
