/* SPDX-License-Identifier: Apache-2.0 */
/* The test client's IKE_SA_INIT, IKE_AUTH and CREATE_CHILD_SA: everything with
 * keys in it. See initiator.h. */
#include "test/lib/initiator.h"

#include "proto/ike_keys.h"
#include "proto/ike_payload.h"

#include <openssl/mem.h>
#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

/* ---- Pieces ---- */

static uint32_t draw_esp_spi(struct initiator *i)
{
	uint32_t spi;

	do
		spi = entropy_u32(&i->entropy);
	while (spi < 256);
	return spi;
}

static uint64_t draw_ike_spi(struct initiator *i)
{
	uint64_t spi;

	do
		spi = entropy_u64(&i->entropy);
	while (spi == 0);
	return spi;
}

static void add_nonce(struct initiator *i, struct ike_builder *b)
{
	entropy_draw(&i->entropy, i->nonce_i, sizeof(i->nonce_i));
	ike_add_nonce(b, i->nonce_i, sizeof(i->nonce_i));
}

static void draw_dh(struct initiator *i, uint16_t group)
{
	uint8_t public_value[DH_PUBLIC_MAX];
	size_t len;

	if (dh_generate(group, &i->entropy, &i->dh, public_value, &len) != OK)
		abort();
}

static void add_ke(const struct initiator *i, struct ike_builder *b)
{
	uint8_t public_value[DH_PUBLIC_MAX];
	size_t len;

	if (dh_public(&i->dh, public_value, &len) != OK)
		abort();
	ike_add_ke(b, i->dh.group, public_value, len);
}

static void add_nat_hash(struct ike_builder *b, uint16_t type, uint64_t spi_i,
			 const struct endpoint *e, bool fake)
{
	uint8_t in[16 + 16 + 2] = {0};
	uint8_t hash[SHA_DIGEST_LENGTH];
	size_t len = 16;

	for (int k = 0; k < 8; k++)
		in[k] = (uint8_t)(spi_i >> (56 - 8 * k));
	memcpy(in + len, e->address.octets, address_len(&e->address));
	len += address_len(&e->address);
	in[len++] = (uint8_t)(e->port >> 8);
	in[len++] = (uint8_t)e->port;
	SHA1(in, len, hash);
	if (fake)
		hash[0] ^= 1;
	ike_add_notify(b, type, hash, sizeof(hash));
}

/* What the responder's SA, Nr and KEr payloads give for the keys. */
static bool take_key_input(struct initiator *i, const struct ike_message *m, struct secret *shared,
			   struct ike_key_input *input)
{
	memset(input, 0, sizeof(*input));
	CBS_init(&input->nonce_i, i->nonce_i, sizeof(i->nonce_i));
	input->nonce_r = m->nonce;
	if (!ike_message_has(m, IKE_PAYLOAD_NONCE))
		return false;
	if (i->dh.group == DH_NONE)
		return !ike_message_has(m, IKE_PAYLOAD_KE);
	if (m->ke.group != i->dh.group ||
	    dh_shared(&i->dh, CBS_data(&m->ke.data), CBS_len(&m->ke.data), shared) != OK)
		return false;
	input->shared = shared;
	return true;
}

static void fail(struct initiator *i, uint16_t error)
{
	i->state = INITIATOR_FAILED;
	i->error = error;
}

/* ---- IKE_SA_INIT --> ---- */

static struct blob *send_init(struct initiator *i)
{
	const struct initiator_config *c = &i->config;
	struct sa_offer offer = {
		.protocol = IKE_PROTOCOL_IKE, .proposals = c->ike, .n = c->n_ike, .with_dh = true};
	struct ike_header h = {.spi_i = i->ike[0].spi_i,
			       .major = 2,
			       .exchange = IKE_EXCHANGE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	struct ike_builder b;
	struct blob *request;

	ike_builder_init_message(&b, &h);
	if (i->cookie) /* RFC 7296 2.6: "as the first payload" */
		ike_add_notify(&b, IKE_NOTIFY_COOKIE, i->cookie->data, i->cookie->len);
	ike_add_sa_offer(&b, &offer);
	add_ke(i, &b);
	ike_add_nonce(&b, i->nonce_i, sizeof(i->nonce_i));
	add_nat_hash(&b, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, h.spi_i, &c->local, c->fake_nat);
	add_nat_hash(&b, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, h.spi_i, &c->remote, false);
	ike_add_notify(&b, IKE_NOTIFY_FRAGMENTATION_SUPPORTED, NULL, 0);
	if (ike_builder_finish(&b, &request) != OK)
		abort();
	blob_set(&i->init_request, request);
	i->state = INITIATOR_INIT_SENT;
	return blob_ref(request);
}

struct blob *initiator_create_init(struct initiator *i)
{
	const struct initiator_config config = i->config;
	const struct initiator_counts counts = i->counts;
	struct entropy entropy = i->entropy;
	struct iv_source iv = i->iv;

