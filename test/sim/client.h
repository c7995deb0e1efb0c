/* SPDX-License-Identifier: Apache-2.0 */
/* A client from inside; other parts see it through full.h. */
#ifndef TEST_SIM_CLIENT_H
#define TEST_SIM_CLIENT_H

#include "test/sim/full.h"

struct client_sa {
	bool used;
	uint32_t spi_in;
	struct sad_entry entry;
};

struct client {
	struct full *full;
	unsigned index;
	bool closed_loop;
	bool mobike, behind_nat;
	struct initiator ike;
	struct client_sa sa[IKE_CHILD_MAX];
	uint64_t retry_us, backoff_us; /* Of the outstanding request. */
	unsigned tries;
	struct blob *pending;          /* What was sent last, to notice a new one. */
	uint64_t ask_us;               /* Next packet. */
	uint32_t asked, answered;      /* Numbers of questions. */
	uint32_t calm_from;            /* The first question that counts for I5. */
	bool had_session;              /* When calm began. */
	bool leaving;                  /* It asked for the end of its IKE SA. */
	bool dead;                     /* Its host is off, and it said no goodbye. */
	bool must_tell;                /* It has moved and the gateway does not know yet. */
};

void client_talk(struct client *c);
void client_receive_esp(struct client *c, const struct blob *data);

#endif
