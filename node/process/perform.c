/* SPDX-License-Identifier: Apache-2.0 */
/* Performs actions. Each kind goes to its thread, and the loop waits for none; completions come
 * back as events. Consecutive SA updates are posted as one.
 *
 * An IKE answer or FRAME_APPLIED, which tells somebody that an SA is in effect, leaves only when
 * the packet workers have the SA: a client's first packet follows within microseconds. Until then
 * it is deferred, in order; the loop goes on. */
#include "node/process/auth_pool.h"
#include "node/process/dh_pool.h"
#include "node/process/node.h"
#include "node/link/forward.h"
#include "cluster/link/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct deferred {
	struct action action; /* A datagram or a frame; its blob is ours. */
	uint64_t generation;
	uint64_t ticket;
	struct deferred *next;
};

static void updates_post(struct node *n)
{
	size_t count = n->n_updates;

	n->n_updates = 0;
	if (count == 0 || !n->datapath)
		return;
	if (datapath_post(n->datapath, n->updates, count, &n->ticket) != OK)
		ready_block(n->ready, "child_sas",
			    "of %zu updates at least one did not reach the packet workers: restart the node",
			    count);
}

/* What was granted is missing there. Admission by child_sas_max is to prevent it. */
static void look_for_refused(struct node *n)
{
	uint64_t refused = n->datapath ? datapath_sas_refused(n->datapath) : 0;

	if (refused == n->sas_refused)
		return;
	n->sas_refused = refused;
	ready_block(n->ready, "child_sas",
		    "%llu Child SAs found no room in tables for child_sas_max = %u: raise it on all nodes",
		    (unsigned long long)refused, cluster_config_child_sas(&n->config->cluster));
}

static void update_add(struct node *n, const struct action *a)
{
	struct sa_update *u = &n->updates[n->n_updates++];

	*u = a->sa.update;
	if (u->kind == SA_UPDATE_PUT)
		u->child = a->sa.child;
	if (n->n_updates == PERFORM_UPDATES_MAX)
		updates_post(n);
}

static void send_datagram(struct node *n, const struct action *a)
{
	const struct blob *data = a->datagram.data;
	char to[ENDPOINT_TEXT_LEN];
	enum status s;

	if (!n->datapath)
		return;
	s = datapath_send_ike(n->datapath, &a->datagram.local, &a->datagram.remote, data->data,
			      data->len);
	if (s != OK) /* A datagram that is lost: the protocol copes. */
		events_add(n->events, CONFIG_LOG_DEBUG, "ike_send", "to %s: %s",
			   endpoint_format(&a->datagram.remote, to), status_text(s));
}

static void send_frame(struct node *n, const struct action *a, uint64_t generation)
{
	if (generation)
		link_send(n->link, a->frame.node, generation, a->frame.data->data, a->frame.data->len);
}

/* ---- What waits for the packet workers ---- */

static bool must_wait(struct node *n, const struct action *a)
{
	if (a->type == ACTION_SEND_FRAME && a->frame.data->data[0] != FRAME_APPLIED)
		return false;
	/* Said before it is looked at: the worker does it the other way round. */
	atomic_store(&n->awaited, true);
	if (n->deferred || atomic_load(&n->in_effect) < n->ticket)
		return true;
	atomic_store(&n->awaited, false);
	return false;
}

static void defer(struct node *n, const struct action *a)
{
	struct deferred *d = calloc(1, sizeof(*d));

	assert(d);
	d->action = *a;
	d->ticket = n->ticket;
	if (a->type == ACTION_SEND_FRAME) {
		blob_ref(a->frame.data);
		d->generation = n->generation[a->frame.node];
	} else {
		blob_ref(a->datagram.data);
	}
	*n->deferred_end = d;
	n->deferred_end = &d->next;
}

static struct deferred *deferred_take(struct node *n)
{
	struct deferred *d = n->deferred;

	n->deferred = d->next;
	if (!n->deferred)
		n->deferred_end = &n->deferred;
	return d;
}

static void deferred_free(struct deferred *d)
{
	blob_unref(d->action.type == ACTION_SEND_FRAME ? d->action.frame.data
						       : d->action.datagram.data);
	free(d);
}

void perform_deferred(struct node *n)
{
	while (n->deferred && atomic_load(&n->in_effect) >= n->deferred->ticket) {
		struct deferred *d = deferred_take(n);

		if (d->action.type == ACTION_SEND_FRAME)
			send_frame(n, &d->action, d->generation);
		else
			send_datagram(n, &d->action);
		deferred_free(d);
	}
	if (!n->deferred)
		atomic_store(&n->awaited, false);
}

