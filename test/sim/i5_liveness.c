/* SPDX-License-Identifier: Apache-2.0 */
/* I5: once nothing goes wrong any more, every client that had a session gets an answer to a
 * question asked since, within a bound, over the SAs that it had: it sends no IKE_SA_INIT, IKE_AUTH
 * or CREATE_CHILD_SA that it had not begun before. Clients that had none may come in now. The nodes
 * are all ready and vote. */
#include "test/sim/full.h"

#include "proto/ike/ike_message.h"

#include <stdio.h>

#define BOUND_US (12 * SECOND)
#define LOOK_US (50 * MS)

void i5_exchange(struct i5_liveness *c, unsigned client, uint8_t exchange)
{
	static const char *const name[] = {
		[IKE_EXCHANGE_SA_INIT] = "IKE_SA_INIT",
		[IKE_EXCHANGE_AUTH] = "IKE_AUTH",
		[IKE_EXCHANGE_CREATE_CHILD_SA] = "CREATE_CHILD_SA",
	};

	if (c->full->calm && !c->full->checkers.i1.rolled_back &&
	    client_must_go_on(c->full, client) && exchange < 37 && name[exchange])
		world_fail(&c->full->world, "I5: client %u needs a new %s", client, name[exchange]);
}

/* For the reader of a failure. */
static void tell_nodes(struct full *f)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *c = node_core(&f->world.host[i]);
		struct core_status s;

		if (!c) {
			printf("n%u does not run\n", i + 1);
			continue;
		}
		core_status(c, &s);
		printf("n%u: role %d, leader n%u, term %llu, applied %llu of %llu, %s%s%s\n", i + 1,
		       s.role, s.leader + 1, (unsigned long long)s.term,
		       (unsigned long long)s.commit_applied, (unsigned long long)core_last_index(c),
		       s.ready ? "ready" : "not ready", s.isolated ? ", isolated" : "",
		       s.holds_address ? ", holds the addresses" : "");
		printf("    half-open %zu, pending %zu, drops:", s.half_open, s.pending);
		for (unsigned d = 0; d < DROP_COUNT; d++)
			if (s.drops[d])
				printf(" %s %llu", drop_text((enum drop)d), (unsigned long long)s.drops[d]);
		printf("\n");
	}
	printf("the service address leads to n%d\n", f->holder + 1);
}

void i5_wait(struct i5_liveness *c)
{
	struct full *f = c->full;
	uint64_t from = f->world.now_us;
	char text[200];

	for (;;) {
		bool happy = !clients_unhappy(f, text, sizeof(text));

		if (happy)
			unfit_over(f); /* The clients are served without it. */
		if (happy && full_is_whole(f))
			break;
		if (f->world.now_us - from < BOUND_US) {
			world_run(&f->world, f->world.now_us + LOOK_US);
			continue;
		}
		tell_nodes(f);
		world_fail(&f->world, "I5: %s", happy ? "the nodes are not all ready" : text);
	}
	if (f->world.now_us - from > c->longest_us)
		c->longest_us = f->world.now_us - from;
}
