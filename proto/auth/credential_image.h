/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, private keys, CAs and CRLs as octets, from one process of a node to the other
 * (node/config/config_image.h). The octets contain private keys: their owner cleanses them. */
#ifndef PROTO_AUTH_CREDENTIAL_IMAGE_H
#define PROTO_AUTH_CREDENTIAL_IMAGE_H

#include "proto/auth/trust.h"

/* NULL is written, too, and read as NULL. */
void credentials_put(CBB *out, const struct credentials *c);
void trust_put(CBB *out, const struct trust *t);

/* False: the octets are none, and *c or *t is NULL. Else one reference, the caller's. */
bool credentials_take(CBS *in, struct credentials **c) must_check;
bool trust_take(CBS *in, struct trust **t) must_check;

#endif
