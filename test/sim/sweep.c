/* SPDX-License-Identifier: Apache-2.0 */
/* A run is named METHOD:FAULT:N, N being the number of the datagram, in either direction, from the client's
 * first IKE_SA_INIT on, those to RADIUS and back included. Up to there it equals the run without a fault, which
 * counts the datagrams. The client connects, rekeys its Child SA and its IKE SA, probes the gateway, moves,
 * re-authenticates, leaves and comes back: three IKE_SA_INITs, and no more in any run in which the cluster
 * forgets nothing. */
#include "test/sim/sweep.h"

#include "test/sim/client.h"
#include "test/sim/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST_US (60 * MS)    /* Between two steps: packets pass. */
#define LATE_US (450 * MS)   /* Its repetition has been answered by then ... */
#define SWAPPED_US (1 * MS)  /* ... or the next one, sent at once, has overtaken it. */
#define AGAIN_US (2 * SECOND) /* Dead processes start. */
#define STUCK_US (60 * SECOND)
#define CONNECTS 3u

static const struct method {
	const char *name;
	unsigned client; /* Which one: odd ones are behind a NAT, half of all pairs have MOBIKE. */
	bool rounds, eap, fragments, radius;
	int certificates;
	uint32_t rekey_s; /* The gateway rekeys, too: Child and IKE SA. 0: never. */
	bool networks;    /* Two Child SAs, and another life. */
} methods[] = {
	{ "psk", 0, false, false, false, false, CERTIFICATES_NONE, 0, false },
	{ "psk-nat-mobike", 3, false, false, false, false, CERTIFICATES_NONE, 0, false },
	{ "pubkey", 1, false, false, false, false, CERTIFICATES_BOTH, 0, false },
	{ "pubkey-fragments", 2, false, false, true, false, CERTIFICATES_BOTH, 0, false },
	{ "eap-mschapv2", 3, false, true, false, false, CERTIFICATES_MIXED, 0, false },
	{ "eap-mschapv2-fragments", 2, false, true, true, false, CERTIFICATES_MIXED, 0, false },
	{ "rounds-that-ask", 3, true, false, false, false, CERTIFICATES_NONE, 0, false },
	{ "gateway-rekeys", 2, false, false, false, false, CERTIFICATES_NONE, 1, false },
	{ "gateway-rekeys-fragments", 3, false, false, true, false, CERTIFICATES_NONE, 1, false },
	{ "eap-radius", 3, false, true, false, true, CERTIFICATES_NONE, 0, false },
	{ "eap-radius-fragments", 2, false, true, true, true, CERTIFICATES_MIXED, 0, false },
	{ "two-networks", 3, false, false, false, false, CERTIFICATES_NONE, 0, true },
	{ "two-networks-gateway-rekeys", 2, false, false, false, false, CERTIFICATES_NONE, 1, true },
};

enum fault_at { FAULT_NONE, FAULT_LOST, FAULT_TWICE, FAULT_LATE, FAULT_SWAPPED, FAULT_LEADER, FAULT_OWNER, FAULT_ALL };

