/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/story.h"

#include "test/lib/outside_answer.h"
#include "test/lib/pki.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void story_seed(struct story *l, uint8_t out[ENTROPY_SEED_LEN])
{
	memset(out, 0, ENTROPY_SEED_LEN);
	l->draws++;
	memcpy(out, &l->draws, sizeof(l->draws));
}

/* ---- Performing actions ---- */

static void store_keep(struct store_image *image, struct store_update *u)
{
	if (u->vote) {
		image->term = u->term;
		image->voted_for = u->voted_for;
	}
	if (u->snapshot) {
		store_snapshot_free(image->snapshot);
		image->snapshot = u->snapshot;
		u->snapshot = NULL;
	}
	for (size_t i = 0; i < image->n_entries;) {
		struct log_entry *e = &image->entries[i];

		if (u->snapshot_resets_log || (u->truncate_from && e->index >= u->truncate_from) ||
		    (u->trim_to && e->index <= u->trim_to)) {
			blob_unref(e->data);
			memmove(e, e + 1, (image->n_entries - i - 1) * sizeof(*e));
			image->n_entries--;
		} else {
			i++;
		}
	}
	image->entries = realloc(image->entries, (image->n_entries + u->n_entries + 1) *
							 sizeof(*image->entries));
	for (size_t i = 0; i < u->n_entries; i++) {
		image->entries[image->n_entries] = u->entries[i];
		blob_ref(image->entries[image->n_entries++].data);
	}
}

static void step(struct story *l, uint32_t node, struct event *e);

void story_later(struct story *l, struct story_frame what)
{
	struct story_frame *f = calloc(1, sizeof(*f));

	*f = what;
	f->life = l->node[what.to].core;
	*l->last = f;
	l->last = &f->next;
}

static void count(struct story *l, uint32_t node, const struct action *x)
{
	const char *kind = x->event.kind;
	unsigned i = 0;

	while (l->happened[i].kind &&
	       (l->happened[i].node != node || strcmp(l->happened[i].kind, kind) != 0))
		i++;
	assert(i + 1 < sizeof(l->happened) / sizeof(l->happened[0]));
	l->happened[i].node = node;
	l->happened[i].kind = kind; /* A literal. */
	l->happened[i].n++;
	snprintf(l->happened[i].text, sizeof(l->happened[i].text), "%s", x->event.text);
}

unsigned story_happened(const struct story *l, uint32_t node, const char *kind)
{
	for (unsigned i = 0; l->happened[i].kind; i++)
		if (l->happened[i].node == node && strcmp(l->happened[i].kind, kind) == 0)
			return l->happened[i].n;
	return 0;
}

const char *story_told(const struct story *l, uint32_t node, const char *kind)
{
	for (unsigned i = 0; l->happened[i].kind; i++)
		if (l->happened[i].node == node && strcmp(l->happened[i].kind, kind) == 0)
			return l->happened[i].text;
	return "";
}

/* A method asks. */
static void ask_outside(struct story *l, uint32_t node, const struct action *x)
{
	const struct auth_clock day = {.unix_now = PKI_NOW};
	struct blob *answer;

	l->n_asked++;
	blob_set(&l->question, blob_ref(x->auth_ask.data));
	if (l->outside_is_silent)
		return;
	answer = outside_answer(&l->config[node].policy->ike, x->auth_ask.data, ++l->draws,
				l->has_wall_clocks ? &x->auth_ask.clock : &day);
	story_later(l, (struct story_frame){ .to = node, .data = answer, .answers = true,
					     .question = x->auth_ask.question });
}

static void compute(struct story *l, uint32_t node, const struct action *x)
{
	struct dh_result result;

	l->n_computed++;
	if (l->computes_never)
		return;
	dh_work_run(x->dh.work, &result);
	story_later(l, (struct story_frame){ .to = node, .data = blob_new(&result, sizeof(result)),
					     .computed = x->dh.id });
}

