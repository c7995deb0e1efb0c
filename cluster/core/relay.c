/* SPDX-License-Identifier: Apache-2.0 */
/* IKE datagrams at a node that does not lead (DESIGN section 3): each goes on to the leader, once,
 * with the addresses it arrived with. Without a leader each is kept for a second, bounded: the
 * election is over by then. The whole datagram tells them apart, because anybody can send one with
 * another's SPIs. If one was relayed to us and we do not lead yet, or no longer, we keep it too,
 * but never relay it again.
 *
 * A flood ends here, not at the leader. Every node knows the SPI pairs of all IKE SAs, half-open
 * ones too; a datagram that names an unknown pair, which may just have been made, goes on at
 * UNKNOWN_PER_S at most. Every node can make and check cookies: an IKE_SA_INIT needs one when the
 * leader would demand it, or when more than INIT_PER_S come without one; but not if it has already
 * been relayed without one, because its answer may be on its way. */
#include "cluster/core/relay.h"

#include "cluster/core/rooms.h"
#include "cluster/core/exchange_env.h"
#include "cluster/core/outgoing.h"
#include "cluster/core/half_open.h"
#include "proto/crypto/prf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct tokens {
	uint64_t from_us; /* Earned up to then. */
	uint32_t n;
};

struct kept;
struct relay {
	struct kept *kept; /* Without a leader: datagrams, by their hash. */
	size_t n;
	struct tokens init, repeat, unknown;
	uint64_t demand_until_us; /* Cookies are demanded here. */
	uint64_t passed[1024];    /* By its last bits: who went on without one. */
};

#define KEPT_MAX 256u
#define KEPT_US (1000 * MS)
#define INIT_PER_S 2000u
#define REPEAT_PER_S 1000u
#define UNKNOWN_PER_S 200u

struct kept {
	uint8_t key[SHA256_DIGEST_LENGTH]; /* The datagram's. */
	struct endpoint local, remote;
	uint32_t via;
	struct blob *data;
	uint64_t until_us;
	UT_hash_handle hh;
};

bool relay_possible(const struct core *c, uint32_t leader)
{
	return leader != NODE_NONE && leader != c->config->self && core_node_linked(c, leader) &&
	       !c->known[leader].suspect;
}

void relay_keep(struct core *c, uint32_t via, const struct ike_header *h,
		const struct endpoint *local, const struct endpoint *remote, struct blob *data)
{
	uint8_t key[SHA256_DIGEST_LENGTH];
	struct kept *x;

	hash_sha256(data->data, data->len, key);
	HASH_FIND(hh, c->relay->kept, key, sizeof(key), x);
	/* Anybody can send an IKE_SA_INIT: half of the room is for the others. */
	if (!x && c->relay->n >= (h->spi_r ? KEPT_MAX : KEPT_MAX / 2)) {
		core_drop(c, DROP_IKE_NO_LEADER);
		return;
	}
	if (!x) {
		x = calloc(1, sizeof(*x));
		assert(x);
		memcpy(x->key, key, sizeof(key));
		HASH_ADD(hh, c->relay->kept, key, sizeof(x->key), x);
		c->relay->n++;
	}
	x->local = *local;
	x->remote = *remote;
	x->via = via;
	blob_set(&x->data, blob_ref(data));
	x->until_us = c->now_us + KEPT_US;
}

/* So many a second, and as many at once as a quarter of a second earns. */
static bool tokens_take(struct tokens *t, uint64_t now_us, uint32_t per_s)
{
	uint64_t earned = (now_us - t->from_us) * per_s / 1000000;

	if (earned > 0) {
		t->n = earned + t->n < per_s / 4 ? (uint32_t)earned + t->n : per_s / 4;
		t->from_us = now_us;
	}
	if (t->n == 0)
		return false;
	t->n--;
	return true;
}

static bool pair_known(const struct core *c, const struct ike_header *h)
{
	return state_session_by_ike(c->state, h->spi_i, h->spi_r) ||
	       half_open_find(c, h->spi_i, h->spi_r) ||
	       state_final_response(c->state, h->spi_i, h->spi_r, NULL);
}

