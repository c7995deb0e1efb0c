/* SPDX-License-Identifier: Apache-2.0 */
/* The interface of the data path: it starts the parts in the order that keeps packets safe
 * (blackhole routes, then the TUN device, the sockets, the worker, the address mover) and stops
 * them in reverse. Updates from the control thread are prepared here (keys expanded, packets
 * copied) and posted to the worker. */
#include "xdp/datapath.h"
#include "xdp/host/address_mover.h"
#include "xdp/worker.h"

#include <linux/types.h>

#include "xdp/port/baton.bpf.h"
#include "xdp/host/netlink.h"

#include <assert.h>
#include <errno.h>
#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SA_MAX_DEFAULT 65536u
#define POST_CHUNK 64u

struct datapath {
	struct worker worker;
	bool engine_ready;
	struct address_mover *mover;
	uint32_t replay_bits;
	_Atomic uint64_t inject_full, ike_out;
	enum datapath_mode mode;
	char mode_text[XSK_MODE_LEN];
	char mode_why[DATAPATH_ERR_LEN];
	_Atomic bool detached; /* The XDP program is gone: the sockets get all packets. */
};

/* A sealed packet should leave in one piece: the kernel refuses inner packets that are too long
 * where they enter, with the right MTU. */
uint32_t datapath_tun_mtu(int outer_mtu, uint8_t family)
{
	size_t fits = outer_mtu > 0 ? outer_inner_max((size_t)outer_mtu, family) : DATAPATH_TUN_MTU;

	assert(family == 4 || family == 6);
	return fits > DATAPATH_TUN_MTU ? DATAPATH_TUN_MTU
	       : fits < DATAPATH_TUN_MTU_MIN ? DATAPATH_TUN_MTU_MIN : (uint32_t)fits;
}

static uint32_t tun_mtu(const struct datapath_config *c)
{
	uint8_t family = 4;

	for (size_t i = 0; i < c->n_addresses; i++)
		family = c->addresses[i].address.family == 6 ? 6 : family;
	return c->tun_mtu ? c->tun_mtu
			  : datapath_tun_mtu(interface_mtu(c->outer_interface), family);
}

static bool start_engine(struct datapath *dp, const struct datapath_config *c,
			 const struct datapath_face *face, char *err)
{
	struct engine_output out = {.ctx = &dp->worker};
	struct engine_config config = {
		.sa_max = c->sa_max ? c->sa_max : SA_MAX_DEFAULT,
		.replay_bits = c->replay_bits,
		.iv_salt = c->iv_salt,
		.seed = c->seed,
		.mss_mtu = c->mss_clamp ? tun_mtu(c) : 0,
		.face = face,
		.out = &out,
	};

	worker_output(&dp->worker, &out);
	if (engine_init(&dp->worker.engine, &config) != OK) {
		snprintf(err, DATAPATH_ERR_LEN, "no memory for %u SAs", config.sa_max);
		return false;
	}
	dp->engine_ready = true;
	return true;
}

static bool open_ports(struct datapath *dp, const struct datapath_config *c, char *err)
{
	struct worker *w = &dp->worker;
	int error = mailbox_init(&w->mailbox);

	if (error) {
		snprintf(err, DATAPATH_ERR_LEN, "eventfd: %s", strerror(-error));
		return false;
	}
	/* A killed process's files are closed from the highest descriptor down: the addresses
	 * on the TUN device must vanish before the sockets do, or the kernel answers clients
	 * with ICMP errors in between. */
	if (sockets_open(&w->sockets, c->addresses, c->n_addresses, err) != 0)
		return false;
	for (size_t i = 0; i < c->n_others; i++)
		if (sockets_open_other(&w->sockets, &c->others[i], err) != 0)
			return false;
	error = tun_open(&w->tun, c->tun, tun_mtu(c));
	if (error) {
		snprintf(err, DATAPATH_ERR_LEN, "TUN device '%s': %s%s", c->tun, strerror(-error),
			 error == -EROFS ? "; set sysctl net.ipv4.conf.default.rp_filter and "
					   "net.ipv4.conf.all.rp_filter to 0 before baton starts"
					 : "");
		return false;
	}
	return true;
}

/* The rungs, from the top: AF_XDP zero-copy, native, generic, then sockets, which are open in any
 * case. */