	initiator_fini(i);
	i->config = config;
	i->counts = counts;
	i->entropy = entropy;
	i->iv = iv;
	i->ike[0].spi_i = draw_ike_spi(i);
	entropy_draw(&i->entropy, i->nonce_i, sizeof(i->nonce_i));
	draw_dh(i, config.ke_group ? config.ke_group : config.ike[0].dh[0]);
	return send_init(i);
}

/* ---- IKE_AUTH --> ---- */

static void add_cp_request(const struct initiator *i, struct ike_builder *b)
{
	if (!i->config.request_address)
		return;
	ike_cp_open(b, IKE_CFG_REQUEST);
	ike_cp_add(b, IKE_CP_INTERNAL_IP4_ADDRESS, i->config.wanted_address.octets,
		   i->config.wanted_address.family == 4 ? 4 : 0);
	if (i->config.request_dns)
		ike_cp_add(b, IKE_CP_INTERNAL_IP4_DNS, NULL, 0);
	ike_cp_close(b);
}

static struct auth_octets octets_of(const struct initiator *i, bool initiator, CBS id)
{
	const struct blob *message = initiator ? i->init_request : i->init_response;
	struct auth_octets o = {.id = id,
				.sk_p = initiator ? &i->ike[0].keys.pi : &i->ike[0].keys.pr};

	CBS_init(&o.message, message->data, message->len);
	if (initiator)
		CBS_init(&o.nonce, i->nonce_r, i->nonce_r_len);
	else
		CBS_init(&o.nonce, i->nonce_i, sizeof(i->nonce_i));
	return o;
}

static void add_id_and_auth(const struct initiator *i, struct ike_builder *b)
{
	const struct initiator_config *c = &i->config;
	uint8_t body[4 + IKE_ID_MAX] = {c->id.type};
	uint8_t auth[PRF_LEN_MAX];
	struct auth_octets octets;
	size_t len;
	CBS cbs;

	memcpy(body + 4, c->id.data, c->id.len);
	CBS_init(&cbs, body, 4u + c->id.len);
	octets = octets_of(i, true, cbs);
	len = auth_psk_compute(i->ike[0].suite.prf, &c->psk, &octets, auth);
	ike_add_id(b, IKE_PAYLOAD_IDi, &c->id);
	if (c->remote_id.len > 0)
		ike_add_id(b, IKE_PAYLOAD_IDr, &c->remote_id);
	ike_add_auth(b, IKE_AUTH_SHARED_KEY, auth, len);
}

static void add_child_offer(struct initiator *i, struct ike_builder *b, uint16_t group)
{
	struct proposal esp[INITIATOR_PROPOSALS_MAX];
	struct sa_offer offer = {.protocol = IKE_PROTOCOL_ESP,
				 .spi_len = 4,
				 .proposals = esp,
				 .n = i->config.n_esp,
				 .with_dh = group != DH_NONE};

	memcpy(esp, i->config.esp, sizeof(esp));
	for (size_t k = 0; k < offer.n; k++) {
		if (group == DH_NONE || esp[k].n_dh > 0)
			continue;
		esp[k].dh[0] = group;
		esp[k].n_dh = 1;
	}
	i->new_spi = draw_esp_spi(i);
	offer.spi = i->new_spi;
	ike_add_sa_offer(b, &offer);
}

static struct blob *send_auth(struct initiator *i)
{
	struct ike_builder b;

	initiator_begin(i, 0, IKE_EXCHANGE_AUTH, &b);
	add_id_and_auth(i, &b);
	add_cp_request(i, &b);
	if (i->config.initial_contact)
		ike_add_notify(&b, IKE_NOTIFY_INITIAL_CONTACT, NULL, 0);
	if (i->config.mobike)
		ike_add_notify(&b, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
	add_child_offer(i, &b, DH_NONE);
	ike_add_ts(&b, IKE_PAYLOAD_TSi, &i->config.tsi);
	ike_add_ts(&b, IKE_PAYLOAD_TSr, &i->config.tsr);
	i->state = INITIATOR_AUTH_SENT;
	return initiator_send(i, 0, INITIATOR_OTHER, &b);
}

/* ---- <-- IKE_SA_INIT ---- */

/* An answer that asks for another try. NULL: it is none of these. */
static struct blob *try_again(struct initiator *i, const struct ike_message *m)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_COOKIE);
	uint16_t group;
	CBS data;

