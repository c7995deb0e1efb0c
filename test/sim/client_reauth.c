/* SPDX-License-Identifier: Apache-2.0 */
/* Re-authentication, make before break, as RFC 7296 2.8.3 has it: a client makes a new IKE
 * SA and its Child SA, with the address that it has, while the old ones carry its packets; then
 * it deletes the old ones. Both of its sessions live for a while, and the gateway may change
 * owner, leader, or both, at any point of that.
 *
 * It has its own source of random numbers, so a seed without re-authentication runs as if this file
 * did not exist. */
#include "test/sim/client.h"

#include "proto/ike/ike_message.h"

#include <string.h>

#define RETRANSMIT_US (300 * MS)
#define TRIES_MAX 60u

bool client_has_old(const struct client *c)
{
	return c->old.ike.state != INITIATOR_IDLE;
}

void client_forget_old(struct client *c)
{
	initiator_fini(&c->old.ike);
	memset(&c->old, 0, sizeof(c->old));
}

bool client_may_reauth(const struct client *c)
{
	return !c->full->calm && !client_has_old(c) && client_children_of(&c->ike, 0) <= 1 &&
	       client_children_of(&c->ike, 1) <= 1 && c->ike.n_child > 0 && c->ike.ike[1].state == 0 &&
	       !c->must_tell && !c->leaving && !c->dead && !initiator_retransmit(&c->ike);
}

void client_reauth_begin(struct client *c)
{
	struct full *f = c->full;
	struct initiator_config config = c->ike.config;
	uint8_t seed[ENTROPY_SEED_LEN];

	c->old.ike = c->ike;
	c->old.leaving = false;
	c->old.attempts = c->old.tries = 0;
	random_fill(&f->reauth.random, seed, sizeof(seed));
	memset(&c->ike, 0, sizeof(c->ike));
	initiator_init(&c->ike, &config, seed);
	c->ike.virtual_ip = c->old.ike.virtual_ip;
	f->faults.count[FAULT_REAUTH]++;
	world_say(&f->world, "client %u re-authenticates", c->index);
	client_connect(c);
}

/* The address rule: a client that never moved, and asks for the address it has, keeps it in the new session. */
void client_reauth_established(struct client *c)
{
	struct full *f = c->full;

	if (!client_has_old(c))
		return;
	if (c->ike.config.wanted_address.family == 0 || f->moves[c->index] || c->old.attempts > 1 ||
	    f->orders.of[c->index].touched || f->checkers.i1.rolled_back)
		return;
	if (!address_equal(&c->ike.virtual_ip, &c->old.ike.virtual_ip))
		world_fail(&f->world, "I6: client %u re-authenticates and gets another address", c->index);
}

static void say(struct client *c, struct blob *b)
{
	client_send_ike(c, &c->old.ike, b);
}

void client_reauth_go_on(struct client *c)
{
	uint64_t now = c->full->world.now_us;

	if (client_has_old(c) && c->ike.state == INITIATOR_FAILED && !c->old.leaving) {
		initiator_fini(&c->ike); /* Refused: it goes on with what it has. */
		c->ike = c->old.ike;
		memset(&c->old, 0, sizeof(c->old));
		client_watch_outstanding(c);
	}
	if (!client_has_old(c) || now < c->old.retry_us)
		return;
	if (c->old.leaving) {
		if (++c->old.tries > TRIES_MAX)
			client_forget_old(c);
		else
			say(c, initiator_retransmit(&c->old.ike));
	} else if (c->ike.state == INITIATOR_ESTABLISHED && c->ike.n_child > 0) {
		say(c, initiator_create_ike_delete(&c->old.ike, 0));
		c->old.leaving = true;
	} else {
		return;
	}
	c->old.retry_us = now + RETRANSMIT_US;
	client_follow_children(c);
}

/* Also on the IKE SA that the gateway is replacing. */
static bool is_of(const struct initiator *ike, uint64_t spi_i, uint64_t spi_r)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++)
		if ((i == 0 || ike->ike[i].state != 0) && ike->ike[i].spi_i == spi_i && ike->ike[i].spi_r == spi_r)
			return true;
	return false;
}

bool client_reauth_receive(struct client *c, const struct blob *data)
{
	struct initiator *old = &c->old.ike;
	uint64_t spi_i = old->ike[0].spi_i, spi_r = old->ike[0].spi_r;
	struct ike_header h;

	if (!client_has_old(c) || ike_header_parse(&h, data->data, data->len) != DROP_NONE ||
	    !is_of(old, h.spi_i, h.spi_r))
		return false;
	i3_received(&c->full->checkers.i3, c->index, old, data);
	say(c, initiator_consume(old, data->data, data->len));
	if (old->state != INITIATOR_ESTABLISHED) {
		i4_ended(&c->full->checkers.i4, c->index, c->old.leaving);
		i6_told(&c->full->checkers.i6, spi_i, spi_r);
		client_forget_old(c);
	}
	client_follow_children(c);
	return true;
}