static const struct fault_of {
	const char *name;
	enum fault_at fault;
	uint64_t after_us; /* The datagram left ... */
	bool loses;        /* ... and does not arrive. */
} sweep_faults[] = {
	{ "none", FAULT_NONE, 0, false }, /* Comes first: it only counts. */
	{ "lost", FAULT_LOST, 0, false },
	{ "twice", FAULT_TWICE, 0, false },
	{ "late", FAULT_LATE, 0, false },
	{ "swapped", FAULT_SWAPPED, 0, false },
	/* It arrives within 0.1 to 0.4 ms, is committed some milliseconds later, then answered. */
	{ "leader", FAULT_LEADER, 0, false },
	{ "leader-lost", FAULT_LEADER, 0, true },
	{ "leader-400us", FAULT_LEADER, 400, false },
	{ "leader-800us", FAULT_LEADER, 800, false },
	{ "leader-1200us", FAULT_LEADER, 1200, false },
	{ "leader-2ms", FAULT_LEADER, 2000, false },
	{ "leader-4ms", FAULT_LEADER, 4000, false },
	{ "owner", FAULT_OWNER, 0, false },
	{ "owner-1ms", FAULT_OWNER, 1000, false },
	{ "all", FAULT_ALL, 0, false },
	{ "all-1ms", FAULT_ALL, 1000, false },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct sweep {
	const struct method *method;
	const struct fault_of *fault;
	uint64_t at;        /* The datagram's number; 0: none. */
	uint64_t datagrams; /* This many have left. */
	uint64_t next_us;   /* Time of the next step. */
	unsigned step, connects, allowed;
	bool done;
};

void sweep_plan(struct full *f)
{
	const struct method *m = f->sweep->method;

	f->plan = (struct plan){
		.hosts = 3,
		.clients = 4,
		.mode = SERVICE_VIP,
		.pace = 1,
		.half_open_max = 10000,
		.cookie_above = 500,
		.ike = "aes128gcm16-prfsha256-x25519",
		.esp = "aes128gcm16",
		.pool_bits = 20,
		.isolation_ms = 1000,
		.rounds = m->rounds,
		.eap = m->eap,
		.radius = m->radius,
		.networks = m->networks,
		.fragments = m->fragments,
		.certificates = m->certificates,
		.child_life.rekey_s = m->rekey_s,
		.ike_life.rekey_s = m->rekey_s,
	};
}

bool sweep_is_of(const struct full *f, unsigned client)
{
	return client == f->sweep->method->client;
}

void sweep_connects(struct client *c)
{
	struct sweep *s = c->full->sweep;

	if (++s->connects > s->allowed)
		world_fail(&c->full->world, "the client has to begin anew, at step %u", s->step);
}

/* ---- The client's life ---- */

/* With two networks. */
static struct blob *networks_step(struct sweep *s, struct client *c)
{
	switch (s->step++) {
	case 1:
	case 6:
	case 9:
		return client_opens(c, 1);
	case 2:
		return client_rekeys(c, 1);
	case 3:
		return client_rekeys(c, 0);
	case 4:
		return initiator_create_ike_rekey(&c->ike, DH_CURVE25519);
	case 5:
		return client_closes(c, 1);
	case 7:
		client_move(c);
		return NULL;
	case 8:
		client_reauth_begin(c);
		return NULL;
	case 10:
		return client_closes(c, 0);
	case 11:
		c->leaving = true;
		return initiator_create_ike_delete(&c->ike, 0);
	default:
		s->done = s->step > 12;
		return NULL;
	}
}

struct blob *sweep_step(struct client *c)
{
	struct sweep *s = c->full->sweep;
	uint64_t now = c->full->world.now_us;

	if (c->full->calm || client_has_old(c) || c->answered == 0 || now < s->next_us)
		return NULL;
	if (s->step == 1 && s->method->rekey_s && (c->ike.counts.rekeys < 2 || c->ike.counts.ike_rekeys < 2))
		return NULL; /* The gateway rekeys first, also the SAs it made itself. */
	if (s->step == 2 && s->method->networks && s->method->rekey_s && c->ike.counts.rekeys < 3)
		return NULL; /* It has rekeyed both. */
	s->next_us = now + REST_US;
	if (s->method->networks)
		return networks_step(s, c);
	switch (s->step++) {
	case 0:
		return NULL; /* Packets have passed: wait once more. */
	case 1:
		return initiator_create_child_rekey(&c->ike, c->ike.child[c->ike.n_child - 1].spi_in, DH_NONE);
	case 2:
		return initiator_create_ike_rekey(&c->ike, DH_CURVE25519);
	case 3:
		return initiator_create_dpd(&c->ike);
	case 4:
		client_move(c);
		return NULL;
	case 5:
		client_reauth_begin(c);
		return NULL;
	case 6:
		return initiator_create_child_rekey(&c->ike, c->ike.child[c->ike.n_child - 1].spi_in, DH_NONE);
	case 7:
		c->leaving = true;
		return initiator_create_ike_delete(&c->ike, 0);
	default: /* It has come back. */
		s->done = true;
		return NULL;
	}
}

/* ---- The fault ---- */

static int leader_of(struct full *f)
{
	uint64_t term = 0;
	int leader = -1;

	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *c = node_core(&f->world.host[i]);
		struct core_status s;

		if (!c)
			continue;
		core_status(c, &s);
		if (s.role == CONSENSUS_LEADER && s.term > term) {
			term = s.term;
			leader = (int)i;
		}
	}
	return leader;
}

static void on_start(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	(void)w;
	(void)a;
	(void)data;
	if (!host_runs(ctx))
		host_start(ctx);
}

static void dies(struct full *f, int host, bool power_lost)
{
	if (host < 0 || !host_runs(&f->world.host[host]))
		return;
	host_crash(&f->world.host[host], power_lost);
	world_at(&f->world, AGAIN_US, on_start, &f->world.host[host], 0, NULL);
}

