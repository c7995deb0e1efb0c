/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of entries. libraft keeps only terms (its "trail"); the bytes are
 * ours, because an outgoing AppendEntries names its entries by index alone and
 * because committed entries are applied from here. The ring must hold at least
 * what the trail holds: both are truncated, trimmed and reset at the same steps. */
#include "cluster/raft/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void consensus_log_init(struct consensus_log *l)
{
	memset(l, 0, sizeof(*l));
	l->first = 1;
}

static struct consensus_log_cell *cell_at(const struct consensus_log *l, size_t i)
{
	assert(i <= l->n && l->n <= l->room);
	return &l->cells[(l->head + i) % l->room];
}

static void drop_cell(struct consensus_log_cell *s)
{
	blob_unref(s->entry.data);
	memset(s, 0, sizeof(*s));
}

void consensus_log_fini(struct consensus_log *l)
{
	for (size_t i = 0; i < l->n; i++)
		drop_cell(cell_at(l, i));
	free(l->cells);
	memset(l, 0, sizeof(*l));
}

static void grow(struct consensus_log *l)
{
	size_t room = l->room ? 2 * l->room : 64;
	struct consensus_log_cell *cells = calloc(room, sizeof(*cells));

	assert(cells);
	for (size_t i = 0; i < l->n; i++)
		cells[i] = *cell_at(l, i);
	free(l->cells);
	l->cells = cells;
	l->room = room;
	l->head = 0;
}

void consensus_log_append(struct consensus_log *l, uint64_t term, uint8_t type, struct blob *data,
			  uint64_t seq)
{
	struct consensus_log_cell *s;

	if (l->n == l->room)
		grow(l);
	s = cell_at(l, l->n);
	s->entry.index = l->first + l->n;
	s->entry.term = term;
	s->entry.type = type;
	s->entry.data = blob_ref(data);
	s->seq = seq;
	l->n++;
	assert(l->n <= l->room && consensus_log_last(l) == s->entry.index);
}

void consensus_log_truncate(struct consensus_log *l, uint64_t from)
{
	while (l->n > 0 && l->first + l->n - 1 >= from)
		drop_cell(cell_at(l, --l->n));
}

void consensus_log_trim(struct consensus_log *l, uint64_t to)
{
	while (l->n > 0 && l->first <= to) {
		drop_cell(cell_at(l, 0));
		l->head = (l->head + 1) % l->room;
		l->n--;
		l->first++;
	}
	assert(l->first > to || l->n == 0);
}

void consensus_log_reset(struct consensus_log *l, uint64_t index, uint64_t term)
{
	consensus_log_truncate(l, 0);
	assert(l->n == 0);
	l->first = index + 1;
	l->snapshot_index = index;
	l->snapshot_term = term;
}

const struct consensus_log_cell *consensus_log_get(const struct consensus_log *l, uint64_t index)
{
	if (index < l->first || index - l->first >= l->n)
		return NULL;
	return cell_at(l, index - l->first);
}

uint64_t consensus_log_term(const struct consensus_log *l, uint64_t index)
{
	const struct consensus_log_cell *s = consensus_log_get(l, index);

	if (s)
		return s->entry.term;
	return index != 0 && index == l->snapshot_index ? l->snapshot_term : 0;
}

uint64_t consensus_log_last(const struct consensus_log *l)
{
	return l->n > 0 ? l->first + l->n - 1 : l->snapshot_index;
}
