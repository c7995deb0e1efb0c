/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of IKE payloads for steps.h: payloads made, moved, taken out, changed inside, with every
 * length and next-payload octet right again, so that a mutation gets past ike_message_parse() and
 * the rules, to the payload's own parser. */
#ifndef TEST_FUZZ_PAYLOADS_H
#define TEST_FUZZ_PAYLOADS_H

#include "proto/ike/ike_message.h"
#include "proto/ike/sa_payload.h"

#define PAYLOADS_MAX 24u
#define PAYLOAD_ROOM 1024u

struct payload {
	uint8_t type, flags;
	const uint8_t *body;
	size_t len;
};

struct chain {
	struct payload payload[PAYLOADS_MAX + 1];
	size_t n;
};

/* Of the SAs that there are when an input begins; by the target. */
static uint32_t steps_spis[4] = {0x12345678, 0x12345679, 0x1234567a, 256};

static uint8_t payload_bodies[16][PAYLOAD_ROOM];
static unsigned payload_bodies_n;

static void chain_read(struct chain *c, uint8_t first, const uint8_t *data, size_t len)
{
	uint8_t type = first, next, flags;
	uint16_t n;
	CBS in, body;

	c->n = 0;
	CBS_init(&in, data, len);
	while (type && c->n < PAYLOADS_MAX && CBS_get_u8(&in, &next) && CBS_get_u8(&in, &flags) &&
	       CBS_get_u16(&in, &n) && n >= 4 && CBS_get_bytes(&in, &body, n - 4)) {
		c->payload[c->n++] = (struct payload){type, flags, CBS_data(&body), CBS_len(&body)};
		type = next;
	}
}

/* Into the step: steps_scratch holds it until it is written. */
static void chain_write(const struct chain *c, struct step *x)
{
	static uint8_t out[STEPS_ROOM];
	size_t at = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct payload *p = &c->payload[i];

		if (at + 4 + p->len > 0xffff)
			break;
		out[at++] = i + 1 < c->n ? c->payload[i + 1].type : 0;
		out[at++] = p->flags;
		out[at++] = (uint8_t)((p->len + 4) >> 8);
		out[at++] = (uint8_t)(p->len + 4);
		if (p->len)
			memcpy(out + at, p->body, p->len);
		at += p->len;
	}
	memcpy(steps_scratch, out, at);
	x->argument = c->n ? c->payload[0].type : 0;
	x->octets = steps_scratch;
	x->len = at;
}

/* ---- Payloads from nothing ---- */

static bool add_random(CBB *b, size_t n)
{
	uint8_t octet = (uint8_t)(steps_draw(3) ? steps_draw(256) : 0xff * steps_draw(2));

	for (size_t i = 0; i < n; i++)
		if (!CBB_add_u8(b, i == 0 ? octet : (uint8_t)steps_draw(256)))
			return false;
	return true;
}

static uint32_t draw_spi32(void)
{
	return steps_draw(3) ? steps_spis[steps_draw(4)] : 0x1000 + steps_draw(0x10000000);
}

static bool add_transform(CBB *b, bool last, uint8_t type, uint16_t id, uint16_t bits)
{
	return CBB_add_u8(b, last ? 0 : 3) && CBB_add_u8(b, 0) && CBB_add_u16(b, bits ? 12 : 8) &&
	       CBB_add_u8(b, type) && CBB_add_u8(b, 0) && CBB_add_u16(b, id) &&
	       (!bits || (CBB_add_u16(b, 0x800e) && CBB_add_u16(b, bits)));
}

/* One proposal for a Child SA or an IKE SA, most often one that is wanted. */
static void make_proposal(CBB *b, bool ike, uint16_t group, bool last)
{
	static const uint16_t bits[] = {128, 128, 128, 256};
	static const uint16_t encr[] = {20, 20, 20, 12, 28};
	uint16_t e = encr[steps_draw(5)];
	unsigned extra = steps_draw(6) == 0;
	uint8_t octets[256];
	size_t len;
	CBB t;

	CBB_init_fixed(&t, octets, sizeof(octets));
	add_transform(&t, false, 1, e, e == 28 ? 0 : bits[steps_draw(4)]);
	if (e == 12 || extra)
		add_transform(&t, false, 3, 12, 0);
	if (ike || extra)
		add_transform(&t, !ike, 2, 5, 0);
	if (group)
		add_transform(&t, ike, 4, group, 0);
	if (!ike)
		add_transform(&t, true, 5, (uint16_t)(steps_draw(3) == 0), 0);
	CBB_finish(&t, NULL, &len);
	CBB_add_u8(b, last ? 0 : 2);
	CBB_add_u8(b, 0);
	CBB_add_u16(b, (uint16_t)(8 + (ike ? 8 : 4) + len));
	CBB_add_u8(b, (uint8_t)(1 + (steps_draw(4) == 0)));
	CBB_add_u8(b, ike ? 1 : 3);
	CBB_add_u8(b, ike ? 8 : 4);
	CBB_add_u8(b, (uint8_t)((e == 12 || extra) + (ike || extra) + (group != 0) + !ike + 1));
	if (ike)
		CBB_add_u32(b, 0x7fffffff);
	CBB_add_u32(b, draw_spi32());
	CBB_add_bytes(b, octets, len);
}