static bool climb(struct datapath *dp, const struct datapath_config *c, char *err)
{
	dp->mode = DATAPATH_SOCKET;
	snprintf(dp->mode_text, sizeof(dp->mode_text), "socket");
	if (c->mode == DATAPATH_SOCKET)
		return true;
	if (xsk_open(&dp->worker.xsk, c->outer_interface, c->sa_max ? c->sa_max : SA_MAX_DEFAULT,
		     c->addresses, c->n_addresses, dp->mode_text, dp->mode_why)) {
		dp->mode = DATAPATH_XDP;
		return true;
	}
	if (c->mode == DATAPATH_AUTO)
		return true;
	snprintf(err, DATAPATH_ERR_LEN, "%s", dp->mode_why);
	return false;
}

static struct address_mover *start_mover(struct datapath *dp, const struct datapath_config *c,
					 char *err)
{
	struct address_wiring wiring = {
		.tun = dp->worker.tun.ifindex,
		.program = dp->mode == DATAPATH_XDP ? dp->worker.xsk.loader.program_id : 0,
		.outer_mtu = &dp->worker.xsk.mtu,
		.detached = &dp->detached,
	};

	return address_mover_start(c, &wiring, err);
}

struct datapath *datapath_start(const struct datapath_config *c, const struct datapath_face *face,
				char err[DATAPATH_ERR_LEN])
{
	struct datapath *dp = calloc(1, sizeof(*dp));
	int error;

	assert(c->n_addresses <= DATAPATH_ADDRESSES_MAX && prefix_list_sound(&c->pools) &&
	       c->n_inner_addresses <= DATAPATH_ADDRESSES_MAX && c->n_others <= DATAPATH_OTHERS_MAX);
	assert(!c->isolation_ms || c->contact);
	assert(c->seed && c->tun && c->outer_interface && c->inner_interface);
	assert(face->ike && face->report && face->forward && face->applied);
	if (!dp) {
		snprintf(err, DATAPATH_ERR_LEN, "out of memory");
		return NULL;
	}
	worker_init(&dp->worker);
	dp->worker.isolation_ms = c->isolation_ms;
	dp->worker.contact = c->contact;
	dp->worker.watch.bound_us = c->isolation_ms ? c->stop_ms * UINT64_C(1000) : 0;
	dp->replay_bits = c->replay_bits;
	if (address_prepare(c, err) || !start_engine(dp, c, face, err) ||
	    !open_ports(dp, c, err) || !climb(dp, c, err))
		goto fail;
	error = worker_start(&dp->worker);
	if (error) {
		snprintf(err, DATAPATH_ERR_LEN, "worker: %s", strerror(-error));
		goto fail;
	}
	dp->mover = start_mover(dp, c, err);
	if (dp->mover)
		return dp;
fail:
	datapath_stop(dp);
	return NULL;
}

void datapath_stop(struct datapath *dp)
{
	if (!dp)
		return;
	address_mover_stop(dp->mover);
	worker_stop(&dp->worker);
	if (dp->engine_ready)
		engine_fini(&dp->worker.engine);
	free(dp);
}

/* ---- From the control thread ---- */

static enum status post_chunk(struct datapath *dp, const struct sa_update *updates, size_t n,
			      uint64_t *ticket)
{
	struct posted_update posted[POST_CHUNK];
	enum status refused = OK, status;
	size_t made = 0;

	assert(n <= POST_CHUNK);
	for (size_t i = 0; i < n; i++) {
		struct posted_update *p = &posted[made];

		*p = (struct posted_update){.update = updates[i]};
		p->update.child = NULL; /* Borrowed for this call only. */
		if (updates[i].kind == SA_UPDATE_PUT) {
			p->sa = engine_sa_new(&updates[i], updates[i].replay_bits
								   ? updates[i].replay_bits
								   : dp->replay_bits);
			if (!p->sa) {
				refused = ERR_CRYPTO;
				continue;
			}
		}
		made++;
	}
	status = mailbox_post(&dp->worker.mailbox, posted, made, ticket);
	if (status != OK)
		for (size_t i = 0; i < made; i++)
			engine_sa_free(posted[i].sa);
	return status == OK ? refused : status;
}

