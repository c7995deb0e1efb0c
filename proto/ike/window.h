/* SPDX-License-Identifier: Apache-2.0 */
/* Message IDs of one IKE SA at one end (RFC 7296 2.1 to 2.3), the same for gateway and
 * client, original initiator or not. The window size is 1 in both directions:
 *
 *	requests we receive   next_in is expected. The one before it is answered from the
 *	                      cache, if it is the same octet for octet, or if the other side
 *	                      cut it otherwise than before; no other ever is.
 *	requests we send      at most one is outstanding, with ID next_out. Its answer
 *	                      closes it; until then it is repeated bit for bit.
 *
 * The class of a message does not depend on whether it authenticates: a caller opens it
 * before it lets the window move. Plain data but for the messages, which copies share. */
#ifndef PROTO_IKE_WINDOW_H
#define PROTO_IKE_WINDOW_H

#include "proto/ike/datagrams.h"

#define IKE_HASH_LEN 32u /* SHA-256 of a request */

struct ike_header;

/* By what a request is known when it comes again. */
struct ike_request_id {
	uint8_t hash[IKE_HASH_LEN]; /* Hash of its datagram; of its first fragment. */
	uint16_t total;             /* Total Fragments (RFC 7383); 0: it was one datagram. */
};
struct ike_request_id ike_request_identify(const uint8_t *first, size_t len);

struct ike_window {
	uint32_t next_in;                   /* The ID of the request that we expect next. */
	uint32_t next_out;                  /* That of the outstanding request, or of our next one. */
	struct ike_request_id request;      /* Their last one, and ... */
	struct ike_datagrams *response;     /* ... its answer; NULL: there is none to repeat. */
	struct ike_datagrams *outstanding;  /* Our request; NULL: there is none. */
};

enum ike_window_position {
	IKE_WINDOW_OUTSIDE,  /* Nothing is to be done about it. */
	IKE_WINDOW_NEXT,     /* A request that is to be executed. */
	IKE_WINDOW_REPEATED, /* The request before it: `response` once more. */
	IKE_WINDOW_RECUT,    /* The same if it authenticates: it is cut otherwise than before. */
	IKE_WINDOW_ANSWER    /* The response to what is outstanding. */
};

/* Where the message stands that data, a datagram whose header is h, is or begins. A fragment
 * that is not the first repeats no request (RFC 7383 2.6.1). */
enum ike_window_position ike_window_position(const struct ike_window *w, const struct ike_header *h,
				       const uint8_t *data, size_t len);
/* The request in place NEXT is answered: adopts the response. */
void ike_window_respond(struct ike_window *w, const struct ike_datagrams *request,
			struct ike_datagrams *response);
/* The same, when the request itself is no longer there. */
void ike_window_respond_to(struct ike_window *w, const struct ike_request_id *request,
			   struct ike_datagrams *response);

/* Adopts our request, made with ID next_out; none may be outstanding. */
void ike_window_ask(struct ike_window *w, struct ike_datagrams *request);
/* The exchange type of what is outstanding: its answer repeats that (3.1). 0: nothing is. */
uint8_t ike_window_asked(const struct ike_window *w);
void ike_window_answered(struct ike_window *w); /* The next request has the next ID. */

/* RFC 6311 5.1: both IDs are set by agreement. An outstanding request is given up. */
void ike_window_sync(struct ike_window *w, uint32_t next_in, uint32_t next_out);

void ike_window_share(struct ike_window *copy); /* A copy of a struct: takes its references. */
void ike_window_fini(struct ike_window *w);     /* Drops the messages. */

#endif
