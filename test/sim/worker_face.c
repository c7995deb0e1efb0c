/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's output: packets go on into the world, reports to the core, as late as over the ring
 * between threads. The checkers see each of them first. */
#include "test/sim/node.h"

#include "cluster/link/frame.h"
#include "node/link/forward.h"

#include <assert.h>
#include <string.h>

#define REPORT_DELAY_US 1000u

static void on_inner(void *ctx, struct packet **packets, size_t n_packets)
{
	struct node *n = ctx;

	for (size_t i = 0; i < n_packets; i++) {
		watch_inner(n, packets[i]);
		if (!unfit_inner_cut(n->full, n->host->index))
			outside_to_server(n->full, packets[i]->data, packets[i]->len);
	}
}

static void on_outer(void *ctx, struct packet **packets, size_t n_packets)
{
	struct node *n = ctx;

	for (size_t i = 0; i < n_packets; i++) {
		const struct packet *p = packets[i];

		watch_outer(n, p);
		if (!unfit_outer_cut(n->full, n->host->index))
			outside_to_client(n->full, &p->path.remote, DATAGRAM_ESP, blob_new(p->data, p->len));
	}
}

/* perform_forward() of node/process/perform.c, without its queue. */
static void on_forward(void *ctx, const struct datapath_forward *f)
{
	struct node *n = ctx;
	uint8_t frame[FORWARD_FRAME_MAX];

	watch_forward(n, f);
	node_send_frame(n, f->node, frame, forward_create(f, frame));
}

static void on_report(void *ctx, const struct sa_report *reports, size_t n_reports)
{
	struct node *n = ctx;
	struct worker *w = &n->worker;

	if (w->n_reports == 0)
		w->reports_us = engine_unreported_us(&w->engine);
	for (size_t i = 0; i < n_reports; i++) {
		watch_report(n, &reports[i]);
		assert(w->n_reports < REPORTS_ROOM); /* None is lost in production. */
		w->reports[w->n_reports++] = reports[i];
	}
	if (w->reports_due)
		return;
	w->reports_due = true;
	host_later(n->host, random_below(&n->host->world->random, REPORT_DELAY_US), OWN_REPORTS,
		   NULL);
}

void worker_run_reports(struct node *n)
{
	struct worker *w = &n->worker;
	struct event e = { .type = EVENT_SA_REPORTS };
	struct sa_report reports[REPORTS_ROOM];

	if (worker_stands_still(n, OWN_REPORTS))
		return;
	memcpy(reports, w->reports, w->n_reports * sizeof(reports[0]));
	e.sa_reports.reports = reports;
	e.sa_reports.n = w->n_reports;
	w->n_reports = 0;
	w->reports_due = false;
	node_event(n, &e);
}

uint64_t worker_unreported_us(const struct node *n)
{
	return n->worker.n_reports ? n->worker.reports_us : engine_unreported_us(&n->worker.engine);
}

/* ---- SAs come and go ---- */

static void on_put(void *ctx, struct sa *sa)
{
	watch_put(&((struct node *)ctx)->worker, sa->e.child.spi_in);
}

static void on_del(void *ctx, const struct sa *sa)
{
	watch_del(&((struct node *)ctx)->worker, sa->e.child.spi_in);
}

void worker_face(struct node *n, struct datapath_face *face, struct engine_output *out)
{
	*face = (struct datapath_face){ .ctx = n, .report = on_report, .forward = on_forward };
	*out = (struct engine_output){ .ctx = n, .inner = on_inner, .outer = on_outer,
				       .sa_put = on_put, .sa_del = on_del };
}
