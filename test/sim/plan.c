/* SPDX-License-Identifier: Apache-2.0 */
/* Most seeds have three nodes and a handful of clients, so that many seeds can run; some are large.
 * Many clients are slower each, so that every run has about as many packets. */
#include "test/sim/full.h"

#include <string.h>

#define CALM_CLIENTS 8u /* Up to this many run at full speed. */

static unsigned draw_hosts(struct random *r)
{
	uint64_t x = random_below(r, 100);

	return x < 12 ? 1 : x < 82 ? 3 : 5;
}

static unsigned draw_clients(struct random *r)
{
	uint64_t x = random_below(r, 1000);

	if (x < 850)
		return (unsigned)random_between(r, 2, 8);
	if (x < 980)
		return (unsigned)random_between(r, 9, 40);
	return (unsigned)random_between(r, 41, 300);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void draw_suites(struct plan *p, struct random *r)
{
	static const char *const ike[] = { "aes256gcm16-prfsha384-ecp256",
					   "aes128-sha256-prfsha256-x25519",
					   "aes256-sha256-prfsha384-ecp256",
					   "chacha20poly1305-prfsha256-x25519",
					   "aes256ctr-sha512-x25519",
					   "aes128ctr-sha256-prfsha384-ecp256",
					   "aes256-sha384-ecp384",
					   "aes256-sha1-modp1024",
					   "aes256gcm16-prfsha512-ecp521" };
	static const char *const esp[] = { "aes256gcm16-esn", "aes128-sha256", "aes256-sha256-esn",
					   "aes128gcm16-esn", "chacha20poly1305",
					   "chacha20poly1305-esn", "aes128ctr-sha256",
					   "aes256ctr-sha512-esn", "aes256-sha384", "aes256-sha1" };

	p->ike = random_chance(r, 200) ? ike[random_below(r, COUNT(ike))] : "aes128gcm16-prfsha256-x25519";
	p->esp = random_chance(r, 400) ? esp[random_below(r, COUNT(esp))] : "aes128gcm16";
}

/* A few more addresses than clients, so that freed ones are given out again while the run lasts.
 * They rest for 10 times `isolation`, which is shorter here. */
static void draw_pool(struct plan *p, struct random *r)
{
	p->pool_bits = 20;
	p->isolation_ms = 1000;
	p->leave_per_mille = 300;
	if (!random_chance(r, 150))
		return;
	for (p->pool_bits = 29; (1u << (32 - p->pool_bits)) < p->clients + 4; p->pool_bits--)
		;
	p->isolation_ms = (uint32_t)random_between(r, 200, 500);
	p->leave_per_mille = 1000;
}

void plan_draw(struct plan *p, struct random *r)
{
	static const unsigned attack[] = { 0, 100, 100, 300 };
	/* Disks can be lost only where few other faults occur. */
	static const uint64_t mean_ms[] = { 100, 300, 300, 300, 1000, 3000 };

	memset(p, 0, sizeof(*p));
	p->hosts = draw_hosts(r);
	p->clients = draw_clients(r);
	p->mode = random_chance(r, 200) ? SERVICE_LB : SERVICE_VIP;
	p->fault_time_us = random_between(r, 6, 12) * SECOND;
	p->fault_mean_us = mean_ms[random_below(r, 6)] * MS;
	p->pace = 1 + p->clients / CALM_CLIENTS;
	p->attack_per_mille = attack[random_below(r, 4)];
	/* Cookies are asked for long before there is no room left. */
	p->cookie_above = random_chance(r, 300) ? 5 : 500;
	p->dpd_ms = random_chance(r, 250) ? (uint32_t)random_between(r, 200, 3000) : 0;
	draw_suites(p, r);
	p->all_back = random_chance(r, 250);
	p->half_open_max = p->cookie_above == 5 ? p->clients + 40 : 10000;
	p->exact = random_chance(r, 350);
	draw_pool(p, r);
	p->stops = !random_chance(r, 700);
	p->orders = random_chance(r, 250);
	p->rounds = random_below(r, 8) == 2;
}

/* Soft ones only: past a hard one an SA ends, and its client loses it. */
void plan_lifetimes(struct plan *p, uint64_t seed)
{
	struct random r;

	random_init(&r, seed ^ LIFETIMES_SALT);
	if (!random_chance(&r, 200))
		return;
	p->child_life.rekey_s = (uint32_t)random_below(&r, 4);
	p->ike_life.rekey_s = (uint32_t)random_between(&r, p->child_life.rekey_s == 0, 3);
	if (random_chance(&r, 300))
		p->child_life.rekey.packets = random_between(&r, 20, 200);
	if (random_chance(&r, 300))
		p->child_life.rekey.octets = random_between(&r, 2000, 20000);
}
