/* SPDX-License-Identifier: Apache-2.0 */
/* Between a datagram and its payloads: opening what the other side protected, and
 * protecting what we say. A message is worth nothing before sk_open() says
 * DROP_NONE; from then on its faults are the other side's own, and RFC 7296 2.21
 * wants them answered. */
#include "proto/ike/ike_seal.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/sk.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum drop ike_open(struct ike_opened *o, const struct sk_direction *theirs, const uint8_t *data,
		   size_t len)
{
	enum drop d;
	uint8_t first;
	CBS chain;

	memset(o, 0, sizeof(*o));
	/* Nothing is authenticated yet: what does not parse is nobody's. */
	if (ike_message_parse(&o->message, data, len) != OK)
		return DROP_IKE_PAYLOAD;
	o->plain = malloc(len);
	assert(o->plain);
	o->len = len;
	d = sk_open(theirs, data, len, o->plain, &chain, &first);
	if (d != DROP_NONE) {
		ike_opened_fini(o);
		return d;
	}
	o->content = ike_message_parse_content(&o->message, first, CBS_data(&chain), CBS_len(&chain));
	if (o->content == OK && ike_message_check(&o->message) != DROP_NONE)
		o->content = ERR_MALFORMED;
	return DROP_NONE;
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

enum status ike_seal(const struct sk_direction *ours, struct iv_source *iv, struct entropy *e,
		     struct ike_builder *b, struct ike_datagrams **out)
{
	struct blob *clear, *sealed;
	enum status s;

	*out = NULL;
	s = ike_builder_finish(b, &clear);
	if (s != OK)
		return s;
	s = sk_seal(ours, iv, e, clear->data, clear->len, &sealed);
	blob_unref(clear);
	if (s == OK)
		*out = ike_datagrams_of(sealed);
	return s;
}