static uint16_t draw_group(void)
{
	static const uint16_t groups[] = {31, 31, 19, 14, 0};

	return groups[steps_draw(5)];
}

/* A value that the group takes, if it is not spoilt later. */
static void make_ke(CBB *b, uint16_t group)
{
	static const uint8_t p256[64] = { /* SEC 2, 2.4.2: the base point. */
		0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
		0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
		0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
		0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

	CBB_add_u16(b, group);
	CBB_add_u16(b, 0);
	if (group == 19)
		CBB_add_bytes(b, p256, sizeof(p256));
	else
		add_random(b, group == 14 ? 256 : 32);
}

static void make_notify(CBB *b)
{
	static const struct {
		uint16_t type;
		uint8_t data;
	} kinds[] = {
		{16393, 0}, {16393, 0}, {16393, 0}, {14, 0},    {17, 2},    {38, 0},    {43, 0},
		{44, 0},    {7, 0},     {35, 0},    {11, 0},    {34, 0},    {1, 1},     {16384, 0},
		{16385, 4}, {16388, 20}, {16389, 20}, {16396, 0}, {16397, 4}, {16399, 0}, {16400, 0},
		{16401, 8}, {16403, 0}, {16430, 0}, {16422, 12}, {16423, 4}, {16420, 0}, {16421, 0},
		{16391, 0}, {16390, 16}, {40971, 16}, {16394, 0},
	};
	unsigned k = steps_draw(sizeof(kinds) / sizeof(kinds[0]));
	bool esp = kinds[k].type == 16393 || kinds[k].type == 44;

	CBB_add_u8(b, esp ? 3 : 0);
	CBB_add_u8(b, esp ? 4 : 0);
	CBB_add_u16(b, kinds[k].type);
	if (esp)
		CBB_add_u32(b, draw_spi32());
	if (kinds[k].type == 17)
		CBB_add_u16(b, draw_group());
	else
		add_random(b, kinds[k].data);
}

static void make_delete(CBB *b)
{
	unsigned n = steps_draw(3);
	bool ike = steps_draw(5) == 0;

	CBB_add_u8(b, ike ? 1 : 3);
	CBB_add_u8(b, ike ? 0 : 4);
	CBB_add_u16(b, (uint16_t)(ike ? 0 : n));
	for (unsigned i = 0; i < n && !ike; i++)
		CBB_add_u32(b, draw_spi32());
}

static void make_ts(CBB *b)
{
	static const uint32_t range[][2] = {
		{0x0a140000, 0x0a14ffff}, {0x0a1e0001, 0x0a1e0001}, {0, 0xffffffff},
		{0x0a140300, 0x0a1403ff}, {0x0a1e0000, 0x0a1effff}, {0xc0000207, 0xc0000207},
	};
	unsigned n = 1 + (steps_draw(4) == 0);

	CBB_add_u8(b, (uint8_t)n);
	CBB_add_u24(b, 0);
	for (; n > 0; n--) {
		unsigned k = steps_draw(6);

		CBB_add_u8(b, 7);
		CBB_add_u8(b, steps_draw(5) ? 0 : 17);
		CBB_add_u16(b, 16);
		CBB_add_u32(b, steps_draw(6) ? 0x0000ffff : 0x01f401f4);
		CBB_add_u32(b, range[k][0]);
		CBB_add_u32(b, range[k][1]);
	}
}

static void make_cp(CBB *b)
{
	static const uint16_t attributes[] = {1, 3, 8, 10, 13, 25};

	CBB_add_u8(b, (uint8_t)(1 + steps_draw(4)));
	CBB_add_u24(b, 0);
	for (unsigned n = steps_draw(4); n > 0; n--) {
		size_t len = steps_draw(3) ? 0 : steps_draw(2) ? 4 : 17;

		CBB_add_u16(b, attributes[steps_draw(6)]);
		CBB_add_u16(b, (uint16_t)len);
		add_random(b, len);
	}
}

static struct payload payload_make(uint8_t type, bool ike, uint16_t group)
{
	struct payload p = {.type = type, .body = payload_bodies[payload_bodies_n % 16]};
	unsigned n = 1 + (steps_draw(5) == 0);
	CBB b;

	CBB_init_fixed(&b, payload_bodies[payload_bodies_n++ % 16], PAYLOAD_ROOM);
	switch (type) {
	case IKE_PAYLOAD_SA:
		for (; n > 0; n--)
			make_proposal(&b, ike, group, n == 1);
		break;
	case IKE_PAYLOAD_KE:
		make_ke(&b, group);
		break;
	case IKE_PAYLOAD_NONCE:
		add_random(&b, steps_draw(8) ? 32 : 1 + steps_draw(256));
		break;
	case IKE_PAYLOAD_N:
		make_notify(&b);
		break;
	case IKE_PAYLOAD_D:
		make_delete(&b);
		break;
	case IKE_PAYLOAD_TSi:
	case IKE_PAYLOAD_TSr:
		make_ts(&b);
		break;
	case IKE_PAYLOAD_CP:
		make_cp(&b);
		break;
	default:
		add_random(&b, steps_draw(40));
		break;
	}
	CBB_finish(&b, NULL, &p.len);
	return p;
}

/* A whole message: an offer or an answer for a Child or an IKE SA, a DELETE, notifies. */
static void payloads_make(struct step *x)
{
	static const uint8_t types[] = {IKE_PAYLOAD_SA, IKE_PAYLOAD_NONCE, IKE_PAYLOAD_KE,
					IKE_PAYLOAD_TSi, IKE_PAYLOAD_TSr};
	uint16_t group = steps_draw(2) ? draw_group() : 0;
	unsigned kind = steps_draw(6);
	struct chain c = {.n = 0};
	bool ike = kind == 3;

	if (ike && !group)
		group = 31;
	if (kind == 0 || kind == 4 || kind == 5)
		c.payload[c.n++] = payload_make(kind == 4 ? IKE_PAYLOAD_D : IKE_PAYLOAD_N, false, 0);
	for (unsigned i = 0; i < 5 && kind < 4; i++)
		if ((i != 2 || group) && (i < 3 || !ike))
			c.payload[c.n++] = payload_make(types[i], ike, group);
	chain_write(&c, x);
}

static void payload_mutate(struct payload *p)
{
	uint8_t *room = payload_bodies[payload_bodies_n++ % 16];

	if (p->len > PAYLOAD_ROOM)
		return;
	if (room != p->body && p->len)
		memmove(room, p->body, p->len);
	p->len = LLVMFuzzerMutate(room, p->len, PAYLOAD_ROOM);
	p->body = room;
}

static void payloads_mutate(struct step *x)
{
	static const uint8_t types[] = {
		IKE_PAYLOAD_N,   IKE_PAYLOAD_N,   IKE_PAYLOAD_SA,  IKE_PAYLOAD_KE, IKE_PAYLOAD_NONCE,
		IKE_PAYLOAD_TSi, IKE_PAYLOAD_TSr, IKE_PAYLOAD_D,   IKE_PAYLOAD_CP, IKE_PAYLOAD_V};
	struct payload made = payload_make(types[steps_draw(10)], steps_draw(4) == 0, draw_group());
	struct chain c;
	size_t at, other;

	chain_read(&c, x->argument, x->octets, x->len);
	at = c.n ? steps_draw((uint32_t)c.n) : 0;
	other = c.n ? steps_draw((uint32_t)c.n) : 0;
	switch (c.n ? steps_draw(7) : 0) {
	case 0: /* One more. */
		if (c.n < PAYLOADS_MAX)
			c.payload[c.n++] = made;
		break;
	case 1: /* Another one of its type. */
		c.payload[at] = payload_make(c.payload[at].type, steps_draw(4) == 0, draw_group());
		break;
	case 2:
		memmove(&c.payload[at], &c.payload[at + 1], (c.n - at - 1) * sizeof(made));
		c.n--;
		break;
	case 3:
		made = c.payload[at];
		c.payload[at] = c.payload[other];
		c.payload[other] = made;
		break;
	case 4:
		c.payload[at].flags ^= 0x80; /* Critical. */
		break;
	default:
		payload_mutate(&c.payload[at]);
	}
	chain_write(&c, x);
}

#endif