/* The request's, with where it came from: never 0. */
static uint64_t tag_of(const uint8_t *data, size_t len, const struct endpoint *remote)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	uint64_t z;

	hash_sha256(data, len, hash);
	memcpy(&z, hash, sizeof(z));
	z ^= (uint64_t)remote->port << 48;

	for (size_t i = 0; i < sizeof(remote->address.octets); i++)
		z = (z ^ remote->address.octets[i]) * UINT64_C(0x100000001b3);
	z = (z ^ (z >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
	return (z ^ (z >> 29)) | 1u << 31;
}

/* Shall this one show a cookie? */
static bool demand(struct core *c, uint64_t tag, const uint64_t *passed)
{
	if (*passed == tag)
		return false;
	if (half_open_count(c) >= c->in_force->limits.cookie_above ||
	    !tokens_take(&c->relay->init, c->now_us, INIT_PER_S))
		c->relay->demand_until_us = c->now_us + COOKIE_DEMAND_US;
	return c->now_us < c->relay->demand_until_us;
}

/* Is it worth the leader's time? If not it was answered, or dropped and counted. */
static bool screen(struct core *c, const struct endpoint *local, const struct endpoint *remote,
		   const uint8_t *data, size_t len)
{
	struct ike_env env = exchange_env(c);
	struct ike_outcome out;
	struct ike_header h;
	enum drop d = ike_header_parse(&h, data, len);
	uint64_t tag, *passed;
	bool good;

	if (d != DROP_NONE) {
		core_drop(c, d);
		return false;
	}
	if (h.spi_r != 0) {
		good = pair_known(c, &h) || tokens_take(&c->relay->unknown, c->now_us, UNKNOWN_PER_S);
		if (!good)
			core_drop(c, DROP_IKE_UNKNOWN);
		return good;
	}
	tag = tag_of(data, len, remote);
	passed = &c->relay->passed[tag % (sizeof(c->relay->passed) / sizeof(*passed))];
	if (*passed == tag && !tokens_take(&c->relay->repeat, c->now_us, REPEAT_PER_S)) {
		core_drop(c, DROP_IKE_BUSY);
		return false;
	}
	env.demand_cookie = demand(c, tag, passed);
	good = ike_screen_init(&env, local, remote, data, len, &out);
	if (!good && out.verdict == IKE_VERDICT_REPLY)
		outgoing_send(c, c->config->self, local, remote, out.reply);
	else if (!good)
		core_drop(c, out.drop);
	else if (!env.demand_cookie)
		*passed = tag;
	ike_outcome_fini(&out);
	return good;
}

void relay_forward(struct core *c, uint32_t via, const struct endpoint *local,
		   const struct endpoint *remote, const uint8_t *data, size_t len)
{
	struct frame f = { .type = FRAME_RELAY };

	if (via != c->config->self) {
		core_drop(c, DROP_IKE_NO_LEADER);
		return;
	}
	if (!screen(c, local, remote, data, len))
		return;
	f.datagram.local = *local;
	f.datagram.remote = *remote;
	f.datagram.data = data;
	f.datagram.len = len;
	core_send(c, core_leader_index(c), &f);
}

void relay_resume(struct core *c, relay_deliver *deliver)
{
	struct kept *x, *tmp;
	bool known = core_leads(c) || relay_possible(c, core_leader_index(c));

	HASH_ITER(hh, c->relay->kept, x, tmp)
	{
		if (!known && c->now_us < x->until_us)
			continue;
		HASH_DEL(c->relay->kept, x);
		c->relay->n--;
		if (known)
			deliver(c, x->via, &x->local, &x->remote, x->data->data, x->data->len);
		else
			core_drop(c, DROP_IKE_NO_LEADER);
		blob_unref(x->data);
		free(x);
	}
}

void relay_init(struct core *c)
{
	c->relay = core_room(sizeof(*c->relay));
}

void relay_fini(struct core *c)
{
	struct kept *x, *tmp;

	HASH_ITER(hh, c->relay->kept, x, tmp)
	{
		HASH_DEL(c->relay->kept, x);
		blob_unref(x->data);
		free(x);
	}
	free(c->relay);
}
