/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway and a client with certificates of one PKI; each test breaks one thing. */
#ifndef TEST_UNIT_PUBKEY_BENCH_H
#define TEST_UNIT_PUBKEY_BENCH_H

#include "test/lib/gateway.h"
#include "test/lib/pki.h"

#include "proto/ike/ike_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IKE "aes128gcm16-prfsha256-x25519"
#define ESP "aes128gcm16"
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct bench {
	struct fixture f;
	struct pki pki;
};

static inline void setup(struct bench *b, enum pki_key kind)
{
	fixture_setup(&b->f, IKE, ESP);
	pki_init(&b->pki, kind);
	b->f.g.connections[0].auth = &ike_auth_pubkey;
	b->f.g.connections[0].own = b->pki.own;
	b->f.g.connections[0].clients = b->pki.trust;
	b->f.config.auth = &initiator_pubkey;
	b->f.config.own = b->pki.clients_own;
	b->f.config.trust = b->pki.trust;
	b->f.config.unix_now = PKI_NOW;
	b->f.config.fragmentation = false; /* Datagrams are counted. */
}

static inline void teardown(struct bench *b)
{
	fixture_teardown(&b->f);
	pki_fini(&b->pki);
}

static inline void assert_in(struct bench *b)
{
	assert_int_equal(fixture_handshake(&b->f), 4);
	if (b->f.i.state != INITIATOR_ESTABLISHED)
		fail_msg("%s", b->f.g.note);
	assert_int_equal(b->f.i.n_child, 1);
	assert_non_null(b->f.g.session);
	assert_true(ike_id_equal(&b->f.g.session->peer_id, &b->f.config.id));
	assert_true(ike_id_equal(&b->f.i.gateway_id, &b->f.g.connections[0].local_id));
}

/* One log line, and not a hint to the client. */
static inline void assert_refused(struct bench *b, const char *why)
{
	char line[500], id[200];

	fixture_handshake(&b->f);
	snprintf(line, sizeof(line), "authentication of '%s' failed: %s",
		 ike_id_format(&b->f.config.id, id, sizeof(id)), why);
	assert_string_equal(b->f.g.note, line);
	assert_int_equal(b->f.g.verdict, IKE_VERDICT_REFUSE);
	assert_null(b->f.g.session);
	assert_int_equal(b->f.i.state, INITIATOR_FAILED);
	assert_int_equal(b->f.i.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
}

#endif
