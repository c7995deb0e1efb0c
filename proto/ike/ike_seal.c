/* SPDX-License-Identifier: Apache-2.0 */
/* Between a message as it travels and its payloads: opening what the other side protected, and
 * protecting what we send. A message counts for nothing before sk_open() returns DROP_NONE; from
 * then on its faults are the other side's own, and RFC 7296 2.21 wants them answered. A fragmented
 * message is not read before it is complete (RFC 7383 5). */
#include "proto/ike/ike_seal.h"
#include "proto/ike/builder.h"
#include "proto/ike/fragment.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/sk.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static enum drop open_whole(struct ike_opened *o, const struct sk_direction *theirs,
			    const struct blob *b, CBS *chain, uint8_t *first)
{
	/* Nothing is authenticated yet: what does not parse is dropped. */
	if (ike_message_parse(&o->message, b->data, b->len) != OK)
		return DROP_IKE_PAYLOAD;
	if (!ike_message_has(&o->message, IKE_PAYLOAD_SK))
		return DROP_IKE_FRAGMENT;
	return sk_open(theirs, b->data, b->len, o->plain, chain, first);
}

enum drop ike_open(struct ike_opened *o, const struct sk_direction *theirs,
		   const struct ike_datagrams *message)
{
	const struct blob *b = message->datagram[0];
	size_t len = 0;
	enum drop d;
	uint8_t first = 0;
	CBS chain;

	memset(o, 0, sizeof(*o));
	o->len = ike_datagrams_len(message);
	o->plain = malloc(o->len);
	assert(o->plain);
	if (ike_fragment_of(b->data, b->len).total == 0 && message->n == 1) {
		d = open_whole(o, theirs, b, &chain, &first);
	} else {
		d = ike_fragment_join(o, theirs, message, &first, &len);
		CBS_init(&chain, o->plain, len);
	}
	if (d != DROP_NONE) {
		ike_opened_fini(o);
		return d;
	}
	o->content = ike_message_parse_content(&o->message, first, CBS_data(&chain), CBS_len(&chain));
	if (o->content == OK && ike_message_check(&o->message) != DROP_NONE)
		o->content = ERR_MALFORMED;
	return DROP_NONE;
}

enum drop ike_authenticate(const struct sk_direction *theirs, const uint8_t *data, size_t len)
{
	uint8_t *plain = malloc(len), first;
	enum drop d;
	CBS chain;

	assert(plain);
	d = sk_open(theirs, data, len, plain, &chain, &first);
	OPENSSL_cleanse(plain, len);
	free(plain);
	return d;
}

void ike_opened_fini(struct ike_opened *o)
{
	if (o->plain)
		OPENSSL_cleanse(o->plain, o->len);
	free(o->plain);
	o->plain = NULL;
}

void ike_add_content_error(struct ike_builder *b, const struct ike_opened *o)
{
	assert(o->content != OK);
	/* RFC 7296 2.5: "the Notification Data contains the one-octet payload type". */
	if (o->content == ERR_UNSUPPORTED)
		ike_add_notify(b, IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
			       &o->message.unknown_critical, 1);
	else
		ike_add_notify(b, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
}

struct ike_header ike_reply_header(const struct ike_header *request)
{
	struct ike_header h = {
		.spi_i = request->spi_i,
		.spi_r = request->spi_r,
		.major = 2,
		.exchange = request->exchange,
		/* RFC 7296 3.1: the Response bit; the Initiator bit is that of the one side. */
		.flags = IKE_FLAG_RESPONSE |
			 (request->flags & IKE_FLAG_INITIATOR ? 0 : IKE_FLAG_INITIATOR),
		.message_id = request->message_id,
	};

	return h;
}

struct ike_sealer ike_sealer_of(const struct ike_env *env, struct sk_direction ours,
				uint32_t features, uint8_t family)
{
	bool fragments = features & IKE_PEER_FRAGMENTATION;

	return (struct ike_sealer){
		.ours = ours,
		.iv = env->iv,
		.entropy = env->entropy,
		.datagram_max = fragments ? ike_fragment_room(env->config->fragment_size, family) : 0,
	};
}

/* Does the message, in clear, leave in one piece? */
static bool is_short(const struct ike_sealer *s, const struct blob *clear)
{
	return s->datagram_max == 0 || clear->len - IKE_HEADER_LEN <=
					       sk_content_room(s->ours.suite, s->datagram_max, false);
}

enum status ike_seal(const struct ike_sealer *s, struct ike_builder *b, struct ike_datagrams **out)
{
	struct blob *clear, *sealed;
	enum status status;

	*out = NULL;
	status = ike_builder_finish(b, &clear);
	if (status != OK)
		return status;
	if (is_short(s, clear)) {
		status = sk_seal(&s->ours, s->iv, s->entropy, clear->data, clear->len, &sealed);
		if (status == OK)
			*out = ike_datagrams_of(sealed);
	} else {
		status = ike_fragment_seal(s, clear, out);
	}
	blob_unref(clear);
	return status;
}
