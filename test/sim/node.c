/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries become events, actions are performed. Every frame is preceded by its send time (8
 * octets) and whether the attacker caused it (1), which only the checkers read. */
#include "test/sim/node.h"

#include "cluster/link/frame.h"
#include "node/link/forward.h"
#include "test/sim/clocks.h"
#include "test/sim/net.h"
#include "test/sim/radius.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAMP 9u
#define MAX_STORE_AGE_MS (30u * 60 * 1000)

/* ---- Performing actions ---- */

void node_send_frame(struct node *n, unsigned to, const uint8_t *data, size_t len)
{
	struct blob *b = blob_new(NULL, len + STAMP);

	memcpy(b->data, &(uint64_t){ node_accepted_until(n) }, 8);
	b->data[8] = n->hostile;
	memcpy(b->data + STAMP, data, len);
	net_send(n->host, to, b, data[0] >= FRAME_EDGE);
	blob_unref(b);
}

static void check_outgoing(struct node *n, const struct endpoint *local, const struct endpoint *remote,
			   const uint8_t *data, size_t len)
{
	if (n->step_relays)
		return;
	if (local->port == RADIUS_LOCAL_PORT) {
		i3_asks_radius(&n->full->checkers.i3, n->host->index, remote, data, len);
		return;
	}
	i1_ike(&n->full->checkers.i1, n->host->index, data, len);
	i3_sent(&n->full->checkers.i3, n->host->index, n->core, data, len);
}

static void send_frame(struct node *n, unsigned to, const struct blob *b)
{
	struct frame f;

	if (b->data[0] == FRAME_SEND && frame_parse(&f, b->data, b->len) == OK)
		check_outgoing(n, &f.datagram.local, &f.datagram.remote, f.datagram.data, f.datagram.len);
	node_send_frame(n, to, b->data, b->len);
}

static void take_address(struct node *n, bool hold)
{
	static const uint64_t again_ms[] = { 50, 200, 1000, 1500 };
	struct full *f = n->full;
	int self = (int)n->host->index;

	n->holds = hold;
	world_say(n->host->world, "n%d %s the addresses", self + 1, hold ? "takes" : "releases");
	if (!hold && f->holder == self)
		f->holder = -1;
	if (!hold)
		return;
	if (f->holder != self) {
		f->stale = f->holder;
		f->stale_until_us = n->host->world->now_us + 100 * MS;
		f->holder = self;
	}
	/* Announced again and again (DESIGN section 6): another node may have claimed it for a
	 * moment, or an announcement was lost. */
	for (size_t i = 0; i < sizeof(again_ms) / sizeof(again_ms[0]); i++)
		host_later(n->host, again_ms[i] * MS, OWN_ANNOUNCE, NULL);
}

static void perform(struct node *n, struct action *a)
{
	struct host *h = n->host;

	switch (a->type) {
	case ACTION_SEND_DATAGRAM:
		check_outgoing(n, &a->datagram.local, &a->datagram.remote, a->datagram.data->data,
			       a->datagram.data->len);
		if (a->datagram.local.port == RADIUS_LOCAL_PORT)
			radius_leaves(n, &a->datagram.remote, a->datagram.data);
		else if (!unfit_outer_cut(n->full, h->index))
			outside_to_client(n->full, &a->datagram.remote, DATAGRAM_IKE,
					  blob_ref(a->datagram.data));
		break;
	case ACTION_SEND_FRAME:
		send_frame(n, a->frame.node, a->frame.data);
		break;
	case ACTION_STORE:
		disk_store(&h->disk, a->store);
		a->store = NULL;
		break;
	case ACTION_STORE_IDENTITY:
		disk_store_identity(&h->disk, a->identity);
		break;
	case ACTION_DH:
	case ACTION_AUTH_ASK:
	case ACTION_ROUTES:
		node_ask(n, a);
		break;
	case ACTION_SA:
		worker_update(n, &a->sa.update);
		break;
	case ACTION_HOLD:
		take_address(n, a->hold.hold);
		break;
	case ACTION_EVENT:
		world_say(h->world, "n%u: %s: %s", h->index + 1, a->event.kind, a->event.text);
		break;
	case ACTION_CONTROL:
		operator_answered(n->full, a);
		break;
	case ACTION_EXIT:
		n->exit_status = a->exit.status;
		snprintf(n->exit_text, sizeof(n->exit_text), "%s", a->exit.text);
		host_later(h, 0, OWN_EXIT, NULL);
		break;
	}
}