enum status datapath_post(struct datapath *dp, const struct sa_update *updates, size_t n,
			  uint64_t *ticket)
{
	enum status worst = OK;

	assert(updates || n == 0);
	for (size_t i = 0; i < n; i += POST_CHUNK) {
		enum status status = post_chunk(
			dp, updates + i, n - i < POST_CHUNK ? n - i : POST_CHUNK, ticket);

		worst = status == OK ? worst : status;
	}
	return worst;
}

enum status datapath_inject(struct datapath *dp, const struct datapath_forward *f)
{
	struct injected_packet *p;
	enum status status = ERR_FULL;

	assert(f->packet && f->direction <= DATAPATH_OUTBOUND);
	if (f->len > DATAPATH_PACKET_MAX)
		return ERR_TOO_LONG;
	p = malloc(sizeof(*p));
	if (p) {
		p->direction = f->direction;
		p->path = f->path;
		p->len = f->len;
		memcpy(p->buffer + PACKET_HEAD_ROOM, f->packet, f->len);
		status = mailbox_inject(&dp->worker.mailbox, p);
	}
	dp->inject_full += status != OK;
	return status;
}

enum status datapath_send_ike(struct datapath *dp, const struct endpoint *local,
			      const struct endpoint *remote, const void *data, size_t len)
{
	enum status status;

	assert(data && len > 0 && local->address.family == remote->address.family);
	status = sockets_send_ike(&dp->worker.sockets, local, remote, data, len);

	dp->ike_out += status == OK;
	return status;
}

void datapath_hold(struct datapath *dp)
{
	address_mover_hold(dp->mover);
}

void datapath_release(struct datapath *dp)
{
	address_mover_release(dp->mover);
}

void datapath_pools(struct datapath *dp, const struct prefix_list *pools)
{
	address_mover_pools(dp->mover, pools);
}

bool datapath_holds(const struct datapath *dp)
{
	return address_mover_holds(dp->mover);
}

/* ---- What can be seen ---- */

void datapath_count(const struct datapath *dp, struct datapath_counters *out)
{
	const uint64_t *from = (const uint64_t *)&dp->worker.engine.counters;
	uint64_t *to = (uint64_t *)out;

	_Static_assert(sizeof(*out) % sizeof(uint64_t) == 0, "counters only");
	for (size_t i = 0; i < sizeof(*out) / sizeof(uint64_t); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	out->drops[DROP_QUEUE_FULL] += dp->inject_full;
	out->ike_out += dp->ike_out;
	out->drops[DROP_QUEUE_FULL] += sockets_overflow(&dp->worker.sockets);
	if (dp->mode == DATAPATH_XDP) {
		const struct loader *l = &dp->worker.xsk.loader;

		out->drops[DROP_UNKNOWN_SPI] += loader_count(l, BATON_COUNT_UNKNOWN_SPI);
		out->drops[DROP_QUEUE_FULL] += xsk_overflow(&dp->worker.xsk);
		out->drops[DROP_REPLAY] += loader_count(l, BATON_COUNT_STALE);
	}
	address_mover_count(dp->mover, out);
}

uint64_t datapath_unreported_us(const struct datapath *dp)
{
	return engine_unreported_us(&dp->worker.engine);
}

uint64_t datapath_sas_refused(const struct datapath *dp)
{
	return __atomic_load_n(&dp->worker.engine.counters.sas_refused, __ATOMIC_RELAXED);
}

enum datapath_mode datapath_mode(const struct datapath *dp)
{
	return dp->detached ? DATAPATH_SOCKET : dp->mode;
}

const char *datapath_mode_text(const struct datapath *dp)
{
	return dp->detached ? "socket" : dp->mode_text;
}

const char *datapath_mode_why(const struct datapath *dp)
{
	return dp->detached ? "the XDP program is gone" : dp->mode_why;
}

void datapath_sa_stats(struct datapath *dp, const uint32_t *spi_in, size_t n,
		       struct datapath_sa_stats *out)
{
	struct stats_question q = {.spi_in = spi_in, .out = out, .n = n};

	assert(n == 0 || (spi_in && out));
	memset(out, 0, n * sizeof(*out));
	mailbox_ask(&dp->worker.mailbox, &q);
}
