/* SPDX-License-Identifier: Apache-2.0 */
/* The attacker on the path: he sees all datagrams of clients, keeps some, and sends what he likes
 * from any address. He holds no keys. What he makes or changes is marked as hostile and must change
 * nothing (i8_attack.c); what he only repeats is judged by the other invariants: an old ESP packet
 * (I2), an old IKE_AUTH (I6), an old request (I3).
 *
 * He does not hold a packet back to send it from his own address before the client's copy comes:
 * RFC 7296 2.23 and RFC 3948 let him divert a client behind a NAT in this way until its next
 * packet, and no gateway can tell. */
#include "test/sim/full.h"

#include "proto/ike/fragment.h"
#include "proto/ike/ike_message.h"

#include <string.h>

#define CHANCE_MAX_US (20 * MS)
#define FLOOD_MAX 30u

/* 203.0.113.0/24 (RFC 5737) is his own, 240.0.0.0/4 nobody's. */
static struct endpoint his(struct random *r)
{
	struct endpoint e = { address_ipv4(0xcb007100u + (uint32_t)random_below(r, 256)), 4500 };

	if (random_chance(r, 500))
		e.address = address_ipv4(0xf0000000u | (uint32_t)random_below(r, 1u << 24));
	e.port = (uint16_t)random_between(r, 1, 65535);
	return e;
}

static struct endpoint from_somewhere(struct full *f, unsigned client, enum datagram_kind kind)
{
	struct random *r = &f->world.random;

	return random_chance(r, 500) ? outside_source(f, client, f->moves[client], kind) : his(r);
}

static void send_hostile(struct full *f, const struct endpoint *from, enum datagram_kind kind,
			 struct blob *b)
{
	outside_arrive(f, from, kind, b, true);
	blob_unref(b);
}

/* Noise, with the look of an IKE header half of the time. */
static void garbage(struct full *f)
{
	struct random *r = &f->world.random;
	struct blob *b = blob_new(NULL, random_between(r, 1, 300));
	struct endpoint from = his(r);
	bool esp = random_chance(r, 300);

	random_fill(r, b->data, b->len);
	if (!esp && b->len > IKE_HEADER_LEN && random_chance(r, 500)) {
		b->data[16] = IKE_PAYLOAD_SA;
		b->data[17] = 0x20;
		b->data[18] = (uint8_t)random_between(r, 34, 37);
		b->data[19] = random_chance(r, 500) ? IKE_FLAG_INITIATOR : IKE_FLAG_RESPONSE;
		memset(b->data + 24, 0, 2);
		b->data[26] = (uint8_t)(b->len >> 8);
		b->data[27] = (uint8_t)b->len;
		if (random_chance(r, 500))
			memset(b->data + 8, 0, 8);
	}
	send_hostile(f, &from, esp ? DATAGRAM_ESP : DATAGRAM_IKE, b);
}

/* A recorded message with SPIs in use, but changed on the way. Nothing authenticates IKE_SA_INIT,
 * so it is left out. */
static void forge(struct full *f, unsigned slot)
{
	struct random *r = &f->world.random;
	const struct blob *old = f->ring[slot].data;
	struct endpoint from = from_somewhere(f, f->ring[slot].client, f->ring[slot].kind);
	bool esp = f->ring[slot].kind == DATAGRAM_ESP;
	size_t head = esp ? 4 : IKE_HEADER_LEN; /* The SPIs stay. */
	struct blob *b;

	if (old->len <= head || (!esp && old->data[18] == IKE_EXCHANGE_SA_INIT))
		return;
	b = blob_new(old->data, old->len);
	if (random_chance(r, 300))
		b->len = (uint32_t)random_between(r, head, old->len - 1);
	else
		b->data[random_between(r, head, old->len - 1)] ^= (uint8_t)random_between(r, 1, 255);
	if (!esp && random_chance(r, 700)) { /* A Message ID that may be the next one. */
		b->data[23] = (uint8_t)(b->data[23] + random_below(r, 3));
		b->data[old->len < b->len ? old->len : b->len - 1] ^= 1;
		b->data[26] = (uint8_t)(b->len >> 8);
		b->data[27] = (uint8_t)b->len;
	}
	if (b->len == old->len && memcmp(b->data, old->data, old->len) == 0)
		b->data[b->len - 1] ^= 1; /* It was changed back. */
	send_hostile(f, &from, f->ring[slot].kind, b);
}

