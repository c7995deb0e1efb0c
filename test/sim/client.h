/* SPDX-License-Identifier: Apache-2.0 */
/* A client's internals; other parts see it through full.h. */
#ifndef TEST_SIM_CLIENT_H
#define TEST_SIM_CLIENT_H

#include "test/sim/full.h"

#define CLIENT_SAS (2 * IKE_CHILD_MAX) /* Its two IKE SAs, while it re-authenticates. */

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
	struct client_sa sa[CLIENT_SAS];
	struct {
		struct initiator ike; /* What it had before; INITIATOR_IDLE: nothing. */
		bool leaving;
		unsigned attempts;    /* IKE_SA_INITs sent for the new one. */
		unsigned tries;       /* How often its DELETE was sent. */
		uint64_t retry_us;
	} old;
	uint64_t retry_us, backoff_us; /* Time of the outstanding request. */
	unsigned tries;
	struct blob *pending;          /* What was sent last, to notice a new one. */
	uint64_t ask_us;               /* Next packet. */
	uint32_t asked, answered;      /* Numbers of questions. */
	uint32_t answered_in[2];       /* The last one that each network has answered. */
	uint32_t calm_from;            /* The first question that counts for I5. */
	bool had_session;              /* When calm began. */
	bool leaving;                  /* It has sent a DELETE for its IKE SA. */
	bool dead;                     /* Its host is off, and it said no goodbye. */
	bool must_tell;                /* It has moved and the gateway does not know yet. */
};

/* The SA by which it sends. */
const struct initiator *client_current(const struct client *c);
void client_talk(struct client *c);
void client_connect(struct client *c);
void client_move(struct client *c);
/* The message that begins with b, adopted. */
void client_send_ike(struct client *c, const struct initiator *from, struct blob *b);
void client_watch_outstanding(struct client *c);
void client_follow_children(struct client *c); /* Makes its SAD agree with its Child SAs. */

/* ---- client_networks.c ---- */
struct prefix client_network(unsigned network);
unsigned client_network_of(const struct child_sa *child);
/* The Child SA that carries packets there; NULL: none. */
const struct child_sa *client_newest(const struct initiator *ike, unsigned network);
unsigned client_children_of(const struct initiator *ike, unsigned network);
void client_aims_at(struct client *c, unsigned network); /* That is what it asks for next. */
struct blob *client_opens(struct client *c, unsigned network);
struct blob *client_rekeys(struct client *c, unsigned network);
struct blob *client_closes(struct client *c, unsigned network);
struct blob *client_rekeys_any(struct client *c);
struct blob *client_networks_go_on(struct client *c); /* At each of its turns; NULL: nothing. */

/* ---- client_reauth.c ---- */
bool client_may_reauth(const struct client *c);
void client_reauth_begin(struct client *c); /* It may. */
void client_reauth_go_on(struct client *c); /* At each of its turns. */
void client_reauth_established(struct client *c);
/* Is the message for the old one? Then it is consumed. */
bool client_reauth_receive(struct client *c, const struct blob *data);
bool client_has_old(const struct client *c);
void client_forget_old(struct client *c);
void client_receive_esp(struct client *c, const struct blob *data);

#endif