static void perform(struct story *l, uint32_t node, struct actions *a)
{
	struct story_node *n = &l->node[node];

	for (size_t i = 0; i < a->n && n->core; i++) {
		struct action *x = &a->list[i];

		switch (x->type) {
		case ACTION_SEND_DATAGRAM:
			if (l->serves && l->serves(l, node, &x->datagram.local, &x->datagram.remote,
						   x->datagram.data))
				break;
			assert(l->n_to_client < 64);
			l->to_client[l->n_to_client++] = blob_ref(x->datagram.data);
			break;
		case ACTION_SEND_FRAME:
			story_later(l, (struct story_frame){ .from = node, .to = x->frame.node,
						       .data = blob_ref(x->frame.data) });
			break;
		case ACTION_STORE:
			store_keep(&n->image, x->store);
			n->logged_us = (int64_t)l->now_us - (int64_t)x->store->unlogged_ms * 1000;
			story_later(l, (struct story_frame){ .to = node, .stored = x->store->seq });
			break;
		case ACTION_STORE_IDENTITY:
			blob_set(&n->identity, blob_ref(x->identity));
			story_later(l, (struct story_frame){ .to = node });
			break;
		case ACTION_DH:
			compute(l, node, x);
			break;
		case ACTION_AUTH_ASK:
			ask_outside(l, node, x);
			break;
		case ACTION_SA:
			story_worker_update(l, node, &x->sa.update);
			break;
		case ACTION_HOLD:
			n->holds = x->hold.hold;
			break;
		case ACTION_ROUTES:
			if (!n->lays_none)
				n->routes = x->routes;
			story_later(l, (struct story_frame){ .to = node, .lays = true,
						.data = blob_new(&n->routes, sizeof(n->routes)) });
			break;
		case ACTION_EVENT:
			count(l, node, x);
			if (l->verbose)
				printf("# %6llu ms n%u %s: %s\n",
				       (unsigned long long)l->now_us / 1000, node + 1, x->event.kind,
				       x->event.text);
			break;
		case ACTION_CONTROL:
			l->answer.n++;
			l->answer.done = x->control.done;
			l->answer.sessions = x->control.sessions;
			snprintf(l->answer.text, sizeof(l->answer.text), "%s", x->control.text);
			break;
		case ACTION_EXIT:
			n->exited = x->exit.status;
			snprintf(n->exit_text, sizeof(n->exit_text), "%s", x->exit.text);
			break;
		}
	}
	if (n->core)
		story_worker_done(l, node);
}

static void step(struct story *l, uint32_t node, struct event *e)
{
	struct actions a;

	if (!l->node[node].core || l->node[node].exited >= 0)
		return;
	actions_init(&a);
	e->now_us = l->now_us;
	story_seed(l, e->seed);
	story_read_clocks(l, node);
	cluster_step(l->node[node].core, e, &a);
	perform(l, node, &a);
	actions_fini(&a);
}

/* ---- Links and time ---- */

static bool is_lost(const struct story *l, const struct story_frame *f)
{
	return f->data->data[0] == l->lost_type || (l->loses && l->loses(l, f->from, f->to, f->data));
}

static void happen(struct story *l, const struct story_frame *f)
{
	struct event e = { .type = EVENT_FRAME };
	struct prefix_list routes;
	struct dh_result result;

	if (!l->node[f->to].core || l->node[f->to].core != f->life)
		return;
	if (f->reports) {
		e.type = EVENT_SA_REPORTS;
		e.sa_reports.reports = (const struct sa_report *)f->reports->data;
		e.sa_reports.n = f->reports->len / sizeof(struct sa_report);
	} else if (f->computed) {
		memcpy(&result, f->data->data, sizeof(result));
		e.type = EVENT_DH;
		e.dh.id = f->computed;
		e.dh.result = &result;
	} else if (f->lays) {
		e.type = EVENT_ROUTES;
		memcpy(&routes, f->data->data, sizeof(routes));
		e.routes = &routes;
	} else if (f->answers) {
		e.type = EVENT_AUTH_ANSWER;
		e.auth_answer.question = f->question;
		e.auth_answer.data = f->data->data;
		e.auth_answer.len = f->data->len;
	} else if (f->arrives) {
		e.type = EVENT_DATAGRAM;
		e.datagram.local = f->local;
		e.datagram.remote = f->remote;
		e.datagram.data = f->data->data;
		e.datagram.len = f->data->len;
	} else if (f->data) {
		e.frame.node = f->from;
		e.frame.data = f->data->data;
		e.frame.len = f->data->len;
		if (!l->node[f->to].linked[f->from] || is_lost(l, f))
			return;
	} else if (f->stored) {
		e.type = EVENT_STORED;
		e.stored.seq = f->stored;
	} else {
		e.type = EVENT_IDENTITY_STORED;
	}
	step(l, f->to, &e);
}

