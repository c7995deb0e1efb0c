/* SPDX-License-Identifier: Apache-2.0 */
/* The names of transforms, shared by suite.c, proposal.c and offer_text.c only. */
#ifndef PROTO_CRYPTO_SUITE_NAMES_H
#define PROTO_CRYPTO_SUITE_NAMES_H

#include "proto/crypto/suite.h"

struct suite_name {
	const char *text;  /* strongSwan's spelling, lower case */
	uint8_t type;      /* IKE_TRANSFORM_* */
	uint16_t id;
	uint16_t key_bits; /* ENCR only */
};

extern const struct suite_name suite_names[]; /* Ends with text NULL. */

#endif
