/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivation of IKEv2 and authentication with a shared secret:
 * RFC 7296 2.14 (IKE SA), 2.18 (its rekey), 2.17 (Child SAs), 2.15 (AUTH). */
#ifndef PROTO_IKE_IKE_KEYS_H
#define PROTO_IKE_IKE_KEYS_H

#include "proto/ike/ike_sa.h"
#include "proto/crypto/dh.h"
#include "proto/crypto/prf.h"

/* What an exchange contributes. i is who sent the request of *that exchange*. */
struct ike_key_input {
	const struct dh_secret *shared; /* g^ir; Child SA without PFS: NULL */
	CBS nonce_i, nonce_r;        /* Nonce data, without payload header */
	uint64_t spi_i, spi_r;       /* The new IKE SA's; not used for Child SAs */
};

/* IKE_SA_INIT. suite is that of the new IKE SA. */
void ike_keys_derive(struct ike_keys *k, const struct suite *suite, const struct ike_key_input *in);

/* CREATE_CHILD_SA that rekeys the IKE SA `old` with suite old_suite: SKEYSEED by
 * the old SA's PRF, the rest by the new suite's. k may not be old. */
void ike_keys_rekey(struct ike_keys *k, const struct suite *suite, const struct ike_keys *old,
		    const struct suite *old_suite, const struct ike_key_input *in);

/* Fills child->in and child->out for child->suite. prf and sk_d are those of the IKE
 * SA. The keys of initiator -> responder come first, whoever initiated the IKE SA:
 * "we_initiated" is about the exchange that makes this Child SA. */
void child_keys_derive(struct child_sa *child, uint16_t prf, const struct secret *sk_d,
		       const struct ike_key_input *in, bool we_initiated);

void ike_keys_cleanse(struct ike_keys *k);

/* What one side signs or MACs (RFC 7296 2.15): InitiatorSignedOctets or
 * ResponderSignedOctets. */
struct auth_octets {
	CBS message; /* Its own IKE_SA_INIT message, from the first octet of the IKE header */
	CBS nonce;   /* The *other* side's nonce data */
	CBS id;      /* Its ID payload without the generic header: type, 3 reserved, data */
	const struct secret *sk_p; /* SK_pi or SK_pr: the signing side's */
};

/* Them as one, and prf(SK_p, ID) at the end: what a signature is made of. */
struct blob *auth_octets_join(uint16_t prf, const struct auth_octets *octets);

/* AUTH data for the shared key: writes and returns prf_key_len(prf) octets. */
size_t auth_psk_compute(uint16_t prf, const struct secret *psk, const struct auth_octets *octets,
			uint8_t out[PRF_LEN_MAX]);
/* auth: AUTH data of the peer, without Auth Method and reserved. Constant time. */
bool auth_psk_verify(uint16_t prf, const struct secret *psk, const struct auth_octets *octets,
		     CBS auth);

#endif