static void perform_all(struct node *n)
{
	for (size_t i = 0; i < n->actions.n; i++)
		perform(n, &n->actions.list[i]);
	actions_clear(&n->actions);
}

/* A leader of an earlier term does not know what was answered since, and takes a repeated request
 * for a new one: what it then proposes never commits (I3 and I7 check that). */
static bool is_superseded(const struct node *n)
{
	struct core_status own, other;

	core_status(n->core, &own);
	for (unsigned i = 0; i < n->full->world.n_hosts; i++) {
		const struct core *c = node_core(&n->full->world.host[i]);

		if (!c || i == n->host->index)
			continue;
		core_status(c, &other);
		if (other.term > own.term)
			return true;
	}
	return false;
}

static void step(struct node *n, struct event *e)
{
	uint64_t before = core_applied(n->core);
	bool attack = n->hostile && !is_superseded(n);
	struct i8_before attacked;

	e->now_us = host_now_us(n->host);
	random_fill(&n->host->world->random, e->seed, sizeof(e->seed));
	if (attack)
		i8_before(&n->full->checkers.i8, n, e, &attacked);
	i10_before(&n->full->checkers.i10, n);
	node_read_clocks(n);
	cluster_step(n->core, e, &n->actions);
	i10_after(&n->full->checkers.i10, n);
	if (attack)
		i8_after(&n->full->checkers.i8, n, &attacked);
	perform_all(n);
	n->step_relays = false;
	i2_stepped(&n->full->checkers.i2, n->host->index, n->incarnation, n->core);
	i7_stepped(&n->full->checkers.i7, n->host->index, n->core, before);
}

void node_event(struct node *n, struct event *e)
{
	bool hostile = n->hostile, relays = n->step_relays;
	struct event tick = { .type = EVENT_TICK };

	if (hostile) { /* Due work comes first: the attacker did not cause it. */
		n->hostile = n->step_relays = false;
		step(n, &tick);
		n->hostile = hostile;
		n->step_relays = relays;
	}
	e->more = n->host->more;
	step(n, e);
}

/* ---- Deliveries ---- */

static void hear_marks(struct heard *h, uint64_t incarnation, const uint8_t stamp[STAMP])
{
	if (h->incarnation != incarnation) {
		h->old_incarnation = h->incarnation;
		h->old_sent_us = h->sent_us;
		h->incarnation = incarnation;
	}
	memcpy(&h->sent_us, stamp, 8);
}

/* "Unfit" counts after this step; "fit" takes it back before this step. */
static void on_fitness_frame(struct node *n, unsigned by, struct event *e, bool unfit)
{
	struct i10_fitness *c = &n->full->checkers.i10;

	if (!unfit)
		i10_told(c, n->host->index, by, false);
	node_event(n, e);
	if (unfit && (by == n->host->index || core_node_linked(n->core, by)))
		i10_told(c, n->host->index, by, true);
}

static void on_frame(struct node *n, unsigned from, const struct blob *b)
{
	const uint8_t *data = b->data + STAMP;
	size_t len = b->len - STAMP;
	struct event e = { .type = EVENT_FRAME };
	struct frame f;

	n->hostile = b->data[8] && (data[0] == FRAME_FORWARD || data[0] == FRAME_RELAY);
	if (data[0] == FRAME_HEARTBEAT) {
		node_hear_heartbeat(n, from, data, len);
		return;
	}
	if (data[0] == FRAME_FORWARD && !core_node_linked(n->core, from))
		return;
	if (data[0] == FRAME_FORWARD) {
		struct datapath_forward forward;

		if (forward_parse(&forward, data, len) != OK)
			world_fail(n->host->world, "a forwarded packet is malformed");
		worker_inject(n, &forward);
		return;
	}
	if (data[0] == FRAME_MARKS && frame_parse(&f, data, len) == OK && f.marks.incarnation != 0)
		hear_marks(&n->heard[from], f.marks.incarnation, b->data);
	n->step_relays = data[0] == FRAME_SEND;
	e.frame.node = from;
	e.frame.data = data;
	e.frame.len = len;
	if (data[0] == FRAME_FITNESS && frame_parse(&f, data, len) == OK)
		on_fitness_frame(n, from, &e, !f.fitness.fit);
	else
		node_event(n, &e);
}

