/* SPDX-License-Identifier: Apache-2.0 */
/* The window. A repeated request is known by its hash, not by its ID alone: RFC 7296 2.1 has
 * it "bitwise identical to the original request". Nobody gets an answer to a message that
 * only claims to be one which was answered.
 *
 * Not here: a window above 1 (nobody asks for it by SET_WINDOW_SIZE). */
#include "proto/ike/window.h"
#include "proto/ike/ike.h"
#include "proto/crypto/prf.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

static bool is_repeated(const struct ike_window *w, const struct ike_header *h, const uint8_t *data,
			size_t len)
{
	uint8_t hash[IKE_HASH_LEN];

	if (h->message_id + 1 != w->next_in || !w->response)
		return false;
	hash_sha256(data, len, hash);
	return CRYPTO_memcmp(hash, w->request_hash, sizeof(hash)) == 0;
}

enum ike_window_place ike_window_place(const struct ike_window *w, const struct ike_header *h,
				       const uint8_t *data, size_t len)
{
	if (h->flags & IKE_FLAG_RESPONSE) {
		if (w->outstanding && h->message_id == w->next_out)
			return IKE_WINDOW_ANSWER;
		return IKE_WINDOW_OUTSIDE;
	}
	if (h->message_id == w->next_in)
		return IKE_WINDOW_NEXT;
	return is_repeated(w, h, data, len) ? IKE_WINDOW_REPEATED : IKE_WINDOW_OUTSIDE;
}

void ike_window_respond(struct ike_window *w, const uint8_t *data, size_t len,
			struct ike_datagrams *response)
{
	uint8_t hash[IKE_HASH_LEN];

	hash_sha256(data, len, hash);
	ike_window_respond_to(w, hash, response);
}

void ike_window_respond_to(struct ike_window *w, const uint8_t hash[IKE_HASH_LEN],
			   struct ike_datagrams *response)
{
	assert(response);
	w->next_in++;
	memcpy(w->request_hash, hash, IKE_HASH_LEN);
	ike_datagrams_set(&w->response, response);
}

void ike_window_ask(struct ike_window *w, struct ike_datagrams *request)
{
	assert(request);
	assert(!w->outstanding);
	w->outstanding = request;
}

uint8_t ike_window_asked(const struct ike_window *w)
{
	const struct blob *first = w->outstanding ? w->outstanding->datagram[0] : NULL;
	struct ike_header h;

	/* The first fragment has a header of its own, with the same exchange type. */
	if (!first || first->len < IKE_HEADER_LEN)
		return 0;
	(void)ike_header_parse(&h, first->data, first->len);
	return h.exchange;
}

void ike_window_answered(struct ike_window *w)
{
	assert(w->outstanding);
	ike_datagrams_set(&w->outstanding, NULL);
	w->next_out++;
}

void ike_window_sync(struct ike_window *w, uint32_t next_in, uint32_t next_out)
{
	ike_datagrams_set(&w->outstanding, NULL);
	if (next_in != w->next_in) /* What is cached answers another ID. */
		ike_datagrams_set(&w->response, NULL);
	w->next_in = next_in;
	w->next_out = next_out;
}

void ike_window_share(struct ike_window *copy)
{
	ike_datagrams_ref(copy->response);
	ike_datagrams_ref(copy->outstanding);
}

void ike_window_fini(struct ike_window *w)
{
	ike_datagrams_set(&w->response, NULL);
	ike_datagrams_set(&w->outstanding, NULL);
}
