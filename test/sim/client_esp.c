/* SPDX-License-Identifier: Apache-2.0 */
/* What clients do with their SAs. Half of them wait for each answer before they ask again, like a
 * person (the closed loop); the others send all the time, like a call, and now and then many at
 * once, like a picture. One packet in a hundred has a source that is not the client's: it
 * authenticates, but must not get through. */
#include "test/sim/client.h"

#include <string.h>

#define ASK_AGAIN_US (50 * MS)
#define TRAIN_MAX 12u
#define SERVER "\x0a\x14\x00\x05" /* The other network has one like it. */

const struct initiator *client_current(const struct client *c)
{
	return c->ike.state != INITIATOR_ESTABLISHED && client_has_old(c) ? &c->old.ike : &c->ike;
}

/* Odd questions are for the other network, if it has both. */
static struct client_sa *newest(struct client *c)
{
	const struct initiator *ike = client_current(c);
	const struct child_sa *child = client_newest(ike, c->asked & 1);

	child = child ? child : client_newest(ike, !(c->asked & 1));
	for (size_t i = 0; child && i < CLIENT_SAS; i++)
		if (c->sa[i].used && c->sa[i].spi_in == child->spi_in)
			return &c->sa[i];
	return NULL;
}

static void write_question(struct client *c, uint8_t *inner, uint8_t network, bool evil)
{
	inner[0] = 0x45;
	inner[3] = INNER_LEN;
	inner[8] = 64;
	inner[9] = 253;
	memcpy(inner + 12, client_current(c)->virtual_ip.octets, 4);
	if (evil) /* A neighbour's, or one from far away. */
		inner[random_chance(&c->full->world.random, 500) ? 15 : 13] ^= 3;
	memcpy(inner + 16, SERVER, 4);
	inner[17] |= network & 1;
	inner[INNER_CLIENT] = (uint8_t)c->index;
	inner[INNER_CLIENT + 1] = (uint8_t)(c->index >> 8);
	inner[INNER_EVIL] = evil;
	memcpy(inner + INNER_NUMBER, &c->asked, 4);
}

static void ask(struct client *c)
{
	uint8_t room[512] = { 0 }, *inner, *out;
	struct client_sa *s = newest(c);
	struct entropy e;
	size_t len;
	uint64_t seq;

	if (!s || sad_entry_draw(&s->entry, &seq) != DROP_NONE)
		return;
	inner = room + esp_head_room(&s->entry.child.suite);
	write_question(c, inner, (uint8_t)client_network_of(&s->entry.child),
		       random_chance(&c->full->world.random, 10));
	full_entropy(c->full, &e);
	if (esp_seal(&s->entry.out, s->entry.child.spi_out, seq, 1 + c->index, &e, 4, inner,
		     INNER_LEN, &out, &len) != DROP_NONE)
		world_fail(&c->full->world, "a client cannot seal");
	outside_to_gateway(c->full, c->index, DATAGRAM_ESP, blob_new(out, len));
}

static unsigned train(struct client *c)
{
	struct random *r = &c->full->world.random;

	return !c->closed_loop && random_chance(r, 60) ? (unsigned)random_between(r, 2, TRAIN_MAX) : 0;
}

void client_talk(struct client *c)
{
	uint64_t now = c->full->world.now_us, pace = c->full->plan.pace;

	if (client_current(c)->state != INITIATOR_ESTABLISHED || now < c->ask_us)
		return;
	if (!c->closed_loop || c->asked == c->answered)
		c->asked++;
	ask(c);
	for (unsigned more = train(c); more > 0; more--) {
		c->asked++;
		ask(c);
	}
	c->ask_us = now + pace * (c->closed_loop
					  ? ASK_AGAIN_US
					  : random_between(&c->full->world.random, 2, 12) * MS);
}

static void answered(struct client *c, unsigned network, const uint8_t *inner, size_t len)
{
	uint32_t number;

	if (c->full->checkers.i1.rolled_back)
		return; /* Addresses are given out again. */
	if (len != INNER_LEN || (inner[INNER_CLIENT] | inner[INNER_CLIENT + 1] << 8) != (int)c->index)
		world_fail(&c->full->world, "client %u gets a packet of another", c->index);
	if ((inner[13] & 1) != network)
		world_fail(&c->full->world, "I2: client %u gets a packet by the Child SA of another network", c->index);
	memcpy(&number, inner + INNER_NUMBER, 4);
	if (number > c->answered_in[network] && number <= c->asked)
		c->answered_in[network] = number;
	if (number <= c->answered || number > c->asked)
		return;
	c->answered = number;
	c->ask_us = c->full->world.now_us +
		    c->full->plan.pace * random_between(&c->full->world.random, 1, 10) * MS;
}

void client_receive_esp(struct client *c, const struct blob *data)
{
	uint8_t copy[512], *inner, next;
	struct esp_packet p;
	size_t len;
	uint64_t seq;
	int64_t epoch;

	if (data->len > sizeof(copy) || esp_parse(&p, data->data, data->len) != DROP_NONE)
		return;
	memcpy(copy, data->data, data->len);
	for (size_t i = 0; i < CLIENT_SAS; i++) {
		struct sad_entry *e = &c->sa[i].entry;

		if (!c->sa[i].used || c->sa[i].spi_in != p.spi)
			continue;
		if (sad_entry_check(e, p.seq_low, &seq, &epoch) == DROP_NONE &&
		    esp_open(&e->in, seq, copy, data->len, &inner, &len, &next) == DROP_NONE &&
		    sad_entry_accept(e, seq, epoch) == DROP_NONE)
			answered(c, client_network_of(&e->child), inner, len);
		return;
	}
}
