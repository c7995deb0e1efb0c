/* SPDX-License-Identifier: Apache-2.0 */
/* How long the control loop stands still for a snapshot of the state:
 *
 *    snapshot SESSIONS...
 *
 * "whole": all of it at once, as it would be without slices. "slice": the longest of the sealed
 * slices, one a millisecond. "begin": the first one, with the head. "batch": the longest apply of a
 * SeqBatch of SEQ_ROWS_MAX rows between two slices, when it is the first to change its sessions,
 * and "batch_alone": the same without a snapshot. Prints JSON, times in microseconds. */
#include "cluster/level.h"
#include "cluster/core/rooms.h"
#include "cluster/core/snapshot.h"
#include "test/lib/sample.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_us_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* This thread's time only: on a busy machine others run in between. */
static double cpu_us(void)
{
	return now_us_of(CLOCK_THREAD_CPUTIME_ID);
}

static void apply(struct state *s, struct command *c)
{
	struct apply_result r;

	state_apply(s, c, &r);
	assert(r.status == OK);
	command_fini(c);
}

static struct state *fill(unsigned sessions)
{
	struct state *s = state_new();
	struct command up = { .type = COMMAND_NODE_UP };
	struct command hold = { .type = COMMAND_ADDRESS_HOLD };

	up.node_up.id = 1;
	up.node_up.incarnation = 1;
	up.node_up.level = LEVEL;
	apply(s, &up);
	hold.address_hold = (struct address_hold){ 1, 1, true };
	apply(s, &hold);
	for (unsigned i = 0; i < sessions; i++) {
		struct command put = { .type = COMMAND_SESSION_PUT };

		sample_session(&put.session_put.ike, i + 1);
		put.session_put.ike.virtual_ip = address_ipv4(0x0a000000u + i);
		put.session_put.slot = i % STATE_SLOTS;
		put.session_put.lease = 65536;
		apply(s, &put);
	}
	return s;
}

/* Marks for the next SEQ_ROWS_MAX Child SAs; how long they took. */
static double mark(struct state *s, uint64_t *after, uint64_t value)
{
	struct command c = { .type = COMMAND_SEQ_BATCH };
	const struct session *x = state_next_session(s, *after);
	struct seq_row *rows = calloc(SEQ_ROWS_MAX, sizeof(*rows));
	double from;

	assert(rows);
	c.seq_batch.rows = rows;
	for (; x && c.seq_batch.n < SEQ_ROWS_MAX; x = state_next_session(s, x->id)) {
		rows[c.seq_batch.n].spi_in = x->ike.child[0].spi_in;
		rows[c.seq_batch.n].epoch = session_epoch(s, x);
		rows[c.seq_batch.n++].mark = value;
		*after = x->id;
	}
	from = cpu_us();
	apply(s, &c);
	return cpu_us() - from;
}

static void longest(double *most, double us)
{
	if (us > *most)
		*most = us;
}

static void measure(unsigned sessions)
{
	static const uint8_t key[32] = { 1 }, seed[ENTROPY_SEED_LEN] = { 1 };
	static struct cluster_config config;
	struct core core = { .config = &config, .seal = seal_key_new(key, "bench") };
	double begin, whole, slice = 0, batch = 0, alone = 0, total = 0, from = cpu_us();
	struct blob *plain, *sealed;
	uint64_t after = 0;
	unsigned slices = 1;

	cluster_config_defaults(&config);
	entropy_init(&core.entropy, seed);
	snapshot_init(&core);
	core.state = fill(sessions);
	for (uint64_t at = 0, step = 0; step * SEQ_ROWS_MAX < sessions; step++)
		longest(&alone, mark(core.state, &at, 1));
	from = cpu_us();
	plain = state_encode(core.state);
	sealed = seal_create(core.seal, SEAL_SNAPSHOT_PART, &core.entropy, plain->data, plain->len);
	blob_unref(plain);
	whole = cpu_us() - from;
	blob_unref(sealed);

	from = cpu_us();
	sealed = snapshot_slice(&core, true);
	total = begin = cpu_us() - from;
	while (!sealed) {
		double us;

		/* From the far end, which the slices have not reached. */
		if (slices % 16 == 1 && sessions > slices / 16 * SEQ_ROWS_MAX) {
			uint64_t back = (uint64_t)(slices / 16 + 1) * SEQ_ROWS_MAX;

			after = sessions > back ? sessions - back : 0;
			longest(&batch, mark(core.state, &after, 2));
		}
		from = cpu_us();
		sealed = snapshot_slice(&core, false);
		us = cpu_us() - from;
		longest(&slice, us);
		total += us;
		slices++;
	}
	printf("{\"sessions\": %u, \"octets\": %u, \"whole_us\": %.0f, \"slices\": %u, \"begin_us\": %.0f, "
	       "\"slice_us\": %.0f, \"slices_us\": %.0f, \"batch_us\": %.0f, \"batch_alone_us\": %.0f",
	       sessions, sealed->len, whole, slices, begin, slice, total, batch, alone);
	from = cpu_us();
	blob_unref(sealed);
	printf(", \"free_us\": %.0f}\n", cpu_us() - from);
	snapshot_fini(&core);
	entropy_fini(&core.entropy);
	seal_key_free(core.seal);
	state_free(core.state);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		measure((unsigned)strtoul(argv[i], NULL, 10));
	return argc > 1 ? 0 : 2;
}
