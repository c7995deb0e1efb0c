/* SPDX-License-Identifier: Apache-2.0 */
/* A packet (RFC 2865 3):
 *
 *	code (1)  identifier (1)  length (2)  authenticator (16)  { type (1)  length (1)  value }
 *
 * Request Authenticator   random; with the secret it makes what is encrypted in the answer
 * Response Authenticator  MD5(code, identifier, length, Request Authenticator, attributes, secret)
 * Message-Authenticator   HMAC-MD5(secret, the packet with the Request Authenticator, itself 0)
 *
 * The last one is computed before the second (RFC 3579 3.2). */
#include "proto/auth/radius.h"

#include "proto/mutant.h"

#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

#define MICROSOFT 311u

static const uint8_t zeroes[RADIUS_AUTHENTICATOR_LEN];

/* ---- Reading ---- */

static bool take(CBS *in, struct radius_attribute *a)
{
	uint8_t len;

	return CBS_get_u8(in, &a->type) && CBS_get_u8(in, &len) && len >= 2 &&
	       CBS_get_bytes(in, &a->value, len - 2u);
}

enum status radius_parse(struct radius *r, CBS data)
{
	struct radius_attribute a;
	CBS all = data, rest;
	uint16_t len;

	memset(r, 0, sizeof(*r));
	if (!CBS_get_u8(&data, &r->code) || !CBS_get_u8(&data, &r->id) || !CBS_get_u16(&data, &len) ||
	    len < RADIUS_HEADER_LEN || len > RADIUS_LEN_MAX || !CBS_get_bytes(&all, &r->packet, len))
		return ERR_MALFORMED;
	rest = r->packet;
	if (!CBS_skip(&rest, 4) || !CBS_get_bytes(&rest, &r->authenticator, RADIUS_AUTHENTICATOR_LEN))
		return ERR_MALFORMED;
	r->attributes = rest;
	while (CBS_len(&rest) > 0)
		if (!take(&rest, &a))
			return ERR_MALFORMED;
	return OK;
}

bool radius_next(CBS *attributes, struct radius_attribute *a)
{
	return CBS_len(attributes) > 0 && take(attributes, a);
}

bool radius_find(const struct radius *r, uint8_t type, CBS *value)
{
	CBS rest = r->attributes;
	struct radius_attribute a;

	while (radius_next(&rest, &a)) {
		if (a.type != type)
			continue;
		*value = a.value;
		return true;
	}
	return false;
}

bool radius_find_microsoft(const struct radius *r, uint8_t type, CBS *value)
{
	CBS rest = r->attributes;
	struct radius_attribute a, inner;
	uint32_t vendor;

	while (radius_next(&rest, &a)) {
		if (a.type != RADIUS_VENDOR_SPECIFIC || !CBS_get_u32(&a.value, &vendor) ||
		    vendor != MICROSOFT)
			continue;
		while (radius_next(&a.value, &inner)) {
			if (inner.type != type)
				continue;
			*value = inner.value;
			return true;
		}
	}
	return false;
}

struct blob *radius_eap(const struct radius *r)
{
	CBS rest = r->attributes;
	struct radius_attribute a;
	uint8_t octets[RADIUS_LEN_MAX];
	size_t n = 0;

	while (radius_next(&rest, &a)) {
		if (a.type != RADIUS_EAP_MESSAGE || CBS_len(&a.value) == 0)
			continue;
		memcpy(octets + n, CBS_data(&a.value), CBS_len(&a.value));
		n += CBS_len(&a.value);
	}
	return blob_new(octets, n);
}

/* ---- Who knows the secret ---- */

/* HMAC of the packet that has a Message-Authenticator (16 octets, taken as zero), with that
 * authenticator in place of its own. */
static void message_authenticator(uint8_t out[16], CBS packet, CBS authenticator, const uint8_t *there,
				  const struct secret *secret)
{
	const uint8_t *data = CBS_data(&packet);
	size_t before = (size_t)(there - data) - RADIUS_HEADER_LEN;
	size_t after = CBS_len(&packet) - (size_t)(there - data) - 16;
	unsigned len = 16;
	HMAC_CTX h;
	int ok;

	HMAC_CTX_init(&h);
	/* A NULL key would mean "the one of before" to the library. */
	ok = HMAC_Init_ex(&h, secret->bytes, secret->len, EVP_md5(), NULL);
	ok &= HMAC_Update(&h, data, 4) & HMAC_Update(&h, CBS_data(&authenticator), 16);
	ok &= HMAC_Update(&h, data + RADIUS_HEADER_LEN, before);
	ok &= HMAC_Update(&h, zeroes, 16) & HMAC_Update(&h, there + 16, after);
	ok &= HMAC_Final(&h, out, &len);
	assert(ok);
	HMAC_CTX_cleanse(&h);
}