static void pump(struct story *l)
{
	struct story_frame **at = &l->first;

	while (*at) {
		struct story_frame *f = *at;

		if (!f->data && !f->reports && l->node[f->to].stalls && l->node[f->to].core) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		if (!f->next)
			l->last = at;
		happen(l, f);
		blob_unref(f->data);
		blob_unref(f->reports);
		free(f);
	}
}

void story_event(struct story *l, uint32_t node, struct event *e)
{
	step(l, node, e);
	pump(l);
}

void story_control(struct story *l, uint32_t node, enum control_verb verb, uint64_t session,
		   const char *id)
{
	struct control_request r = { .verb = verb, .from = 1, .session = session };
	struct event e = { .type = EVENT_CONTROL, .control = &r };

	assert(!id || ike_id_parse(&r.id, id) == OK);
	story_event(l, node, &e);
}

void story_run(struct story *l, uint64_t ms)
{
	struct event tick = { .type = EVENT_TICK };

	for (uint64_t i = 0; i < ms; i++) {
		l->now_us += 1000;
		for (uint32_t n = 0; n < l->n; n++)
			if (l->node[n].core && core_deadline_us(l->node[n].core) <= l->now_us)
				step(l, n, &tick);
		pump(l);
	}
}

static void link_set(struct story *l, uint32_t a, uint32_t b, bool up)
{
	struct event e = { .type = EVENT_LINK };

	l->node[a].linked[b] = l->node[b].linked[a] = up;
	e.link.up = up;
	e.link.node = b;
	step(l, a, &e);
	e.link.node = a;
	step(l, b, &e);
}

static void suspect_set(struct story *l, uint32_t by, uint32_t node, bool suspect)
{
	struct event e = { .type = EVENT_SUSPECT };

	e.suspect.node = node;
	e.suspect.suspect = suspect;
	e.suspect.silent_us = 30000;
	step(l, by, &e);
}

void story_suspect(struct story *l, uint32_t node)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (i != node)
			suspect_set(l, i, node, true);
}

/* As the edge does before there is a core. */
static void lay_own(struct story *l, uint32_t node)
{
	const struct ike_config *ike = &l->config[node].policy->ike;
	struct prefix_list *routes = &l->node[node].routes;
	bool room = true;

	routes->n = 0;
	for (size_t i = 0; i < ike->n_connections && room; i++)
		room = !ike->connections[i].has_pool || prefix_list_add(routes, &ike->connections[i].pool);
	assert(room);
}

void story_start(struct story *l, uint32_t node)
{
	struct story_node *n = &l->node[node];
	struct core_start start = { .raft_id = n->raft_id, .incarnation = (uint64_t)++l->draws << 32 | 7,
				    .identity = n->identity, .image = n->image, .now_us = l->now_us,
				    .old_s = n->old_s, .unix_least = l->unix_least };
	struct event e = { .type = EVENT_ISOLATION };
	const char *why = "";
	struct actions a;

	if (n->image.n_entries)
		start.unlogged_ms = (uint64_t)((int64_t)l->now_us - n->logged_us) / 1000;
	actions_init(&a);
	story_seed(l, start.seed);
	n->exited = -1;
	n->holds = n->stalls = false;
	lay_own(l, node);
	story_worker_start(l, node);
	n->core = core_new(&l->config[node], &start, &a, &why);
	if (n->core) {
		perform(l, node, &a);
	} else {
		n->exited = 1;
		snprintf(n->exit_text, sizeof(n->exit_text), "%s", why);
	}
	actions_fini(&a);
	if (!n->core) {
		story_worker_stop(l, node);
		return;
	}
	l->now_us += n->start_waits_us;
	e.isolation.isolated = false;
	step(l, node, &e);
	for (uint32_t i = 0; i < l->n; i++)
		if (i != node && l->node[i].core) {
			link_set(l, node, i, true);
			suspect_set(l, node, i, false);
			suspect_set(l, i, node, false);
		}
	pump(l);
}

