/* SPDX-License-Identifier: Apache-2.0 */
/* The run of a whole cluster: nodes, clients, faults, calm, the end. */
#include "test/sim/full.h"

#include "proto/ike/fragment.h"

#include "test/lib/toy_auth.h"
#include "test/sim/certificates.h"
#include "test/sim/client.h"
#include "test/sim/clocks.h"
#include "test/sim/net.h"
#include "test/sim/radius.h"
#include "test/sim/sweep.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_US (4 * SECOND) /* The first sessions come in undisturbed. */

static void configure_connection(struct full *f)
{
	struct ike_connection *r = &f->connection;

	snprintf(r->name, sizeof(r->name), "road");
	r->local_ts.n = f->plan.networks ? 2 : 1;
	for (unsigned i = 0; i < r->local_ts.n; i++) {
		struct prefix net = client_network(i);

		r->local_ts.ts[i] = ts_from_prefix(&net);
	}
	r->has_pool = true;
	r->pool = (struct prefix){ .address = address_ipv4(0x0a1e0000),
				   .bits = (uint8_t)f->plan.pool_bits };
	r->replay_bits = 256;
	r->dpd_ms = f->plan.dpd_ms;
	r->exact = f->plan.exact;
	r->child_life = f->plan.child_life;
	r->ike_life = f->plan.ike_life;
	r->auth = f->plan.rounds ? &toy_auth : f->plan.eap ? &ike_auth_eap_mschapv2 : NULL;
	certificates_begin(f);
	radius_begin_run(f);
	if (ike_id_parse(&r->local_id, "gw") != OK ||
	    proposal_parse_ike(&r->ike[0], f->plan.ike, NULL) != OK ||
	    proposal_parse_esp(&r->esp[0], f->plan.esp, NULL) != OK)
		world_fail(&f->world, "the configuration is malformed");
	r->n_ike = r->n_esp = 1;
}

static void configure_client(struct full *f, unsigned i)
{
	char id[16], psk[24];

	snprintf(id, sizeof(id), "c%u", i);
	snprintf(psk, sizeof(psk), "secret %u", i);
	if (ike_id_parse(&f->secret[i].id, id) != OK)
		world_fail(&f->world, "an identity is malformed");
	secret_set(&f->secret[i].psk, psk, strlen(psk));
}

/* The clients are users with their secrets as passwords; the gateway authenticates with another secret. */
static void configure_users(struct full *f)
{
	for (size_t i = 0; i < f->plan.clients; i++) {
		const struct secret *s = &f->secret[i].psk;

		f->user[i].id = f->secret[i].id;
		if (nt_hash_of(&f->user[i].password, s->bytes, s->len) != OK)
			world_fail(&f->world, "a password is malformed");
	}
	f->own.id = f->connection.local_id;
	secret_set(&f->own.psk, "the gateway's", 13);
}

struct cluster_policy *full_policy(struct full *f)
{
	struct cluster_policy p = { .limits = policy_limits_default,
				    .ike = { .connections = &f->connection, .n_connections = 1 } };

	p.limits.half_open_max = f->plan.half_open_max;
	p.limits.cookie_above = f->plan.cookie_above;
	p.ike.fragmentation = f->plan.fragments;
	p.ike.fragment_size = IKE_FRAGMENT_SIZE_MIN;
	p.ike.secrets = f->plan.eap ? &f->own : f->secret;
	p.ike.n_secrets = f->plan.eap ? 1 : f->plan.clients;
	p.ike.users = f->user;
	p.ike.n_users = f->plan.eap && !f->plan.radius ? f->plan.clients : 0;
	radius_policy_of(f, &p.ike);
	return cluster_policy_copy(&p);
}

