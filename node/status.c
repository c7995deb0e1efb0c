/* SPDX-License-Identifier: Apache-2.0 */
#include "node/status.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct node_record *record_named(const struct state *s, const char *name)
{
	for (uint32_t i = 0; i < STATE_NODES_MAX; i++) {
		const struct node_record *n = state_node_at(s, i);

		if (n && strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

bool status_ready(const struct status_view *v)
{
	struct core_status s;

	if (!v->core)
		return false;
	core_status(v->core, &s);
	return s.ready &&
	       (!v->store_fill_percent || v->store_fill_percent(v->ctx) < STORE_FILL_MAX);
}

bool status_healthy(const struct status_view *v)
{
	if (!status_ready(v))
		return false;
	for (uint32_t i = 0; i < v->config->cluster.n_nodes; i++) {
		const struct node_record *n =
			record_named(core_state(v->core), v->config->cluster.node[i]);

		if (!n || !n->up || !core_node_linked(v->core, i))
			return false;
	}
	return true;
}

static const char *role_text(enum consensus_role role)
{
	static const char *const text[] = { "follower", "candidate", "leader" };

	return text[role];
}

static size_t owned_by(const struct state *s, uint64_t node)
{
	size_t n = 0;

	for (const struct session *x = state_next_session(s, 0); x; x = state_next_session(s, x->id))
		n += session_slot(s, x)->node == node;
	return n;
}

static json_t *nodes_json(const struct status_view *v, const struct core_status *st)
{
	const struct state *s = core_state(v->core);
	json_t *list = json_array();

	for (uint32_t i = 0; i < v->config->cluster.n_nodes; i++) {
		const struct node_record *n = record_named(s, v->config->cluster.node[i]);
		bool up = n && n->up;
		bool holds = n && state_holder(s, NULL) == n->id;

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:b, s:b, s:I}", "name",
					v->config->cluster.node[i], "state",
					up ? "up" : n ? "down" : "unknown", "role",
					st->leader == i ? "leader" : "follower", "linked",
					core_node_linked(v->core, i), "holds_address", holds,
					"sessions_owned", (json_int_t)(n ? owned_by(s, n->id) : 0)));
	}
	return list;
}

json_t *status_json(const struct status_view *v)
{
	const struct cluster_config *c = &v->config->cluster;
	struct core_status st;
	const struct state *s;

	if (!v->core)
		return json_pack("{s:s, s:s, s:b}", "cluster", c->name, "node", c->node[c->self],
				 "ready", false);
	s = core_state(v->core);
	core_status(v->core, &st);
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:b, s:{s:s, s:s, s:s}, s:o, s:I, s:I, s:I, s:I,"
		" s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I}}",
		"cluster", c->name, "node", c->node[c->self], "role", role_text(st.role), "leader",
		st.leader < c->n_nodes ? c->node[st.leader] : "", "term", (json_int_t)st.term, "ready",
		status_ready(v), "isolated", st.isolated, "holds_address", st.holds_address, "quorum_wiped",
		st.quorum_wiped, "datapath", "mode",
		!v->datapath ? "none" : datapath_mode(v->datapath) == DATAPATH_XDP ? "xdp" : "socket",
		"detail", v->datapath ? datapath_mode_text(v->datapath) : "", "why_not_better",
		v->datapath ? datapath_mode_why(v->datapath) : "", "nodes", nodes_json(v, &st),
		"applied", (json_int_t)st.commit_applied, "sessions", (json_int_t)state_sessions(s),
		"child_sas", (json_int_t)state_child_sas(s), "half_open", (json_int_t)st.half_open,
		"false_node_downs", (json_int_t)st.false_node_downs, "takeovers", "count",
		(json_int_t)st.takeovers, "acknowledged", (json_int_t)st.takeovers_acknowledged,
		"last_gap_ms", (json_int_t)(st.last_gap_us / 1000), "last_gap_us",
		(json_int_t)st.last_gap_us, "last_mark_age_us", (json_int_t)st.last_mark_age_us,
		"held_expired", (json_int_t)st.held_expired);
}

/* ---- Sessions ---- */

static json_t *hex(uint64_t v, int digits)
{
	char text[20];

	snprintf(text, sizeof(text), "%0*" PRIx64, digits, v);
	return json_string(text);
}

static json_t *child_json(const struct session *x, unsigned i, int64_t epoch,
			  const struct datapath_sa_stats *stats)
{
	const struct child_sa *child = &x->ike.child[i];
	char suite[SUITE_TEXT_LEN];

	return json_pack("{s:o, s:o, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "spi_in",
			 hex(child->spi_in, 8), "spi_out", hex(child->spi_out, 8), "suite",
			 suite_format(&child->suite, suite), "esn", child->suite.esn == ESN_YES,
			 "packets_in", (json_int_t)stats->packets_in, "packets_out",
			 (json_int_t)stats->packets_out, "next", (json_int_t)stats->next, "lease_end",
			 (json_int_t)lease_at(&x->seq[i], epoch).end, "mark",
			 (json_int_t)x->seq[i].mark, "window_top", (json_int_t)stats->top);
}

