/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of a running node, and the core that answers on it. It is bound while the
 * process may still write to /run; nobody can connect before there is a core. */
#include "node/process/node.h"

#include <stdio.h>

static const struct node_entry *self(const struct node *n)
{
	return &n->config->node[n->config->cluster.self];
}

static void on_control(void *ctx, const struct control_request *r)
{
	loop_control(ctx, r);
}

static void on_reload(void *ctx, uint64_t from)
{
	const struct node *n = ctx;

	reload_ask(n->reload, from);
}

static json_t *view_revoked(void *ctx)
{
	const struct state *s = core_state(((struct node *)ctx)->core);
	const struct ike_id *id = NULL;
	char text[IKE_ID_TEXT_LEN];
	json_t *list = json_array();

	while ((id = state_next_revoked(s, id)) != NULL)
		json_array_append_new(list, json_string(ike_id_format(id, text, sizeof(text))));
	return list;
}

static bool control_failed(struct node *n, const char *why, char *err)
{
	if (self(n)->control_named) {
		snprintf(err, NODE_ERR_LEN, "%.512s: node \"%s\": %s", n->config->file,
			 n->config->cluster.node[n->config->cluster.self], why);
		return false;
	}
	/* Where none was named it is no reason not to serve, but one to tell. */
	events_add(n->events, CONFIG_LOG_WARNING, "control",
		   "%s: `baton revoke` and similar commands do not work here; set \"control\"", why);
	return true;
}

bool control_open(struct node *n, char err[NODE_ERR_LEN])
{
	char why[CONTROL_ERR_LEN] = "";

	if (!self(n)->control[0])
		return true;
	n->control = control_socket_open(&n->loop, self(n)->control, why);
	return n->control || control_failed(n, why, err);
}

bool control_serve(struct node *n, char err[NODE_ERR_LEN])
{
	const struct control_face face = {.ctx = n, .request = on_control, .revoked = view_revoked,
					  .reload = on_reload};
	char why[CONTROL_ERR_LEN] = "";

	return !n->control || control_socket_serve(n->control, &face, why) ||
	       control_failed(n, why, err);
}
