/* SPDX-License-Identifier: Apache-2.0 */
/* An authentication method for tests, of three rounds, that asks a server outside in the middle, as
 * EAP by RADIUS does:
 *
 *	IDi, SA, TS ...  -->                            begin
 *	                  <--  IDr, EAP {challenge}
 *	EAP {MAC of it}  -->                            step:  asks outside
 *	                  <--  EAP {another challenge}  answer
 *	EAP {MAC of it}  -->                            step
 *	                  <--  IDr, AUTH, SA, TS ...    finish
 *
 * The MACs and AUTH are made with the pre-shared key. Challenges are drawn: a gateway that has
 * forgotten a round sends another one. */
#ifndef TEST_LIB_TOY_AUTH_H
#define TEST_LIB_TOY_AUTH_H

#include "proto/ike/initiator.h"

#define TOY_ROUNDS 3u

extern const struct ike_auth_method toy_auth;
extern const struct initiator_auth initiator_toy;

/* The server outside: its answer to that question. seed: it draws, too. */
struct blob *toy_auth_outside(const struct ike_config *config, const struct blob *question,
			      uint64_t seed);

#endif
