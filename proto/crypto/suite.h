/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithms we speak, by their IANA numbers (IKEv2 Parameters registry),
 * and the one table that says their sizes. RFC 7296 3.3, RFC 8247, RFC 8221. */
#ifndef PROTO_CRYPTO_SUITE_H
#define PROTO_CRYPTO_SUITE_H

#include "proto/wire/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { /* Transform types, RFC 7296 3.3.2 */
	IKE_TRANSFORM_ENCR = 1,
	IKE_TRANSFORM_PRF = 2,
	IKE_TRANSFORM_INTEG = 3,
	IKE_TRANSFORM_DH = 4,
	IKE_TRANSFORM_ESN = 5,
};
enum { ENCR_AES_CBC = 12, ENCR_AES_CTR = 13, ENCR_AES_GCM_16 = 20, ENCR_CHACHA20_POLY1305 = 28 };
enum { PRF_HMAC_SHA1 = 2, PRF_HMAC_SHA2_256 = 5, PRF_HMAC_SHA2_384 = 6, PRF_HMAC_SHA2_512 = 7 };
enum {
	AUTH_NONE = 0,
	AUTH_HMAC_SHA1_96 = 2,
	AUTH_HMAC_SHA2_256_128 = 12,
	AUTH_HMAC_SHA2_384_192 = 13,
	AUTH_HMAC_SHA2_512_256 = 14,
};
enum {
	DH_NONE = 0,
	DH_MODP_1024 = 2,
	DH_MODP_2048 = 14,
	DH_MODP_3072 = 15,
	DH_MODP_4096 = 16,
	DH_ECP_256 = 19,
	DH_ECP_384 = 20,
	DH_ECP_521 = 21,
	DH_CURVE25519 = 31,
};
enum { ESN_NO = 0, ESN_YES = 1 };

/* One chosen transform of each type; IKE uses encr, prf, integ, dh; ESP uses
 * encr, integ, esn and (for a rekey with PFS) dh. */
struct suite {
	uint16_t encr;
	uint16_t encr_key_bits; /* 128 or 256, without salt; ChaCha20-Poly1305: 0, it has one length. */
	uint16_t integ;         /* AUTH_NONE with an AEAD. */
	uint16_t prf;
	uint16_t dh;
	uint16_t esn;
};

/* Is all of it in the table, and does the integrity algorithm go with the cipher? */
bool suite_supported(const struct suite *s);
bool suite_encr_supported(const struct suite *s); /* The same of these two alone. */
bool encr_is_aead(uint16_t encr);
bool suite_is_aead(const struct suite *s);
/* A counter mode: no IV may repeat under one key. Otherwise (CBC) the IV is random. */
bool suite_counts_iv(const struct suite *s);
size_t suite_encr_key_len(const struct suite *s);  /* Octets, with the 4 of a counter mode's salt. */
size_t suite_integ_key_len(const struct suite *s); /* Octets; 0 with an AEAD. */
size_t suite_icv_len(const struct suite *s);       /* At most SUITE_ICV_MAX. */
size_t suite_iv_len(const struct suite *s);        /* On the wire: 8 counter modes, 16 AES-CBC. */
size_t suite_block_len(const struct suite *s);     /* ESP's padding unit: 4, AES-CBC 16. */
#define SUITE_ICV_MAX 32u
size_t prf_key_len(uint16_t prf);                  /* 20 to 64; 0: none of ours. */
size_t dh_public_len(uint16_t dh);                 /* 32 to 512; 0: none of ours. */
bool dh_supported(uint16_t dh);
/* Those a connection may use without naming them, the best first. */
#define DH_STRONG_COUNT 7u
extern const uint16_t dh_strong[DH_STRONG_COUNT];
bool dh_is_strong(uint16_t dh);

/* A configured proposal in strongSwan's spelling: "aes128gcm16-prfsha256-x25519",
 * "aes256-sha256-modp2048", "aes128gcm16", "aes256-sha256-ecp256-esn-noesn". A prf
 * is implied by the integrity algorithm when not given; an ESP proposal without
 * esn means noesn. Several values of one kind mean "any of these, in order". */
#define PROPOSAL_CHOICES 8u

struct proposal {
	uint16_t encr[PROPOSAL_CHOICES], encr_key_bits[PROPOSAL_CHOICES];
	uint8_t n_encr;
	uint16_t integ[PROPOSAL_CHOICES];
	uint8_t n_integ;
	uint16_t prf[PROPOSAL_CHOICES];
	uint8_t n_prf;
	uint16_t dh[PROPOSAL_CHOICES];
	uint8_t n_dh;
	uint16_t esn[PROPOSAL_CHOICES];
	uint8_t n_esn;
};

/* On error, *why (if not NULL) names the part, e.g. "unknown algorithm 'aes127'".
 * It points into a static buffer. */
enum status proposal_parse_ike(struct proposal *p, const char *text, const char **why) must_check;
enum status proposal_parse_esp(struct proposal *p, const char *text, const char **why) must_check;

/* Weak algorithms are only for clients that know nothing else: HMAC-SHA1-96, PRF HMAC-SHA1,
 * MODP-1024 (RFC 8247). A connection has one only if it names it. The first such name, as spelled
 * ("modp1024"); NULL: there is none. */
const char *proposal_weakness(const struct proposal *p);

/* "aes128gcm16-prfsha256-x25519" for logs; returns text. */
#define SUITE_TEXT_LEN 64u
const char *suite_format(const struct suite *s, char text[SUITE_TEXT_LEN]);

#endif