static void configure(struct full *f)
{
	struct cluster_config *c = &f->config;

	cluster_config_defaults(c);
	snprintf(c->name, sizeof(c->name), "sim");
	c->n_nodes = f->plan.hosts;
	for (unsigned i = 0; i < f->plan.hosts; i++)
		snprintf(c->node[i], sizeof(c->node[i]), "n%u", i + 1);
	c->mode = f->plan.mode;
	c->service[0] = outside_service().address;
	c->n_service = 1;
	c->lease = 64; /* Many renewals. */
	c->snapshot_bytes = 15000; /* ... and snapshots. */
	c->snapshot_slice = 1; /* ... each of which takes long: one record in a millisecond. */
	c->snapshot_trailing = 8;
	/* No more than the clients need, so any leak of places is noticed. */
	c->child_sas_max = (f->plan.networks ? 3 : 2) * f->plan.clients + 1;
	c->timing.isolation_ms = f->plan.isolation_ms;
	c->hash = 1;
	memset(c->storage_key, 7, sizeof(c->storage_key));
	configure_connection(f);
	for (unsigned i = 0; i < f->plan.clients; i++)
		configure_client(f, i);
	if (f->plan.eap)
		configure_users(f);
	c->policy = full_policy(f);
	c->policy->hash = 1;
}

/* They have their own sources of random numbers, so a remembered seed stays what it was. */
static void draw(struct full *f, uint64_t seed)
{
	struct random r;

	random_init(&r, seed ^ UINT64_C(0x706c616e));
	plan_draw(&f->plan, &r);
	random_init(&f->reauth.random, seed ^ UINT64_C(0x72656175));
	f->plan.reauth = random_chance(&f->reauth.random, 300);
	random_init(&f->fragments.random, seed ^ UINT64_C(0x66726167));
	f->plan.fragments = random_chance(&f->fragments.random, 300);
	random_init(&f->orders.random, seed ^ UINT64_C(0x776f7264));
	random_init(&r, seed ^ EAP_SALT);
	f->plan.eap = random_chance(&r, 125) && !f->plan.rounds;
	random_init(&r, seed ^ CERTIFICATES_SALT);
	if (!f->plan.rounds && !f->plan.eap && random_chance(&r, 200))
		f->plan.certificates = random_chance(&r, 500) ? CERTIFICATES_BOTH : CERTIFICATES_MIXED;
	if (f->plan.eap && random_chance(&r, 700))
		f->plan.certificates = CERTIFICATES_MIXED;
	plan_lifetimes(&f->plan, seed);
	random_init(&f->networks.random, seed ^ NETWORKS_SALT);
	f->plan.networks = random_chance(&f->networks.random, 250);
	random_init(&r, seed ^ RADIUS_SALT);
	if (random_chance(&r, 250) && !f->plan.rounds && !f->plan.eap && !f->plan.certificates &&
	    f->plan.mode == SERVICE_VIP) {
		f->plan.radius = f->plan.eap = true;
		f->plan.certificates = random_chance(&r, 500) ? CERTIFICATES_MIXED : CERTIFICATES_NONE;
	}
}

struct full *full_new(uint64_t seed, bool verbose, const char *command, struct sweep *sweep)
{
	struct full *f = calloc(1, sizeof(*f));

	assert(f);
	draw(f, seed);
	f->sweep = sweep;
	if (sweep)
		sweep_plan(f);
	world_init(&f->world, seed, f->plan.hosts, &node_program, f);
	f->world.verbose = verbose;
	f->world.command = command;
	f->holder = f->stale = -1;
	world_say(&f->world, "the gateway rekeys Child SAs after %u s, %llu packets, %llu octets, IKE SAs after %u s",
		  f->plan.child_life.rekey_s, (unsigned long long)f->plan.child_life.rekey.packets,
		  (unsigned long long)f->plan.child_life.rekey.octets, f->plan.ike_life.rekey_s);
	world_say(
		&f->world,
		"%u nodes, %u clients, mode %s, replay %s, attacks %u/1000, %s, %s, dpd %u ms, pool /%u%s%s%s%s",
		f->plan.hosts, f->plan.clients, f->plan.mode == SERVICE_LB ? "lb" : "vip",
		f->plan.exact ? "exact" : "marks", f->plan.attack_per_mille, f->plan.ike,
		f->plan.esp, f->plan.dpd_ms, f->plan.pool_bits,
		f->plan.stops ? ", owners stopped" : "",
		f->plan.rounds                               ? ", IKE_AUTH in rounds"
		: f->plan.radius                             ? ", EAP by RADIUS"
		: f->plan.eap                                ? ", EAP"
		: f->plan.certificates == CERTIFICATES_BOTH  ? ", certificates"
		: f->plan.certificates == CERTIFICATES_MIXED ? ", a certificate of the gateway's"
							     : "",
		f->plan.fragments ? ", IKE in fragments" : "", f->plan.networks ? ", two networks" : "");
	configure(f);
	checkers_init(&f->checkers, f);
	clients_init(f, f->plan.clients);
	upgrade_begin(f);
	for (unsigned i = 0; i < f->plan.hosts; i++)
		host_start(&f->world.host[i]);
	return f;
}