	if (n) {
		i->counts.cookies++;
		blob_set(&i->cookie, blob_new(CBS_data(&n->data), CBS_len(&n->data)));
		return send_init(i);
	}
	n = ike_message_notify(m, IKE_NOTIFY_INVALID_KE_PAYLOAD);
	if (!n)
		return NULL;
	data = n->data;
	if (!CBS_get_u16(&data, &group) || !dh_supported(group) || group == i->dh.group)
		return NULL;
	i->counts.invalid_ke++;
	draw_dh(i, group);
	return send_init(i);
}

/* Keys of the IKE SA from the answer. */
static bool take_init(struct initiator *i, const struct ike_message *m)
{
	struct ike_key_input input;
	struct ike_sa *sa = &i->ike[0];
	struct sa_choice choice;
	struct secret shared;

	if (sa_parse_answer(&choice, &m->sa) != OK || choice.suite.dh != i->dh.group ||
	    !take_key_input(i, m, &shared, &input))
		return false;
	sa->spi_r = m->header.spi_r;
	sa->suite = choice.suite;
	sa->state = IKE_SA_ESTABLISHED;
	sa->original_initiator = true;
	sa->next_request_out = 1;
	input.spi_i = sa->spi_i;
	input.spi_r = sa->spi_r;
	ike_keys_derive(&sa->keys, &sa->suite, &input);
	secret_cleanse(&shared);
	i->nonce_r_len = (uint16_t)CBS_len(&m->nonce);
	memcpy(i->nonce_r, CBS_data(&m->nonce), i->nonce_r_len);
	return true;
}

struct blob *initiator_consume_init(struct initiator *i, const uint8_t *data, size_t len)
{
	const struct ike_notify *error;
	struct ike_message m;
	struct blob *again;

	if (i->state != INITIATOR_INIT_SENT || ike_message_parse(&m, data, len) != OK ||
	    !(m.header.flags & IKE_FLAG_RESPONSE) || m.header.spi_i != i->ike[0].spi_i ||
	    ike_message_check(&m) != DROP_NONE) {
		i->counts.ignored++;
		return NULL;
	}
	again = try_again(i, &m);
	if (again)
		return again;
	error = ike_message_error(&m);
	if (error || !take_init(i, &m)) {
		fail(i, error ? error->type : IKE_NOTIFY_INVALID_SYNTAX);
		return NULL;
	}
	blob_set(&i->init_response, blob_new(data, len));
	return send_auth(i);
}

/* ---- <-- IKE_AUTH ---- */

static bool take_child(struct initiator *i, const struct ike_sa *sa, const struct ike_message *m,
		       const struct ike_key_input *input)
{
	struct child_sa *child = &i->child[i->n_child];
	struct sa_choice choice;

	if (i->n_child == IKE_CHILD_MAX || sa_parse_answer(&choice, &m->sa) != OK ||
	    choice.protocol != IKE_PROTOCOL_ESP)
		return false;
	memset(child, 0, sizeof(*child));
	child->spi_in = (uint32_t)i->new_spi;
	child->spi_out = (uint32_t)choice.spi;
	child->suite = choice.suite;
	if (ts_payload_parse(&child->local, &m->tsi) != OK ||
	    ts_payload_parse(&child->remote, &m->tsr) != OK)
		return false;
	child_keys_derive(child, sa->suite.prf, &sa->keys.d, input, true);
	i->n_child++;
	return true;
}

static void take_cp(struct initiator *i, const struct ike_message *m)
{
	struct ike_cp_request reply;
	struct ike_cp_attribute a;
	CBS attributes = m->cp.attributes;

	if (!ike_message_has(m, IKE_PAYLOAD_CP))
		return;
	ike_cp_read(&reply, &m->cp);
	i->virtual_ip = reply.wanted4;
	while (ike_cp_next(&attributes, &a)) {
		if (a.type != IKE_CP_INTERNAL_IP4_DNS || CBS_len(&a.value) != 4)
			continue;
		i->dns.family = 4;
		memcpy(i->dns.octets, CBS_data(&a.value), 4);
		break;
	}
}

void initiator_consume_auth(struct initiator *i, const struct ike_message *m)
{
	const struct ike_notify *error = ike_message_error(m);
	struct auth_octets octets = octets_of(i, false, m->idr.body);
	struct ike_key_input input = {.shared = NULL};

	i->error = error ? error->type : 0;
	if (!ike_message_has(m, IKE_PAYLOAD_AUTH) || m->auth.method != IKE_AUTH_SHARED_KEY ||
	    !auth_psk_verify(i->ike[0].suite.prf, &i->config.psk, &octets, m->auth.data)) {
		fail(i, error ? error->type : IKE_NOTIFY_AUTHENTICATION_FAILED);
		return;
	}
	i->state = INITIATOR_ESTABLISHED;
	i->gateway_mobike = ike_message_notify(m, IKE_NOTIFY_MOBIKE_SUPPORTED) != NULL;
	take_cp(i, m);
	CBS_init(&input.nonce_i, i->nonce_i, sizeof(i->nonce_i));
	CBS_init(&input.nonce_r, i->nonce_r, i->nonce_r_len);
	if (!error && !take_child(i, &i->ike[0], m, &input))
		fail(i, IKE_NOTIFY_INVALID_SYNTAX);
}

