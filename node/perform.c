/* SPDX-License-Identifier: Apache-2.0 */
/* Performs actions. Each kind goes to the thread that it belongs to, and none is
 * waited for; completions come back as events. SA updates that follow each other
 * are posted as one. */
#include "node/node.h"
#include "node/forward.h"

#include <assert.h>
#include <string.h>

static void updates_post(struct node *n)
{
	size_t count = n->n_updates;

	n->n_updates = 0;
	if (count == 0 || !n->datapath)
		return;
	if (datapath_post(n->datapath, n->updates, count, NULL) != OK)
		events_add(n->events, CONFIG_LOG_ERROR, "sa",
			   "the packet workers refused keys of %zu updates", count);
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

static enum config_log_level level_of(const char *kind)
{
	static const char *const warnings[] = {"node_down", "isolated", "refused",
					       "config_differs", "suspect", "sequence_end"};

	for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++)
		if (strcmp(kind, warnings[i]) == 0)
			return CONFIG_LOG_WARNING;
	return CONFIG_LOG_INFO;
}

static void perform_exit(struct node *n, const struct action *a)
{
	events_add(n->events, a->exit.status ? CONFIG_LOG_ERROR : CONFIG_LOG_INFO, "exit", "%s",
		   a->exit.text);
	n->exit_status = a->exit.status;
	n->ended = true;
	uv_stop(&n->loop);
}

static void perform(struct node *n, struct action *a)
{
	switch (a->type) {
	case ACTION_SEND_DATAGRAM:
		send_datagram(n, a);
		break;
	case ACTION_SEND_FRAME:
		if (n->generation[a->frame.node])
			link_send(n->link, a->frame.node, n->generation[a->frame.node],
				  a->frame.data->data, a->frame.data->len);
		break;
	case ACTION_STORE:
		store_thread_update(n->store_thread, a->store);
		a->store = NULL;
		break;
	case ACTION_STORE_IDENTITY:
		store_thread_identity(n->store_thread, blob_ref(a->identity));
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
	case ACTION_EVENT:
		events_add(n->events, level_of(a->event.kind), a->event.kind, "%s", a->event.text);
		break;
	case ACTION_EXIT:
		perform_exit(n, a);
		break;
	}
}

void perform_actions(struct node *n)
{
	die_before(n);
	for (size_t i = 0; i < n->actions.n; i++) {
		/* What is granted stands before addresses move and before answers leave. */
		if (n->actions.list[i].type != ACTION_SA)
			updates_post(n);
		perform(n, &n->actions.list[i]);
	}
	updates_post(n);
	die_after(n);
	actions_clear(&n->actions);
	link_set_log(n->link, core_applied(n->core), core_last_index(n->core));
}

void perform_forward(struct node *n, const struct datapath_forward *f)
{
	const struct state *state = core_state(n->core);
	const struct session *session = state_session(state, f->session);
	uint8_t frame[FORWARD_FRAME_MAX];
	uint32_t owner;

	if (!session)
		return;
	owner = core_node_index(n->core, session_slot(state, session)->node);
	if (owner >= n->config->cluster.n_nodes || owner == n->config->cluster.self ||
	    !n->generation[owner])
		return;
	link_send(n->link, owner, n->generation[owner], frame, forward_create(f, frame));
}
