/* SPDX-License-Identifier: Apache-2.0 */
/* A node's timers. Heartbeats and the failure detector: what node/link/heartbeat.c does on a thread
 * of its own. */
#include "cluster/core/node_clocks.h"
#include "test/sim/clocks.h"
#include "test/sim/net.h"
#include "test/sim/node.h"

#define REPORTS_US (3 * MS) /* What a worker has accepted is reported by then. */

/* Marks that leave now hold what was accepted up to then: a node that was just stopped, or whose worker was, has not
 * yet heard of its worker's last. */
uint64_t node_accepted_until(const struct node *n)
{
	const struct host *h = n->host;
	const struct worker *w = &n->worker;
	uint64_t now = h->world->now_us;
	uint64_t until = h->pause_ended_us && now - h->pause_ended_us < REPORTS_US ? h->pause_began_us : now;

	if (w->still_until_us && now < w->still_until_us + REPORTS_US && w->still_from_us < until)
		until = w->still_from_us;
	return until;
}

/* What its worker has reported, but the core was not handed, counts as not reported. */
void node_read_clocks(struct node *n)
{
	struct clock_reading now;

	for (uint32_t i = 0; i < n->config.n_nodes; i++)
		now.node_us[i] = detector_node_clock(&n->detector, i);
	now.own_us = host_now_us(n->host);
	now.unreported_us = worker_unreported_us(n);
	node_clocks_read(n->core, &now);
	node_clocks_caught_up(n->core);
}

void node_look(struct node *n)
{
	uint64_t now = host_now_us(n->host), applied = core_applied(n->core);
	struct detector_report r[CLUSTER_NODES_MAX];
	size_t k = detector_poll(&n->detector, now, applied, core_last_index(n->core), r);
	struct event e = { .type = EVENT_SUSPECT };
	bool isolated;

	for (size_t i = 0; i < k; i++) {
		e.suspect.node = r[i].node;
		e.suspect.suspect = r[i].suspect;
		e.suspect.silent_us = r[i].silent_us;
		node_event(n, &e);
	}
	n->worker.contact_us = detector_contact_us(&n->detector, now);
	if (detector_isolation(&n->detector, now, &isolated)) {
		struct event x = { .type = EVENT_ISOLATION };

		x.isolation.isolated = isolated;
		node_event(n, &x);
	}
}

void node_beat(struct node *n)
{
	uint64_t now = host_now_us(n->host);
	struct detector_quorum quorum;
	uint8_t frame[HEARTBEAT_LEN];

	core_quorum(n->core, &quorum);
	detector_set_quorum(&n->detector, &quorum);
	n->heartbeat_us = now + n->config.timing.heartbeat_ms * MS;
	if (n->worker.alive_us && now - n->worker.alive_us > n->worker.stop.bound_us)
		n->worker.stopped_us = now;
	n->worker.alive_us = now;
	if (!n->detector.isolated)
		i2_led(&n->full->checkers.i2, n->incarnation,
		       full_led_term(n->full, n->host->index));
	for (unsigned i = 0; i < n->config.n_nodes; i++) {
		if (i == n->host->index || !net_linked(n->host->world, n->host->index, i))
			continue;
		detector_heartbeat_create(&n->detector, i, now, core_last_index(n->core), frame);
		node_send_frame(n, i, frame, sizeof(frame));
	}
	node_look(n);
	if (n->full->unfit.of[n->host->index].unfit)
		i10_beat(&n->full->checkers.i10, n);
	if (n->holds)
		i7_holds(&n->full->checkers.i7, n->host->index, n->core);
}

/* node/link/heartbeat.c, link_urgent() in short. */
void node_hear_heartbeat(struct node *n, unsigned from, const uint8_t *data, size_t len)
{
	uint64_t now = host_now_us(n->host);

	if (core_node_refused(n->core, from))
		return;
	if (!core_node_linked(n->core, from))
		detector_heard(&n->detector, from, now);
	else if (detector_heartbeat_consume(&n->detector, from, now, data, len) != OK)
		world_fail(n->host->world, "a heartbeat is malformed");
}

void node_on_timer(struct node *n)
{
	struct event e = { .type = EVENT_TICK };
	uint64_t now = host_now_us(n->host);

	if (now >= n->heartbeat_us)
		node_beat(n);
	if (now >= n->clock_us)
		clocks_look(n);
	if (now >= core_deadline_us(n->core))
		node_event(n, &e);
}

uint64_t node_deadline_us(const struct node *n)
{
	uint64_t at = core_deadline_us(n->core);

	if (n->clock_us < at)
		at = n->clock_us;
	return at < n->heartbeat_us ? at : n->heartbeat_us;
}
