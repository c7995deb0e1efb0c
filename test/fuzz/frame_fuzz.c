/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between nodes, and heartbeats: input that parses encodes to the same octets. Whatever
 * heartbeats say, no node has contact in the future, and a node that hears nothing is isolated. */
#include "cluster/level.h"
#include "cluster/link/detector.h"
#include "cluster/link/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 10000 */

static struct blob *encode_done(const struct frame *f)
{
	struct frame_run *runs = malloc((f->marks_done.n + 1) * sizeof(*runs));
	struct blob *b;

	assert(runs);
	for (size_t i = 0; i < f->marks_done.n; i++)
		runs[i] = frame_run_at(f, i);
	b = frame_create_done(f->marks_done.index, runs, f->marks_done.n);
	free(runs);
	return b;
}

static struct blob *encode(const struct frame *f)
{
	struct frame_marks_head head;
	struct frame_mark *rows;
	struct blob *b;

	if (f->type == FRAME_MARKS_DONE)
		return encode_done(f);
	if (f->type != FRAME_MARKS && f->type != FRAME_MARKS_ACK)
		return frame_create(f);
	rows = malloc((f->marks.n + 1) * sizeof(*rows));
	assert(rows);
	for (size_t i = 0; i < f->marks.n; i++)
		rows[i] = frame_mark_at(f, i);
	head = (struct frame_marks_head){ f->marks.incarnation, f->marks.index, f->marks.echo_us };
	b = f->marks.index ? frame_create_marks_at(f->type, &head, rows, f->marks.n)
			   : frame_create_marks(f->type, f->marks.incarnation, rows, f->marks.n);
	free(rows);
	return b;
}

static void check_contact(struct detector *d, uint64_t now_us)
{
	struct detector_report reports[CLUSTER_NODES_MAX];
	bool isolated;

	assert(detector_poll(d, now_us, 5, 5, reports) <= d->n);
	assert(detector_contact_us(d, now_us) <= now_us);
	detector_isolation(d, now_us, &isolated);
}

/* One heartbeat after the other, each 10 ms later and from the next node. */
static void fuzz_heartbeats(const uint8_t *data, size_t len)
{
	struct cluster_config c;
	struct detector d;
	uint8_t ours[HEARTBEAT_LEN];
	uint64_t now_us = 1000000;
	bool isolated = false;

	cluster_config_defaults(&c);
	c.n_nodes = 3;
	detector_init(&d, &c, now_us);
	detector_set_quorum(&d, &(struct detector_quorum){ 1, { 1, 2, 3 }, 3 });
	for (uint32_t i = 0; len > 0; i++) {
		size_t n = len < HEARTBEAT_LEN ? len : HEARTBEAT_LEN;

		detector_heartbeat_create(&d, 1 + i % 2, now_us, 5, ours);
		if (detector_heartbeat_consume(&d, 1 + i % 2, now_us, data, n) != OK)
			break;
		check_contact(&d, now_us += 10000);
		data += n;
		len -= n;
	}
	for (unsigned i = 0; i < 110; i++)
		check_contact(&d, now_us += 10000);
	detector_isolation(&d, now_us, &isolated);
	assert(isolated && d.node[1].suspect && d.node[2].suspect);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct blob *again;
	struct frame f;

	fuzz_heartbeats(data, len);
	if (frame_parse(&f, data, len) != OK)
		return 0;
	again = encode(&f);
	/* A HELLO of a later level may say more. */
	if (f.type == FRAME_HELLO && f.hello.level > LEVEL && len > again->len)
		len = again->len;
	assert(again->len == len && memcmp(again->data, data, len) == 0);
	blob_unref(again);
	return 0;
}
