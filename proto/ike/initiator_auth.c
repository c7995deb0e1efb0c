/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT and IKE_AUTH as initiator (RFC 7296 1.2, 2.15):
 *
 * 	HDR(SPIi,0), SAi1, KEi, Ni  -->
 * 	                  <--  HDR(SPIi,SPIr), SAr1, KEr, Nr   or COOKIE, INVALID_KE_PAYLOAD
 * 	HDR, SK {IDi, [IDr,] [AUTH,] [CP(CFG_REQUEST),] SAi2, TSi, TSr}  -->
 * 	                  <--  HDR, SK {[IDr,] AUTH, [CP(CFG_REPLY),] SAr2, TSi, TSr}
 *
 * with as many rounds between as the method wants (2.16).
 *
 * Anyone can forge the first answer, so a bad one is only counted, and we go on waiting for the
 * true one (2.21.1: "the recipient should not immediately act based on the error notification
 * unless corrective actions are defined in this specification"). Corrections are bounded, and a
 * group is only changed to one that we offered. AUTH proves that no forged answer talked us down to
 * it, because it covers both messages of the exchange that counts. */
#include "proto/ike/initiator_step.h"
#include "proto/crypto/dh.h"
#include "proto/crypto/signature.h"
#include "proto/ike/answer.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/nat.h"
#include "proto/ike/payload.h"

#include <openssl/mem.h>

#include <stdlib.h>
#include <string.h>

#define CORRECTIONS_MAX 8u
#define COOKIE_MAX 64u /* RFC 7296 2.6: "between 1 and 64 octets in length" */

/* ---- IKE_SA_INIT --> ---- */

static struct sa_offer ike_offer(const struct initiator *i)
{
	return (struct sa_offer){.protocol = IKE_PROTOCOL_IKE,
				 .proposals = i->config.ike,
				 .n = i->config.n_ike,
				 .with_dh = true};
}

static struct blob *send_init(struct initiator *i)
{
	const struct initiator_config *c = &i->config;
	const struct sa_offer offer = ike_offer(i);
	struct ike_path path = {&c->local, &c->remote};
	struct endpoint elsewhere = c->local;
	struct ike_header h = {.spi_i = i->ike[0].spi_i,
			       .major = 2,
			       .exchange = IKE_EXCHANGE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	uint8_t hashes[SIGNATURE_HASHES_LEN];
	struct ike_builder b;
	struct blob *request;

	ike_builder_init_message(&b, &h);
	if (i->cookie) /* RFC 7296 2.6: "as the first payload" */
		ike_add_notify(&b, IKE_NOTIFY_COOKIE, i->cookie->data, i->cookie->len);
	ike_add_sa_offer(&b, &offer);
	initiator_add_ke(i, &b);
	ike_add_nonce(&b, i->nonce_i, sizeof(i->nonce_i));
	elsewhere.port ^= 1;
	if (c->fake_nat)
		path.local = &elsewhere;
	ike_nat_add(&b, h.spi_i, 0, &path);
	if (c->fragmentation)
		ike_add_notify(&b, IKE_NOTIFY_FRAGMENTATION_SUPPORTED, NULL, 0);
	signature_hashes_write(hashes);
	if ((c->own || c->trust) && !c->no_hashes)
		ike_add_notify(&b, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, hashes, sizeof(hashes));
	if (ike_builder_finish(&b, &request) != OK)
		abort();
	blob_set(&i->init_request, request);
	i->state = INITIATOR_INIT_SENT;
	return blob_ref(request);
}

struct blob *initiator_create_init(struct initiator *i)
{
	const struct initiator_counts counts = i->counts;
	struct initiator_config config = i->config;
	struct entropy entropy = i->entropy;
	struct iv_source iv = i->iv;

	initiator_fini(i);
	i->config = config;
	i->counts = counts;
	i->entropy = entropy;
	i->iv = iv;
	secret_cleanse(&config.psk);
	OPENSSL_cleanse(&config.password, sizeof(config.password));
	OPENSSL_cleanse(&entropy, sizeof(entropy));
	i->ike[0].spi_i = initiator_draw_ike_spi(i);
	entropy_draw(&i->entropy, i->nonce_i, sizeof(i->nonce_i));
	initiator_draw_dh(i, i->config.ke_group ? i->config.ke_group : i->config.ike[0].dh[0]);
	return send_init(i);
}

/* ---- <-- IKE_SA_INIT ---- */

static bool offers_group(const struct initiator *i, uint16_t group)
{
	for (size_t k = 0; k < i->config.n_ike; k++)
		for (size_t g = 0; g < i->config.ike[k].n_dh; g++)
			if (i->config.ike[k].dh[g] == group)
				return true;
	return false;
}

/* An answer that asks for another try. NULL: it is none of these. */
static struct blob *try_again(struct initiator *i, const struct ike_message *m)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_COOKIE);
	uint16_t group;
	CBS data;

	if (i->corrections == CORRECTIONS_MAX)
		return NULL;
	if (n && CBS_len(&n->data) >= 1 && CBS_len(&n->data) <= COOKIE_MAX) {
		i->corrections++;
		i->counts.cookies++;
		blob_set(&i->cookie, blob_new(CBS_data(&n->data), CBS_len(&n->data)));
		return send_init(i);
	}
	n = ike_message_notify(m, IKE_NOTIFY_INVALID_KE_PAYLOAD);
	if (!n)
		return NULL;
	data = n->data;
	if (!CBS_get_u16(&data, &group) || CBS_len(&data) != 0 || group == i->dh.group ||
	    !offers_group(i, group))
		return NULL;
	i->corrections++;
	i->counts.invalid_ke++;
	initiator_draw_dh(i, group);
	return send_init(i);
}