void full_free(struct full *f)
{
	world_fini(&f->world);
	clients_fini(f);
	for (unsigned i = 0; i < REPLAY_RING; i++)
		blob_unref(f->ring[i].data);
	checkers_fini(&f->checkers);
	certificates_end(f);
	radius_end_run(f);
	operator_fini(f);
	policies_fini(f);
	cluster_policy_unref(f->config.policy);
	free(f);
}

void full_entropy(struct full *f, struct entropy *e)
{
	uint8_t seed[ENTROPY_SEED_LEN];

	random_fill(&f->world.random, seed, sizeof(seed));
	entropy_init(e, seed);
}

void full_add_up(const struct full *f, struct totals *t)
{
	const struct checkers *c = &f->checkers;

	t->seeds++;
	t->virtual_us += f->world.now_us;
	t->events += f->world.events_done;
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		t->faults[i] += f->faults.count[i];
	t->esp += c->i1.n_sealed + c->i2.n_delivered;
	t->exchanges += c->i3.n_checked;
	t->rounds += c->i3.n_rounds;
	t->attacks += c->i8.n_checked;
	t->digests += c->i7.n_digests;
	t->dates += c->i12.n_checked;
	t->dates_refused += c->i12.n_refused;
	t->questions += c->i3.n_questions;
	t->reports += f->radius_reports;
	if (c->i5.longest_us > t->longest_us)
		t->longest_us = c->i5.longest_us;
}

void full_calm(struct full *f)
{
	faults_end(&f->faults);
	clients_calm(f);
	operator_calm(f);
	orders_calm(f);
	unfit_calm(f);
	clocks_calm(f);
	radius_calm(f);
	upgrade_calm(f);
	policies_calm(f);
	i5_wait(&f->checkers.i5);
	clocks_end(f);
	world_run(&f->world, f->world.now_us + SECOND);
	upgrade_end(f);
	policies_end(f);
	i2_end(&f->checkers.i2);
	i4_end(&f->checkers.i4);
	i6_end(&f->checkers.i6);
	i7_end(&f->checkers.i7);
	i9_end(&f->checkers.i9);
	accounts_end(f);
}

uint64_t full_run(uint64_t seed, bool verbose, const char *command, struct totals *totals)
{
	struct full *f = full_new(seed, verbose, command, NULL);
	uint64_t trace, end = QUIET_US + f->plan.fault_time_us;

	faults_init(&f->faults, &f->world, end, f->plan.fault_mean_us);
	f->faults.weight[FAULT_CLOCK] = 4;
	f->faults.weight[FAULT_WALL] = f->plan.certificates == CERTIFICATES_BOTH ? 0 : 2;
	outside_begin(f);
	attack_begin(f);
	stop_begin(f);
	preempt_begin(f);
	unfit_begin(f);
	clocks_begin(f);
	radius_faults(f);
	policies_begin(f);
	world_run(&f->world, QUIET_US);
	faults_begin(&f->faults);
	operator_begin(f);
	orders_begin(f);
	world_run(&f->world, end);
	full_calm(f);
	if (f->plan.all_back) {
		operator_puts_all_back(f);
		world_run(&f->world, f->world.now_us + 3 * SECOND);
	}
	if (verbose)
		printf("%llu sealed, %llu delivered (%llu of them again, excused), %llu IKE messages, "
		       "%llu digests, %llu attacks, %llu events\n",
		       (unsigned long long)f->checkers.i1.n_sealed,
		       (unsigned long long)f->checkers.i2.n_delivered,
		       (unsigned long long)f->checkers.i2.n_excused,
		       (unsigned long long)f->checkers.i3.n_checked,
		       (unsigned long long)f->checkers.i7.n_digests,
		       (unsigned long long)f->checkers.i8.n_checked,
		       (unsigned long long)f->world.events_done);
	full_add_up(f, totals);
	trace = f->world.trace;
	full_free(f);
	return trace;
}
