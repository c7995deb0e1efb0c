/* SPDX-License-Identifier: Apache-2.0 */
/* The initiator, with state: the input is a list of steps, each a message of the gateway
 * whose chain of payloads is sealed under the right keys and message ID, so that it gets
 * behind the cryptography. Step: kind, type of the first payload, length (2 octets), chain.
 *
 * What must hold after each: SPIs are unique, selectors within what was offered, suites
 * among those offered, and a request again gets the same bytes and changes nothing. */
#include "proto/ike/sk.h"
#include "test/lib/gateway.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 6000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind {
	STEP_INIT,   /* The answer to IKE_SA_INIT, in clear. */
	STEP_AUTH,   /* The answer to IKE_AUTH. */
	STEP_CREATE_CHILD,
	STEP_INFORMATIONAL,
	STEP_SYNC,   /* INFORMATIONAL with message ID 0. */
	STEP_ANSWER, /* To what it has outstanding. */
	STEP_ASK,    /* It asks something, by the type octet. */
	STEP_DAMAGE, /* A liveness check with octets changed: position, mask. */
	STEP_KINDS
};

#define STEPS_KINDS STEP_KINDS
#define STEPS_IKE
#include "test/fuzz/steps.h"

static struct initiator after_init, after_auth, established;
static struct gateway gateway;

static struct initiator copy_of(const struct initiator *from)
{
	struct initiator i = *from;

	for (size_t k = 0; k < IKE_SA_MAX; k++) {
		ike_datagrams_ref(i.ike[k].window.response);
		ike_datagrams_ref(i.ike[k].window.outstanding);
	}
	blob_ref(i.cookie);
	blob_ref(i.init_request);
	blob_ref(i.init_response);
	ike_datagrams_ref(i.sync.response);
	return i;
}

/* One handshake for all inputs, and copies of the client on its way. */
static void make_base(void)
{
	static struct fixture f;
	struct blob *d;

	fixture_setup(&f, "aes128gcm16-prfsha256-x25519-ecp256", "aes128gcm16-x25519-esn-noesn");
	f.i.config.mobike = f.i.config.sync = true;
	d = initiator_create_init(&f.i);
	after_init = copy_of(&f.i);
	d = fixture_to_client(&f, fixture_to_gateway(&f, d));
	after_auth = copy_of(&f.i);
	blob_unref(fixture_to_client(&f, fixture_to_gateway(&f, d)));
	assert(f.i.state == INITIATOR_ESTABLISHED && f.i.n_child == 1);
	f.i.features |= IKE_PEER_SYNC | IKE_PEER_REPLAY_SYNC;
	established = f.i;
	gateway = f.g;
}

/* ---- The gateway's messages ---- */

static struct blob *clear_message(struct ike_header h, const CBS *chain)
{
	struct blob *b = blob_new(NULL, IKE_HEADER_LEN + CBS_len(chain));

	h.major = 2;
	h.length = b->len;
	ike_header_write(b->data, &h);
	if (CBS_len(chain) > 0)
		memcpy(b->data + IKE_HEADER_LEN, CBS_data(chain), CBS_len(chain));
	return b;
}

static struct blob *sealed_message(const struct ike_sa *sa, const struct ike_header *h, const CBS *chain)
{
	struct sk_direction d = sk_direction_of(&sa->suite, &sa->keys, false);
	struct iv_source iv = {.salt = 5, .next = h->message_id & (IV_COUNTER_MAX - 1)};
	struct blob *clear = clear_message(*h, chain), *out;
	struct entropy e = gateway.entropy;

	if (sk_seal(&d, &iv, &e, clear->data, clear->len, &out) != OK)
		out = NULL; /* Too long. */
	blob_unref(clear);
	return out;
}

static struct blob *request_on(const struct ike_sa *sa, uint8_t exchange, uint32_t id, uint8_t first,
			       const CBS *chain)
{
	const struct ike_header h = {.spi_i = sa->spi_i, .spi_r = sa->spi_r, .next_payload = first,
				     .exchange = exchange, .message_id = id};

	return sa->state == 0 ? NULL : sealed_message(sa, &h, chain);
}

static struct blob *answer_on(const struct ike_sa *sa, uint8_t first, const CBS *chain)
{
	const struct blob *asked = ike_datagrams_only(sa->window.outstanding);
	struct ike_header h;

	if (!asked || ike_header_parse(&h, asked->data, asked->len) != DROP_NONE)
		return NULL;
	h.flags = IKE_FLAG_RESPONSE;
	h.next_payload = first;
	return sealed_message(sa, &h, chain);
}

/* ---- What must hold ---- */

static void check(const struct initiator *i)
{
	assert(i->n_child <= IKE_CHILD_MAX);
	assert(i->state != INITIATOR_CLOSED || (i->n_child == 0 && i->ike[0].keys.d.len == 0));
	for (size_t k = 0; k < i->n_child; k++) {
		const struct child_sa *c = &i->child[k];

		assert(c->spi_in > 255 && c->spi_out > 255);
		assert(c->suite.encr == ENCR_AES_GCM_16 && c->suite.encr_key_bits == 128);
		assert(c->suite.dh == DH_NONE || c->suite.dh == DH_CURVE25519);
		assert(ts_set_within(&c->local, &i->config.tsi) && ts_set_within(&c->remote, &i->config.tsr));
		for (size_t j = 0; j < k; j++)
			assert(c->spi_in != i->child[j].spi_in && c->spi_out != i->child[j].spi_out);
	}
	if (i->state == INITIATOR_ESTABLISHED)
		assert(i->ike[0].state == IKE_SA_ESTABLISHED && i->ike[0].suite.encr_key_bits == 128);
}

