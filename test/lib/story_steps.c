/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of stories: their usual beginning, the roles of nodes, and what they look at. Each
 * asserts that its effect has come about. */
#include "test/lib/story.h"

#include <assert.h>
#include <string.h>

/* ---- All at once ---- */

void story_start_all(struct story *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		story_start(l, i);
}

struct cluster_policy *story_policy_copy(const struct story *l, uint32_t node, uint64_t hash)
{
	struct cluster_policy *p = cluster_policy_copy(l->config[node].policy);

	p->hash = hash;
	return p;
}

void story_policy(struct story *l, uint32_t node, struct cluster_policy *policy)
{
	struct event e = { .type = EVENT_POLICY, .policy = policy };

	cluster_policy_unref(l->config[node].policy);
	l->config[node].policy = policy;
	if (l->node[node].core)
		story_event(l, node, &e);
}

void story_kill_all(struct story *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		story_kill(l, i);
}

void story_stall_all(struct story *l, uint32_t but)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (i != but)
			story_stall(l, i);
}

void story_resume_all(struct story *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		story_resume(l, i);
}

void story_begin(struct story *l, uint32_t n)
{
	story_init(l, n);
	story_start_all(l);
	story_run(l, 2000);
}

/* ---- One of them ---- */

uint32_t story_third(const struct story *l)
{
	uint32_t leader = story_leader(l), holder = story_holder(l);

	assert(l->n == 3 && leader < 3 && holder < 3 && leader != holder);
	return 3 - leader - holder;
}

void story_lose(struct story *l, uint32_t node)
{
	story_kill(l, node);
	story_suspect(l, node);
}

void story_lose_leader(struct story *l)
{
	uint32_t old = story_leader(l);

	story_lose(l, old);
	story_run(l, 1000);
	assert(story_leader(l) < l->n && story_leader(l) != old);
}

/* ---- The client's Child SA ---- */

uint32_t story_spi(const struct story *l)
{
	assert(l->client.n_child > 0);
	return l->client.child[l->client.n_child - 1].spi_out;
}

struct sad_entry *story_entry(struct story *l, uint32_t node)
{
	struct sad_entry *e = story_sad(l, node, story_spi(l));

	assert(e);
	return e;
}

struct sad_entry *story_owned(struct story *l)
{
	struct sad_entry *e = story_entry(l, story_holder(l));

	assert(e->granted);
	return e;
}

const struct seq_record *story_record(const struct story *l, uint32_t node)
{
	unsigned i;
	const struct session *s =
		state_session_by_spi(core_state(l->node[node].core), story_spi(l), &i);

	assert(s);
	return &s->seq[i];
}

/* ---- The state ---- */

/* Are all live nodes at the same index? */
static bool level(const struct story *l)
{
	uint32_t leader = story_leader(l);
	uint64_t index;

	assert(leader < l->n);
	index = core_applied(l->node[leader].core);
	for (uint32_t i = 0; i < l->n; i++)
		if (l->node[i].core && core_applied(l->node[i].core) != index)
			return false;
	return true;
}

void story_level(struct story *l)
{
	uint8_t digest[32], other[32];

	/* Followers learn of a commit with the next message. */
	for (unsigned k = 0; k < 1000 && !level(l); k++)
		story_run(l, 1);
	assert(level(l));
	state_digest(core_state(l->node[story_leader(l)].core), digest);
	for (uint32_t i = 0; i < l->n; i++) {
		if (!l->node[i].core)
			continue;
		state_digest(core_state(l->node[i].core), other);
		assert(memcmp(digest, other, sizeof(digest)) == 0);
	}
}
