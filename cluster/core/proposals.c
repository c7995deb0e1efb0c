/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on their way: from the rooms to the leader, into the log as one
 * sealed entry a step, and out of the log into the state.
 *
 * What a node may propose through another is little: that it is up, that it is
 * leaving, the leases and marks of what it owns, and what an operator has asked it. The leader reads it before
 * it passes it on; everything else comes from the leader's own rooms. */
#include "cluster/core/proposals.h"

#include "cluster/core/core_internal.h"
#include "cluster/core/bootstrap.h"
#include "cluster/core/control_room.h"
#include "cluster/core/follow.h"
#include "cluster/core/membership.h"
#include "cluster/core/snapshot.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct proposals {
	uint64_t false_downs; /* Nodes that were put down, and live. */
	struct blob **waiting[URGENCIES]; /* Encoded commands of this step. */
	size_t n[URGENCIES], room[URGENCIES];
};

/* ---- Into the log ---- */

static void wait_add(struct proposals *p, enum urgency u, struct blob *encoded)
{
	if (p->n[u] == p->room[u]) {
		p->room[u] = p->room[u] ? p->room[u] * 2 : 16;
		p->waiting[u] = realloc(p->waiting[u], p->room[u] * sizeof(*p->waiting[u]));
		assert(p->waiting[u]);
	}
	p->waiting[u][p->n[u]++] = encoded;
}

void proposals_add(struct core *c, enum urgency u, struct command *command)
{
	struct blob *encoded = command_encode(command);
	struct frame f = { .type = FRAME_PROPOSE };
	uint32_t leader = core_leader_index(c);

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

static bool may_propose(const struct core *c, uint32_t node, const struct command *command)
{
	switch (command->type) {
	case COMMAND_NODE_UP: /* Not while we find it dead: it would go up and down in turn. */
		return !c->peer[node].suspect && command->node_up.id == c->peer[node].raft_id &&
		       command->node_up.incarnation == c->peer[node].incarnation &&
		       strcmp(command->node_up.name, c->config->node[node]) == 0;
	case COMMAND_NODE_DOWN: /* Of itself: it is leaving. */
		return command->node_down.id == c->peer[node].raft_id;
	case COMMAND_SEQ_BATCH:
	case COMMAND_SESSIONS_END: /* An operator may ask any node. */
	case COMMAND_IDENTITY:
		return true;
	default:
		return MUTANT(MUTANT_PROPOSALS_OF_ANYONE);
	}
}

/* Leases and marks come from an SA's owner: what others say of it would use up its numbers,
 * or shut its client out. A mark comes from who owned it in that epoch, too, as far as the
 * state can say who that was. */
static bool may_say(const struct core *c, uint64_t id, const struct seq_row *row)
{
	const struct session *s = state_session_by_spi(c->state, row->spi_in, NULL);
	uint64_t owner, incarnation;

	if (!s || session_slot(c->state, s)->node == id || MUTANT(MUTANT_ROWS_OF_ANYONE))
		return s != NULL;
	return row->epoch < session_epoch(c->state, s) &&
	       (!session_owner_in(c->state, s, row->epoch, &owner, &incarnation) || owner == id);
}

static void keep_own_rows(const struct core *c, uint32_t node, struct seq_batch *b)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->n; i++)
		if (may_say(c, c->peer[node].raft_id, &b->rows[i]))
			b->rows[kept++] = b->rows[i];
	b->n = kept;
}

void proposals_receive(struct core *c, uint32_t node, const uint8_t *data, size_t len)
{
	struct command command;

	if (!core_leads(c) || len > COMMAND_BATCH_MAX)
		return;
	while (len > 0) {
		if (command_decode(&command, &data, &len) != OK) {
			core_drop(c, DROP_MALFORMED);
			return;
		}
		if (!may_propose(c, node, &command)) {
			core_drop(c, DROP_POLICY);
			command_fini(&command);
			continue;
		}
		if (command.type == COMMAND_NODE_UP) {
			const struct node_record *n = state_node(c->state, command.node_up.id);

			/* An unfit one is put down to relieve it. */
			if (n && !n->up && n->incarnation == command.node_up.incarnation &&
			    !c->peer[node].unfit)
				c->proposals->false_downs++;
		}
		if (command.type == COMMAND_SEQ_BATCH) {
			keep_own_rows(c, node, &command.seq_batch);
			if (command.seq_batch.n == 0) {
				core_drop(c, DROP_POLICY);
				command_fini(&command);
				continue;
			}
		}
		if (command.type == COMMAND_NODE_DOWN) {
			command.node_down.heir = membership_slots_heir(c, command.node_down.id);
			command.node_down.config_hash = membership_slots_hash(c);
		}
		proposals_add(c,
			      command.type == COMMAND_SEQ_BATCH ? URGENT_SEQUENCE : URGENT_NODE,
			      &command);
	}
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
				OPENSSL_cleanse((uint8_t *)CBB_data(&batch), CBB_len(&batch));
				CBB_cleanup(&batch);
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
	OPENSSL_cleanse((uint8_t *)CBB_data(&batch), CBB_len(&batch));
	CBB_cleanup(&batch);
}