/* ---- CREATE_CHILD_SA ---- */

static struct blob *send_child(struct initiator *i, enum initiator_purpose purpose, uint32_t old,
			       uint16_t group)
{
	struct ike_builder b;

	if (i->state != INITIATOR_ESTABLISHED || i->ike[0].outstanding)
		return NULL;
	initiator_begin(i, 0, IKE_EXCHANGE_CREATE_CHILD_SA, &b);
	if (purpose == INITIATOR_REKEY_CHILD)
		ike_add_notify_esp(&b, IKE_NOTIFY_REKEY_SA, old);
	add_child_offer(i, &b, group);
	add_nonce(i, &b);
	dh_keypair_cleanse(&i->dh);
	if (group != DH_NONE) {
		draw_dh(i, group);
		add_ke(i, &b);
	}
	ike_add_ts(&b, IKE_PAYLOAD_TSi, &i->config.tsi);
	ike_add_ts(&b, IKE_PAYLOAD_TSr, &i->config.tsr);
	i->ike[0].purpose_arg = old;
	return initiator_send(i, 0, purpose, &b);
}

struct blob *initiator_create_child(struct initiator *i, uint16_t group)
{
	return send_child(i, INITIATOR_NEW_CHILD, 0, group);
}

struct blob *initiator_create_child_rekey(struct initiator *i, uint32_t spi_in, uint16_t group)
{
	return send_child(i, INITIATOR_REKEY_CHILD, spi_in, group);
}

struct blob *initiator_create_ike_rekey(struct initiator *i, uint16_t group)
{
	const struct initiator_config *c = &i->config;
	struct sa_offer offer = {.protocol = IKE_PROTOCOL_IKE,
				 .spi_len = 8,
				 .proposals = c->ike,
				 .n = c->n_ike,
				 .with_dh = true};
	struct ike_builder b;

	if (i->state != INITIATOR_ESTABLISHED || i->ike[0].outstanding || i->ike[1].state != 0)
		return NULL;
	initiator_begin(i, 0, IKE_EXCHANGE_CREATE_CHILD_SA, &b);
	i->new_spi = draw_ike_spi(i);
	offer.spi = i->new_spi;
	ike_add_sa_offer(&b, &offer);
	add_nonce(i, &b);
	draw_dh(i, group ? group : i->ike[0].suite.dh);
	add_ke(i, &b);
	return initiator_send(i, 0, INITIATOR_REKEY_IKE, &b);
}

static bool take_ike(struct initiator *i, const struct ike_message *m, struct ike_key_input *input)
{
	struct ike_sa sa = {.state = IKE_SA_ESTABLISHED, .original_initiator = true};
	struct sa_choice choice;

	if (sa_parse_answer(&choice, &m->sa) != OK || choice.protocol != IKE_PROTOCOL_IKE ||
	    choice.spi == 0)
		return false;
	sa.spi_i = input->spi_i = i->new_spi;
	sa.spi_r = input->spi_r = choice.spi;
	sa.suite = choice.suite;
	ike_keys_rekey(&sa.keys, &sa.suite, &i->ike[0].keys, &i->ike[0].suite, input);
	i->ike[1] = i->ike[0];
	i->ike[1].state = IKE_SA_REKEYED;
	i->ike[0] = sa;
	return true;
}

void initiator_consume_child(struct initiator *i, struct ike_sa *sa, const struct ike_message *m)
{
	enum initiator_purpose purpose = sa->purpose;
	struct ike_key_input input;
	struct secret shared = {0};
	bool good;

	sa->purpose = INITIATOR_NOTHING;
	if (i->error)
		return;
	good = take_key_input(i, m, &shared, &input) &&
	       (purpose == INITIATOR_REKEY_IKE ? take_ike(i, m, &input)
					       : take_child(i, sa, m, &input));
	if (good && purpose == INITIATOR_REKEY_CHILD)
		i->child[i->n_child - 1].replaces = sa->purpose_arg;
	if (!good)
		i->error = IKE_NOTIFY_INVALID_SYNTAX;
	secret_cleanse(&shared);
}
