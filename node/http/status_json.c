/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/status_json.h"
#include "node/http/http.h"
#include "node/http/status_certificates.h"
#include "cluster/core/fragments.h"
#include "cluster/state/accounting_report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
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

/* ---- Ready, and why not ---- */

static void __attribute__((format(printf, 3, 4)))
reason_set(struct ready_reason *r, const char *name, const char *format, ...)
{
	va_list ap;

	snprintf(r->name, sizeof(r->name), "%s", name);
	va_start(ap, format);
	vsnprintf(r->text, sizeof(r->text), format, ap);
	va_end(ap);
}

size_t status_unready(const struct status_view *v, struct ready_reason out[STATUS_REASONS_MAX])
{
	uint32_t bits = v->core ? core_unready(v->core) : 0;
	size_t n = v->ready ? ready_list(v->ready, out) : 0;

	for (unsigned u = 0; u < UNREADY_COUNT; u++) {
		char text[UNREADY_TEXT_LEN];

		if (!(bits & 1u << u))
			continue;
		core_unready_text(v->core, (enum unready)u, text);
		reason_set(&out[n++], unready_name((enum unready)u), "%s", text);
	}
	if (!v->core && n == 0)
		reason_set(&out[n++], "starting", "the node is starting");
	return n;
}

bool status_ready(const struct status_view *v)
{
	struct ready_reason reason[STATUS_REASONS_MAX];

	return status_unready(v, reason) == 0;
}

/* What is wrong with a configured node, or NULL. */
static const char *node_fault(const struct status_view *v, uint32_t i)
{
	const struct node_record *n = record_named(core_state(v->core), v->config->cluster.node[i]);

	if (!n || !n->up)
		return n ? "down" : "unknown";
	return core_node_linked(v->core, i) ? NULL : "not connected";
}

bool status_healthy(const struct status_view *v)
{
	if (!status_ready(v))
		return false;
	for (uint32_t i = 0; i < v->config->cluster.n_nodes; i++)
		if (node_fault(v, i))
			return false;
	return true;
}

char *status_no_text(const struct status_view *v, bool healthy)
{
	struct ready_reason reason[STATUS_REASONS_MAX];
	size_t n = status_unready(v, reason), len;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	assert(f);
	fprintf(f, "no\n");
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s: %s\n", reason[i].name, reason[i].text);
	for (uint32_t i = 0; healthy && v->core && i < v->config->cluster.n_nodes; i++)
		if (node_fault(v, i))
			fprintf(f, "node %s: %s\n", v->config->cluster.node[i], node_fault(v, i));
	fclose(f);
	return text;
}

static json_t *unready_json(const struct status_view *v)
{
	struct ready_reason reason[STATUS_REASONS_MAX];
	size_t n = status_unready(v, reason);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "reason", reason[i].name, "text",
						      reason[i].text));
	return list;
}

static const char *role_text(enum consensus_role role)
{
	static const char *const text[] = { "follower", "candidate", "leader" };

	return text[role];
}

/* Hashes compare, and tell nothing of what they are of. */
static json_t *hash_json(uint64_t hash)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, hash);
	return json_string(text);
}

/* Nodes that are up with another policy than the one in force here. */
static uint64_t policies_differ(const struct status_view *v, uint64_t hash)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < v->config->cluster.n_nodes; i++) {
		const struct node_record *n = record_named(core_state(v->core), v->config->cluster.node[i]);

		count += i != v->config->cluster.self && n && n->up && n->policy_hash != hash;
	}
	return count;
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
			list, json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:o}", "name",
					v->config->cluster.node[i], "state",
					up ? "up" : n ? "down" : "unknown", "role",
					st->leader == i ? "leader" : "follower", "linked",
					core_node_linked(v->core, i), "holds_address", holds,
					"sessions_owned", (json_int_t)(n ? state_sessions_owned(s, n->id) : 0),
					"policy", up ? hash_json(n->policy_hash) : json_null()));
	}
	return list;
}

/* ---- What it holds, and may hold ---- */

struct memory {
	uint64_t resident, peak;
};

static void memory_read(struct memory *m)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kb;
	char line[128];

	memset(m, 0, sizeof(*m));
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %llu", &kb) == 1)
			m->resident = kb << 10;
		else if (sscanf(line, "VmHWM: %llu", &kb) == 1)
			m->peak = kb << 10;
	}
	if (f)
		fclose(f);
}

/* What nobody needs a key for, and how much of it there can be. */
static json_t *limits_json(const struct cluster_config *c, const struct policy_limits *p)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sessions",
			 (json_int_t)c->sessions_max, "child_sas",
			 (json_int_t)cluster_config_child_sas(c), "half_open",
			 (json_int_t)p->half_open_max, "half_open_without_cookie",
			 (json_int_t)p->cookie_above, "ike_queue_bytes",
			 (json_int_t)(INBOX_IKE_MAX + INBOX_INIT_MAX), "ike_fragment_bytes",
			 (json_int_t)FRAGMENTS_OCTETS_MAX, "packet_queue_bytes",
			 (json_int_t)INBOX_PACKETS_MAX, "link_strangers", (json_int_t)STRANGERS_MAX,
			 "http_connections", (json_int_t)HTTP_CONNECTIONS_MAX);
}