/* Keys of the IKE SA from the answer. False: nothing was changed. */
static bool take_init(struct initiator *i, const struct ike_message *m)
{
	const struct sa_offer offer = ike_offer(i);
	const struct ike_half ours = {i->nonce_i, &i->dh, NULL};
	const struct ike_path path = {&i->config.local, &i->config.remote};
	struct dh_secret shared = {0};
	struct ike_key_input input;
	struct sa_choice choice;
	struct ike_sa *sa = &i->ike[0];

	if (m->header.spi_r == 0 || !ike_answer_suite(&choice, &offer, &ours, m) ||
	    !ike_answer_keys(&input, &shared, &ours, &choice.suite, choice.suite.prf, m)) {
		dh_secret_cleanse(&shared);
		return false;
	}
	sa->spi_r = m->header.spi_r;
	sa->suite = choice.suite;
	sa->state = IKE_SA_ESTABLISHED;
	sa->original_initiator = true;
	sa->window.next_out = 1;
	input.spi_i = sa->spi_i;
	input.spi_r = sa->spi_r;
	ike_keys_derive(&sa->keys, &sa->suite, &input);
	dh_secret_cleanse(&shared);
	dh_keypair_cleanse(&i->dh);
	i->nonce_r_len = (uint16_t)CBS_len(&m->nonce);
	memcpy(i->nonce_r, CBS_data(&m->nonce), i->nonce_r_len);
	ike_nat_detect(&i->features, m, &path);
	if (i->config.fake_nat)
		i->features |= IKE_SELF_BEHIND_NAT;
	if (i->config.fragmentation && ike_message_notify(m, IKE_NOTIFY_FRAGMENTATION_SUPPORTED))
		i->features |= IKE_PEER_FRAGMENTATION;
	return true;
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
	if (i->config.request_split) {
		ike_cp_add(b, IKE_CP_INTERNAL_IP4_SUBNET, NULL, 0);
		ike_cp_add(b, IKE_CP_INTERNAL_DNS_DOMAIN, NULL, 0);
	}
	ike_cp_close(b);
}

struct auth_octets initiator_auth_octets(const struct initiator *i, bool ours, CBS id)
{
	const struct blob *message = ours ? i->init_request : i->init_response;
	struct auth_octets o = {.id = id, .sk_p = ours ? &i->ike[0].keys.pi : &i->ike[0].keys.pr};

	CBS_init(&o.message, message->data, message->len);
	if (ours) /* "the other side's nonce" */
		CBS_init(&o.nonce, i->nonce_r, i->nonce_r_len);
	else
		CBS_init(&o.nonce, i->nonce_i, sizeof(i->nonce_i));
	return o;
}

static const struct initiator_auth *method_of(const struct initiator *i)
{
	return i->config.auth ? i->config.auth : &initiator_psk;
}

static struct blob *send_auth(struct initiator *i)
{
	struct initiator_esp_offer esp;
	struct ike_builder b;

	initiator_begin(i, 0, IKE_EXCHANGE_AUTH, &b);
	method_of(i)->begin(i, &b);
	if (i->config.remote_id.len > 0)
		ike_add_id(&b, IKE_PAYLOAD_IDr, &i->config.remote_id);
	add_cp_request(i, &b);
	if (i->config.initial_contact)
		ike_add_notify(&b, IKE_NOTIFY_INITIAL_CONTACT, NULL, 0);
	if (i->config.mobike)
		ike_add_notify(&b, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
	if (i->config.sync) {
		ike_add_notify(&b, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC_SUPPORTED, NULL, 0);
		ike_add_notify(&b, IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED, NULL, 0);
	}
	i->new_spi = initiator_draw_esp_spi(i);
	initiator_esp_offer(i, DH_NONE, &esp);
	ike_add_sa_offer(&b, &esp.offer);
	ike_add_ts(&b, IKE_PAYLOAD_TSi, &i->config.tsi);
	ike_add_ts(&b, IKE_PAYLOAD_TSr, &i->config.tsr);
	i->state = INITIATOR_AUTH_SENT;
	return initiator_send(i, 0, INITIATOR_OTHER, &b);
}

struct blob *initiator_consume_init(struct initiator *i, const uint8_t *data, size_t len)
{
	const struct ike_notify *error;
	struct ike_message m;
	struct blob *again;

