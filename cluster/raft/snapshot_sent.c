/* SPDX-License-Identifier: Apache-2.0 */
/* One snapshot at a time to each follower.
 *
 * While a snapshot is on its way nothing else reaches that follower, so it says nothing. libraft 0.22.1 takes
 * that for unreachable: with the next RAFT_TIMEOUT it gives the snapshot up (checkContactQuorum()), and as long
 * as the follower has been heard within an election time-out it sends another one at once; so it does for each
 * rejection of an earlier heartbeat. Four or five copies of the state would lie in the link's queue. So another
 * one is not sent before the first is answered: to libraft it is a lost message. Nor are entries, which the
 * follower could not take yet: they would be sent again with each heartbeat.
 *
 * Answered: something new is stored there; or it misses an entry although it has had the time to answer
 * what was said before the snapshot, so the snapshot is lost. Or else it has taken far too long. */
#include "cluster/raft/consensus_internal.h"

#include <string.h>

#define OCTETS_PER_MS 4096u /* What any link between nodes carries. */

static struct consensus_sent *sent_to(struct consensus *c, uint64_t id)
{
	for (unsigned i = 0; i < CONSENSUS_MEMBERS_MAX; i++)
		if (c->sent[i].id == id)
			return &c->sent[i];
	return NULL;
}

static void expire(struct consensus *c)
{
	for (unsigned i = 0; i < CONSENSUS_MEMBERS_MAX; i++)
		if (c->sent[i].id && c->now_ms >= c->sent[i].until_ms)
			c->sent[i].id = 0;
}

bool consensus_snapshot_awaited(struct consensus *c, uint64_t id)
{
	expire(c);
	return sent_to(c, id) != NULL;
}

void consensus_snapshot_sent(struct consensus *c, uint64_t id, size_t len)
{
	struct consensus_sent *s = sent_to(c, 0);

	if (s) /* Else it may be sent twice: there are no more members than places. */
		*s = (struct consensus_sent){
			.id = id,
			.at_ms = c->now_ms,
			.until_ms = c->now_ms + 8 * c->options.election_ms + len / OCTETS_PER_MS,
		};
}

void consensus_snapshot_answered(struct consensus *c, uint64_t id, const struct raft_append_entries_result *r)
{
	struct consensus_sent *s = sent_to(c, id);

	if (!s || r->term != raft_current_term(&c->raft))
		return;
	/* While it installs the snapshot it accepts heartbeats, and has nothing stored. */
	if (r->rejected ? c->now_ms >= s->at_ms + c->options.election_ms : r->last_log_index > 0)
		s->id = 0;
}

void consensus_snapshot_forget_sent(struct consensus *c)
{
	memset(c->sent, 0, sizeof(c->sent));
}
