/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB's file as pages. Its interface returns records, not the pages that lead to them; so this
 * file finds the pages in use from the file itself, by its format (data version 1, which LMDB has
 * checked, in the byte order of this machine):
 *
 *   page    number (8), unused (2), flags (2), end of the pointers (2), begin of the nodes (2);
 *           of the first page of a long value: its length in pages (4) in place of these two
 *   pages 0 and 1, behind 24 octets more: the two trees (48 each, the root at 40),
 *           last page (8), transaction (8); the younger one counts
 *   node    low (2), high (2), flags (2), length of the key (2), key; in a branch the first
 *           three are the number of a page; in a leaf such a number follows a long value's key
 *
 * Nothing is believed: each page must know its number, be of the kind it is used as, and
 * be reached once. */
#include "node/store/store_check_pages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_HEADER 16u
#define NODE_HEADER 8u
#define META_TREES 40u
#define META_TREE_LEN 48u
#define META_TREE_ROOT 40u
#define META_TRANSACTION 144u
#define NO_PAGE UINT64_MAX

enum { PAGE_BRANCH = 0x01, PAGE_LEAF = 0x02, PAGE_LONG = 0x04, PAGE_KINDS = 0x2f };
enum { NODE_LONG = 0x01 };

static uint16_t get_u16(const uint8_t *p)
{
	uint16_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static const uint8_t *page_at(const struct store_pages *p, uint64_t number)
{
	return p->base + number * p->size;
}

/* n pages from number on are in use, and were not reached before. */
static bool take(struct store_pages *p, uint64_t number, uint64_t n)
{
	if (number < 2 || number > p->last || n < 1 || n > p->last - number + 1)
		return false;
	for (uint64_t i = number; i < number + n; i++) {
		if (p->used[i] & STORE_PAGE_REACHED)
			return false;
		p->used[i] |= STORE_PAGE_REACHED;
	}
	return true;
}

static bool take_long(struct store_pages *p, const uint8_t *page, const uint8_t *node)
{
	const uint8_t *at = node + NODE_HEADER + get_u16(node + 6);
	uint64_t number;
	uint32_t n;

	if (at + 8 > page + p->size)
		return false;
	number = get_u64(at);
	if (number < 2 || number > p->last || get_u64(page_at(p, number)) != number ||
	    (get_u16(page_at(p, number) + 10) & PAGE_KINDS) != PAGE_LONG)
		return false;
	memcpy(&n, page_at(p, number) + 12, sizeof(n));
	return take(p, number, n);
}

/* One page of a tree; the pages below it are put on the stack. */
static bool walk_page(struct store_pages *p, uint64_t number, uint64_t *stack, size_t *depth)
{
	const uint8_t *page = page_at(p, number);
	uint16_t kind = get_u16(page + 10) & PAGE_KINDS, end = get_u16(page + 12);

	if (get_u64(page) != number || (kind != PAGE_BRANCH && kind != PAGE_LEAF) || end < PAGE_HEADER ||
	    end > p->size)
		return false;
	for (size_t at = PAGE_HEADER; at + 2 <= end; at += 2) {
		const uint8_t *node = page + get_u16(page + at);
		uint64_t below;

		if (node + NODE_HEADER > page + p->size)
			return false;
		if (kind == PAGE_LEAF) {
			if (get_u16(node + 4) & NODE_LONG && !take_long(p, page, node))
				return false;
			continue;
		}
		below = (uint64_t)get_u16(node + 4) << 32 | (uint64_t)get_u16(node + 2) << 16 | get_u16(node);
		if (!take(p, below, 1))
			return false;
		stack[(*depth)++] = below; /* Each page once at most: there is room. */
	}
	return true;
}

bool store_pages_walk(struct store_pages *p)
{
	const uint8_t *meta = page_at(p, 0);
	uint64_t *stack = calloc(p->last + 1, sizeof(*stack));
	bool ok = true;

	assert(stack);
	if (get_u64(meta + META_TRANSACTION) < get_u64(page_at(p, 1) + META_TRANSACTION))
		meta = page_at(p, 1);
	for (unsigned tree = 0; ok && tree < 2; tree++) {
		uint64_t root = get_u64(meta + META_TREES + tree * META_TREE_LEN + META_TREE_ROOT);
		size_t depth = 0;

		if (root == NO_PAGE)
			continue;
		ok = take(p, root, 1);
		stack[depth++] = root;
		while (ok && depth > 0)
			ok = walk_page(p, stack[--depth], stack, &depth);
	}
	free(stack);
	return ok;
}