static void response_authenticator(uint8_t out[16], CBS packet, CBS authenticator,
				   const struct secret *secret)
{
	const uint8_t *data = CBS_data(&packet);
	MD5_CTX h;

	MD5_Init(&h);
	MD5_Update(&h, data, 4);
	MD5_Update(&h, CBS_data(&authenticator), 16);
	MD5_Update(&h, data + RADIUS_HEADER_LEN, CBS_len(&packet) - RADIUS_HEADER_LEN);
	MD5_Update(&h, secret->bytes, secret->len);
	MD5_Final(out, &h);
	OPENSSL_cleanse(&h, sizeof(h));
}

/* How many there are; one of another length counts as two. */
static unsigned find_message_authenticator(const struct radius *r, CBS *value)
{
	CBS rest = r->attributes;
	struct radius_attribute a;
	unsigned n = 0;

	while (radius_next(&rest, &a)) {
		if (a.type != RADIUS_MESSAGE_AUTHENTICATOR)
			continue;
		*value = a.value;
		n++;
	}
	return n == 1 && CBS_len(value) != 16 ? 2 : n;
}

static bool is_signed(const struct radius *r, CBS authenticator, const struct secret *secret)
{
	uint8_t mac[16];
	CBS there;

	if (find_message_authenticator(r, &there) != 1)
		return false;
	message_authenticator(mac, r->packet, authenticator, CBS_data(&there), secret);
	return CBS_mem_equal(&there, mac, sizeof(mac));
}

bool radius_is_answer(const struct radius *r, const struct radius *request, const struct secret *secret)
{
	uint8_t digest[16];

	if (r->id != request->id || secret->len == 0)
		return false;
	response_authenticator(digest, r->packet, request->authenticator, secret);
	if (!CBS_mem_equal(&r->authenticator, digest, sizeof(digest)))
		return false;
	if (MUTANT(MUTANT_RADIUS_UNSIGNED))
		return true;
	return is_signed(r, request->authenticator, secret);
}

bool radius_is_accounted(const struct radius *r, const struct radius *request, const struct secret *secret)
{
	uint8_t digest[16];
	CBS there;

	if (r->id != request->id || secret->len == 0)
		return false;
	response_authenticator(digest, r->packet, request->authenticator, secret);
	return CBS_mem_equal(&r->authenticator, digest, sizeof(digest)) &&
	       (find_message_authenticator(r, &there) == 0 || is_signed(r, request->authenticator, secret));
}

bool radius_is_coa(const struct radius *r, const struct secret *secret)
{
	uint8_t digest[16];
	CBS none;

	CBS_init(&none, zeroes, sizeof(zeroes));
	if (secret->len == 0)
		return false;
	response_authenticator(digest, r->packet, none, secret);
	if (!CBS_mem_equal(&r->authenticator, digest, sizeof(digest)))
		return false;
	if (MUTANT(MUTANT_COA_NO_AUTHENTICATOR))
		return true;
	return is_signed(r, none, secret);
}

/* RFC 2548 2.4.2: salt (2), then blocks of 16 that hold length, key and padding. */
size_t radius_mppe_key(uint8_t out[RADIUS_KEY_MAX], CBS value, const struct radius *request,
		       const struct secret *secret)
{
	uint8_t clear[RADIUS_VALUE_MAX], pad[16];
	size_t n = 0, len;
	CBS salt, chain;
	MD5_CTX h;

	if (!CBS_get_bytes(&value, &salt, 2) || CBS_len(&value) == 0 || CBS_len(&value) % 16 != 0 ||
	    CBS_len(&value) > sizeof(clear))
		return 0;
	for (size_t at = 0; at < CBS_len(&value); at += 16) {
		MD5_Init(&h);
		MD5_Update(&h, secret->bytes, secret->len);
		CBS_init(&chain, CBS_data(&value) + at - 16 * (at > 0), 16);
		if (at == 0)
			MD5_Update(&h, CBS_data(&request->authenticator), 16);
		MD5_Update(&h, at == 0 ? CBS_data(&salt) : CBS_data(&chain), at == 0 ? 2 : 16);
		MD5_Final(pad, &h);
		for (unsigned i = 0; i < 16; i++)
			clear[n++] = CBS_data(&value)[at + i] ^ pad[i];
	}
	len = clear[0];
	if (len > n - 1 || len > RADIUS_KEY_MAX)
		len = 0;
	memcpy(out, clear + 1, len);
	OPENSSL_cleanse(clear, sizeof(clear));
	OPENSSL_cleanse(pad, sizeof(pad));
	OPENSSL_cleanse(&h, sizeof(h));
	return len;
}

