/* SPDX-License-Identifier: Apache-2.0 */
/* The window. A repeated request is recognised by its hash, not by its ID alone: RFC 7296 2.1 has
 * it "bitwise identical to the original request". A message that only claims to be a repetition
 * gets no answer. With RFC 7383 the original may be repeated in other pieces: as more fragments, in
 * fragments instead of whole, or the other way round. Then it must authenticate.
 *
 * Not here: a window above 1 (nobody asks for it by SET_WINDOW_SIZE). */
#include "proto/ike/window.h"
#include "proto/ike/fragment.h"
#include "proto/ike/ike.h"
#include "proto/crypto/prf.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

struct ike_request_id ike_request_identify(const uint8_t *first, size_t len)
{
	struct ike_request_id id = {.total = ike_fragment_of(first, len).total};

	hash_sha256(first, len, id.hash);
	return id;
}

/* A message with the Message ID of the last request. RFC 7383 2.6.1: its fragments may come again
 * too, and then only the first one counts. */
static enum ike_window_position place_of_last(const struct ike_window *w, const uint8_t *data, size_t len)
{
	const struct ike_request_id id = ike_request_identify(data, len);
	struct ike_fragment f = ike_fragment_of(data, len);

	if (!w->response || f.number > 1)
		return IKE_WINDOW_OUTSIDE;
	if (CRYPTO_memcmp(id.hash, w->request.hash, sizeof(id.hash)) == 0)
		return IKE_WINDOW_REPEATED;
	/* "the value in the Total Fragments field increases with each new probe" (2.5.2); or one
	 * of the two was no fragment. */
	if (f.total > w->request.total || (f.total == 0 && w->request.total > 0))
		return IKE_WINDOW_RECUT;
	return IKE_WINDOW_OUTSIDE;
}

enum ike_window_position ike_window_position(const struct ike_window *w, const struct ike_header *h,
				       const uint8_t *data, size_t len)
{
	if (h->flags & IKE_FLAG_RESPONSE) {
		if (w->outstanding && h->message_id == w->next_out)
			return IKE_WINDOW_ANSWER;
		return IKE_WINDOW_OUTSIDE;
	}
	if (h->message_id == w->next_in)
		return IKE_WINDOW_NEXT;
	return h->message_id + 1 == w->next_in ? place_of_last(w, data, len) : IKE_WINDOW_OUTSIDE;
}

void ike_window_respond(struct ike_window *w, const struct ike_datagrams *request,
			struct ike_datagrams *response)
{
	const struct blob *first = request->datagram[0];
	const struct ike_request_id id = ike_request_identify(first->data, first->len);

	ike_window_respond_to(w, &id, response);
}

void ike_window_respond_to(struct ike_window *w, const struct ike_request_id *request,
			   struct ike_datagrams *response)
{
	assert(response);
	w->next_in++;
	w->request = *request;
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
