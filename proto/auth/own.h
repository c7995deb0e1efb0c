/* SPDX-License-Identifier: Apache-2.0 */
/* Our own proof of identity by certificate: IDr, CERT, AUTH. Any method may use it, in any response
 * (with EAP, the first): it asks, and when the answer comes it adds these payloads.
 *
 * 	begin()   ... return auth_own_ask(r, false);
 * 	answer()  if (!auth_own_answered(r)) return AUTH_VERDICT_REFUSE;
 * 	          auth_own_add(r, r->answer, r->reply); ... or keep the answer in r->state
 * 	finish()  auth_own_add(r, r->state, b);
 */
#ifndef PROTO_AUTH_OWN_H
#define PROTO_AUTH_OWN_H

#include "proto/auth/method.h"

/* By a certificate, or else by the method's own secret? */
bool auth_own_is_certificate(const struct ike_auth_round *r);

/* In begin(), or in another round that has a request. verify: the client, too, is to be
 * who it says by its CERT and AUTH in this request. ASK, or REFUSE with r->why. */
enum ike_auth_verdict auth_own_ask(struct ike_auth_round *r, bool verify) must_check;

/* In answer(): is the answer yes, and our certificate still there? Else r->why. */
bool auth_own_answered(struct ike_auth_round *r) must_check;

/* IDr, CERT payloads, AUTH. answer: r->answer, or a copy that the method kept. */
void auth_own_add(const struct ike_auth_round *r, const struct blob *answer, struct ike_builder *b);

#endif