/* Delivers d, adopted; if it was a request, once more. */
static void deliver(struct initiator *i, struct blob *d, bool request)
{
	struct blob *reply, *again;
	uint8_t children;

	if (!d)
		return;
	reply = initiator_consume(i, d->data, d->len);
	check(i);
	if (reply && request && i->state == INITIATOR_ESTABLISHED) {
		children = i->n_child;
		again = initiator_consume(i, d->data, d->len);
		assert(again && again->len == reply->len);
		assert(memcmp(again->data, reply->data, reply->len) == 0);
		assert(i->n_child == children);
		blob_unref(again);
	}
	blob_unref(reply);
	blob_unref(d);
}

/* ---- Steps ---- */

static void init_step(uint8_t first, const CBS *chain)
{
	struct initiator i = copy_of(&after_init);
	const struct ike_header h = {.spi_i = i.ike[0].spi_i, .spi_r = 0x1234, .next_payload = first,
				     .exchange = IKE_EXCHANGE_SA_INIT, .flags = IKE_FLAG_RESPONSE};

	deliver(&i, clear_message(h, chain), false);
	assert(i.state == INITIATOR_INIT_SENT || i.state == INITIATOR_AUTH_SENT);
	initiator_fini(&i);
}

/* Only a peer with the key gets in; the corpus has AUTH payloads that do. */
static void auth_step(uint8_t first, const CBS *chain)
{
	struct initiator i = copy_of(&after_auth);

	deliver(&i, answer_on(&i.ike[0], first, chain), false);
	assert(i.state != INITIATOR_AUTH_SENT || !i.ike[0].window.outstanding || CBS_len(chain) > 60000);
	initiator_fini(&i);
}

static void ask_step(struct initiator *i, uint8_t what)
{
	uint32_t child = i->n_child > 0 ? i->child[what / 8 % i->n_child].spi_in : 0;
	uint16_t group = what & 64 ? DH_CURVE25519 : DH_NONE;

	switch (what % 6) {
	case 0:
		blob_unref(initiator_create_dpd(i));
		break;
	case 1:
		blob_unref(initiator_create_child(i, group));
		break;
	case 2:
		blob_unref(initiator_create_child_rekey(i, child, group));
		break;
	case 3:
		blob_unref(initiator_create_ike_rekey(i, 0));
		break;
	case 4:
		blob_unref(initiator_create_child_delete(i, child));
		break;
	default:
		blob_unref(initiator_create_ike_delete(i, 1));
		break;
	}
}

static void damage_step(struct initiator *i, const CBS *chain)
{
	CBS nothing = {0};
	struct blob *d = request_on(&i->ike[0], IKE_EXCHANGE_INFORMATIONAL,
				    i->ike[0].window.next_in, 0, &nothing);

	for (size_t k = 0; d && k + 1 < CBS_len(chain); k += 2)
		d->data[CBS_data(chain)[k] % d->len] ^= CBS_data(chain)[k + 1];
	deliver(i, d, true);
}

static void do_step(struct initiator *i, enum kind kind, uint8_t first, const CBS *chain)
{
	const struct ike_sa *sa = &i->ike[0];

	switch (kind) {
	case STEP_INIT:
		init_step(first, chain);
		break;
	case STEP_AUTH:
		auth_step(first, chain);
		break;
	case STEP_CREATE_CHILD:
		deliver(i, request_on(sa, IKE_EXCHANGE_CREATE_CHILD_SA, sa->window.next_in, first, chain), true);
		break;
	case STEP_INFORMATIONAL:
		deliver(i, request_on(sa, IKE_EXCHANGE_INFORMATIONAL, sa->window.next_in, first, chain), true);
		break;
	case STEP_SYNC:
		deliver(i, request_on(sa, IKE_EXCHANGE_INFORMATIONAL, 0, first, chain), true);
		break;
	case STEP_ANSWER:
		deliver(i, answer_on(sa->window.outstanding ? sa : &i->ike[1], first, chain), false);
		break;
	case STEP_ASK:
		ask_step(i, first);
		break;
	case STEP_DAMAGE:
		damage_step(i, chain);
		break;
	case STEP_KINDS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct initiator i;
	uint8_t kind, first;
	CBS in, chain;

	if (established.state == INITIATOR_IDLE)
		make_base();
	i = copy_of(&established);
	steps_spis[0] = i.child[0].spi_out;
	steps_spis[1] = i.child[0].spi_in;
	CBS_init(&in, data, size);
	while (i.state == INITIATOR_ESTABLISHED && CBS_get_u8(&in, &kind) && CBS_get_u8(&in, &first) &&
	       CBS_get_u16_length_prefixed(&in, &chain))
		do_step(&i, kind % STEP_KINDS, first, &chain);
	initiator_fini(&i);
	return 0;
}
