/* SPDX-License-Identifier: Apache-2.0 */
/* MS-CHAP-V2 (RFC 2759): two sides prove to each other that they know a password, and derive keys
 * from it (RFC 3079). MD4 and DES make it weak: somebody who sees an exchange can try passwords, or
 * spend a day and have the hash. So it is safe only inside a protocol that first proves the
 * gateway's identity to the client, as IKE_AUTH does. */
#ifndef PROTO_CRYPTO_MSCHAPV2_H
#define PROTO_CRYPTO_MSCHAPV2_H

#include "proto/wire/status.h"

#include <openssl/bytestring.h>

#include <stdint.h>

#define NT_HASH_LEN 16u
#define NT_PASSWORD_MAX 256u /* UTF-16 units. */
#define MSCHAPV2_CHALLENGE_LEN 16u
#define MSCHAPV2_RESPONSE_LEN 24u
#define MSCHAPV2_PROOF_LEN 42u /* "S=" and 40 hexadecimal digits */
#define MSCHAPV2_MSK_LEN 64u

/* All that is known of a password, and as good as it: NtPasswordHash of 8.3. */
struct nt_hash {
	uint8_t bytes[NT_HASH_LEN];
};

/* text: UTF-8. ERR_MALFORMED if it is not, ERR_TOO_LONG above NT_PASSWORD_MAX. */
enum status nt_hash_of(struct nt_hash *out, const void *text, size_t len) must_check;

struct mschapv2 {
	uint8_t authenticator_challenge[MSCHAPV2_CHALLENGE_LEN];
	uint8_t peer_challenge[MSCHAPV2_CHALLENGE_LEN];
	CBS name; /* The peer's, as it wrote it, but without "DOMAIN\": mschapv2_user(). */
};

/* RFC 2759 4: "without any prepended Windows NT domain name". */
CBS mschapv2_user(CBS name);

/* 8.1 GenerateNTResponse: what the peer answers. */
void mschapv2_response(uint8_t out[MSCHAPV2_RESPONSE_LEN], const struct nt_hash *password,
		       const struct mschapv2 *m);
/* 8.7 GenerateAuthenticatorResponse: what the authenticator shows to a peer that gave this
 * response. No final NUL. */
void mschapv2_proof(char out[MSCHAPV2_PROOF_LEN], const struct nt_hash *password,
		    const struct mschapv2 *m, const uint8_t response[MSCHAPV2_RESPONSE_LEN]);
/* RFC 3079 3.4, as EAP wants its MSK: the key of what the peer sends, the other one, zeroes. */
void mschapv2_msk(uint8_t out[MSCHAPV2_MSK_LEN], const struct nt_hash *password,
		  const uint8_t response[MSCHAPV2_RESPONSE_LEN]);

#endif
