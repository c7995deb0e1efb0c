/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/radius_server.h"

#include "proto/auth/eap_mschapv2_packet.h"

#include <openssl/md5.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

void radius_server_init(struct radius_server *s, const char *at, const char *password)
{
	memset(s, 0, sizeof(*s));
	if (endpoint_parse(&s->at, at) != OK || nt_hash_of(&s->password, password, strlen(password)) != OK)
		assert(false);
	secret_set(&s->secret, at, strlen(at)); /* Each its own. */
}

void radius_server_fini(struct radius_server *s)
{
	blob_set(&s->request, NULL);
	blob_set(&s->answer, NULL);
}

/* RFC 2548 2.4.2 */
static void add_key(struct radius_builder *b, const struct radius_server *s, const struct radius *request,
		    uint8_t type, const uint8_t *msk)
{
	uint8_t len = s->key_len ? s->key_len : 32, blocks = (uint8_t)(len / 16 + 1);
	uint8_t out[4 + 2 + 2 + 48] = {0, 0, 1, 55, type, (uint8_t)(2 + 2 + 16 * blocks), 0x80, type};
	uint8_t clear[48] = {len}, pad[16], *value = out + 6;
	MD5_CTX h;

	memcpy(clear + 1, type == RADIUS_MS_MPPE_RECV_KEY ? msk : msk + len, len);
	for (size_t k = 0; k < blocks; k++) {
		MD5_Init(&h);
		MD5_Update(&h, s->secret.bytes, s->secret.len);
		if (k == 0)
			MD5_Update(&h, CBS_data(&request->authenticator), 16);
		MD5_Update(&h, k == 0 ? value : value + 2 + 16 * (k - 1), k == 0 ? 2 : 16);
		MD5_Final(pad, &h);
		for (unsigned j = 0; j < 16; j++)
			value[2 + 16 * k + j] = clear[16 * k + j] ^ pad[j];
	}
	radius_add(b, RADIUS_VENDOR_SPECIFIC, out, 8 + 16u * blocks);
}

static struct blob *challenge(struct radius_server *s, uint8_t id)
{
	struct mschapv2_packet m = {.op = MSCHAPV2_CHALLENGE, .id = id};

	for (unsigned i = 0; i < sizeof(s->challenge); i++)
		s->challenge[i] = (uint8_t)(s->requests * 17 + i);
	CBS_init(&m.challenge, s->challenge, sizeof(s->challenge));
	CBS_init(&m.name, (const uint8_t *)"radius", 6);
	return mschapv2_packet_encode(EAP_REQUEST, &m);
}

static struct blob *verdict(struct radius_server *s, uint8_t id, const struct mschapv2_packet *p)
{
	struct mschapv2_packet m = {.op = MSCHAPV2_SUCCESS, .id = id};
	struct mschapv2 x = {.name = mschapv2_user(p->name)};
	uint8_t response[MSCHAPV2_RESPONSE_LEN];
	char text[MSCHAPV2_PROOF_LEN + 8] = "E=691 R=0 V=3";

	memcpy(x.authenticator_challenge, s->challenge, sizeof(s->challenge));
	memcpy(x.peer_challenge, CBS_data(&p->challenge), sizeof(x.peer_challenge));
	mschapv2_response(response, &s->password, &x);
	if (memcmp(response, CBS_data(&p->response), sizeof(response)) != 0) {
		m.op = MSCHAPV2_FAILURE;
	} else {
		memset(text, 0, sizeof(text));
		mschapv2_proof(text, &s->password, &x, response);
		mschapv2_msk(s->msk, &s->password, response);
	}
	CBS_init(&m.message, (const uint8_t *)text, strlen(text));
	return mschapv2_packet_encode(EAP_REQUEST, &m);
}

/* What EAP says next; code: and RADIUS. */
static struct blob *next(struct radius_server *s, const struct eap *e, uint8_t *code)
{
	struct eap end = {.code = EAP_FAILURE, .id = e->id};
	struct mschapv2_packet m;

	*code = RADIUS_ACCESS_CHALLENGE;
	if (e->type == EAP_TYPE_IDENTITY)
		return challenge(s, (uint8_t)(e->id + 1));
	if (e->type == EAP_TYPE_MSCHAPV2 && mschapv2_packet_parse(&m, e) == OK && m.op == MSCHAPV2_RESPONSE)
		return verdict(s, (uint8_t)(e->id + 1), &m);
	*code = RADIUS_ACCESS_REJECT;
	if (e->type == EAP_TYPE_MSCHAPV2 && mschapv2_packet_parse(&m, e) == OK && m.op == MSCHAPV2_SUCCESS) {
		*code = RADIUS_ACCESS_ACCEPT;
		end.code = EAP_SUCCESS;
	}
	return eap_encode(&end);
}

static void add_accepted(struct radius_builder *b, const struct radius_server *s, const struct radius *request)
{
	if (!s->keyless) {
		add_key(b, s, request, RADIUS_MS_MPPE_RECV_KEY, s->msk);
		add_key(b, s, request, RADIUS_MS_MPPE_SEND_KEY, s->msk);
	}
	if (s->user_name)
		radius_add(b, RADIUS_USER_NAME, s->user_name, strlen(s->user_name));
	for (unsigned i = 0; i < 4 && s->extra[i].type; i++)
		radius_add(b, s->extra[i].type, s->extra[i].value, s->extra[i].len);
}

static struct blob *answer(struct radius_server *s, const struct radius *request, const struct eap *e)
{
	static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];
	struct radius_builder b;
	struct blob *packet;
	uint8_t code;
	CBS in;

	packet = next(s, e, &code);
	radius_begin(&b, code, request->id, zero);
	if (code == RADIUS_ACCESS_CHALLENGE)
		radius_add_u32(&b, RADIUS_STATE, ++s->state);
	if (code == RADIUS_ACCESS_ACCEPT)
		add_accepted(&b, s, request);
	CBS_init(&in, packet->data, packet->len);
	radius_add_eap(&b, in);
	blob_unref(packet);
	return radius_finish_answer(&b, request, &s->secret);
}

/* A conversation goes on by the State that it was given last. */
static bool goes_on(const struct radius_server *s, const struct radius *request, const struct eap *e)
{
	uint32_t state;
	CBS value;

	if (e->type == EAP_TYPE_IDENTITY)
		return !radius_find(request, RADIUS_STATE, &value);
	return radius_find(request, RADIUS_STATE, &value) && CBS_get_u32(&value, &state) && state == s->state;
}

struct blob *radius_server_answer(struct radius_server *s, const uint8_t *data, size_t len)
{
	struct blob *packet;
	struct radius r;
	struct eap e;
	bool good;
	CBS in;

	if (s->request && s->request->len == len && memcmp(s->request->data, data, len) == 0) {
		s->repeated++;
		return s->silent ? NULL : blob_ref(s->answer);
	}
	s->requests++;
	blob_set(&s->request, blob_new(data, len));
	blob_set(&s->answer, NULL);
	CBS_init(&in, s->request->data, len);
	if (s->silent || radius_parse(&r, in) != OK || r.code != RADIUS_ACCESS_REQUEST)
		return NULL;
	packet = radius_eap(&r);
	CBS_init(&in, packet ? packet->data : NULL, packet ? packet->len : 0);
	good = eap_parse(&e, in) == OK && goes_on(s, &r, &e);
	if (good)
		s->answer = answer(s, &r, &e);
	blob_unref(packet);
	return blob_ref(s->answer);
}
