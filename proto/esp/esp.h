/* SPDX-License-Identifier: Apache-2.0 */
/* ESP, tunnel mode: RFC 4303, with the ciphers of proto/crypto/cipher.h. Pure: one packet in,
 * the same buffer out. */
#ifndef PROTO_ESP_ESP_H
#define PROTO_ESP_ESP_H

#include "proto/esp/child_sa.h"
#include "proto/wire/drop.h"
#include "proto/crypto/cipher.h"
#include "proto/crypto/entropy.h"

#define ESP_HEADER_LEN 8u  /* SPI, Sequence Number */
#define ESP_OVERHEAD_MAX (ESP_HEADER_LEN + 16u + 255u + 2u + SUITE_ICV_MAX)

/* One direction of one SA, ready to use. */
struct esp_context {
	struct cipher cipher;
};

/* ERR_UNSUPPORTED: not a suite we speak; ERR_CRYPTO: the library refused. After an
 * error there is nothing to fini, and fini is harmless. */
enum status esp_context_init(struct esp_context *c, const struct suite *suite,
			     const struct esp_keys *keys, bool seal) must_check;
void esp_context_fini(struct esp_context *c); /* Cleanses. */

struct esp_packet { /* A view of a datagram's ESP header. */
	uint32_t spi;
	uint32_t seq_low;
};
/* DROP_SHORT, or DROP_MALFORMED for SPI 0, which is never on the wire (RFC 4303 2.1). */
enum drop esp_parse(struct esp_packet *p, const uint8_t *data, size_t len);

/* Opens the ESP packet data[0..len) in place. seq is the full number (its high
 * half is authenticated when the SA uses ESN). On DROP_NONE *inner points into
 * data at the inner packet of *inner_len octets and *next_header is 4 or 41; its IP
 * version and length agree (TFC padding behind it is cut off, RFC 4303 2.7).
 * Drops: DROP_SHORT, DROP_MALFORMED, DROP_ICV, DROP_PADDING, DROP_DUMMY. After
 * any of them the contents of data are undefined. */
enum drop esp_open(const struct esp_context *c, uint64_t seq, uint8_t *data, size_t len,
		   uint8_t **inner, size_t *inner_len, uint8_t *next_header);

/* Octets that seal puts before the inner packet (header and IV). */
size_t esp_head_room(const struct suite *s);
/* Octets it puts behind at most (padding, trailer, ICV). */
size_t esp_tail_room(const struct suite *s);
/* The longest inner packet that any suite seals to at most len octets; 0: none. */
size_t esp_inner_max(size_t len);

/* The IV of the counter modes (DESIGN section 5): 32 random bits of the node's incarnation,
 * then the sequence number; with ESN 24 and 40 bits. Together with the leases
 * no IV can repeat under a key, and a rolled-back disk repeats one only with
 * probability 2^-32 (ESN 2^-24). */
uint64_t esp_iv(uint32_t salt, uint64_t seq, bool esn);
#define ESP_ESN_SEQ_END (UINT64_C(1) << 40) /* An ESN SA ends here: its IV has 40 bits. */

/* Seals inner[0..len) in place: esp_head_room() octets before and
 * esp_tail_room() behind must be writable. salt: see esp_iv(); e serves the
 * random IV of AES-CBC (NULL is fine for all others). On DROP_NONE the ESP packet is
 * *out of *out_len; the only other answer is DROP_CRYPTO. */
enum drop esp_seal(const struct esp_context *c, uint32_t spi, uint64_t seq, uint32_t salt,
		   struct entropy *e, uint8_t next_header, uint8_t *inner, size_t len,
		   uint8_t **out, size_t *out_len);

#endif
