/* SPDX-License-Identifier: Apache-2.0 */
/* Everything between the clients, the nodes and the server. A client's address tells which client
 * it is and how often it has moved; what is sent to an address that it left is lost.
 *
 * Mode vip: the service address leads to its holder; for a while after a move, neighbours may still
 * send to the last one. Mode lb: a balancer spreads addresses over the hosts that were healthy at
 * its last check. */
#include "test/sim/full.h"

#include "test/sim/net.h"
#include "test/sim/sweep.h"

#include <string.h>

#define CLIENT_NET 0xc6120000u /* 198.18.0.0/15 (RFC 2544) */
#define CLIENT_BITS 12u
#define MOVES_MASK 31u
#define HEALTH_MAX_US (300 * MS)

struct endpoint outside_service(void)
{
	return (struct endpoint){ address_ipv4(0xc6336464u), 4500 };
}

/* Raw ESP has no ports. */
struct endpoint outside_source(const struct full *f, unsigned client, uint8_t moves,
			       enum datagram_kind kind)
{
	struct endpoint e = outside_client(client, moves);

	if (kind == DATAGRAM_ESP && !client_is_behind_nat(f, client))
		e.port = 0;
	return e;
}

struct endpoint outside_client(unsigned client, uint8_t moves)
{
	struct endpoint e = { address_ipv4(CLIENT_NET | (moves & MOVES_MASK) << CLIENT_BITS | client),
			      4500 };

	return e;
}

/* ---- To the nodes ---- */

static int balanced(const struct full *f, uint64_t key)
{
	unsigned n = (unsigned)__builtin_popcount(f->healthy), k;

	if (n == 0)
		return -1;
	k = (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> 40) % n;
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		if (f->healthy >> i & 1 && k-- == 0)
			return (int)i;
	return -1;
}

static int leads_to(struct full *f, uint64_t key)
{
	if (f->plan.mode == SERVICE_LB)
		return balanced(f, key);
	if (f->world.now_us < f->stale_until_us && random_chance(&f->world.random, 200))
		return f->stale;
	return f->holder;
}

static void arrive_at(struct full *f, int host, const struct endpoint *remote, uint64_t value,
		      struct blob *data)
{
	struct delivery d = { .kind = DELIVER_DATAGRAM, .value = value, .data = data };

	bool inner = (value & 0xff) == DATAGRAM_INNER;

	if (host < 0 || !host_runs(&f->world.host[host]) ||
	    (inner ? unfit_inner_cut(f, (unsigned)host) : unfit_outer_cut(f, (unsigned)host)))
		return;
	d.local = outside_service();
	d.remote = *remote;
	d.local.port = remote->port ? d.local.port : 0;
	host_deliver(&f->world.host[host], f->world.host[host].generation, &d);
}

void outside_arrive(struct full *f, const struct endpoint *remote, enum datagram_kind kind,
		    struct blob *data, bool hostile)
{
	arrive_at(f, leads_to(f, address_to_ipv4(&remote->address)), remote,
		  kind | (hostile ? DATAGRAM_HOSTILE : 0), data);
}

static void on_gateway(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	enum datagram_kind kind = (enum datagram_kind)(a & 0xff);
	struct endpoint from = outside_source(ctx, (unsigned)(a >> 16), (uint8_t)(a >> 8), kind);

	(void)w;
	outside_arrive(ctx, &from, kind, data, false);
}

static void record(struct full *f, unsigned client, enum datagram_kind kind, struct blob *data)
{
	unsigned i = f->ring_next++ % REPLAY_RING;

	blob_set(&f->ring[i].data, blob_ref(data));
	f->ring[i].client = client;
	f->ring[i].moves = f->moves[client];
	f->ring[i].kind = kind;
}

/* a: its kind in the lowest octet; fn arrives there. */
static void pass_on(struct full *f, world_fn fn, uint64_t a, struct blob *data)
{
	if (f->sweep && (a & 0xff) == DATAGRAM_IKE && sweep_takes(f, fn, a, data))
		return;
	net_datagram(&f->world, fn, f, a, data);
}

void outside_to_gateway(struct full *f, unsigned client, enum datagram_kind kind,
			struct blob *data)
{
	if (kind == DATAGRAM_IKE || random_chance(&f->world.random, 300))
		record(f, client, kind, data);
	pass_on(f, on_gateway, (uint64_t)client << 16 | (uint64_t)f->moves[client] << 8 | kind, data);
}

/* ---- To the clients ---- */

static void on_client(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	unsigned client = (unsigned)(a >> 16);

	(void)w;
	if ((uint8_t)(a >> 8) == (f->moves[client] & MOVES_MASK))
		client_receive(f, client, (enum datagram_kind)(a & 0xff), data);
}

void outside_to_client(struct full *f, const struct endpoint *remote, enum datagram_kind kind,
		       struct blob *data)
{
	uint32_t address = address_to_ipv4(&remote->address);
	uint64_t client = address & ((1u << CLIENT_BITS) - 1);
	uint64_t moves = address >> CLIENT_BITS & MOVES_MASK;

	if (address >> 17 != CLIENT_NET >> 17 || client >= f->n_clients) {
		i8_sent(&f->checkers.i8, kind == DATAGRAM_IKE, data->data, data->len);
		blob_unref(data);
		return;
	}
	pass_on(f, on_client, client << 16 | moves << 8 | kind, data);
}

/* ---- Inside ---- */

static void on_echo(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct endpoint nowhere = { .port = 0 };
	uint32_t to;

	(void)w;
	(void)a;
	memcpy(&to, data->data + 16, 4);
	arrive_at(ctx, leads_to(ctx, to), &nowhere, DATAGRAM_INNER, data);
}

void outside_to_server(struct full *f, const uint8_t *data, size_t len)
{
	struct blob *b = blob_new(data, len);

	if (len != INNER_LEN)
		world_fail(&f->world, "an inner packet has %zu octets", len);
	i2_inside(&f->checkers.i2, data);
	memcpy(b->data + 12, data + 16, 4);
	memcpy(b->data + 16, data + 12, 4);
	world_at(&f->world, random_between(&f->world.random, 100, 500), on_echo, f, 0, b);
}

/* ---- The balancer's health checks ---- */

static void on_health(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;

	(void)a;
	(void)data;
	f->healthy = 0;
	for (unsigned i = 0; i < w->n_hosts; i++) {
		const struct core *c = node_core(&w->host[i]);
		struct core_status s;

		if (!c || w->host[i].paused)
			continue;
		core_status(c, &s);
		f->healthy |= s.ready ? 1u << i : 0;
	}
	world_at(w, random_between(&w->random, 1, HEALTH_MAX_US), on_health, f, 0, NULL);
}

void outside_begin(struct full *f)
{
	if (f->plan.mode == SERVICE_LB)
		world_at(&f->world, 1, on_health, f, 0, NULL);
}
