/* SPDX-License-Identifier: Apache-2.0 */
/* Followers learn what is committed from the next message to them. Where they must know at once, one without
 * entries is made for that: unlike an entry it goes into no log and waits for no disk.
 *
 * It names, as the entry before it, one that its follower is known to have stored. So a follower that has not
 * yet acknowledged what is committed is told when it does. To libraft it is a heartbeat: a slower leader could
 * have sent exactly that, and it may overtake entries that wait for our disk, for it depends on none of them. */
#include "cluster/raft/consensus_internal.h"

#include <assert.h>
#include <string.h>

static struct consensus_told *told_of(struct consensus *c, uint64_t id)
{
	struct consensus_told *free_one = NULL;

	for (unsigned i = 0; i < CONSENSUS_MEMBERS_MAX; i++) {
		struct consensus_told *t = &c->told[i];

		if (t->id == id)
			return t;
		if (!free_one && (t->id == 0 || raft_match_index(&c->raft, t->id, &(raft_index){ 0 }) != 0))
			free_one = t;
	}
	assert(free_one); /* Who is no member any more leaves room. */
	*free_one = (struct consensus_told){ .id = id };
	return free_one;
}

static void send_notice(struct consensus *c, uint64_t to, uint64_t upto)
{
	struct raft_message m = { .type = RAFT_APPEND_ENTRIES, .server_id = to };
	struct raft_append_entries *p = &m.append_entries;
	struct blob *b;

	p->term = raft_current_term(&c->raft);
	p->prev_log_index = upto;
	p->prev_log_term = consensus_log_term(&c->log, upto);
	p->leader_commit = upto;
	if (p->prev_log_term == 0) /* Trimmed: such a follower has a snapshot, or more, to come. */
		return;
	b = consensus_message_encode(&m, NULL, NULL);
	c->face.send(c->face.ctx, to, b);
	blob_unref(b);
}

void consensus_notices(struct consensus *c)
{
	bool all = true;

	if (c->raft.state != RAFT_LEADER) {
		c->tell = 0;
		memset(c->told, 0, sizeof(c->told));
		return;
	}
	if (c->tell == 0 || c->vote_seq > c->stored)
		return;
	for (unsigned i = 0; i < c->raft.configuration.n; i++) {
		uint64_t id = c->raft.configuration.servers[i].id, upto = consensus_match_index(c, id);
		struct consensus_told *t;

		if (id == c->options.id)
			continue;
		t = told_of(c, id);
		if (upto > raft_commit_index(&c->raft))
			upto = raft_commit_index(&c->raft);
		if (t->upto < c->tell && upto > t->upto) {
			send_notice(c, id, upto);
			t->upto = upto;
		}
		all &= t->upto >= c->tell;
	}
	if (all)
		c->tell = 0;
}

enum status consensus_tell(struct consensus *c, uint64_t now_ms)
{
	c->now_ms = now_ms;
	if (c->raft.state != RAFT_LEADER)
		return ERR_NOT_LEADER;
	c->tell = raft_commit_index(&c->raft);
	consensus_notices(c);
	return OK;
}
