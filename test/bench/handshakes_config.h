/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of client the load consists of. */
#ifndef TEST_BENCH_HANDSHAKES_CONFIG_H
#define TEST_BENCH_HANDSHAKES_CONFIG_H

#include "proto/ike/initiator.h"

struct load {
	const char *address; /* The gateway's. */
	const char *id;      /* IDi, and the user's name. */
	const char *file;    /* The secret, the password, or certificate and key. */
	const char *method;  /* psk, eap-mschapv2 or pubkey */
	const char *gateway; /* IDr; NULL: none is sent. */
	const char *ca;      /* Of the gateway's certificate; NULL: it shows that it knows the secret. */
};

/* False: it is told on stderr why not. */
bool load_config(struct initiator_config *c, const struct load *load);

#endif
