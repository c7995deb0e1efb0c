/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway with one client, in memory: calls the responder and commits its decisions at once, as
 * the cluster would. For tests that pass datagrams by hand. */
#ifndef TEST_LIB_GATEWAY_H
#define TEST_LIB_GATEWAY_H

#include "proto/auth/outside.h"
#include "proto/ike/ike.h"
#include "proto/ike/initiator.h"

struct gateway {
	struct ike_connection connections[2];
	struct ike_peer_secret secrets[2];
	struct ike_user users[2];
	struct ike_config config;
	struct entropy entropy;
	struct iv_source iv;
	uint8_t cookie_key[32];
	struct ike_env env;
	bool pool_empty;
	struct endpoint local;
	struct ike_half_open *half_open; /* The latest one. */
	struct ike_session *session;
	struct ike_reassembly reassembly[2]; /* Requests, responses. */
	struct auth_clock clock; /* PKI_NOW */

	/* From the last datagram: */
	struct ike_datagrams *reply;
	enum ike_verdict verdict;
	enum drop drop;
	bool answered;
	enum ike_purpose answered_purpose;
	char note[400];
};

/* One connection "road": "gw", pool 10.30.0.0/16, 10.20.0.0/16 behind it, DNS 10.20.0.53;
 * one secret, of "cl". ike and esp are proposals in strongSwan's spelling. */
void gateway_init(struct gateway *g, const char *ike, const char *esp);
void gateway_fini(struct gateway *g);

/* The client that fits: "cl" at 192.0.2.7:500, asks for an address and DNS. */
struct initiator_config gateway_client_config(const char *ike, const char *esp);
struct endpoint gateway_endpoint(const char *text); /* "192.0.2.7:500" */
struct ike_id gateway_id(const char *text);

/* One datagram from remote, adopted. Returns the reply, its first datagram (all of it: g->reply),
 * or NULL. A fragment that is kept: WAIT. Asserts that its input is unchanged. */
struct blob *gateway_receive(struct gateway *g, const struct endpoint *remote,
			     struct blob *datagram);
/* The question of the half-open SA is answered. Returns the reply or NULL. */
struct blob *gateway_answer(struct gateway *g, const struct blob *answer);
/* The question is worked through (proto/auth/outside.h). NULL: it is of another kind, or there is
 * no response to the answer. */
struct blob *gateway_outside(struct gateway *g);
/* A request of the gateway's own, committed; the session must have none outstanding. */
struct blob *gateway_request(struct gateway *g, const struct ike_request *request);

/* Passes datagram (from the client, adopted) and all replies to and fro until no side answers.
 * Returns the number of datagrams that were delivered. */
unsigned gateway_exchange(struct gateway *g, struct initiator *i, struct blob *datagram);

/* ---- Both ends ---- */

#define IKE_DEFAULT "aes128gcm16-prfsha256-x25519"
#define ESP_DEFAULT "aes128gcm16"

struct fixture {
	struct gateway g;
	struct initiator_config config; /* Edit it before fixture_handshake(). */
	struct initiator i;
};

void fixture_setup(struct fixture *f, const char *ike, const char *esp);
void fixture_teardown(struct fixture *f);
/* IKE_SA_INIT and IKE_AUTH; returns the number of datagrams. */
unsigned fixture_handshake(struct fixture *f);
/* Set up with the defaults, and the handshake is done. */
void fixture_establish(struct fixture *f);
/* One datagram, adopted; returns what the receiver answers, or NULL. */
struct blob *fixture_to_gateway(struct fixture *f, struct blob *d);
struct blob *fixture_to_client(struct fixture *f, struct blob *d);

#endif