	if (i->state != INITIATOR_INIT_SENT || ike_message_parse(&m, data, len) != OK ||
	    !(m.header.flags & IKE_FLAG_RESPONSE) || m.header.spi_i != i->ike[0].spi_i ||
	    ike_message_check(&m) != DROP_NONE)
		return initiator_ignore(i);
	again = try_again(i, &m);
	if (again)
		return again;
	error = ike_message_error(&m);
	if (error || !take_init(i, &m)) {
		i->error = error ? error->type : IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
		return initiator_ignore(i);
	}
	i->error = 0;
	blob_set(&i->init_response, blob_new(data, len));
	return send_auth(i);
}

/* ---- <-- IKE_AUTH ---- */

/* Only what we asked for. */
static void take_cp(struct initiator *i, const struct ike_message *m)
{
	struct ike_cp_request reply;
	struct ike_cp_attribute a;
	CBS attributes = m->cp.attributes;

	if (!i->config.request_address || !ike_message_has(m, IKE_PAYLOAD_CP) ||
	    m->cp.type != IKE_CFG_REPLY)
		return;
	ike_cp_read(&reply, &m->cp);
	i->virtual_ip = reply.wanted4;
	if (i->config.request_split && CBS_len(&attributes) <= sizeof(i->cp)) {
		i->cp_len = CBS_len(&attributes);
		memcpy(i->cp, CBS_data(&attributes), i->cp_len);
	}
	while (i->config.request_dns && ike_cp_next(&attributes, &a)) {
		if (a.type != IKE_CP_INTERNAL_IP4_DNS || CBS_len(&a.value) != 4)
			continue;
		i->dns.family = 4;
		memcpy(i->dns.octets, CBS_data(&a.value), 4);
		break;
	}
}

/* RFC 6311 5: "Only a capability whose support was asserted by both parties can be used". */
static void take_features(struct initiator *i, const struct ike_message *m)
{
	if (i->config.mobike && ike_message_notify(m, IKE_NOTIFY_MOBIKE_SUPPORTED))
		i->features |= IKE_PEER_MOBIKE;
	i->additional = 0;
	for (size_t k = 0; k < m->n_notify; k++)
		i->additional += m->notify[k].type == IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS ||
				 m->notify[k].type == IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS;
	if (i->config.sync && ike_message_notify(m, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC_SUPPORTED))
		i->features |= IKE_PEER_SYNC;
	if (i->config.sync && ike_message_notify(m, IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED))
		i->features |= IKE_PEER_REPLAY_SYNC;
}

/* What only IKE_AUTH needs. */
static void forget_init(struct initiator *i)
{
	secret_cleanse(&i->ike[0].keys.pi);
	secret_cleanse(&i->ike[0].keys.pr);
	blob_set(&i->cookie, NULL);
	blob_set(&i->init_request, NULL);
	blob_set(&i->init_response, NULL);
	blob_set(&i->auth_state, NULL);
}

/* *next: the request of a further round, or NULL. False: we are no clients of it. */
static bool take_round(struct initiator *i, const struct ike_opened *o, struct blob **next)
{
	enum ike_auth_verdict verdict;
	struct ike_builder b;

	*next = NULL;
	if (o->content != OK)
		return false;
	initiator_begin(i, 0, IKE_EXCHANGE_AUTH, &b);
	verdict = method_of(i)->step(i, &o->message, &b);
	if (verdict == AUTH_VERDICT_CONTINUE && !i->error)
		*next = initiator_send(i, 0, INITIATOR_OTHER, &b);
	else
		ike_builder_fini(&b);
	return verdict == AUTH_VERDICT_DONE || *next;
}

struct blob *initiator_consume_auth(struct initiator *i, const struct ike_opened *o)
{
	const struct ike_message *m = &o->message;
	struct ike_key_input input = {.shared = NULL};
	struct blob *next;
	uint16_t error;

	if (!take_round(i, o, &next)) {
		initiator_end(i, INITIATOR_FAILED,
			      i->error ? i->error : IKE_NOTIFY_AUTHENTICATION_FAILED);
		return NULL;
	}
	if (next)
		return next;
	i->state = INITIATOR_ESTABLISHED;
	forget_init(i);
	take_features(i, m);
	take_cp(i, m);
	if (i->error) /* 2.21.2: the IKE SA stands, without its first Child SA. */
		return NULL;
	CBS_init(&input.nonce_i, i->nonce_i, sizeof(i->nonce_i));
	CBS_init(&input.nonce_r, i->nonce_r, i->nonce_r_len);
	error = initiator_take_child(i, &i->ike[0], m, &input);
	return error ? initiator_refuse_child(i, error) : NULL;
}