static json_t *memory_json(void)
{
	struct memory m;

	memory_read(&m);
	return json_pack("{s:I, s:I}", "resident_bytes", (json_int_t)m.resident, "peak_bytes",
			 (json_int_t)m.peak);
}

json_t *status_json(const struct status_view *v)
{
	const struct cluster_config *c = &v->config->cluster;
	struct core_status st;
	const struct state *s;

	if (!v->core)
		return json_pack("{s:s, s:s, s:b, s:o}", "cluster", c->name, "node", c->node[c->self],
				 "ready", false, "unready", unready_json(v));
	s = core_state(v->core);
	core_status(v->core, &st);
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:I, s:b, s:o, s:b, s:b, s:b, s:{s:s, s:s, s:s}, s:o, s:I, s:I, s:I, s:I,"
		" s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:I, s:o, s:o, s:o, s:o}",
		"cluster", c->name, "node", c->node[c->self], "role", role_text(st.role), "leader",
		st.leader < c->n_nodes ? c->node[st.leader] : "", "term", (json_int_t)st.term,
		"ready", status_ready(v), "unready", unready_json(v), "isolated", st.isolated,
		"holds_address", st.holds_address, "quorum_wiped", st.quorum_wiped, "datapath",
		"mode",
		!v->datapath                                 ? "none"
		: datapath_mode(v->datapath) == DATAPATH_XDP ? "xdp"
							     : "socket",
		"detail", v->datapath ? datapath_mode_text(v->datapath) : "", "why_not_better",
		v->datapath ? datapath_mode_why(v->datapath) : "", "nodes", nodes_json(v, &st),
		"voters", (json_int_t)core_voters(v->core), "applied",
		(json_int_t)st.commit_applied, "sessions", (json_int_t)state_sessions(s),
		"child_sas", (json_int_t)state_child_sas(s), "revoked",
		(json_int_t)state_revoked(s), "half_open", (json_int_t)st.half_open,
		"false_node_downs", (json_int_t)st.false_node_downs, "takeovers", "count",
		(json_int_t)st.takeovers, "acknowledged", (json_int_t)st.takeovers_acknowledged,
		"last_gap_ms", (json_int_t)(st.last_gap_us / 1000), "last_gap_us",
		(json_int_t)st.last_gap_us, "last_mark_age_us", (json_int_t)st.last_mark_age_us,
		"deferred_expired", (json_int_t)st.deferred_expired, "child_sas_missing",
		(json_int_t)(v->datapath ? datapath_sas_refused(v->datapath) : 0), "memory",
		memory_json(), "limits", limits_json(c, &core_policy(v->core)->limits), "policy",
		hash_json(st.policy_hash), "certificates", status_certificates(v));
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

static void unready(FILE *f, const struct status_view *v)
{
	struct ready_reason reason[STATUS_REASONS_MAX];
	size_t n = status_unready(v, reason);

	fprintf(f, "# TYPE baton_unready gauge\n");
	for (size_t i = 0; i < n; i++)
		fprintf(f, "baton_unready{reason=\"%s\"} 1\n", reason[i].name);
}

static void links(FILE *f, const struct link *link)
{
	struct link_counters l = { 0 };

	if (link)
		link_count(link, &l);
	metric(f, "link_frames_in_total", "counter", l.frames_in);
	metric(f, "link_frames_out_total", "counter", l.frames_out);
	metric(f, "link_octets_in_total", "counter", l.octets_in);
	metric(f, "link_octets_out_total", "counter", l.octets_out);
	metric(f, "link_connections_total", "counter", l.connections);
	metric(f, "link_refused_total", "counter", l.refused);
	metric(f, "link_unproved_total", "counter", l.unproved);
	metric(f, "link_strangers", "gauge", l.strangers);
	metric(f, "link_evicted_total", "counter", l.evicted);
	metric(f, "link_forwards_lost_total", "counter", l.forwards_lost);
	metric(f, "link_relays_lost_total", "counter", l.relays_lost);
	metric(f, "loop_stalls_total", "counter", l.loop_stalls);
}

static void inbox(FILE *f, const struct status_view *v)
{
	const char *name;
	uint64_t lost;

	if (!v->inbox_lost)
		return;
	fprintf(f, "# TYPE baton_inbox_lost_total counter\n");
	for (size_t i = 0; v->inbox_lost(v->ctx, i, &name, &lost); i++)
		fprintf(f, "baton_inbox_lost_total{class=\"%s\"} %" PRIu64 "\n", name, lost);
}