void story_kill(struct story *l, uint32_t node)
{
	struct story_node *n = &l->node[node];

	core_free(n->core);
	n->core = NULL;
	n->holds = false;
	story_worker_stop(l, node);
	for (uint32_t i = 0; i < l->n; i++)
		if (i != node)
			link_set(l, node, i, false);
}

uint32_t story_leader(const struct story *l)
{
	struct core_status s;

	for (uint32_t i = 0; i < l->n; i++) {
		if (!l->node[i].core)
			continue;
		core_status(l->node[i].core, &s);
		if (s.role == CONSENSUS_LEADER && s.leader == i)
			return i;
	}
	return STORY_NODES;
}

uint32_t story_holder(const struct story *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->node[i].core && l->node[i].holds)
			return i;
	return STORY_NODES;
}

/* ---- Life ---- */

static void configure(struct story *l, uint32_t i)
{
	struct cluster_config *c = &l->config[i];
	struct ike_config *ike;
	struct prefix ts;

	cluster_config_defaults(c);
	snprintf(c->name, sizeof(c->name), "story");
	c->n_nodes = l->n;
	c->self = i;
	for (uint32_t k = 0; k < l->n; k++)
		snprintf(c->node[k], sizeof(c->node[k]), "n%u", k + 1);
	memset(c->storage_key, 0x5a, sizeof(c->storage_key));
	c->policy = cluster_policy_new();
	ike = &c->policy->ike;
	ike->connections = calloc(1, sizeof(*ike->connections));
	ike->secrets = calloc(1, sizeof(*ike->secrets));
	ike->n_connections = ike->n_secrets = 1;
	snprintf(ike->connections->name, sizeof(ike->connections->name), "road");
	assert(ike_id_parse(&ike->connections->local_id, "gw") == OK);
	assert(prefix_parse(&ts, "10.20.0.0/16") == OK);
	ike->connections->local_ts.ts[0] = ts_from_prefix(&ts);
	ike->connections->local_ts.n = 1;
	ike->connections->has_pool = true;
	assert(prefix_parse(&ike->connections->pool, "10.30.0.0/16") == OK);
	assert(proposal_parse_ike(&ike->connections->ike[0], "aes128gcm16-prfsha256-x25519", NULL) == OK);
	assert(proposal_parse_esp(&ike->connections->esp[0], "aes128gcm16", NULL) == OK);
	ike->connections->n_ike = ike->connections->n_esp = 1;
	ike->connections->replay_bits = 512;
	assert(ike_id_parse(&ike->secrets->id, "cl") == OK);
	secret_set(&ike->secrets->psk, "secret", 6);
}

void story_init(struct story *l, uint32_t n)
{
	memset(l, 0, sizeof(*l));
	l->n = n;
	l->now_us = 1000000;
	l->last = &l->first;
	l->verbose = getenv("STORY_VERBOSE") != NULL;
	for (uint32_t i = 0; i < n; i++) {
		configure(l, i);
		l->node[i].raft_id = 1000 + i;
		l->node[i].exited = -1;
	}
	story_client_new(l);
}

void story_fini(struct story *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		if (l->node[i].core)
			story_kill(l, i);
		pump(l);
		store_image_fini(&l->node[i].image);
		blob_unref(l->node[i].identity);
		cluster_policy_unref(l->config[i].policy);
	}
	story_swallow(l);
	blob_set(&l->question, NULL);
	initiator_fini(&l->client);
}