uint64_t proposals_false_downs(const struct core *c)
{
	return c->proposals->false_downs;
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

/* ---- Out of the log ---- */

static void follow_rows(struct core *c, const struct seq_batch *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct session *s = state_session_by_spi(c->state, b->rows[i].spi_in, NULL);

		if (s)
			follow_add(c, &(struct follow_session){ .session = s->id, .status = OK });
	}
}

/* Those that end now, or ended already: at this very commit the workers stop. */
static void follow_ended(struct core *c, const struct command *x, const struct apply_result *r)
{
	const struct sessions_end *p = &x->sessions_end;
	const struct session *s = NULL;

	c->follow->sas |= r->n_ended > 0;
	for (uint32_t i = 0; x->type == COMMAND_SESSIONS_END && i < p->n; i++)
		if (state_session(c->state, p->session[i]))
			follow_add(c, &(struct follow_session){ .session = p->session[i] });
	while (x->type == COMMAND_IDENTITY && r->n_ended > 0 &&
	       (s = state_next_session_of(c->state, &x->identity.id, s ? s->id : 0)) != NULL)
		follow_add(c, &(struct follow_session){ .session = s->id });
}

static void note(struct core *c, uint64_t index, const struct command *command,
		 const struct apply_result *r)
{
	struct follow *w = c->follow;
	struct follow_session f = { .session = r->session, .status = r->status,
				    .deleted = r->session_deleted };

	w->slots |= r->slots_changed;
	w->holder |= r->holder_changed;
	w->nodes |= r->nodes_changed;
	switch (command->type) {
	case COMMAND_SESSION_PUT:
		f.spi_i = command->session_put.ike.ike[0].spi_i;
		f.spi_r = command->session_put.ike.ike[0].spi_r;
		for (uint32_t i = 0; i < r->n_superseded; i++)
			follow_add(c, &(struct follow_session){ .session = r->superseded[i],
								.status = OK, .deleted = true });
		w->sas |= r->status == OK;
		follow_add(c, &f);
		break;
	case COMMAND_SESSION_STEP:
		f.session = command->session_step.session;
		f.step = true;
		w->sas |= r->status == OK;
		follow_add(c, &f);
		break;
	case COMMAND_SESSION_DEL:
		f.session = command->session_del.session;
		f.step = true;
		w->sas |= r->status == OK;
		follow_add(c, &f);
		break;
	case COMMAND_OWNER_MOVE:
		f.session = command->owner_move.session;
		follow_add(c, &f);
		break;
	case COMMAND_SEQ_BATCH:
		follow_rows(c, &command->seq_batch);
		break;
	case COMMAND_NODE_DOWN:
		/* What our store held at this start is history, not news. */
		if (r->status != OK || index <= c->replay_until || w->n_down == CLUSTER_NODES_MAX)
			break;
		w->down[w->n_down].command = command->node_down;
		w->down[w->n_down].moved = r->slots_changed;
		w->down[w->n_down++].index = index;
		break;
	case COMMAND_SESSIONS_END:
	case COMMAND_IDENTITY:
		follow_ended(c, command, r);
		if (index > c->replay_until)
			control_applied(c, command, r);
		break;
	default:
		break;
	}
	for (uint32_t i = 0; i < r->n_passed; i++)
		follow_add(c, &(struct follow_session){ .session = r->passed[i], .status = OK });
}

