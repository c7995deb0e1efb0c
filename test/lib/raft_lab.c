/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/raft_lab.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAIL_MAX 4096u

struct lab_node lab_nodes[LAB_NODES + 1];
uint64_t lab_now_ms;
static struct letter {
	uint64_t from, to;
	struct blob *b;
} mail[MAIL_MAX], held[MAIL_MAX];
size_t lab_n_mail, lab_longest_held;
static size_t n_held;

static struct lab_node *node_of(uint64_t id)
{
	return &lab_nodes[id];
}

static bool is_snapshot(const struct blob *b)
{
	return b->data[1] == RAFT_INSTALL_SNAPSHOT;
}

static void on_send(void *ctx, uint64_t to, struct blob *b)
{
	struct lab_node *n = ctx;

	if (n->cut || node_of(to)->cut || !node_of(to)->c)
		return;
	if (is_snapshot(b)) {
		node_of(to)->snapshots_sent++;
		node_of(to)->deaf = node_of(to)->slow;
	}
	if (node_of(to)->deaf) {
		assert(n_held < MAIL_MAX);
		held[n_held++] = (struct letter){n->id, to, blob_ref(b)};
		if (!is_snapshot(b) && b->len > lab_longest_held)
			lab_longest_held = b->len;
		return;
	}
	assert(lab_n_mail < MAIL_MAX);
	mail[lab_n_mail].from = n->id;
	mail[lab_n_mail].to = to;
	mail[lab_n_mail++].b = blob_ref(b);
}

static void on_store(void *ctx, struct store_update *u)
{
	struct lab_node *n = ctx;

	n->pending[n->n_pending++] = u;
}

static void on_apply(void *ctx, uint64_t index, uint64_t term, struct blob *b)
{
	struct lab_node *n = ctx;

	assert(index > n->last_applied && term > 0);
	n->last_applied = index;
	n->state[n->n_state++] = b->data[0];
}

static void on_restore(void *ctx, uint64_t index, struct blob *b)
{
	struct lab_node *n = ctx;

	n->restores++;
	blob_set(&n->making, NULL); /* An unfinished snapshot is dropped. */
	n->last_applied = index;
	n->n_state = b->len - 1;
	memcpy(n->state, b->data + 1, b->len - 1);
}

static struct blob *on_snapshot(void *ctx, bool begin)
{
	struct lab_node *n = ctx;
	struct blob *b;

	if (begin) {
		n->sliced = 0;
		blob_set(&n->making, blob_new(NULL, n->n_state + 1));
		n->making->data[0] = 's';
		memcpy(n->making->data + 1, n->state, n->n_state);
	}
	assert(n->making);
	if (n->sliced++ < n->slices)
		return NULL;
	b = n->making;
	n->making = NULL;
	return b;
}

static void on_members(void *ctx)
{
	((struct lab_node *)ctx)->members_called++;
}

void lab_start_node(struct lab_node *n, size_t bootstrap)
{
	static const char *const names[] = { "", "n1", "n2", "n3", "n4" };
	struct consensus_face face = { n,          on_send, on_store, on_apply, on_restore,
				       on_snapshot, NULL,    on_members };
	struct consensus_options o = { .id = n->id,
				       .heartbeat_ms = 50,
				       .election_ms = 250,
				       .seed = 7u * (unsigned)n->id,
				       .snapshot_bytes = n->snapshot_bytes,
				       .snapshot_trailing = 4 };
	struct consensus_member m[LAB_NODES];
	const char *why = NULL;

	for (size_t i = 0; i < bootstrap; i++) {
		m[i].id = i + 1;
		m[i].voter = true;
		snprintf(m[i].address, sizeof(m[i].address), "%s", names[i + 1]);
	}
	n->n_state = 0;
	n->last_applied = 0;
	n->c = consensus_new(&o, &face, &n->image, m, bootstrap, lab_now_ms, &why);
	assert(n->c);
}

/* ---- The disk ---- */

static void image_cut(struct store_image *i, uint64_t from)
{
	while (i->n_entries && i->entries[i->n_entries - 1].index >= from)
		blob_unref(i->entries[--i->n_entries].data);
}

static void image_trim(struct store_image *i, uint64_t to)
{
	size_t k = 0;

	while (k < i->n_entries && i->entries[k].index <= to)
		blob_unref(i->entries[k++].data);
	if (k)
		memmove(i->entries, i->entries + k, (i->n_entries - k) * sizeof(*i->entries));
	i->n_entries -= k;
}

static void image_apply(struct store_image *i, const struct store_update *u)
{
	if (u->vote) {
		i->term = u->term;
		i->voted_for = u->voted_for;
	}
	if (u->snapshot) {
		store_snapshot_free(i->snapshot);
		i->snapshot = consensus_snapshot_share(u->snapshot);
		if (u->snapshot_resets_log)
			image_cut(i, 0);
	}
	if (u->truncate_from)
		image_cut(i, u->truncate_from);
	if (u->n_entries) {
		i->entries = realloc(i->entries,
				     (i->n_entries + u->n_entries) * sizeof(*i->entries));
		for (size_t k = 0; k < u->n_entries; k++) {
			i->entries[i->n_entries] = u->entries[k];
			blob_ref(i->entries[i->n_entries++].data);
		}
	}
	if (u->trim_to)
		image_trim(i, u->trim_to);
}

