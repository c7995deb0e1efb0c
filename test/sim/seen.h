/* SPDX-License-Identifier: Apache-2.0 */
/* What the checkers remember: a map from a few words to a few words. */
#ifndef TEST_SIM_SEEN_H
#define TEST_SIM_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_WORDS 5u

struct seen_entry;
struct seen {
	struct seen_entry *entries;
	size_t room, n;
};

/* The value for (a, b, c): made as zero if it was not there (*fresh). Valid until the next call for
 * the same map. */
uint64_t *seen_get(struct seen *s, uint64_t a, uint64_t b, uint64_t c, bool *fresh);
uint64_t *seen_find(const struct seen *s, uint64_t a, uint64_t b, uint64_t c); /* NULL: not there */
void seen_fini(struct seen *s);
uint64_t seen_hash(const void *data, size_t len); /* FNV-1a; never 0 */

#endif
