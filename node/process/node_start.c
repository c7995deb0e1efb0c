/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a node up and down. Files are checked first. Of everything that touches the network, the
 * data path starts first, since it adds the blackhole routes (DESIGN section 6). An existing store
 * is written to only when nothing can fail any more. Every failure says in one sentence what
 * failed, and which field of the configuration to look at. */
#include "node/process/crl_watch.h"
#include "node/process/node.h"

#include "build_time.h"
#include "cluster/core/seal.h"
#include "node/process/user.h"
#include "node/process/wait.h"

#include <openssl/mem.h>
#include <openssl/rand.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool __attribute__((format(printf, 2, 3))) fail(char *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, NODE_ERR_LEN, format, ap);
	va_end(ap);
	return false;
}

static const struct node_entry *self(const struct node *n)
{
	return &n->config->node[n->config->cluster.self];
}

static uint64_t random_u64(void)
{
	uint64_t v = 0;
	int ok = 1;

	while (ok && v == 0)
		ok = RAND_bytes((uint8_t *)&v, sizeof(v));
	assert(ok);
	return v;
}

static bool is_old(const struct node *n)
{
	return store_age_ms(n->store) / 1000 > n->config->max_store_age_ms / 1000;
}

/* An old store does not know what was deleted or moved since then. Except in a cluster of one, only
 * the core can find out whether another node knows better. */
static bool check_age(struct node *n, char *err)
{
	const struct node_config *c = n->config;
	uint64_t age_s = store_age_ms(n->store) / 1000;

	if (!is_old(n))
		return true;
	if (c->accept_old_store) {
		events_add(n->events, CONFIG_LOG_WARNING, "old_store", "%llu s old, accepted",
			   (unsigned long long)age_s);
		return true;
	}
	n->start.old_s = age_s;
	if (c->cluster.n_nodes > 1)
		return true;
	return fail(err,
		    "the newest record in data_dir %.512s is %llu s old, more than max_store_age_s: if "
		    "there is no newer copy, start with --accept-old-store. Nothing was changed",
		    self(n)->data_dir, (unsigned long long)age_s);
}

/* Only root may make data_dir and give it away, and no port is open while we are root: so only the
 * log says that its disk is full. */
static bool become_user(struct node *n, char *err)
{
	char why[USER_ERR_LEN] = "";
	enum status s;

	while ((s = user_become(n->config, n->events, why)) == ERR_NO_SPACE)
		if (!wait_turn(n, "disk", "%s", why))
			break;
	ready_unblock(n->ready, "disk");
	return s == OK || fail(err, "%s", why);
}

static bool start_store(struct node *n, char *err)
{
	const struct cluster_config *c = &n->config->cluster;
	struct seal_key *seal = seal_key_new(c->storage_key, c->name);
	uint8_t key[STORE_KEY_LEN], id[16];
	char why[STORE_ERR_LEN] = "";
	struct store_options o = {.dir = self(n)->data_dir, .at = ".", .cluster = c->name, .key = key,
				  .map_bytes = n->config->test.store_map_bytes,
				  .new_raft_id = random_u64(), .new_store_id = id,
				  .node = c->node[c->self]};
	enum status s;
	int ok = RAND_bytes(id, sizeof(id));

	assert(ok);
	seal_derive(seal, "store", key);
	seal_key_free(seal);
	while ((s = store_open(&o, &n->store, &n->start.image, why)) == ERR_NO_SPACE)
		if (!wait_turn(n, "disk", "%s", why))
			break;
	OPENSSL_cleanse(key, sizeof(key));
	if (s != OK)
		return fail(err, "%s", why);
	ready_unblock(n->ready, "disk");
	n->start.raft_id = store_raft_id(n->store);
	n->start.unlogged_ms = store_unlogged_ms(n->store);
	n->start.incarnation = random_u64();
	n->start.identity = store_identity(n->store);
	return check_age(n, err);
}

/* ---- What the packet workers tell (their thread) ---- */

