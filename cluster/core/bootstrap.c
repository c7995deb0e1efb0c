/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are, and who may work with whom (DESIGN sections 7 and 9).
 *
 * Every link begins with HELLO. A node without an identity record has an empty store. If *all*
 * configured nodes are empty, the first one in the file founds the cluster: it draws the cluster's
 * id, writes the founders (Raft ids and names) into one record, stores it, then hands it out; each
 * node stores it before it starts Raft. If only some are empty, they join: the leader removes the
 * Raft id that the name had before, then adds the new one, standby first. With a majority empty
 * nothing is founded, and status says so.
 *
 * A HELLO also tells how far a store reaches. The cluster remembers what each node has acknowledged
 * (ClusterTime). A store that ends before that was restored from an older copy, and its node is
 * refused: its vote and its leases would be those of the past. When all nodes start cold, nobody
 * remembers, and age decides: a node whose newest record is too old neither stands nor votes, and
 * ends unless it hears a leader that the others have elected without it. */
#include "cluster/core/bootstrap.h"

#include "cluster/raft/raft_message.h"
#include "cluster/core/core_start.h"
#include "cluster/core/rooms.h"
#include "cluster/core/identity.h"
#include "cluster/core/cluster_time.h"
#include "cluster/core/committed.h"
#include "cluster/core/proposals.h"
#include "cluster/core/upgrade.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#define OBJECTION_MAX 256u
#define FORGET_AGAIN_US (200 * MS)
#define OLD_WAIT_US (10000 * MS) /* For a leader, with a store that is old. */

/* Did a founder of another name draw our Raft id? */
static bool is_anothers(const struct core *c)
{
	for (size_t i = 0; i < c->identity->n_founders; i++)
		if (c->identity->founder[i].id == c->raft_id)
			return strcmp(c->identity->founder[i].address,
				      c->config->node[c->config->self]) != 0;
	return false;
}

static void keep_identity(struct core *c, const struct identity *id)
{
	*c->identity = *id;
	c->identity->storing = true;
	action_store_identity(c->actions, identity_encode(id, c->raft_id));
}

static void found_cluster(struct core *c)
{
	struct identity id = { 0 };

	id.cluster_id = entropy_u64(&c->entropy) | 1;
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		struct consensus_member *m = &id.founder[id.n_founders++];

		m->id = i == c->config->self ? c->raft_id : c->known[i].raft_id;
		m->voter = true;
		snprintf(m->address, sizeof(m->address), "%s", c->config->node[i]);
	}
	action_event(c->actions, "founded", "cluster %s with %u nodes", c->config->name,
		     c->config->n_nodes);
	keep_identity(c, &id);
}

/* All configured nodes have answered, all are empty, and it is our part to found the cluster. */
static bool may_found(const struct core *c)
{
	if (c->config->self != 0 || c->identity->cluster_id != 0)
		return false;
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && (!c->known[i].greeted || c->known[i].refused ||
					     c->known[i].cluster_id != 0))
			return false;
	return true;
}

static enum status go_on(struct core *c, const struct store_image *image, const char **why)
{
	const struct founders founders = { c->identity->founder, c->identity->n_founders };

	return committed_start(c, image, &founders, why);
}

enum status bootstrap_begin(struct core *c, const struct core_start *start, const char **why)
{
	const struct store_image *image = &start->image;
	uint64_t own;

	if (start->identity) {
		if (identity_decode(c->identity, &own, start->identity->data,
				    start->identity->len) != OK) {
			*why = "the identity record cannot be read";
			return ERR_DAMAGED;
		}
		if (own != c->raft_id) {
			*why = "the identity record belongs to another data directory";
			return ERR_FOREIGN;
		}
		if (is_anothers(c)) {
			*why = "the data directory is another node's";
			return ERR_FOREIGN;
		}
		c->old_s = start->old_s;
		return go_on(c, image, why);
	}
	if (image->term || image->snapshot || image->n_entries) {
		*why = "there is a log but no identity record";
		return ERR_DAMAGED;
	}
	if (may_found(c))
		found_cluster(c);
	return OK;
}

