/* SPDX-License-Identifier: Apache-2.0 */
/* RADIUS in a run: two servers inside, the way to them and back, silence, and an attacker on it. */
#ifndef TEST_SIM_RADIUS_H
#define TEST_SIM_RADIUS_H

#include "proto/auth/radius.h"
#include "test/sim/node.h"

/* Chosen so that no seed remembered for something else (seeds, mutants.txt) has RADIUS. */
#define RADIUS_SALT UINT64_C(0x7261646975391c7)

struct client;

void radius_begin_run(struct full *f); /* Configures the connection; before there is any policy. */
void radius_faults(struct full *f);    /* Servers fall silent now and then, until all is calm. */
void radius_calm(struct full *f);      /* All answer again. */
void radius_end_run(struct full *f);
void radius_policy_of(const struct full *f, struct ike_config *c);
/* Its next attempt to come in has a name of its own, so that each request says to which one it belongs. */
void radius_client_connects(struct client *c);
/* The client whose attempt has that name; -1: that attempt is over. */
int radius_client_of(struct full *f, CBS name);
/* A node sends that to a server; borrows data. */
void radius_leaves(struct node *n, const struct endpoint *remote, struct blob *data);
/* Is the event a datagram that comes to the port of RADIUS? */
bool radius_comes(const struct event *e);

/* ---- accounts.c: what servers are told of sessions ---- */
struct accounts;
struct accounts *accounts_new(void);
void accounts_free(struct accounts *a);
void accounts_told(struct full *f, const struct radius *r);
/* A packet of the session passed. */
void accounts_passed(struct full *f, uint64_t session, const struct volume *v);
/* All is over: everything that happened was told, or waits in the state. */
void accounts_end(struct full *f);

#endif
