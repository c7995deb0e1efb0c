/* SPDX-License-Identifier: Apache-2.0 */
/* A method of authentication for tests, of three rounds, that asks somebody outside in the
 * middle, as EAP by RADIUS will:
 *
 *	IDi, SA, TS ...  -->                            begin
 *	                  <--  IDr, EAP {challenge}
 *	EAP {MAC of it}  -->                            step:  asks outside
 *	                  <--  EAP {another challenge}  answer
 *	EAP {MAC of it}  -->                            step
 *	                  <--  IDr, AUTH, SA, TS ...    finish
 *
 * The MACs and AUTH are made with the pre-shared key. Challenges are drawn: a gateway that
 * has forgotten a round says something else in it. */
#ifndef TEST_LIB_TOY_AUTH_H
#define TEST_LIB_TOY_AUTH_H

#include "proto/ike/initiator.h"

#define TOY_ROUNDS 3u

extern const struct ike_auth_method toy_auth;
extern const struct initiator_auth initiator_toy;

/* Who is asked outside: the answer to that question. seed: it draws, too. */
struct blob *toy_auth_outside(const struct ike_config *config, const struct blob *question,
			      uint64_t seed);

#endif