static void on_report(void *ctx, const struct sa_report *reports, size_t count)
{
	struct node *n = ctx;
	struct inbox_item *i = inbox_item_new(INBOX_EVENT, reports, count * sizeof(*reports));

	i->event.type = EVENT_SA_REPORTS;
	i->event.sa_reports.reports = (const struct sa_report *)i->data;
	i->event.sa_reports.n = count;
	inbox_put(&n->inbox, i, INBOX_OTHER);
}

/* RFC 7296 3.1: the responder's SPI "MUST be zero in the first message of an IKE initial
 * exchange". */
static bool begins_anew(const uint8_t *data, size_t len)
{
	static const uint8_t zero[8];

	return len >= 16 && memcmp(data + 8, zero, sizeof(zero)) == 0;
}

static void on_ike(void *ctx, const struct endpoint *local, const struct endpoint *remote,
		   const uint8_t *data, size_t len)
{
	struct node *n = ctx;
	struct inbox_item *i = inbox_item_new(INBOX_EVENT, data, len);

	i->event.type = EVENT_DATAGRAM;
	i->event.datagram.local = *local;
	i->event.datagram.remote = *remote;
	i->event.datagram.data = i->data;
	i->event.datagram.len = len;
	inbox_put(&n->inbox, i, begins_anew(data, len) ? INBOX_INIT : INBOX_IKE);
}

static void on_forward(void *ctx, const struct datapath_forward *f)
{
	struct node *n = ctx;
	struct inbox_item *i = inbox_item_new(INBOX_FORWARD, f->packet, f->len);

	i->forward = *f;
	i->forward.packet = i->data;
	inbox_put(&n->inbox, i, INBOX_PACKETS);
}

static void on_applied(void *ctx, uint64_t ticket)
{
	struct node *n = ctx;

	atomic_store(&n->in_effect, ticket);
	if (atomic_load(&n->awaited))
		wakeup_ask(&n->wake);
}

void node_routes(struct node *n, const struct prefix_list *laid)
{
	struct inbox_item *i = inbox_item_new(INBOX_EVENT, laid, sizeof(*laid));

	i->event.type = EVENT_ROUTES;
	i->event.routes = (const struct prefix_list *)i->data;
	inbox_put(&n->inbox, i, INBOX_OTHER);
}

/* On the address mover's thread. The core learns only whether the host lets us serve. */
static void on_host(void *ctx, const struct host_event *event)
{
	struct node *n = ctx;
	struct inbox_item *i;

	switch (event->kind) {
	case HOST_NEWS_EVENT:
		events_add(n->events, CONFIG_LOG_WARNING, "host", "%s", event->text);
		return;
	case HOST_NEWS_POOLS:
		node_routes(n, event->pools);
		return;
	case HOST_NEWS_UNFIT:
		ready_block(n->ready, event->name, "%s", event->text);
		break;
	case HOST_NEWS_OVER:
		ready_unblock(n->ready, event->name);
		break;
	case HOST_NEWS_LEAVE:
		ready_block(n->ready, event->name, "%s", event->text);
		i = inbox_item_new(INBOX_LEAVE, event->text, strlen(event->text) + 1);
		inbox_put(&n->inbox, i, INBOX_OTHER);
		return;
	}
	i = inbox_item_new(INBOX_EVENT, NULL, 0);
	i->event.type = EVENT_FITNESS;
	i->event.fitness.fit = event->fit;
	inbox_put(&n->inbox, i, INBOX_OTHER);
}