static void on_datagram(struct node *n, const struct delivery *d)
{
	struct event e = { .type = EVENT_DATAGRAM };
	/* Raw ESP has no ports. */
	struct sad_path path = { .local = d->local, .remote = d->remote, .udp_encap = d->remote.port != 0 };

	n->hostile = d->value & DATAGRAM_HOSTILE;
	switch ((enum datagram_kind)(d->value & 0xff)) {
	case DATAGRAM_IKE:
		e.datagram.local = d->local;
		e.datagram.remote = d->remote;
		e.datagram.data = d->data->data;
		e.datagram.len = d->data->len;
		node_event(n, &e);
		break;
	case DATAGRAM_ESP:
		worker_arrive(n, DATAPATH_INBOUND, &path, d->data);
		break;
	case DATAGRAM_INNER:
		worker_arrive(n, DATAPATH_OUTBOUND, &path, d->data);
		break;
	}
}

static void on_exit_action(struct node *n)
{
	struct full *f = n->full;
	unsigned host = n->host->index;
	int status = n->exit_status;
	char text[sizeof(n->exit_text)];

	memcpy(text, n->exit_text, sizeof(text));
	host_crash(n->host, false);
	operator_ended(f, host, status, text);
}

void node_shut_down(struct host *h)
{
	world_say(h->world, "n%u is told to end", h->index + 1);
	host_later(h, 0, OWN_SHUTDOWN, NULL);
}

void node_control(struct host *h, const struct control_request *r)
{
	host_later(h, 0, OWN_CONTROL, blob_new((const uint8_t *)r, sizeof(*r)));
}

static void on_control(struct node *n, const struct blob *data)
{
	struct control_request r;
	struct event e = { .type = EVENT_CONTROL, .control = &r };

	memcpy(&r, data->data, sizeof(r));
	node_event(n, &e);
}

void node_tell_fitness(struct host *h, uint64_t delay_us)
{
	host_later(h, delay_us, OWN_FITNESS, NULL);
}

static void on_fitness(struct node *n)
{
	bool unfit = n->full->unfit.of[n->host->index].unfit;
	struct event e = { .type = EVENT_FITNESS, .fitness.fit = !unfit };

	on_fitness_frame(n, n->host->index, &e, unfit);
}

void node_lean(struct host *h, bool leader_holds)
{
	if (h->process)
		((struct node *)h->process)->config.leader_holds = leader_holds;
}

/* True: it is to end. */
static bool on_own(struct node *n, uint64_t what, const struct blob *data)
{
	struct event e = { .type = EVENT_SHUTDOWN };

	n->shuts_down |= what == OWN_SHUTDOWN;
	if (what == OWN_SHUTDOWN)
		node_event(n, &e);
	else if (what == OWN_FITNESS)
		on_fitness(n);
	else if (what == OWN_CONTROL)
		on_control(n, data);
	else if (what == OWN_ANSWER)
		node_answered(n, data);
	else if (what == OWN_ROUTES)
		node_routes_laid(n, data);
	else if (what == OWN_WAKE)
		worker_wake(n);
	else if (what == OWN_MARKS)
		worker_run_marks(n);
	else if (what == OWN_REPORTS)
		worker_run_reports(n);
	else if (what == OWN_ANNOUNCE)
		n->full->holder = n->holds ? (int)n->host->index : n->full->holder;
	else
		return true;
	return false;
}

static void on_link(struct node *n, const struct delivery *d)
{
	struct event e = { .type = EVENT_LINK };

	e.link.node = d->peer;
	e.link.up = d->kind == DELIVER_LINK_UP;
	i10_told(&n->full->checkers.i10, n->host->index, d->peer, false);
	node_event(n, &e);
	if (d->kind == DELIVER_LINK_DOWN && d->value) {
		detector_gone(&n->detector, d->peer);
		node_look(n);
	}
}

