/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on their way to the leader, and into the log: one sealed entry a step. */
#include "cluster/core/proposals.h"

#include "cluster/core/rooms.h"
#include "proto/mutant.h"
#include "cluster/core/changes.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct proposals {
	struct blob **waiting[URGENCIES]; /* Encoded commands of this step. */
	size_t n[URGENCIES], room[URGENCIES];
};

static void wait_add(struct proposals *p, enum urgency u, struct blob *encoded)
{
	if (p->n[u] == p->room[u]) {
		p->room[u] = p->room[u] ? p->room[u] * 2 : 16;
		p->waiting[u] = realloc(p->waiting[u], p->room[u] * sizeof(*p->waiting[u]));
		assert(p->waiting[u]);
	}
	p->waiting[u][p->n[u]++] = encoded;
}

/* The form in which commands are written. */
static uint8_t level_written(const struct core *c)
{
	if (MUTANT(MUTANT_LEVEL_UNGATED))
		return c->config->level;
	return state_level(c->state);
}

void proposals_add(struct core *c, enum urgency u, struct command *command)
{
	struct blob *encoded = command_encode(command, level_written(c));
	struct frame f = { .type = FRAME_PROPOSE };
	uint32_t leader = core_leader_index(c);

	assert(u < URGENCIES);
	assert(encoded && encoded->len + SEAL_OVERHEAD <= COMMAND_BATCH_MAX);
	command_fini(command);
	if (c->consensus && consensus_role(c->consensus) == CONSENSUS_LEADER) {
		wait_add(c->proposals, u, encoded);
		return;
	}
	f.bytes.data = encoded->data;
	f.bytes.len = encoded->len;
	if (leader != NODE_NONE && leader != c->config->self)
		core_send(c, leader, &f);
	blob_unref(encoded);
}

static void submit(struct core *c, CBB *batch)
{
	struct blob *sealed;

	if (CBB_len(batch) == 0)
		return;
	sealed = seal_create(c->seal, SEAL_COMMAND, &c->entropy, CBB_data(batch), CBB_len(batch));
	assert(sealed);
	if (consensus_submit(c->consensus, core_now_ms(c), sealed) != OK) {
		core_drop(c, DROP_IKE_NO_LEADER);
		c->follow->lost = true;
	}
}

/* One entry for all commands of the step, most urgent first; a second one only
 * when the first is full. */
void proposals_flush(struct core *c)
{
	struct proposals *p = c->proposals;
	CBB batch;
	int ok = CBB_init(&batch, 1024);

	for (enum urgency u = 0; u < URGENCIES; u++) {
		for (size_t i = 0; i < p->n[u]; i++) {
			struct blob *b = p->waiting[u][i];

			assert(ok && CBB_flush(&batch));
			if (CBB_len(&batch) + b->len + SEAL_OVERHEAD > COMMAND_BATCH_MAX) {
				submit(c, &batch);
				CBB_cleanup(&batch); /* Cleanses. */
				ok = CBB_init(&batch, 1024);
			}
			ok = ok && CBB_add_bytes(&batch, b->data, b->len);
			blob_unref(b);
		}
		p->n[u] = 0;
	}
	ok = ok && CBB_flush(&batch);
	assert(ok);
	submit(c, &batch);
	CBB_cleanup(&batch); /* Cleanses. */
}

void proposals_init(struct core *c)
{
	c->proposals = core_room(sizeof(*c->proposals));
}

void proposals_fini(struct core *c)
{
	for (enum urgency u = 0; u < URGENCIES; u++) {
		for (size_t i = 0; i < c->proposals->n[u]; i++)
			blob_unref(c->proposals->waiting[u][i]);
		free(c->proposals->waiting[u]);
	}
	free(c->proposals);
}