static void datapath(FILE *f, const struct datapath_counters *dp)
{
#define X(name, type)                                                                              \
	metric(f, type[0] == 'g' ? "worker_" #name : #name "_total", type, dp->name);
	DATAPATH_COUNTERS(X)
#undef X
}

static bool pool_is_told(const struct ike_config *ike, size_t i)
{
	const struct prefix *p = &ike->connections[i].pool;

	for (size_t k = 0; k < i; k++)
		if (ike->connections[k].has_pool && ike->connections[k].pool.bits == p->bits &&
		    address_equal(&ike->connections[k].pool.address, &p->address))
			return true;
	return !ike->connections[i].has_pool;
}

static void pools(FILE *f, const struct core *core, bool used)
{
	const struct ike_config *ike = &core_policy(core)->ike;
	const char *name = used ? "pool_addresses_used" : "pool_addresses";

	fprintf(f, "# TYPE baton_%s gauge\n", name);
	for (size_t i = 0; i < ike->n_connections; i++) {
		const struct prefix *pool = &ike->connections[i].pool;
		char text[ADDRESS_TEXT_LEN];
		struct pool_use use;

		if (pool_is_told(ike, i))
			continue;
		use = state_pool_use(core_state(core), pool);
		fprintf(f, "baton_%s{pool=\"%s/%u\"} %" PRIu64 "\n", name, address_format(&pool->address, text),
			pool->bits, used ? use.used : use.size);
	}
}

static void stalls(FILE *f, const struct status_view *v)
{
	struct status_stall stall;

	if (!v->loop_stall)
		return;
	v->loop_stall(v->ctx, &stall);
	metric(f, "loop_stall_us", "gauge", stall.longest_us);
	metric(f, "loop_stall_recent_us", "gauge", stall.lately_us);
	metric(f, "loop_stall_recent_cpu_us", "gauge", stall.lately_cpu_us);
}

char *status_metrics(const struct status_view *v)
{
	struct datapath_counters dp = { 0 };
	struct core_status st = { 0 };
	struct memory memory;
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
		metric(f, "child_sa_places", "gauge", state_places(core_state(v->core)));
		metric(f, "revoked", "gauge", state_revoked(core_state(v->core)));
		metric(f, "accounting_reports_waiting", "gauge", state_reports(core_state(v->core)));
		metric(f, "accounting_reports_lost_total", "counter", state_reports_lost(core_state(v->core)));
		metric(f, "policy_differs", "gauge", policies_differ(v, st.policy_hash));
		status_certificates_metrics(f, v);
		pools(f, v->core, false);
		pools(f, v->core, true);
	}
	metric(f, "ready", "gauge", status_ready(v));
	unready(f, v);
	metric(f, "child_sas_missing_total", "counter", dp.sas_refused);
	if (v->store_fill_percent)
		metric(f, "store_fill_percent", "gauge", v->store_fill_percent(v->ctx));
	metric(f, "leader", "gauge", st.role == CONSENSUS_LEADER);
	metric(f, "isolated", "gauge", st.isolated);
	metric(f, "holds_address", "gauge", st.holds_address);
	metric(f, "address_stands", "gauge", v->datapath && datapath_holds(v->datapath));
	metric(f, "term", "gauge", st.term);
	metric(f, "applied_index", "counter", st.commit_applied);
	metric(f, "half_open", "gauge", st.half_open);
	metric(f, "radius_requests_waiting", "gauge", st.radius_waiting);
	metric(f, "ike_fragment_bytes", "gauge", st.fragments);
	metric(f, "takeovers_total", "counter", st.takeovers);
	metric(f, "takeovers_acknowledged_total", "counter", st.takeovers_acknowledged);
	metric(f, "takeover_gap_us", "gauge", st.last_gap_us);
	metric(f, "takeover_mark_age_us", "gauge", st.last_mark_age_us);
	metric(f, "deferred_expired_total", "counter", st.deferred_expired);
	metric(f, "revoked_refused_total", "counter", st.revoked_refused);
	metric(f, "false_node_downs_total", "counter", st.false_node_downs);
	datapath(f, &dp);
	links(f, v->link);
	inbox(f, v);
	memory_read(&memory);
	metric(f, "memory_resident_bytes", "gauge", memory.resident);
	metric(f, "memory_peak_bytes", "gauge", memory.peak);
	stalls(f, v);
	fprintf(f, "# TYPE baton_ike_refused_total counter\n");
	for (size_t i = 0; i <= NOTIFY_ERRORS; i++)
		fprintf(f, "baton_ike_refused_total{notify=\"%s\"} %" PRIu64 "\n", notify_error_name(i),
			st.refusals[i]);
	fprintf(f, "# TYPE baton_drops_total counter\n");
	drops(f, "control", st.drops);
	drops(f, "datapath", dp.drops);
	fclose(f);
	return text;
}
