/* SPDX-License-Identifier: Apache-2.0 */
/* A client with EAP for tests that pass datagrams by hand: initiator_eap_mschapv2 that can send
 * something else in one round, and keeps the gateway's last words. */
#ifndef TEST_LIB_EAP_CLIENT_H
#define TEST_LIB_EAP_CLIENT_H

#include "test/lib/gateway.h"

/* The connection wants "eap-mschapv2", there are users "alice" and "bob" ("bob's own"), and the
 * gateway has its own secret. The client is alice, with IDi "laptop". */
void eap_client_setup(struct fixture *f);

/* Its deviation, until the next eap_client_setup(): */
extern unsigned eap_client_round;         /* In this request, from 1 on, ... */
extern const char *eap_client_packet;     /* ... it says this, in hexadecimal; "id": the request's; */
extern const uint8_t *eap_client_auth;    /* ... or this AUTH, of 32 octets. */
extern const char *eap_client_identity;   /* Its EAP-Identity. */
extern bool eap_client_success;           /* It takes the answer to its response for success. */

extern struct eap_client_failure { /* The gateway's last words: */
	unsigned code;         /* EAP; 0: nothing. */
	unsigned error, retry; /* "E=", "R=" */
} eap_client_failure;

#endif