static void on_death(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;

	(void)data;
	if (a == FAULT_LEADER)
		dies(f, leader_of(f), false);
	else if (a == FAULT_OWNER)
		dies(f, f->holder, false);
	else
		for (unsigned i = 0; i < w->n_hosts; i++)
			dies(f, (int)i, true);
}

/* If all nodes die, they forget what is only in memory: half-open IKE SAs. */
static bool may_be_forgotten(struct full *f)
{
	const struct client *c = &f->client[f->sweep->method->client];

	return c->ike.state != INITIATOR_ESTABLISHED;
}

bool sweep_takes(struct full *f, world_fn fn, uint64_t a, struct blob *data)
{
	struct sweep *s = f->sweep;
	struct world *w = &f->world;

	if (f->calm && s->method->rekey_s) /* These never end. */
		return false;
	if (++s->datagrams != s->at)
		return false;
	world_say(w, "here: %s", s->fault->name);
	switch (s->fault->fault) {
	case FAULT_LOST:
		blob_unref(data);
		return true;
	case FAULT_TWICE:
		world_at(w, LATE_US, fn, f, a, blob_ref(data));
		return false;
	case FAULT_LATE:
		world_at(w, LATE_US, fn, f, a, data);
		return true;
	case FAULT_SWAPPED:
		world_at(w, SWAPPED_US, fn, f, a, data);
		return true;
	case FAULT_ALL:
		s->allowed += may_be_forgotten(f);
		/* fall through */
	case FAULT_LEADER:
	case FAULT_OWNER:
		world_at(w, s->fault->after_us, on_death, f, s->fault->fault, NULL);
		if (s->fault->loses)
			blob_unref(data);
		return s->fault->loses;
	case FAULT_NONE:
		break;
	}
	return false;
}

/* ---- All runs ---- */

/* Returns how many datagrams there were. */
static uint64_t run(struct sweep *s, uint64_t seed, bool verbose, const char *binary, struct totals *totals)
{
	char command[256];
	struct full *f;

	snprintf(command, sizeof(command), "%s --seed %llu --sweep-one %s:%s:%llu", binary,
		 (unsigned long long)seed, s->method->name, s->fault->name, (unsigned long long)s->at);
	s->allowed = CONNECTS;
	f = full_new(seed, verbose, command, s);
	faults_init(&f->faults, &f->world, 0, SECOND);
	outside_begin(f);
	while (!s->done) {
		world_run(&f->world, f->world.now_us + 20 * MS);
		if (f->world.now_us > STUCK_US)
			world_fail(&f->world, "the client is stuck before step %u", s->step);
	}
	full_calm(f);
	full_add_up(f, totals);
	full_free(f);
	return s->datagrams;
}

static uint64_t datagrams_of(const struct method *m, uint64_t seed, bool verbose, const char *binary,
			     struct totals *totals)
{
	struct sweep s = { .method = m, .fault = &sweep_faults[0] };

	return run(&s, seed, verbose, binary, totals);
}

uint64_t sweep_run(uint64_t seed, uint64_t stride, bool verbose, const char *binary, struct totals *totals)
{
	uint64_t number = seed, runs = 0;

	for (size_t m = 0; m < COUNT(methods); m++) {
		uint64_t n = datagrams_of(&methods[m], seed, verbose, binary, totals);

		for (uint64_t at = 1; at <= n; at++) {
			for (size_t k = 1; k < COUNT(sweep_faults); k++) {
				struct sweep s = { .method = &methods[m], .fault = &sweep_faults[k], .at = at };

				if (number++ % stride != 0)
					continue;
				run(&s, seed, verbose, binary, totals);
				runs++;
			}
		}
		printf("sweep: %s: %llu datagrams, %zu faults at each\n", methods[m].name,
		       (unsigned long long)n, COUNT(sweep_faults) - 1);
	}
	return runs;
}

bool sweep_run_one(uint64_t seed, const char *name, bool verbose, const char *binary, struct totals *totals)
{
	for (size_t m = 0; m < COUNT(methods); m++) {
		for (size_t k = 0; k < COUNT(sweep_faults); k++) {
			char head[64];
			struct sweep s = { .method = &methods[m], .fault = &sweep_faults[k] };
			int len = snprintf(head, sizeof(head), "%s:%s:", methods[m].name, sweep_faults[k].name);

			if (strncmp(name, head, (size_t)len) != 0)
				continue;
			s.at = strtoull(name + len, NULL, 10);
			run(&s, seed, verbose, binary, totals);
			return true;
		}
	}
	return false;
}