void lab_sync_one(struct lab_node *n)
{
	struct store_update *u = n->pending[0];
	uint64_t seq = u->seq;

	memmove(n->pending, n->pending + 1, --n->n_pending * sizeof(*n->pending));
	image_apply(&n->image, u);
	store_update_free(u);
	consensus_stored(n->c, lab_now_ms, seq);
}

void lab_stop_node(struct lab_node *n)
{
	consensus_free(n->c);
	blob_set(&n->making, NULL);
	n->c = NULL;
	while (n->n_pending)
		store_update_free(n->pending[--n->n_pending]);
}

/* ---- Running ---- */

void lab_deliver(void)
{
	size_t i;

	for (i = 0; i < lab_n_mail; i++) {
		struct lab_node *to = node_of(mail[i].to);

		if (to->c && !to->cut && !node_of(mail[i].from)->cut)
			consensus_receive(to->c, lab_now_ms, mail[i].from, mail[i].b->data,
					  mail[i].b->len);
		blob_unref(mail[i].b);
	}
	lab_n_mail = 0;
}

void lab_hear(struct lab_node *n, bool lost)
{
	n->deaf = false;
	for (size_t i = 0; i < n_held; i++) {
		assert(held[i].to == n->id); /* One deaf node at a time. */
		if (lost)
			blob_unref(held[i].b);
		else
			mail[lab_n_mail++] = held[i];
	}
	n_held = lab_longest_held = 0;
}

void lab_pass(void)
{
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 1; i <= LAB_NODES; i++)
			while (lab_nodes[i].c && !lab_nodes[i].no_disk && lab_nodes[i].n_pending)
				lab_sync_one(&lab_nodes[i]);
		if (lab_n_mail == 0)
			return;
		lab_deliver();
	}
}

void lab_run(uint64_t ms)
{
	uint64_t end = lab_now_ms + ms;

	for (lab_pass(); lab_now_ms < end; lab_now_ms++) {
		for (unsigned i = 1; i <= LAB_NODES; i++)
			if (lab_nodes[i].c && lab_now_ms >= consensus_deadline_ms(lab_nodes[i].c))
				consensus_tick(lab_nodes[i].c, lab_now_ms);
		lab_pass();
	}
}

struct lab_node *lab_leader(void)
{
	for (unsigned i = 1; i <= LAB_NODES; i++)
		if (lab_nodes[i].c && !lab_nodes[i].cut && consensus_is_current(lab_nodes[i].c))
			return &lab_nodes[i];
	return NULL;
}

struct lab_node *lab_follower(void)
{
	for (unsigned i = 1; i <= LAB_NODES; i++)
		if (lab_nodes[i].c && !lab_nodes[i].cut && &lab_nodes[i] != lab_leader())
			return &lab_nodes[i];
	return NULL;
}

enum status lab_submit(struct lab_node *n, char what)
{
	return consensus_submit(n->c, lab_now_ms, blob_new(&what, 1));
}

void lab_init(void)
{
	memset(lab_nodes, 0, sizeof(lab_nodes));
	lab_now_ms = 1000;
	for (unsigned i = 1; i <= LAB_NODES; i++) {
		lab_nodes[i].id = i;
		lab_nodes[i].snapshot_bytes = 1u << 20;
	}
}

void lab_fini(void)
{
	for (unsigned i = 1; i <= LAB_NODES; i++) {
		lab_stop_node(&lab_nodes[i]);
		store_image_fini(&lab_nodes[i].image);
	}
	while (n_held)
		blob_unref(held[--n_held].b);
	while (lab_n_mail)
		blob_unref(mail[--lab_n_mail].b);
}

struct lab_node *lab_start_three(void)
{
	for (unsigned i = 1; i <= 3; i++)
		lab_start_node(&lab_nodes[i], 3);
	lab_run(1000);
	assert(lab_leader());
	return lab_leader();
}

struct blob *lab_append_entries(uint64_t term, uint64_t prev, uint64_t prev_term,
				   uint64_t commit, const struct log_entry *e, unsigned n)
{
	const struct log_entry *p[8];
	struct raft_message m = { .type = RAFT_APPEND_ENTRIES };

	m.append_entries.term = term;
	m.append_entries.prev_log_index = prev;
	m.append_entries.prev_log_term = prev_term;
	m.append_entries.leader_commit = commit;
	m.append_entries.n_entries = n;
	for (unsigned i = 0; i < n; i++)
		p[i] = &e[i];
	return consensus_message_encode(&m, p, NULL);
}

void lab_receive(struct lab_node *n, uint64_t from, struct blob *b)
{
	consensus_receive(n->c, lab_now_ms, from, b->data, b->len);
	blob_unref(b);
	lab_pass();
}