void perform_fini(struct node *n)
{
	while (n->deferred)
		deferred_free(deferred_take(n));
}

static enum config_log_level level_of(const char *kind)
{
	static const char *const warnings[] = {"node_down", "isolated", "refused",
					       "config_differs", "suspect", "sequence_high",
					       "sequence_end", "revoked", "policy", "policy_withheld",
					       "pool_low", "pool_waits", "radius_silent",
					       "accounting_silent", "accounting_lost", "clock_wrong"};

	for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++)
		if (strcmp(kind, warnings[i]) == 0)
			return CONFIG_LOG_WARNING;
	return CONFIG_LOG_INFO;
}

static void perform_exit(struct node *n, const struct action *a)
{
	events_add(n->events, a->exit.status ? CONFIG_LOG_ERROR : CONFIG_LOG_INFO, "exit", "%s",
		   a->exit.text);
	n->exit_status = n->failed ? 1 : a->exit.status;
	n->ended = true;
	uv_stop(&n->loop);
}

static void perform(struct node *n, struct action *a)
{
	switch (a->type) {
	case ACTION_SEND_DATAGRAM:
		if (must_wait(n, a))
			defer(n, a);
		else
			send_datagram(n, a);
		break;
	case ACTION_SEND_FRAME:
		if (must_wait(n, a))
			defer(n, a);
		else
			send_frame(n, a, n->generation[a->frame.node]);
		break;
	case ACTION_STORE:
		store_thread_update(n->store_thread, a->store);
		a->store = NULL;
		break;
	case ACTION_STORE_IDENTITY:
		store_thread_identity(n->store_thread, blob_ref(a->identity));
		break;
	case ACTION_DH:
		dh_pool_run(n, a->dh.id, a->dh.work);
		a->dh.work = NULL;
		break;
	case ACTION_AUTH_ASK:
		auth_pool_ask(n, &a->auth_ask.question, a->auth_ask.data, &a->auth_ask.clock);
		break;
	case ACTION_SA:
		update_add(n, a);
		break;
	case ACTION_HOLD:
		if (n->datapath && a->hold.hold)
			datapath_hold(n->datapath);
		else if (n->datapath)
			datapath_release(n->datapath);
		break;
	case ACTION_ROUTES:
		if (n->datapath)
			datapath_pools(n->datapath, &a->routes);
		else
			node_routes(n, &a->routes);
		break;
	case ACTION_EVENT:
		events_add(n->events, level_of(a->event.kind), a->event.kind, "%s", a->event.text);
		break;
	case ACTION_CONTROL:
		control_socket_answer(n->control, a->control.from, a->control.done,
				      a->control.sessions, a->control.text);
		break;
	case ACTION_EXIT:
		perform_exit(n, a);
		break;
	}
}

/* Before a HELLO there is no verdict. */
static void judge_links(struct node *n)
{
	for (uint32_t i = 0; i < n->config->cluster.n_nodes; i++) {
		bool accepted = core_node_linked(n->core, i);

		if (n->generation[i] && (accepted || core_node_refused(n->core, i)))
			link_judge(n->link, i, n->generation[i], accepted);
	}
}

/* What is granted stands before addresses move and before answers leave; the log and the disk do not care. */
static bool may_overtake(enum action_type type)
{
	return type == ACTION_SA || type == ACTION_EVENT || type == ACTION_STORE;
}

void perform_actions(struct node *n)
{
	die_before(n);
	for (size_t i = 0; i < n->actions.n; i++) {
		if (!may_overtake(n->actions.list[i].type))
			updates_post(n);
		perform(n, &n->actions.list[i]);
	}
	updates_post(n);
	die_after(n);
	actions_clear(&n->actions);
}

void perform_round(struct node *n)
{
	struct detector_quorum quorum;

	look_for_refused(n);
	core_quorum(n->core, &quorum);
	link_set_quorum(n->link, &quorum);
	link_set_log(n->link, core_applied(n->core), core_last_index(n->core));
	judge_links(n);
	link_flush(n->link);
}

void perform_forward(struct node *n, const struct datapath_forward *f)
{
	uint64_t generation;
	uint8_t frame[FORWARD_FRAME_MAX];

	assert(f->node < n->config->cluster.n_nodes && f->node != n->config->cluster.self);
	/* No connection has generation 0: what is for a node without one counts as lost. */
	generation = core_node_linked(n->core, f->node) ? n->generation[f->node] : 0;
	link_send(n->link, f->node, generation, frame, forward_create(f, frame));
}
