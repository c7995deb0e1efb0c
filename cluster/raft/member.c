/* SPDX-License-Identifier: Apache-2.0 */
/* Membership, one change at a time (Raft dissertation, 4.1). A new node enters as a standby: it
 * gets the log but has no vote. The leader lets it catch up and then makes it a voter; a new leader
 * goes on with that, so that a change of leader in between leaves no standby behind. While libraft
 * counts catch-up rounds it accepts no other change. So after a failed attempt there is a pause, in
 * which a dead standby can be removed. */
#include "cluster/raft/consensus_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ROUND_MS 1000u /* A standby that answers nothing for so long is given up ... */
#define PAUSE_MS 1000u /* ... and tried again after this. */

/* Decoded once: who the members are is asked at each event. */
void consensus_members_set(struct consensus *c, uint64_t index, struct blob *configuration)
{
	struct raft_configuration conf;

	blob_set(&c->configuration, blob_ref(configuration));
	c->configuration_index = index;
	consensus_configuration_decode(&conf, configuration);
	assert(conf.n <= CONSENSUS_MEMBERS_MAX);
	c->n_members = conf.n;
	for (unsigned i = 0; i < conf.n; i++) {
		struct consensus_member *m = &c->member[i];

		m->id = conf.servers[i].id;
		m->voter = conf.servers[i].role == RAFT_VOTER;
		snprintf(m->address, sizeof(m->address), "%s", conf.servers[i].address);
	}
	raft_configuration_close(&conf);
}

void consensus_member_apply(struct consensus *c, uint64_t index, struct blob *configuration)
{
	struct raft_event e = { .type = RAFT_CONFIGURATION };

	consensus_members_set(c, index, configuration);
	e.configuration.index = index;
	consensus_configuration_decode(&e.configuration.conf, configuration);
	consensus_step(c, &e);
	if (c->face.members)
		c->face.members(c->face.ctx);
}

static enum status status_of(int rv)
{
	switch (rv) {
	case 0:
		return OK;
	case RAFT_NOTLEADER:
		return ERR_NOT_LEADER;
	case RAFT_CANTCHANGE:
		return ERR_FULL;
	case RAFT_DUPLICATEID:
	case RAFT_DUPLICATEADDRESS:
		return ERR_EXISTS;
	default:
		return ERR_NOT_FOUND;
	}
}

/* May a change be submitted, and are we the one to do it? */
static enum status can_change(const struct consensus *c)
{
	if (c->raft.state != RAFT_LEADER)
		return ERR_NOT_LEADER;
	if (c->promotee != 0 || c->raft.configuration_uncommitted_index != 0 ||
	    raft_transferee(&c->raft) != 0 || !consensus_is_current(c))
		return ERR_FULL;
	return OK;
}

enum status consensus_add(struct consensus *c, uint64_t now_ms, uint64_t id, const char *address)
{
	struct raft_configuration conf;
	enum status s = can_change(c);
	int rv;

	if (s != OK)
		return s;
	if (c->raft.configuration.n >= CONSENSUS_MEMBERS_MAX)
		return ERR_TOO_LONG;
	assert(id != 0 && *address &&
	       strlen(address) < sizeof(((struct consensus_member *)0)->address));
	c->now_ms = now_ms;
	consensus_configuration_decode(&conf, c->configuration);
	rv = raft_configuration_add(&conf, id, address, RAFT_STANDBY);
	if (rv == 0) {
		c->promote_at_ms = 0;
		rv = consensus_append(c, RAFT_CHANGE, consensus_configuration_encode(&conf));
	}
	raft_configuration_close(&conf);
	return status_of(rv);
}

/* The configuration without, or with another role for, one member. */
static struct blob *configuration_with(const struct consensus *c, uint64_t id, bool keep, int role)
{
	struct raft_configuration old, conf;
	struct blob *b = NULL;
	bool found = false;

	consensus_configuration_decode(&old, c->configuration);
	raft_configuration_init(&conf);
	for (unsigned i = 0; i < old.n; i++) {
		const struct raft_server *s = &old.servers[i];
		int rv;

		found = found || s->id == id;
		if (s->id == id && !keep)
			continue;
		rv = raft_configuration_add(&conf, s->id, s->address,
					    s->id == id ? role : s->role);
		assert(rv == 0);
	}
	if (found && conf.n > 0)
		b = consensus_configuration_encode(&conf);
	raft_configuration_close(&conf);
	raft_configuration_close(&old);
	return b;
}

enum status consensus_remove(struct consensus *c, uint64_t now_ms, uint64_t id)
{
	enum status s = can_change(c);
	struct blob *b;

	if (s != OK)
		return s;
	c->now_ms = now_ms;
	b = configuration_with(c, id, false, 0);
	if (!b)
		return ERR_NOT_FOUND;
	return status_of(consensus_append(c, RAFT_CHANGE, b));
}

/* libraft looks at the round only when the standby acknowledges something new: for one that already
 * has everything it would never end, hence the barrier. */
static void start_catch_up(struct consensus *c, uint64_t id)
{
	struct raft_event e = { .type = RAFT_CATCH_UP };

	raft_set_max_catch_up_round_duration(&c->raft, ROUND_MS);
	c->promotee = id;
	e.catch_up.server_id = id;
	consensus_step(c, &e);
	(void)consensus_append_barrier(c);
}

static bool finish_catch_up(struct consensus *c)
{
	int status = RAFT_CATCH_UP_ABORTED;
	uint64_t id = c->promotee;

	if (raft_catch_up(&c->raft, id, &status) == 0 && status == RAFT_CATCH_UP_RUNNING)
		return false;
	c->promotee = 0;
	c->promote_at_ms = c->now_ms + PAUSE_MS;
	if (status == RAFT_CATCH_UP_FINISHED) {
		struct blob *b = configuration_with(c, id, true, RAFT_VOTER);

		if (b)
			(void)consensus_append(c, RAFT_CHANGE, b); /* Refused: after the pause. */
	}
	return true;
}

bool consensus_member_promote(struct consensus *c)
{
	const struct raft_configuration *conf = &c->raft.configuration;

	if (c->raft.state != RAFT_LEADER) {
		c->promotee = 0;
		return false;
	}
	if (c->promotee)
		return finish_catch_up(c);
	if (c->now_ms < c->promote_at_ms || can_change(c) != OK)
		return false;
	for (unsigned i = 0; i < conf->n; i++) {
		if (conf->servers[i].role == RAFT_STANDBY) {
			start_catch_up(c, conf->servers[i].id);
			return true;
		}
	}
	return false;
}

size_t consensus_members(const struct consensus *c, struct consensus_member *out, size_t room)
{
	size_t n = c->n_members < room ? c->n_members : room;

	memcpy(out, c->member, n * sizeof(*out));
	return n;
}
