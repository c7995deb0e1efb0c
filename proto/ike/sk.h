/* SPDX-License-Identifier: Apache-2.0 */
/* The Encrypted payload (RFC 7296 3.14; AEADs: RFC 5282): a whole message in
 * clear becomes a datagram, and back; and the Encrypted Fragment payload (RFC 7383 2.5), which
 * does the same with a piece of one. */
#ifndef PROTO_IKE_SK_H
#define PROTO_IKE_SK_H

#include "proto/wire/drop.h"
#include "proto/ike/ike.h"

#include <openssl/bytestring.h>

#define SK_PAYLOAD_TYPE 46u
#define SKF_PAYLOAD_TYPE 53u
#define SK_OVERHEAD_MAX (4u + 16u + 16u + SUITE_ICV_MAX) /* Header, IV, padding, ICV */
#define SKF_NUMBERS_LEN 4u /* Fragment Number and Total Fragments, behind the header of SKF */

/* One direction of an IKE SA. All pointers are borrowed. */
struct sk_direction {
	const struct suite *suite;
	const struct secret *encr;  /* SK_ei / SK_er, with the salt of a counter mode */
	const struct secret *integ; /* SK_ai / SK_ar; empty with an AEAD */
};

/* What from_initiator seals / opens: keys->ei, ai; otherwise er, ar. "Initiator" is
 * the original initiator of this IKE SA (RFC 7296 2.14). */
struct sk_direction sk_direction_of(const struct suite *suite, const struct ike_keys *keys,
				    bool from_initiator);

/* The next IV of a counter mode; advances the source and, when its counter is used up, draws
 * a new salt from e. */
uint64_t iv_source_draw(struct iv_source *iv, struct entropy *e);

/* Seals. message is the complete message in clear: the IKE header, whose Next
 * Payload names the first payload, then the chain of payloads (may be empty, then
 * Next Payload is 0). In *out the chain is inside the SK payload and the header's
 * Next Payload and Length are set anew. iv serves the counter modes, e AES-CBC.
 * ERR_MALFORMED: shorter than a header; ERR_TOO_LONG: over 65535 octets in all;
 * ERR_CRYPTO: keys do not fit the suite, or no memory. *out is NULL after an error. */
enum status sk_seal(const struct sk_direction *d, struct iv_source *iv, struct entropy *e,
		    const uint8_t *message, size_t len, struct blob **out) must_check;

/* What goes into one SKF payload. message: an IKE header, whose Next Payload is the type of the
 * first payload inside where number is 1, else 0; then a piece of the chain. */
struct sk_piece {
	const uint8_t *message;
	size_t len;
	uint16_t number, total; /* Fragment Number, from 1, and Total Fragments. */
};
/* The same for one fragment. */
enum status sk_seal_fragment(const struct sk_direction *d, struct iv_source *iv, struct entropy *e,
			     const struct sk_piece *piece, struct blob **out) must_check;
/* The octets of content that fit into a datagram of max octets with one SKF payload, or (SK) with
 * one SK payload; 0: none do. */
size_t sk_content_room(const struct suite *s, size_t max, bool fragment);

/* Opens data[0..len), a message whose header passed ike_header_parse(), into
 * plain, which has room for len octets and may be data itself. On DROP_NONE *chain is
 * the chain of payloads inside (a view of plain), *first the type of its first one. The
 * same with SKF: then it is a piece of a chain, and which one ike_fragment_of() tells.
 * Payloads before SK are authenticated with the rest and skipped. Drops:
 * DROP_IKE_PAYLOAD: no SK payload, or it is not the last one, too short, an
 * unencrypted payload before it is critical, or the padding is wrong;
 * DROP_IKE_INTEGRITY: does not authenticate; DROP_CRYPTO: keys or memory. */
enum drop sk_open(const struct sk_direction *d, const uint8_t *data, size_t len, uint8_t *plain,
		  CBS *chain, uint8_t *first) must_check;

#endif