/* ---- A store that is old ---- */

void bootstrap_raft(struct core *c, uint64_t from, const uint8_t *data, size_t len)
{
	if (!c->consensus || (c->old_s && !consensus_message_leads(data, len)))
		return;
	if (c->old_s)
		action_event(c->actions, "old_store", "the store is %llu s old, but the cluster is "
						      "alive",
			     (unsigned long long)c->old_s);
	c->old_s = 0;
	consensus_receive(c->consensus, core_now_ms(c), from, data, len);
}

void bootstrap_tick(struct core *c)
{
	if (!c->old_s)
		return;
	if (c->old_until_us == 0) /* Only now the links begin: the start may have waited for the disk. */
		c->old_until_us = c->now_us + OLD_WAIT_US;
	if (c->now_us < c->old_until_us)
		return;
	action_exit(c->actions, 1,
		    "the newest record in the data_dir of %s is %llu s old, more than max_store_age_s, and "
		    "no leader has newer data: if there is no newer copy, start with --accept-old-store",
		    c->config->node[c->config->self], (unsigned long long)c->old_s);
	c->stopped = true;
}

static void give_identity(struct core *c, uint32_t node, bool founder)
{
	struct identity id = *c->identity;
	struct blob *b;
	struct frame f = { .type = FRAME_IDENTITY };

	if (!founder)
		id.n_founders = 0;
	b = identity_encode(&id, 0);
	f.bytes.data = b->data;
	f.bytes.len = b->len;
	core_send(c, node, &f);
	blob_unref(b);
}

void bootstrap_identity(struct core *c, const uint8_t *data, size_t len)
{
	struct identity id;
	uint64_t own;

	if (c->identity->cluster_id != 0)
		return;
	if (identity_decode(&id, &own, data, len) != OK ||
	    (id.n_founders > 0 && !identity_names(&id, c->raft_id))) {
		core_drop(c, DROP_MALFORMED);
		return;
	}
	action_event(c->actions, "joining", "%s cluster %s", id.n_founders ? "founding" : "existing",
		     c->config->name);
	keep_identity(c, &id);
}

/* A HELLO is as old as the link: what its sender acknowledges later must not be held
 * against it. */
static void remember_stored(struct core *c, uint32_t node)
{
	struct known_node *p = &c->known[node];

	p->stored_id = p->stored_index = 0;
	for (uint32_t i = 0; i < STATE_NODES_MAX; i++) {
		const struct node_record *n = state_node_at(c->state, i);

		if (n && strcmp(n->name, c->config->node[node]) == 0 && n->stored_index >= p->stored_index) {
			p->stored_id = n->id;
			p->stored_index = n->stored_index;
		}
	}
}

void bootstrap_link(struct core *c, uint32_t node, bool up)
{
	struct known_node *p = &c->known[node];
	struct frame f = { .type = FRAME_HELLO };

	assert(node < c->config->n_nodes);
	if (!up) {
		p->linked = p->greeted = p->refuses = p->unfit = false;
		return;
	}
	p->linked = true;
	remember_stored(c, node);
	f.hello.level = c->config->level;
	f.hello.raft_id = c->raft_id;
	f.hello.incarnation = c->incarnation;
	f.hello.config_hash = c->config->hash;
	if (c->consensus) {
		f.hello.cluster_id = c->identity->cluster_id;
		f.hello.term = consensus_term(c->consensus);
		f.hello.last_index = consensus_last_index(c->consensus);
	}
	core_send(c, node, &f);
}

void bootstrap_stored(struct core *c)
{
	const struct store_image empty = { 0 };
	const char *why = "";
	enum status s;

	assert(c->identity->storing);
	c->identity->storing = false;
	if (c->consensus)
		return;
	s = go_on(c, &empty, &why);
	assert(s == OK); /* An empty store cannot be inconsistent. */
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		if (!c->known[i].greeted || c->known[i].refused)
			continue;
		bootstrap_link(c, i, true); /* HELLO again: we are no longer empty. */
		if (c->known[i].cluster_id == 0 && identity_names(c->identity, c->known[i].raft_id))
			give_identity(c, i, true);
	}
}

