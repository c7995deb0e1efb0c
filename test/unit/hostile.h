/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway that sends whatever a test wants, sealed with the right keys. */
#ifndef TEST_UNIT_HOSTILE_H
#define TEST_UNIT_HOSTILE_H

#include "proto/ike/sk.h"
#include "proto/wire/wire.h"
#include "test/lib/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OFFER "aes128gcm16-prfsha384-x25519-ecp256"

static inline struct ike_header header_of(const struct fixture *f, uint8_t exchange, bool response,
				   uint32_t id)
{
	return (struct ike_header){.spi_i = f->i.ike[0].spi_i,
				   .spi_r = f->i.ike[0].spi_r,
				   .major = 2,
				   .exchange = exchange,
				   .flags = response ? IKE_FLAG_RESPONSE : 0,
				   .message_id = id};
}

/* Seals as the gateway. */
static inline struct blob *seal(struct fixture *f, struct ike_builder *b)
{
	struct sk_direction d = sk_direction_of(&f->i.ike[0].suite, &f->i.ike[0].keys, false);
	struct blob *clear, *out;

	assert_int_equal(ike_builder_finish(b, &clear), OK);
	assert_int_equal(sk_seal(&d, &f->g.iv, &f->g.entropy, clear->data, clear->len, &out), OK);
	blob_unref(clear);
	return out;
}

static inline struct blob *to_client(struct fixture *f, struct blob *d)
{
	return fixture_to_client(f, d);
}

/* A sealed message of the client, opened: the type of its first payload, and of its NOTIFY. */
static inline uint16_t says(struct fixture *f, struct blob *d, uint8_t *first)
{
	struct sk_direction dir = sk_direction_of(&f->i.ike[0].suite, &f->i.ike[0].keys, true);
	uint8_t plain[2048], type;
	struct ike_message m;
	uint16_t notify = 0;
	CBS chain;

	assert_non_null(d);
	assert_int_equal(ike_message_parse(&m, d->data, d->len), OK);
	assert_int_equal(sk_open(&dir, d->data, d->len, plain, &chain, &type), DROP_NONE);
	assert_int_equal(ike_message_parse_content(&m, type, CBS_data(&chain), CBS_len(&chain)), OK);
	if (m.n_notify > 0)
		notify = m.notify[0].type;
	if (first)
		*first = type;
	blob_unref(d);
	return notify;
}

static inline struct suite suite_of(const char *text, bool ike)
{
	struct proposal p;
	struct suite s = {0};

	assert_int_equal((ike ? proposal_parse_ike : proposal_parse_esp)(&p, text, NULL), OK);
	s.encr = p.encr[0];
	s.encr_key_bits = p.encr_key_bits[0];
	s.integ = p.n_integ ? p.integ[0] : AUTH_NONE;
	s.prf = p.n_prf ? p.prf[0] : 0;
	s.dh = p.n_dh ? p.dh[0] : DH_NONE;
	s.esn = ike ? 0 : p.n_esn ? p.esn[0] : ESN_NO;
	return s;
}

static inline struct ts_set ts(const char *prefix)
{
	struct ts_set set = {.n = 1};
	struct prefix p;

	assert_int_equal(prefix_parse(&p, prefix), OK);
	set.ts[0] = ts_from_prefix(&p);
	return set;
}

static inline void establish(struct fixture *f, const char *esp)
{
	fixture_setup(f, OFFER, esp);
	f->config.sync = true;
	assert_int_equal(fixture_handshake(f), 4);
	assert_int_equal(f->i.state, INITIATOR_ESTABLISHED);
}

static inline struct blob *empty(struct fixture *f, uint8_t exchange, bool response, uint32_t id)
{
	struct ike_header h = header_of(f, exchange, response, id);
	struct ike_builder b;

	ike_builder_init_message(&b, &h);
	return seal(f, &b);
}

#endif
