/* SPDX-License-Identifier: Apache-2.0 */
/* The run of the whole: three nodes, clients, faults, calm, the end. Outside, one
 * in a few hundred datagrams of clients is kept and sent again later: whoever sits
 * on the path can do that, and must not get anything by it (I2, I6, I8). */
#include "test/sim/full.h"

#include "test/sim/net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL_HOSTS 3u
#define FAULT_TIME_US (15 * SECOND)
#define HAPPY_WITHIN_US (12 * SECOND)

struct endpoint full_service(void)
{
	return (struct endpoint){ address_ipv4(0xc6336464u), 4500 };
}

/* ---- Outside ---- */

static void arrive_at(struct full *f, int host, enum datagram_kind kind, unsigned client,
		      struct blob *data)
{
	struct delivery d = { .kind = DELIVER_DATAGRAM, .value = kind, .data = data };

	if (host < 0 || !host_runs(&f->world.host[host]))
		return;
	d.local = full_service();
	d.remote.address = address_ipv4(0xc0000200u + 10 + client);
	d.remote.port = 4500;
	host_deliver(&f->world.host[host], f->world.host[host].generation, &d);
}

/* To who holds the addresses; for a while after a move neighbours may still know
 * who did before. */
static int leads_to(struct full *f)
{
	if (f->world.now_us < f->stale_until_us && random_chance(&f->world.random, 200))
		return f->stale;
	return f->holder;
}

static void on_gateway(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;

	(void)w;
	arrive_at(f, leads_to(f), (enum datagram_kind)(a & 0xff), (unsigned)(a >> 8), data);
}

static void record(struct full *f, unsigned client, enum datagram_kind kind, struct blob *data)
{
	unsigned i = f->ring_next++ % REPLAY_RING;

	blob_set(&f->ring[i].data, blob_ref(data));
	f->ring[i].client = client;
	f->ring[i].kind = kind;
}

void full_to_gateway(struct full *f, unsigned client, enum datagram_kind kind, struct blob *data)
{
	if (kind == DATAGRAM_IKE || random_chance(&f->world.random, 300))
		record(f, client, kind, data);
	net_datagram(&f->world, on_gateway, f, (uint64_t)client << 8 | kind, data);
}

static void on_replay(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	unsigned i = (unsigned)random_below(&w->random, REPLAY_RING);

	(void)a;
	(void)data;
	if (f->ring[i].data)
		arrive_at(f, leads_to(f), f->ring[i].kind, f->ring[i].client, f->ring[i].data);
	world_at(w, random_between(&w->random, 1, 20) * MS, on_replay, f, 0, NULL);
}

static void on_client(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	(void)w;
	client_receive(ctx, (unsigned)(a >> 8), (enum datagram_kind)(a & 0xff), data);
}

void full_to_client(struct full *f, const struct endpoint *remote, enum datagram_kind kind,
		    struct blob *data)
{
	uint32_t address = address_to_ipv4(&remote->address) - 0xc0000200u - 10;

	if (address >= f->n_clients)
		world_fail(&f->world, "a node sends to an address that is no client's");
	net_datagram(&f->world, on_client, f, (uint64_t)address << 8 | kind, data);
}

/* ---- Inside ---- */

static void on_echo(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;

	(void)w;
	(void)a;
	arrive_at(f, leads_to(f), DATAGRAM_INNER, 0, data);
}

void full_to_server(struct full *f, const uint8_t *data, size_t len)
{
	struct blob *b = blob_new(data, len);

	if (len != 32)
		world_fail(&f->world, "an inner packet has %zu octets", len);
	memcpy(b->data + 12, data + 16, 4);
	memcpy(b->data + 16, data + 12, 4);
	world_at(&f->world, random_between(&f->world.random, 100, 500), on_echo, f, 0, b);
}

/* ---- The operator ---- */

/* Every node runs, is ready, has its vote and nearly all that the others have. */
static bool is_whole(struct full *f)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *c = node_core(&f->world.host[i]);
		struct core_status s;

		if (!c || f->world.host[i].paused)
			return false;
		core_status(c, &s);
		if (!s.ready || core_voters(c) != f->world.n_hosts)
			return false;
		if (last != 0 && (last + 20 < s.commit_applied || s.commit_applied + 20 < last))
			return false;
		last = s.commit_applied;
	}
	return true;
}

/* A new disk makes a new node: with another Raft id, empty. One at a time, and not
 * before the last one has its vote. */
static void replace_disk(struct full *f, struct host *h)
{
	if (f->world.now_us - f->wiped_us < SECOND || !is_whole(f))
		return;
	host_crash(h, false);
	disk_wipe(&h->disk);
	f->raft_id[h->index] = random_u64(&f->world.random) | 1;
	f->wiped_us = f->world.now_us;
	f->n_wipes++;
	world_say(&f->world, "n%u's disk is replaced", h->index + 1);
	host_start(h);
}

static void on_operator(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct host *h = &w->host[random_below(&w->random, w->n_hosts)];

	(void)a;
	(void)data;
	if (f->calm)
		return;
	if (random_chance(&w->random, 700)) {
		replace_disk(f, h);
	} else if (host_runs(h) && !h->paused) {
		f->n_shutdowns++;
		node_shut_down(h);
	}
	world_at(w, random_between(&w->random, 50, 1500) * MS, on_operator, f, 0, NULL);
}

/* ---- Set-up ---- */