static void refuse(struct core *c, uint32_t node, const char *why)
{
	struct frame f = { .type = FRAME_REFUSED };

	f.bytes.data = (const uint8_t *)why;
	f.bytes.len = strlen(why);
	core_send(c, node, &f);
	c->known[node].refused = true;
	action_event(c->actions, "refused", "%s: %s", c->config->node[node], why);
}

/* The node that has this Raft id already: each data directory draws one once. */
static uint32_t who_has(const struct core *c, uint32_t node, uint64_t raft_id)
{
	if (raft_id == c->raft_id)
		return c->config->self;
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != node && c->known[i].greeted && !c->known[i].refused &&
		    c->known[i].raft_id == raft_id)
			return i;
	return NODE_NONE;
}

/* Why this node may not take part, or NULL. text: OBJECTION_MAX octets of room. */
static const char *objection(const struct core *c, uint32_t node, const struct frame_hello *h, char *text)
{
	const struct node_record *known = state_node(c->state, h->raft_id);
	const struct known_node *p = &c->known[node];
	uint32_t other = who_has(c, node, h->raft_id);
	bool lacks; /* What it acknowledged. */

	if (h->cluster_id && c->identity->cluster_id && h->cluster_id != c->identity->cluster_id) {
		snprintf(text, OBJECTION_MAX, "its data directory belongs to another cluster; wipe it to join \"%s\"",
			 c->config->name);
		return text;
	}
	/* The process that the state knows as up has acknowledged all that itself. */
	lacks = h->cluster_id && known && known->incarnation != h->incarnation &&
		p->stored_id == h->raft_id && h->last_index < p->stored_index;
	if (MUTANT(MUTANT_OLD_STORE))
		lacks = false;
	if (lacks) {
		snprintf(text, OBJECTION_MAX,
			 "its store ends at index %llu, but it had acknowledged %llu: restored from an "
			 "old copy; wipe its data directory and start it again",
			 (unsigned long long)h->last_index, (unsigned long long)p->stored_index);
		return text;
	}
	if (other != NODE_NONE) {
		snprintf(text, OBJECTION_MAX, "its data directory is a copy of %s's; wipe it",
			 c->config->node[other]);
		return text;
	}
	return upgrade_objection(h->level, state_level(c->state), text, OBJECTION_MAX);
}

bool bootstrap_hello(struct core *c, uint32_t node, const struct frame *f)
{
	const struct frame_hello *h = &f->hello;
	struct known_node *p = &c->known[node];
	bool first = !p->greeted || p->incarnation != h->incarnation;
	bool again = p->incarnation == h->incarnation;
	char text[OBJECTION_MAX];
	const char *why = objection(c, node, h, text);

	/* By its Raft id the other one is found, not its copy. */
	p->raft_id = who_has(c, node, h->raft_id) == NODE_NONE ? h->raft_id : 0;
	p->incarnation = h->incarnation;
	p->leaving &= again;
	p->cluster_id = h->cluster_id;
	p->level = h->level;
	p->differs = h->config_hash != c->config->hash;
	p->applied = 0;
	p->refused = false;
	p->greeted = true;
	if (why) {
		refuse(c, node, why);
		return false;
	}
	if (first && p->differs)
		action_event(c->actions, "config_differs",
			     "%s runs with a different cluster.toml, apart from [[connection]], "
			     "[[secret]], [[user]] and [[radius]]: make it the same on all nodes",
			     c->config->node[node]);
	c->applied_sent = 0; /* A new leader is told anew. */
	if (h->cluster_id == 0 && c->consensus && identity_names(c->identity, h->raft_id))
		give_identity(c, node, true);
	else if (may_found(c))
		found_cluster(c);
	return true;
}

/* Another node will not work with us; must we go? Not if the cluster shows this incarnation as up:
 * then the other is the odd one. Of two whose clusters differ, the one that a majority refuses
 * goes: otherwise one stray data directory would end them all. */
