/* SPDX-License-Identifier: Apache-2.0 */
/* Stories (test/lib/story.h) whose one client has an exact SA: what its owner's worker accepts, and
 * which node does not learn of it.
 *
 * For tests that include it, after cmocka.h. */
#ifndef TEST_UNIT_EXACT_STORY_H
#define TEST_UNIT_EXACT_STORY_H

#include "cluster/link/frame.h"
#include "test/lib/story.h"

static void start_nodes(struct story *l, uint32_t n)
{
	story_init(l, n);
	for (uint32_t i = 0; i < n; i++) {
		l->config[i].policy->ike.connections->exact = true;
		l->config[i].lease = 1000;
	}
	story_start_all(l);
	story_run(l, 2000);
}

static void start_all(struct story *l, uint32_t n)
{
	start_nodes(l, n);
	story_client_connect(l);
	story_run(l, 10);
}

static enum drop try_accept(struct story *l, uint32_t node, uint64_t seq)
{
	struct sad_entry *e = story_entry(l, node);

	return sad_entry_accept(e, seq, e->epoch);
}

/* The worker of a node accepts up to seq, and reports it. */
static void accept(struct story *l, uint32_t node, uint64_t seq)
{
	struct sad_entry *e = story_entry(l, node);

	assert_int_equal(try_accept(l, node, seq), DROP_NONE);
	e->marked = seq;
	story_report(l, node, e, SA_REPORT_MARK, seq);
}

static uint32_t deaf = STORY_NODES; /* Gets no Raft messages: its state stays where it was. */
static bool lose_raft(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	return f->data[0] == FRAME_RAFT && (from == deaf || to == deaf);
}

#endif
