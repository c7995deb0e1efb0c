/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/log_checker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void log_checker_init(struct log_checker *c, struct world *w)
{
	memset(c, 0, sizeof(*c));
	c->world = w;
}

void log_checker_fini(struct log_checker *c)
{
	free(c->record);
	free(c->leader);
}

static struct log_record *record_at(struct log_checker *c, uint64_t index)
{
	if (index >= c->room) {
		size_t room = 2 * (size_t)index + 1024;

		c->record = realloc(c->record, room * sizeof(*c->record));
		assert(c->record);
		memset(c->record + c->room, 0, (room - c->room) * sizeof(*c->record));
		c->room = room;
	}
	return &c->record[index];
}

void log_checker_started(struct log_checker *c, unsigned host, uint64_t applied)
{
	c->applied[host] = applied;
}

void log_checker_restored(struct log_checker *c, unsigned host, uint64_t index)
{
	if (index < c->applied[host])
		world_fail(c->world, "log: n%u goes back from index %llu to a snapshot at %llu",
			   host + 1, (unsigned long long)c->applied[host], (unsigned long long)index);
	c->applied[host] = index;
}

static void compare(struct log_checker *c, unsigned host, uint64_t index, uint64_t term,
		    uint64_t command)
{
	struct log_record *r = record_at(c, index);

	if (!r->known)
		*r = (struct log_record){ term, command, 0, true };
	else if (r->term != term || r->command != command)
		world_fail(c->world,
			   "log: n%u applies command %llx of term %llu at index %llu, "
			   "where another node had %llx of term %llu",
			   host + 1, (unsigned long long)command, (unsigned long long)term,
			   (unsigned long long)index, (unsigned long long)r->command,
			   (unsigned long long)r->term);
}

void log_checker_applied(struct log_checker *c, unsigned host, uint64_t index, uint64_t term,
			 uint64_t command)
{
	uint64_t last = c->applied[host];

	if (index <= last)
		world_fail(c->world, "log: n%u applies index %llu after %llu", host + 1, (unsigned long long)index,
			   (unsigned long long)last);
	for (uint64_t i = last + 1; i < index; i++)
		compare(c, host, i, 0, 0);
	compare(c, host, index, term, command);
	c->applied[host] = index;
	if (index > c->last)
		c->last = index;
}

void log_checker_digest(struct log_checker *c, unsigned host, uint64_t index, uint64_t digest)
{
	struct log_record *r = record_at(c, index);

	if (r->digest == 0)
		r->digest = digest;
	else if (r->digest != digest)
		world_fail(c->world, "log: n%u's state differs from others' at index %llu", host + 1,
			   (unsigned long long)index);
}

void log_checker_leader(struct log_checker *c, unsigned host, uint64_t term)
{
	for (size_t i = 0; i < c->n_leaders; i++) {
		if (c->leader[i].term != term)
			continue;
		if (c->leader[i].host != host)
			world_fail(c->world, "log: n%u and n%u both lead in term %llu",
				   c->leader[i].host + 1, host + 1, (unsigned long long)term);
		return;
	}
	c->leader = realloc(c->leader, (c->n_leaders + 1) * sizeof(*c->leader));
	assert(c->leader);
	c->leader[c->n_leaders].term = term;
	c->leader[c->n_leaders++].host = host;
}