/* A fragment with other numbers: as if from a newer set, or in the place of one that is still missing. */
static void forge_fragment(struct full *f, unsigned slot)
{
	struct random *r = &f->fragments.random;
	const struct blob *old = f->ring[slot].data;
	struct endpoint from = from_somewhere(f, f->ring[slot].client, f->ring[slot].kind);
	struct ike_fragment had;
	struct blob *b;

	if (f->ring[slot].kind != DATAGRAM_IKE || old->len < IKE_HEADER_LEN + 8)
		return;
	had = ike_fragment_of(old->data, old->len);
	if (had.total == 0)
		return;
	b = blob_new(old->data, old->len);
	if (random_chance(r, 300))
		b->data[23]++; /* The next Message ID. */
	b->data[IKE_HEADER_LEN + 7] = (uint8_t)(had.total + random_below(r, 3));
	b->data[IKE_HEADER_LEN + 5] = (uint8_t)random_between(r, 1, b->data[IKE_HEADER_LEN + 7]);
	if (memcmp(b->data, old->data, old->len) == 0)
		b->data[b->len - 1] ^= 1;
	send_hostile(f, &from, DATAGRAM_IKE, b);
}

/* IKE_SA_INIT, well-formed, each from another address. */
static void flood(struct full *f)
{
	struct random *r = &f->world.random;
	unsigned n = (unsigned)random_between(r, 1, FLOOD_MAX);
	struct initiator i;
	struct initiator_config c = { .remote = outside_service() };
	uint8_t seed[ENTROPY_SEED_LEN];

	c.ike[0] = f->connection.ike[0];
	c.esp[0] = f->connection.esp[0];
	c.n_ike = c.n_esp = 1;
	random_fill(r, seed, sizeof(seed));
	initiator_init(&i, &c, seed);
	for (unsigned k = 0; k < n; k++) {
		struct endpoint from = his(r);
		struct blob *b;

		if (k % 10 == 0) { /* A key pair takes its time; only the SPI must differ. */
			blob_unref(initiator_create_init(&i));
		}
		b = initiator_retransmit(&i);
		if (b) {
			struct blob *x = blob_new(b->data, b->len);

			random_fill(r, x->data, 8);
			send_hostile(f, &from, DATAGRAM_IKE, x);
		}
		blob_unref(b);
	}
	initiator_fini(&i);
}

/* A request that was answered, or whose IKE SA is gone, changes nothing any more, even if it is
 * authentic. */
static bool is_over(struct full *f, unsigned slot)
{
	const struct blob *old = f->ring[slot].data;
	struct ike_header h;

	if (f->ring[slot].kind != DATAGRAM_IKE || f->checkers.i1.rolled_back ||
	    ike_header_parse(&h, old->data, old->len) != DROP_NONE || h.spi_r == 0 ||
	    (h.flags & IKE_FLAG_RESPONSE))
		return false;
	/* A client that the operator has ended may know of it before the gateway knows that; its
	 * own lost request is still new there. */
	return client_was_answered(f, f->ring[slot].client, h.spi_i, h.spi_r, h.message_id) ||
	       (!f->orders.of[f->ring[slot].client].touched &&
		seen_find(&f->checkers.i6.dead, h.spi_i, h.spi_r, 0));
}

/* Unchanged, from where it came; or, if it was answered and the cluster remembers that, from an
 * address of his own. */
static void repeat(struct full *f, unsigned slot)
{
	const struct blob *old = f->ring[slot].data;
	struct endpoint from = outside_source(f, f->ring[slot].client, f->ring[slot].moves,
					      f->ring[slot].kind);
	uint64_t spi_i;

	if (f->ring[slot].kind == DATAGRAM_IKE && old->len >= IKE_HEADER_LEN &&
	    !(old->data[19] & IKE_FLAG_RESPONSE) && !f->checkers.i1.rolled_back &&
	    random_chance(&f->world.random, 400)) {
		memcpy(&spi_i, old->data, 8);
		if (client_is_past(f, f->ring[slot].client, __builtin_bswap64(spi_i),
				   (uint32_t)old->data[22] << 8 | old->data[23]))
			from = his(&f->world.random);
	}
	outside_arrive(f, &from, f->ring[slot].kind, f->ring[slot].data, is_over(f, slot));
}

static void on_chance(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	unsigned slot = (unsigned)random_below(&w->random, REPLAY_RING);

	(void)a;
	(void)data;
	if (f->ring[slot].data)
		repeat(f, slot);
	if (f->ring[slot].data && random_chance(&w->random, f->plan.attack_per_mille))
		forge(f, slot);
	if (f->plan.fragments && f->ring[slot].data && f->plan.attack_per_mille)
		forge_fragment(f, slot);
	if (random_chance(&w->random, f->plan.attack_per_mille))
		garbage(f);
	if (random_chance(&w->random, f->plan.attack_per_mille / 10))
		flood(f);
	world_at(w, random_between(&w->random, 1, CHANCE_MAX_US), on_chance, f, 0, NULL);
}

void attack_repeat_all(struct full *f)
{
	for (unsigned i = 0; i < REPLAY_RING; i++) {
		unsigned slot = (f->ring_next + i) % REPLAY_RING;

		if (f->ring[slot].data && f->ring[slot].kind == DATAGRAM_ESP)
			repeat(f, slot);
	}
}

void attack_begin(struct full *f)
{
	world_at(&f->world, SECOND, on_chance, f, 0, NULL);
}