static bool start_datapath(struct node *n, char *err)
{
	const struct node_config *c = n->config;
	const struct datapath_face face = {.ctx = n, .report = on_report, .ike = on_ike,
					   .forward = on_forward, .applied = on_applied};
	bool alone = c->cluster.n_nodes == 1;
	struct datapath_config d = {
		.mode = c->datapath == CONFIG_DATAPATH_XDP	? DATAPATH_XDP
			: c->datapath == CONFIG_DATAPATH_SOCKET ? DATAPATH_SOCKET
								: DATAPATH_AUTO,
		.outer_interface = self(n)->outer_interface,
		.inner_interface = self(n)->inner_interface,
		.tun = c->tun,
		.tun_mtu = c->tun_mtu,
		.mss_clamp = c->mss_clamp,
		.addresses = c->outer,
		.n_addresses = c->n_outer,
		.inner_addresses = c->inner,
		.n_inner_addresses = c->n_inner,
		.pools = c->pools,
		.announce = c->cluster.mode == SERVICE_VIP,
		.iv_salt = (uint32_t)(n->start.incarnation >> 32),
		.sa_max = cluster_config_sa_tables(&c->cluster),
		.isolation_ms = alone ? 0 : c->cluster.timing.isolation_ms,
		.stop_ms = c->cluster.timing.heartbeat_ms * c->cluster.timing.heartbeats_missed,
		.contact = alone ? NULL : link_contact(n->link),
		.host_event = on_host,
		.host_ctx = n,
	};
	struct endpoint others[DATAPATH_OTHERS_MAX];
	char why[DATAPATH_ERR_LEN] = "";

	d.others = others;
	for (unsigned i = 0; i < 2; i++)
		if (c->cluster.inside[i].family)
			others[d.n_others++] = (struct endpoint){c->cluster.inside[i], RADIUS_LOCAL_PORT};
	if (c->cluster.coa.port)
		others[d.n_others++] = c->cluster.coa;
	if (c->test.no_datapath)
		return true;
	if (!wait_interfaces(n))
		return false;
	loop_seed(d.seed);
	n->datapath = datapath_start(&d, &face, why);
	OPENSSL_cleanse(d.seed, sizeof(d.seed));
	if (!n->datapath)
		return fail(err, "%.512s: [datapath] of node \"%s\": %s", c->file,
			    c->cluster.node[c->cluster.self], why);
	events_add(n->events, CONFIG_LOG_INFO, "datapath", "%s%s%s",
		   datapath_mode_text(n->datapath), datapath_mode_why(n->datapath)[0] ? ": " : "",
		   datapath_mode_why(n->datapath));
	return true;
}

static bool start_core(struct node *n, char *err)
{
	const char *why = "";

	n->start.now_us = loop_now_us();
	n->start.unix_now = time(NULL);
	n->start.unix_least = BATON_BUILT;
	loop_seed(n->start.seed);
	n->core = core_new(&n->config->cluster, &n->start, &n->actions, &why);
	OPENSSL_cleanse(n->start.seed, sizeof(n->start.seed));
	if (!n->core)
		return fail(err,
			    "the store in data_dir %.512s cannot be used: %s. Nothing was changed",
			    self(n)->data_dir, why);
	store_image_fini(&n->start.image);
	blob_set(&n->start.identity, NULL);
	return true;
}

/* ---- For the status endpoint ---- */

static json_t *view_events(void *ctx)
{
	struct node *n = ctx;
	struct event_line *line = calloc(EVENTS_KEPT, sizeof(*line));
	const char *name = n->config->cluster.node[n->config->cluster.self];
	json_t *list = json_array();
	size_t count;

	assert(line && list);
	count = events_read(n->events, 0, line, EVENTS_KEPT);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:I,s:s,s:s,s:s%}", "at_ms",
						      (json_int_t)line[i].unix_ms, "node", name,
						      "kind", line[i].kind, "text", line[i].text,
						      strlen(line[i].text)));
	free(line);
	return list;
}

static void view_stall(void *ctx, struct status_stall *out)
{
	struct node *n = ctx;
	struct stall lately = loop_watch_lately(&n->watch);

	*out = (struct status_stall){.longest_us = n->watch.took.ever.wall_us,
				     .lately_us = lately.wall_us, .lately_cpu_us = lately.cpu_us};
}

static bool view_lost(void *ctx, size_t class, const char **name, uint64_t *lost)
{
	struct node *n = ctx;

	if (class >= INBOX_CLASSES)
		return false;
	*name = inbox_class_name((enum inbox_class)class);
	*lost = n->inbox.lost[class];
	return true;
}

static unsigned view_fill(void *ctx)
{
	const struct node *n = ctx;

	return n->store_thread ? store_thread_fill_percent(n->store_thread) : 0;
}