static void configure(struct full *f, unsigned n_clients)
{
	struct cluster_config *c = &f->config;
	struct ike_connection *r = &f->connection;
	struct prefix net = { .address = address_ipv4(0x0a140000), .bits = 16 };

	cluster_config_defaults(c);
	snprintf(c->name, sizeof(c->name), "sim");
	c->n_nodes = FULL_HOSTS;
	for (unsigned i = 0; i < FULL_HOSTS; i++)
		snprintf(c->node[i], sizeof(c->node[i]), "n%u", i + 1);
	c->mode = SERVICE_VIP;
	c->service[0] = full_service().address;
	c->n_service = 1;
	c->lease = 64; /* Many renewals. */
	c->snapshot_bytes = 15000; /* ... and snapshots. */
	c->snapshot_trailing = 8;
	c->hash = 1;
	memset(c->storage_key, 7, sizeof(c->storage_key));
	snprintf(r->name, sizeof(r->name), "road");
	r->local_ts.n = 1;
	r->local_ts.ts[0] = ts_from_prefix(&net);
	r->has_pool = true;
	r->pool = (struct prefix){ .address = address_ipv4(0x0a1e0000), .bits = 24 };
	r->replay_bits = 256;
	if (ike_id_parse(&r->local_id, "gw") != OK ||
	    proposal_parse_ike(&r->ike[0], "aes128gcm16-prfsha256-x25519", NULL) != OK ||
	    proposal_parse_esp(&r->esp[0], "aes128gcm16", NULL) != OK)
		world_fail(&f->world, "the configuration is malformed");
	r->n_ike = r->n_esp = 1;
	c->ike.connections = r;
	c->ike.n_connections = 1;
	c->ike.secrets = f->secret;
	c->ike.n_secrets = n_clients;
	for (unsigned i = 0; i < n_clients; i++) {
		char id[16], psk[24];

		snprintf(id, sizeof(id), "c%u", i);
		snprintf(psk, sizeof(psk), "secret %u", i);
		if (ike_id_parse(&f->secret[i].id, id) != OK)
			world_fail(&f->world, "an identity is malformed");
		secret_set(&f->secret[i].psk, psk, strlen(psk));
	}
}

static struct full *full_new(uint64_t seed, bool verbose, const char *command)
{
	struct full *f = calloc(1, sizeof(*f));
	unsigned n_clients;

	assert(f);
	world_init(&f->world, seed, FULL_HOSTS, &node_program, f);
	f->world.verbose = verbose;
	f->world.command = command;
	f->holder = f->stale = -1;
	n_clients = (unsigned)random_between(&f->world.random, 4, 8);
	configure(f, n_clients);
	sequence_checker_init(&f->sequence, f);
	reply_checker_init(&f->reply, f);
	state_checker_init(&f->state, f);
	clients_init(f, n_clients);
	for (unsigned i = 0; i < FULL_HOSTS; i++) {
		f->raft_id[i] = random_u64(&f->world.random) | 1;
		host_start(&f->world.host[i]);
	}
	return f;
}

static void full_free(struct full *f)
{
	world_fini(&f->world);
	clients_fini(f);
	for (unsigned i = 0; i < REPLAY_RING; i++)
		blob_unref(f->ring[i].data);
	sequence_checker_fini(&f->sequence);
	reply_checker_fini(&f->reply);
	state_checker_fini(&f->state);
	free(f);
}

/* For who reads a failure. */
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
	}
	printf("the service address leads to n%d\n", f->holder + 1);
}

/* I5: within the bound every client is served again, by what it had. */
static void wait_for_calm(struct full *f)
{
	uint64_t until = f->world.now_us + HAPPY_WITHIN_US;
	char text[200];

	snprintf(text, sizeof(text), "the nodes are not all ready");
	while (clients_unhappy(f, text, sizeof(text)) || !is_whole(f)) {
		if (f->world.now_us < until) {
			world_run(&f->world, f->world.now_us + 50 * MS);
			continue;
		}
		tell_nodes(f);
		world_fail(&f->world, "I5: %s", text);
	}
}

uint64_t full_run(uint64_t seed, bool verbose, const char *command)
{
	struct full *f = full_new(seed, verbose, command);
	uint64_t trace;

	faults_init(&f->faults, &f->world, FAULT_TIME_US, 300 * MS);
	world_at(&f->world, SECOND, on_replay, f, 0, NULL);
	world_run(&f->world, 4 * SECOND); /* The first sessions come in undisturbed. */
	faults_begin(&f->faults);
	world_at(&f->world, SECOND, on_operator, f, 0, NULL);
	world_run(&f->world, FAULT_TIME_US);
	faults_end(&f->faults);
	clients_calm(f);
	wait_for_calm(f);
	world_run(&f->world, f->world.now_us + SECOND);
	state_checker_end(&f->state);
	if (verbose)
		printf("%u disks replaced, %u times told to end; ", f->n_wipes, f->n_shutdowns);
	if (verbose)
		printf("%llu sealed, %llu delivered (%llu of them again, excused), %llu replies, "
		       "%llu digests, %llu events\n",
		       (unsigned long long)f->sequence.n_sealed,
		       (unsigned long long)f->sequence.n_delivered,
		       (unsigned long long)f->sequence.n_excused,
		       (unsigned long long)f->reply.n_checked,
		       (unsigned long long)f->state.n_digests,
		       (unsigned long long)f->world.events_done);
	trace = f->world.trace;
	full_free(f);
	return trace;
}