static void on_apply(void *ctx, uint64_t index, uint64_t term, struct blob *data)
{
	struct core *c = ctx;
	struct blob *plain = NULL;
	enum status s = seal_open(c->seal, SEAL_COMMAND, data->data, data->len, &plain);
	const uint8_t *p = plain ? plain->data : NULL;
	size_t len = plain ? plain->len : 0;

	(void)term;
	while (s == OK && len > 0 && !c->stopped) {
		struct command command;
		struct apply_result r;

		s = command_decode(&command, &p, &len);
		if (s != OK)
			break;
		if (MUTANT(MUTANT_APPLY_LOCAL) && command.type == COMMAND_SESSION_PUT)
			command.session_put.lease += c->config->self;
		state_apply(c->state, &command, &r);
		note(c, index, &command, &r);
		command_fini(&command);
	}
	blob_unref(plain);
	if (s != OK && !c->stopped) {
		/* Never skipped: a node that leaves out a command is another state machine. */
		action_exit(c->actions, 1, "log entry %llu: %s%s", (unsigned long long)index,
			    status_text(s),
			    s == ERR_UNSUPPORTED ? "; it was written by a newer baton: upgrade this node"
						 : "");
		c->stopped = true;
	}
}

static void on_restore(void *ctx, uint64_t index, struct blob *snapshot)
{
	struct core *c = ctx;
	struct state *state;

	if (snapshot_open(c->seal, snapshot->data, snapshot->len, &state) != OK) {
		action_exit(c->actions, 1,
			    "the snapshot at index %llu cannot be opened with this storage key",
			    (unsigned long long)index);
		c->stopped = true;
		return;
	}
	snapshot_forget(c);
	state_free(c->state);
	c->state = state;
	c->follow->all = !MUTANT(MUTANT_NO_RECONCILE);
	c->follow->holder = c->follow->nodes = true;
}

static struct blob *on_snapshot(void *ctx, bool begin)
{
	return snapshot_slice(ctx, begin);
}

static void on_send(void *ctx, uint64_t to, struct blob *message)
{
	struct core *c = ctx;
	uint32_t node = core_node_index(c, to);
	struct frame f = { .type = FRAME_RAFT };

	if (node == NODE_NONE || c->peer[node].refused)
		return;
	f.bytes.data = message->data;
	f.bytes.len = message->len;
	core_send(c, node, &f);
}

static void on_store(void *ctx, struct store_update *update)
{
	action_store(((struct core *)ctx)->actions, update);
}

static void on_role(void *ctx, enum consensus_role role, uint64_t term, uint64_t leader)
{
	(void)role;
	(void)term;
	(void)leader;
	((struct core *)ctx)->follow->role = true;
}

static void on_members(void *ctx)
{
	((struct core *)ctx)->follow->members = true;
}

enum status proposals_start(struct core *c, const struct store_image *image, const char **why)
{
	const struct consensus_member *founder;
	size_t n_founders;
	const struct consensus_face face = {
		.ctx = c, .send = on_send, .store = on_store, .apply = on_apply,
		.restore = on_restore, .snapshot = on_snapshot, .role = on_role, .members = on_members,
	};
	const struct consensus_options options = {
		.id = c->raft_id,
		.heartbeat_ms = c->config->timing.raft_heartbeat_ms,
		.election_ms = c->config->timing.raft_election_ms,
		.seed = entropy_u32(&c->entropy),
		.snapshot_bytes = c->config->snapshot_bytes,
		.snapshot_trailing = c->config->snapshot_trailing,
	};

	/* Open one record first: a wrong key is an answer to give before anything starts. */
	for (size_t i = 0; i < image->n_entries; i++) {
		struct blob *plain = NULL;
		const struct log_entry *e = &image->entries[i];
		enum status s;

		if (e->type != 1 /* RAFT_COMMAND */)
			continue;
		s = seal_open(c->seal, SEAL_COMMAND, e->data->data, e->data->len, &plain);
		blob_unref(plain);
		if (s != OK) {
			*why = s == ERR_FOREIGN ? "it is sealed under another storage key"
						: "a log entry cannot be opened";
			return s;
		}
		break;
	}
	if (image->n_entries)
		c->replay_until = image->entries[image->n_entries - 1].index;
	n_founders = bootstrap_founders(c, &founder);
	c->consensus = consensus_new(&options, &face, image, founder, n_founders, core_now_ms(c), why);
	if (!c->consensus)
		return ERR_DAMAGED;
	return c->stopped ? ERR_FOREIGN : OK;
}