static bool start_http(struct node *n, char *err)
{
	char why[HTTP_ERR_LEN] = "";

	n->view = (struct status_view){.config = n->config, .ready = n->ready,
				       .ctx = n, .events = view_events,
				       .loop_stall = view_stall, .inbox_lost = view_lost,
				       .store_fill_percent = view_fill};
	if (!self(n)->http[0])
		return true;
	n->http = http_start(&n->loop, self(n)->http, &n->view, why);
	if (!n->http)
		return fail(err, "%.512s: http of node \"%s\": %s", n->config->file,
			    n->config->cluster.node[n->config->cluster.self], why);
	if (why[0])
		events_add(n->events, CONFIG_LOG_WARNING, "http", "%s", why);
	return true;
}

/* ---- All of it ---- */

/* The first write to an existing store: nothing else can fail any more. */
static bool begin_store(struct node *n, char *err)
{
	char why[STORE_ERR_LEN] = "";
	enum status s;

	while ((s = store_begin(n->store, n->start.incarnation, why)) == ERR_NO_SPACE)
		if (!wait_turn(n, "disk", "%s", why))
			break;
	if (s != OK)
		return fail(err, "%s", why);
	if (n->start.old_s == 0 && !n->config->accept_old_store && is_old(n))
		return fail(err, "data_dir %.512s had no room for so long that its newest record is older than "
				 "max_store_age_s by now: start again, as a node with an old store",
			    self(n)->data_dir);
	ready_unblock(n->ready, "disk");
	n->store_thread = store_thread_start(n->store, &n->inbox, n->events,
					     n->config->test.store_delay_ms);
	n->store = NULL;
	return true;
}

static bool start_link(struct node *n, char *err)
{
	struct link_options o = {
		.config = n->config, .inbox = &n->inbox, .tls = n->tls, .events = n->events,
		.incarnation = n->start.incarnation};
	char why[LINK_ERR_LEN] = "";

	if (!wait_link(n))
		return false;
	n->link = link_new(&o, why);
	return n->link || fail(err, "%s", why);
}

bool node_start(struct node *n, const struct node_config *config, int reader, char err[NODE_ERR_LEN])
{
	struct detector_quorum quorum;
	const struct cluster_config *c = &config->cluster;
	const struct node_entry *entry = &config->node[c->self];
	char why[TLS_ERR_LEN] = "";

	memset(n, 0, sizeof(*n));
	n->config = config;
	n->events = events_new(c->node[c->self], config->log_level);
	n->ready = ready_new(n->events);
	loop_init(n);
	n->reload = reload_new(n, reader);
	n->tls = tls_context_new(config->ca_file, entry->cert_file, entry->key_file,
				 c->node[c->self], why);
	if (!n->tls)
		return fail(err, "%.512s: node \"%s\": %s", config->file, c->node[c->self], why);
	/* Things that only root may make, such as a socket in /run, come before. From here on the
	 * process is not root; once the status endpoint is open, it can be asked what the start waits
	 * for. */
	if (!control_open(n, err) || !become_user(n, err))
		return false;
	events_start(n->events);
	if (!start_http(n, err) ||
	    !wait_clock(n) || !start_store(n, err) || !start_link(n, err))
		return false;
	n->view.link = n->link;
	if (!start_datapath(n, err) || !start_core(n, err) || !begin_store(n, err) ||
	    !control_serve(n, err))
		return false;
	n->view.datapath = n->datapath;
	n->view.core = n->core;
	crl_watch_files(n, config->crl, config->n_crls);
	core_quorum(n->core, &quorum);
	link_set_quorum(n->link, &quorum);
	link_set_log(n->link, core_applied(n->core), core_last_index(n->core));
	link_start(n->link, n->datapath);
	events_add(n->events, CONFIG_LOG_INFO, "started", "cluster %s, incarnation %016llx",
		   c->name, (unsigned long long)n->start.incarnation);
	return true;
}

void node_stop(struct node *n)
{
	http_stop(n->http);
	control_socket_stop(n->control);
	reload_free(n->reload);
	if (n->store_thread)
		store_thread_stop(n->store_thread);
	else
		store_close(n->store);
	link_stop(n->link);
	datapath_stop(n->datapath); /* It reads the link's time of contact to the end. */
	link_free(n->link);
	core_free(n->core);
	store_image_fini(&n->start.image);
	blob_unref(n->start.identity);
	tls_context_free(n->tls);
	loop_fini(n);
	ready_free(n->ready);
	events_free(n->events);
}