static json_t *session_json(const struct status_view *v, const struct session *x)
{
	const struct state *s = core_state(v->core);
	const struct node_record *owner = state_node(s, session_slot(s, x)->node);
	struct datapath_sa_stats stats[IKE_CHILD_MAX] = { 0 };
	uint32_t spi[IKE_CHILD_MAX];
	char id[2 * IKE_ID_MAX], remote[ENDPOINT_TEXT_LEN], ip[ADDRESS_TEXT_LEN];
	int64_t epoch = session_epoch(s, x);
	json_t *children = json_array();

	for (unsigned i = 0; i < x->ike.n_child; i++)
		spi[i] = x->ike.child[i].spi_in;
	if (v->datapath && x->ike.n_child)
		datapath_sa_stats(v->datapath, spi, x->ike.n_child, stats);
	for (unsigned i = 0; i < x->ike.n_child; i++)
		json_array_append_new(children, child_json(x, i, epoch, &stats[i]));
	return json_pack("{s:I, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:I, s:I, s:b, s:o}", "id",
			 (json_int_t)x->id, "peer_id", ike_id_format(&x->ike.peer_id, id, sizeof(id)),
			 "connection", x->ike.connection, "owner", owner ? owner->name : "", "epoch",
			 (json_int_t)epoch, "remote", endpoint_format(&x->ike.remote, remote),
			 "virtual_ip",
			 x->ike.virtual_ip.family ? address_format(&x->ike.virtual_ip, ip) : "",
			 "ike_spi_i", hex(x->ike.ike[0].spi_i, 16), "ike_spi_r",
			 hex(x->ike.ike[0].spi_r, 16), "established_at",
			 (json_int_t)x->ike.established_ms, "takeovers",
			 (json_int_t)(epoch - x->first_epoch), "acknowledged",
			 x->acknowledged_epoch == epoch || epoch == x->first_epoch, "children", children);
}

json_t *status_sessions_json(const struct status_view *v)
{
	json_t *list = json_array();
	const struct state *s = v->core ? core_state(v->core) : NULL;

	for (const struct session *x = s ? state_next_session(s, 0) : NULL; x;
	     x = state_next_session(s, x->id))
		json_array_append_new(list, session_json(v, x));
	return list;
}

/* ---- Prometheus ---- */

static void metric(FILE *f, const char *name, const char *type, uint64_t value)
{
	fprintf(f, "# TYPE baton_%s %s\nbaton_%s %" PRIu64 "\n", name, type, name, value);
}

static void drops(FILE *f, const char *where, const uint64_t *count)
{
	for (unsigned d = 1; d < DROP_COUNT; d++)
		fprintf(f, "baton_drops_total{at=\"%s\",reason=\"%s\"} %" PRIu64 "\n", where,
			drop_text((enum drop)d), count[d]);
}

char *status_metrics(const struct status_view *v)
{
	struct datapath_counters dp = { 0 };
	struct core_status st = { 0 };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert(f);
	if (v->datapath)
		datapath_count(v->datapath, &dp);
	if (v->core) {
		core_status(v->core, &st);
		metric(f, "sessions", "gauge", state_sessions(core_state(v->core)));
		metric(f, "child_sas", "gauge", state_child_sas(core_state(v->core)));
	}
	metric(f, "ready", "gauge", status_ready(v));
	if (v->store_fill_percent)
		metric(f, "store_fill_percent", "gauge", v->store_fill_percent(v->ctx));
	metric(f, "leader", "gauge", st.role == CONSENSUS_LEADER);
	metric(f, "isolated", "gauge", st.isolated);
	metric(f, "holds_address", "gauge", st.holds_address);
	metric(f, "term", "gauge", st.term);
	metric(f, "applied_index", "counter", st.commit_applied);
	metric(f, "half_open", "gauge", st.half_open);
	metric(f, "takeovers_total", "counter", st.takeovers);
	metric(f, "takeovers_acknowledged_total", "counter", st.takeovers_acknowledged);
	metric(f, "takeover_gap_us", "gauge", st.last_gap_us);
	metric(f, "takeover_mark_age_us", "gauge", st.last_mark_age_us);
	metric(f, "held_expired_total", "counter", st.held_expired);
	metric(f, "false_node_downs_total", "counter", st.false_node_downs);
	metric(f, "packets_in_total", "counter", dp.packets_in);
	metric(f, "packets_out_total", "counter", dp.packets_out);
	metric(f, "octets_in_total", "counter", dp.octets_in);
	metric(f, "octets_out_total", "counter", dp.octets_out);
	metric(f, "forwarded_in_total", "counter", dp.forwarded_in);
	metric(f, "forwarded_out_total", "counter", dp.forwarded_out);
	metric(f, "injected_total", "counter", dp.injected);
	metric(f, "held_total", "counter", dp.held);
	metric(f, "keepalives_total", "counter", dp.keepalives);
	metric(f, "ike_in_total", "counter", dp.ike_in);
	metric(f, "ike_out_total", "counter", dp.ike_out);
	if (v->loop_stall_us)
		metric(f, "loop_stall_us", "gauge", v->loop_stall_us(v->ctx));
	fprintf(f, "# TYPE baton_drops_total counter\n");
	drops(f, "control", st.drops);
	drops(f, "datapath", dp.drops);
	fclose(f);
	return text;
}
