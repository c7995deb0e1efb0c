/* SPDX-License-Identifier: Apache-2.0 */
/* The IKEv2 codec. The first octet says what the rest is: 0 a datagram, else a decrypted chain that
 * starts with a payload of that type. Input that parses is read to the last octet, and the codec's
 * choice is written and must read back the same. */
#include "proto/ike/builder.h"
#include "proto/ike/payload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 30000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const CBS *c)
{
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < CBS_len(c); i++)
		sum = (uint8_t)(sum + CBS_data(c)[i]);
}

/* An answer that we write is one that we accept. */
static void check_choice(const struct sa_choice *c)
{
	struct ike_message m = {.n_notify = 0};
	struct sa_choice again;
	struct ike_builder b;
	struct blob *out;
	enum status s;

	ike_builder_init(&b);
	ike_add_sa_answer(&b, c, c->spi);
	s = ike_builder_finish(&b, &out);
	assert(s == OK);
	s = ike_message_parse_content(&m, b.first, out->data, out->len);
	assert(s == OK);
	s = sa_parse_answer(&again, &m.sa);
	assert(s == OK);
	assert(memcmp(&again.suite, &c->suite, sizeof(again.suite)) == 0);
	assert(again.number == c->number && again.spi == c->spi);
	blob_unref(out);
}

static void read_sa(const struct ike_message *m)
{
	static struct proposal ike[2], esp[2];
	struct sa_choice c;

	if (ike[0].n_encr == 0 &&
	    (proposal_parse_ike(&ike[0], "aes128gcm16-aes256gcm16-prfsha256-prfsha384-x25519-ecp256", NULL) ||
	     proposal_parse_ike(&ike[1], "aes256-aes128-sha256-modp2048", NULL) ||
	     proposal_parse_esp(&esp[0], "aes128gcm16-x25519-modpnone-esn-noesn", NULL) ||
	     proposal_parse_esp(&esp[1], "aes256-sha256", NULL)))
		abort();
	if (sa_select_ike(&c, &m->sa, ike, 2, 0, m->ke.group) == OK)
		check_choice(&c);
	if (sa_select_ike(&c, &m->sa, ike, 2, 8, m->ke.group) == OK)
		check_choice(&c);
	if (sa_select_esp(&c, &m->sa, esp, 2, SA_DH_IGNORE, 0) == OK)
		check_choice(&c);
	if (sa_select_esp(&c, &m->sa, esp, 2, SA_DH_NEGOTIATE, m->ke.group) == OK)
		check_choice(&c);
	if (sa_parse_answer(&c, &m->sa) == OK)
		check_choice(&c);
}

static void read_ts(const CBS *body)
{
	struct ts_set offered, narrowed, again;
	struct prefix p;
	struct ts_set allowed = {.n = 1};

	if (ts_payload_parse(&offered, body) != OK)
		return;
	if (prefix_parse(&p, "10.20.0.0/16") != OK)
		abort();
	allowed.ts[0] = ts_from_prefix(&p);
	if (ts_payload_narrow(&narrowed, body, &allowed) != OK)
		abort(); /* The same payload. */
	if (narrowed.n > 0) {
		/* Narrowing once more changes nothing. */
		ts_narrow(&again, &narrowed, &allowed);
		assert(ts_set_equal(&again, &narrowed));
	}
	ts_covers(&offered, &p.address, 6, &(uint16_t){80});
	ts_covers(&offered, &p.address, 6, NULL);
}

static void read_id(const struct ike_payload_id *p)
{
	struct ike_id id, again;
	char text[IKE_ID_TEXT_LEN], small[64];
	enum status s;

	touch(&p->body);
	if (ike_id_from_payload(&id, p) != OK)
		return;
	ike_id_format(&id, small, sizeof(small));
	assert(strlen(small) < sizeof(small));
	ike_id_format(&id, text, sizeof(text));
	assert(strlen(text) < sizeof(text));
	s = ike_id_parse(&again, text);
	assert(s == OK && ike_id_equal(&id, &again));
}

static void read_message(const struct ike_message *m)
{
	struct ike_delete_walk w = ike_message_deletes(m);
	struct ike_cp_request r;
	struct ike_delete d;
	uint32_t spi, deletes = 0;

	(void)!ike_message_check(m);
	if (ike_message_has(m, IKE_PAYLOAD_SA))
		read_sa(m);
	touch(&m->ke.data);
	touch(&m->nonce);
	touch(&m->auth.data);
	touch(&m->eap);
	if (ike_message_has(m, IKE_PAYLOAD_IDi))
		read_id(&m->idi);
	if (ike_message_has(m, IKE_PAYLOAD_IDr))
		read_id(&m->idr);
	if (ike_message_has(m, IKE_PAYLOAD_TSi))
		read_ts(&m->tsi);
	if (ike_message_has(m, IKE_PAYLOAD_TSr))
		read_ts(&m->tsr);
	if (ike_message_has(m, IKE_PAYLOAD_CP))
		ike_cp_read(&r, &m->cp);
	for (uint8_t i = 0; i < m->n_notify; i++) {
		touch(&m->notify[i].spi);
		touch(&m->notify[i].data);
	}
	while (ike_message_next_delete(&w, &d)) {
		unsigned n = 0;

		deletes++;
		while (ike_delete_next(&d.spis, &spi))
			n++;
		assert(n == d.n);
	}
	assert(deletes == m->n_delete);
	for (uint8_t i = 0; i < m->n_cert; i++)
		touch(&m->cert[i].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ike_message m;
	enum status s;

	if (size == 0)
		return 0;
	if (data[0] == 0) {
		s = ike_message_parse(&m, data + 1, size - 1);
		if (s == OK && ike_message_has(&m, IKE_PAYLOAD_SK))
			assert(m.sk.aad_len + CBS_len(&m.sk.body) == size - 1);
		touch(&m.sk.body);
		touch(&m.skf.body);
	} else {
		memset(&m, 0, sizeof(m));
		m.header.exchange = data[0] % 4 + IKE_EXCHANGE_SA_INIT;
		s = ike_message_parse_content(&m, data[0], data + 1, size - 1);
	}
	if (s == OK)
		read_message(&m);
	return 0;
}