static void node_deliver(struct host *h, void *process, const struct delivery *d)
{
	struct node *n = process;
	struct event e = { .type = EVENT_STORED };

	(void)h;
	n->hostile = false;
	switch (d->kind) {
	case DELIVER_TIMER:
		node_on_timer(n);
		break;
	case DELIVER_FRAME:
		on_frame(n, d->peer, d->data);
		break;
	case DELIVER_LINK_UP:
	case DELIVER_LINK_DOWN:
		on_link(n, d);
		break;
	case DELIVER_STORED:
		e.stored.seq = d->value;
		node_event(n, &e);
		break;
	case DELIVER_IDENTITY_STORED:
		e.type = EVENT_IDENTITY_STORED;
		node_event(n, &e);
		break;
	case DELIVER_DATAGRAM:
		on_datagram(n, d);
		break;
	case DELIVER_OWN:
		if (on_own(n, d->value, d->data))
			on_exit_action(n);
		break;
	}
}

/* ---- Life ---- */

/* node/process/node_start.c in short: NULL if it will not run on what the disk holds. */
static bool open_store(struct host *h, struct core_start *start, struct store_content *c)
{
	struct full *f = h->world->context;
	char why[STORE_WHY_LEN];
	struct disk_age age = { 0 };
	enum status s = disk_open(&h->disk, random_u64(&h->world->random) | 1, start->incarnation,
				  c, &age, why);

	if (s == OK && age.newest_ms > MAX_STORE_AGE_MS && !f->accept_old[h->index]) {
		start->old_s = age.newest_ms / 1000;
		snprintf(why, sizeof(why), "its store is too old");
		s = f->config.n_nodes > 1 ? OK : ERR_STALE;
	}
	start->unlogged_ms = age.unlogged_ms;
	f->refused[h->index] = s;
	f->starts_old[h->index] = s == ERR_STALE || start->old_s != 0;
	if (s != OK) {
		world_say(h->world, "n%u refuses to start: %s", h->index + 1, why);
		store_content_fini(c);
		return false;
	}
	f->raft_id[h->index] = start->raft_id = c->header.raft_id;
	start->identity = c->identity;
	start->image = c->image;
	return true;
}

static void *node_start(struct host *h)
{
	struct full *f = h->world->context;
	struct core_start start = { .incarnation = i1_incarnation(&f->checkers.i1) };
	struct store_content content;
	const char *why = "?";
	struct node *n;

	if (!open_store(h, &start, &content))
		return NULL;
	n = calloc(1, sizeof(*n));
	assert(n);
	n->host = h;
	n->full = f;
	n->config = f->config;
	n->config.self = h->index;
	n->config.policy = policies_start(f, h->index);
	n->config.level = upgrade_start(f, h->index);
	n->exit_status = -1;
	n->incarnation = start.incarnation;
	worker_init(n);
	start.now_us = host_now_us(h);
	clocks_start(n, &start);
	n->heartbeat_us = start.now_us + random_between(&h->world->random, 1, 10) * MS;
	random_fill(&h->world->random, start.seed, sizeof(start.seed));
	actions_init(&n->actions);
	detector_init(&n->detector, &n->config, start.now_us);
	n->core = core_new(&n->config, &start, &n->actions, &why);
	store_content_fini(&content);
	if (!n->core)
		world_fail(h->world, "n%u refuses its store: %s", h->index + 1, why);
	h->process = n; /* Actions may post to it. */
	i10_started(&f->checkers.i10, h->index);
	if (f->unfit.of[h->index].unfit)
		node_tell_fitness(h, random_below(&f->unfit.random, 100 * MS));
	i3_started(&f->checkers.i3, h->index);
	perform_all(n);
	return n;
}

static void node_stop(struct host *h, void *process)
{
	struct node *n = process;

	if (n->full->holder == (int)h->index)
		n->full->holder = -1; /* Its addresses vanish with the process. */
	i2_ended(&n->full->checkers.i2, n->incarnation);
	worker_fini(n);
	core_free(n->core);
	actions_fini(&n->actions);
	free(n);
}

static uint64_t node_deadline(void *process)
{
	return node_deadline_us(process);
}

const struct program node_program = { "node", node_start, node_stop, node_deliver, node_deadline };

const struct core *node_core(const struct host *h)
{
	return h->process ? ((struct node *)h->process)->core : NULL;
}
