/* SPDX-License-Identifier: Apache-2.0 */
/* The interface to Raft: applies commands from the log to the state, and notes in follow.h what
 * they change. Nothing acts on a change here, because acting may propose the next command. */
#include "cluster/core/committed.h"

#include "cluster/core/control_room.h"
#include "cluster/core/logged.h"
#include "cluster/core/rooms.h"
#include "cluster/core/changes.h"
#include "cluster/core/snapshot.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>

#define NEWER_BATON "it was written by a newer baton: upgrade this node"

/* ---- What it changes ---- */

static void follow_add(struct core *c, const struct follow_session *f)
{
	struct follow *w = c->follow;

	if (w->n == w->room) {
		w->room = w->room ? w->room * 2 : 16;
		w->sessions = realloc(w->sessions, w->room * sizeof(*w->sessions));
		assert(w->sessions);
	}
	w->sessions[w->n++] = *f;
}

static void follow_rows(struct core *c, const struct seq_batch *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct session *s = state_session_by_spi(c->state, b->rows[i].spi_in, NULL);

		if (s)
			follow_add(c, &(struct follow_session){ .session = s->id, .status = OK });
	}
}

static void follow_coa(struct core *c, const struct coa_command *p, const struct apply_result *r)
{
	c->follow->sas |= r->n_ended > 0;
	for (uint32_t i = 0; i < p->n && r->status == OK; i++)
		if (state_session(c->state, p->session[i]))
			follow_add(c, &(struct follow_session){ .session = p->session[i] });
}

/* Sessions that end now, or ended already: the workers stop at this very commit. */
static void follow_ended(struct core *c, const struct command *x, const struct apply_result *r)
{
	const struct sessions_end *p = &x->sessions_end;
	const struct session *s = NULL;

	c->follow->sas |= r->n_ended > 0;
	for (uint32_t i = 0; x->type == COMMAND_SESSIONS_END && i < p->n; i++)
		if (state_session(c->state, p->session[i]))
			follow_add(c, &(struct follow_session){ .session = p->session[i] });
	while (x->type == COMMAND_IDENTITY && r->n_ended > 0 &&
	       (s = state_next_session_named(c->state, &x->identity.id, s ? s->id : 0)) != NULL)
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
		/* Entries that our store held at the start are history, not events. */
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
	case COMMAND_COA:
		follow_coa(c, &command->coa, r);
		break;
	default:
		break;
	}
	for (uint32_t i = 0; i < r->n_passed; i++)
		follow_add(c, &(struct follow_session){ .session = r->passed[i], .status = OK });
}

/* ---- The face ---- */

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

		s = command_decode(&command, &p, &len, c->config->level);
		if (s != OK)
			break;
		if (MUTANT(MUTANT_APPLY_LOCAL) && command.type == COMMAND_SESSION_PUT)
			command.session_put.lease += c->config->self;
		state_apply(c->state, &command, &r);
		note(c, index, &command, &r);
		command_fini(&command);
		if (state_level(c->state) > c->config->level)
			s = ERR_UNSUPPORTED; /* What follows we could not read. */
	}
	blob_unref(plain);
	if (s != OK && !c->stopped) {
		/* Never skipped: a node that leaves out a command is a different state machine. */
		action_exit(c->actions, 1, "log entry %llu: %s%s", (unsigned long long)index,
			    status_text(s),
			    s == ERR_UNSUPPORTED ? "; " NEWER_BATON : "");
		c->stopped = true;
	}
}

static void on_restore(void *ctx, uint64_t index, struct blob *snapshot)
{
	struct core *c = ctx;
	struct state *state;
	enum status s = snapshot_open(c->seal, snapshot->data, snapshot->len, c->config->level, &state);

	if (s != OK) {
		action_exit(c->actions, 1, "the snapshot at index %llu%s", (unsigned long long)index,
			    s == ERR_UNSUPPORTED ? ": " NEWER_BATON
						 : " cannot be opened with this storage key");
		c->stopped = true;
		return;
	}
	snapshot_forget(c);
	state_free(c->state);
	c->state = state;
	c->follow->all = c->follow->holder = c->follow->nodes = true;
	control_restored(c);
	if (MUTANT(MUTANT_NO_RECONCILE))
		c->follow->all = false;
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

	if (node == NODE_NONE || c->known[node].refused)
		return;
	f.bytes.data = message->data;
	f.bytes.len = message->len;
	core_send(c, node, &f);
}

static void on_store(void *ctx, struct store_update *update)
{
	struct core *c = ctx;

	logged_store(c, update);
	action_store(c->actions, update);
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

/* Opens the newest command of a store first, so that a wrong key, or a program that is too old,
 * shows before anything starts. Levels only rise, so no earlier command has a higher one. */
static enum status open_last(const struct core *c, const struct store_image *image, const char **why)
{
	const struct log_entry *e = NULL;
	struct blob *plain = NULL;
	struct command first;
	const uint8_t *p;
	size_t len;
	enum status s;

	for (size_t i = image->n_entries; i > 0 && !e; i--)
		if (image->entries[i - 1].type == 1 /* RAFT_COMMAND */)
			e = &image->entries[i - 1];
	if (!e)
		return OK;
	s = seal_open(c->seal, SEAL_COMMAND, e->data->data, e->data->len, &plain);
	*why = s == ERR_FOREIGN ? "it is sealed under another storage key" : "a log entry cannot be opened";
	p = plain ? plain->data : NULL;
	len = plain ? plain->len : 0;
	if (s == OK) {
		s = command_decode(&first, &p, &len, c->config->level);
		if (s == OK)
			command_fini(&first);
		else if (s == ERR_UNSUPPORTED)
			*why = NEWER_BATON;
	}
	blob_unref(plain);
	return s;
}

enum status committed_start(struct core *c, const struct store_image *image,
			    const struct founders *founders, const char **why)
{
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

	enum status s = open_last(c, image, why);

	if (s != OK)
		return s;
	if (image->n_entries)
		c->replay_until = image->entries[image->n_entries - 1].index;
	c->consensus = consensus_new(&options, &face, image, founders->member, founders->n,
				     core_now_ms(c), why);
	if (!c->consensus)
		return ERR_DAMAGED;
	return c->stopped ? ERR_FOREIGN : OK;
}