/* ---- Writing ---- */

static void check(struct radius_builder *b, int ok)
{
	b->failed |= !ok;
}

static void begin(struct radius_builder *b, uint8_t code, uint8_t id, const uint8_t *authenticator)
{
	b->failed = !CBB_init(&b->cbb, 256);
	check(b, CBB_add_u8(&b->cbb, code) && CBB_add_u8(&b->cbb, id) && CBB_add_u16(&b->cbb, 0) &&
			 CBB_add_bytes(&b->cbb, authenticator, RADIUS_AUTHENTICATOR_LEN));
}

void radius_begin_unsigned(struct radius_builder *b, uint8_t code, uint8_t id)
{
	begin(b, code, id, zeroes);
}

void radius_begin(struct radius_builder *b, uint8_t code, uint8_t id,
		  const uint8_t authenticator[RADIUS_AUTHENTICATOR_LEN])
{
	begin(b, code, id, authenticator);
	radius_add(b, RADIUS_MESSAGE_AUTHENTICATOR, zeroes, sizeof(zeroes));
}

void radius_add(struct radius_builder *b, uint8_t type, const void *value, size_t len)
{
	check(b, len >= 1 && len <= RADIUS_VALUE_MAX && CBB_add_u8(&b->cbb, type) &&
			 CBB_add_u8(&b->cbb, (uint8_t)(len + 2)) && CBB_add_bytes(&b->cbb, value, len));
}

void radius_add_u32(struct radius_builder *b, uint8_t type, uint32_t value)
{
	const uint8_t octets[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
				   (uint8_t)value};

	radius_add(b, type, octets, sizeof(octets));
}

void radius_add_eap(struct radius_builder *b, CBS packet)
{
	CBS piece;

	while (CBS_len(&packet) > 0) {
		size_t len = CBS_len(&packet) < RADIUS_VALUE_MAX ? CBS_len(&packet) : RADIUS_VALUE_MAX;

		if (!CBS_get_bytes(&packet, &piece, len))
			break;
		radius_add(b, RADIUS_EAP_MESSAGE, CBS_data(&piece), len);
	}
}

/* The packet with its length, for what is computed of it; NULL: there is none. Ends b. */
static struct blob *whole(struct radius_builder *b, const struct secret *secret)
{
	size_t len = CBB_len(&b->cbb);
	struct blob *out = NULL;

	if (!b->failed && len <= RADIUS_LEN_MAX && secret->len > 0) {
		out = blob_new(CBB_data(&b->cbb), len);
		out->data[2] = (uint8_t)(len >> 8);
		out->data[3] = (uint8_t)len;
	}
	CBB_cleanup(&b->cbb);
	return out;
}

/* authenticator: the request's; in an answer our own follows from it. */
static struct blob *finish(struct radius_builder *b, const CBS *authenticator, const struct secret *secret)
{
	struct blob *out = whole(b, secret);
	uint8_t *there;
	CBS packet, own;

	if (!out)
		return NULL;
	there = out->data + RADIUS_HEADER_LEN + 2;
	CBS_init(&packet, out->data, out->len);
	CBS_init(&own, out->data + 4, RADIUS_AUTHENTICATOR_LEN);
	message_authenticator(there, packet, authenticator ? *authenticator : own, there, secret);
	if (authenticator)
		response_authenticator(out->data + 4, packet, *authenticator, secret);
	return out;
}

struct blob *radius_finish_unsigned(struct radius_builder *b, const struct secret *secret)
{
	struct blob *out = whole(b, secret);
	CBS packet, none;

	if (!out)
		return NULL;
	CBS_init(&packet, out->data, out->len);
	CBS_init(&none, zeroes, sizeof(zeroes));
	response_authenticator(out->data + 4, packet, none, secret);
	return out;
}

struct blob *radius_finish(struct radius_builder *b, const struct secret *secret)
{
	return finish(b, NULL, secret);
}

struct blob *radius_finish_answer(struct radius_builder *b, const struct radius *request,
				  const struct secret *secret)
{
	return finish(b, &request->authenticator, secret);
}