void bootstrap_refused(struct core *c, uint32_t node, const struct frame *f)
{
	const struct node_record *self = state_node(c->state, c->raft_id);
	int len = (int)(f->bytes.len > 160 ? 160 : f->bytes.len);
	const char *text = (const char *)f->bytes.data;
	uint32_t strangers = 0;

	assert(node < c->config->n_nodes);
	c->known[node].refuses = true;
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		strangers += c->known[i].refuses && c->known[i].cluster_id != c->identity->cluster_id;
	if ((self && self->up && self->incarnation == c->incarnation) ||
	    (c->known[node].cluster_id != c->identity->cluster_id &&
	     strangers <= c->config->n_nodes / 2)) {
		action_event(c->actions, "refused_by", "%s: %.*s", c->config->node[node], len, text);
		return;
	}
	action_exit(c->actions, 1, "%s refuses this node: %.*s", c->config->node[node], len, text);
	c->stopped = true;
}

/* The member that has this node's name. */
static const struct consensus_member *member_named(const struct consensus_member *m, size_t n,
						   const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(m[i].address, name) == 0)
			return &m[i];
	return NULL;
}

/* A node that is no longer a member leaves the state too: what it owned and held goes to others.
 * Any leader sees to that, so no crash in between leaves it behind. */
static void forget_removed(struct core *c, const struct consensus_member *m, size_t n)
{
	if (n == 0 || c->now_us < c->identity->forget_at_us)
		return;
	for (uint32_t place = 0; place < STATE_NODES_MAX; place++) {
		const struct node_record *known = state_node_at(c->state, place);
		struct command gone = { .type = COMMAND_NODE_GONE };
		size_t i = 0;

		while (known && i < n && m[i].id != known->id)
			i++;
		if (!known || i < n)
			continue;
		c->identity->forget_at_us = c->now_us + FORGET_AGAIN_US;
		gone.node_gone.id = known->id;
		gone.node_gone.config_hash = core_successors_hash(c);
		proposals_add(c, URGENT_NODE, &gone);
	}
}

void bootstrap_admit(struct core *c)
{
	struct consensus_member member[CLUSTER_NODES_MAX];
	size_t n;

	if (!core_leads(c))
		return;
	n = consensus_members(c->consensus, member, CLUSTER_NODES_MAX);
	forget_removed(c, member, n);
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		struct known_node *p = &c->known[i];
		const struct consensus_member *m = member_named(member, n, c->config->node[i]);
		char text[OBJECTION_MAX];
		enum status s;

		if (i == c->config->self || !p->greeted || p->refused ||
		    (m && m->id == p->raft_id && p->cluster_id) || c->now_us < p->admitted_us)
			continue;
		p->admitted_us = c->now_us + 500 * MS; /* One try at a time; then again. */
		if (m && m->id == p->raft_id) { /* A member, but still empty: it was lost on the way. */
			give_identity(c, i, identity_names(c->identity, p->raft_id));
			continue;
		}
		if (upgrade_objection(p->level, cluster_time_level(c), text, OBJECTION_MAX)) {
			refuse(c, i, text);
			continue;
		}
		if (m) {
			s = consensus_remove(c->consensus, core_now_ms(c), m->id);
		} else {
			s = consensus_add(c->consensus, core_now_ms(c), p->raft_id, c->config->node[i]);
			if (s == OK)
				give_identity(c, i, false);
		}
		action_event(c->actions, "member", "%s %s: %s", c->config->node[i],
			     m ? "lost its store, its old id is removed" : "is added", status_text(s));
		return;
	}
}

void bootstrap_init(struct core *c)
{
	c->identity = core_room(sizeof(*c->identity));
}

void bootstrap_fini(struct core *c)
{
	free(c->identity);
}

uint64_t bootstrap_cluster_id(const struct core *c)
{
	return c->identity->cluster_id;
}

bool bootstrap_quorum_wiped(const struct core *c)
{
	uint32_t empty = 0;

	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		empty += c->known[i].greeted && c->known[i].cluster_id == 0;
	return c->identity->cluster_id != 0 && empty > c->config->n_nodes / 2;
}
