/* SPDX-License-Identifier: Apache-2.0 */
/* What all methods that speak EAP have in common in IKE_AUTH (RFC 7296 2.16):
 *
 *	IDi, SA, TS ...  -->            no AUTH: it wants EAP
 *	           <--  IDr, AUTH, EAP  the gateway's own, first of all
 *	EAP  -->        <--  EAP        as often as the method wants
 *	           <--  EAP (success)
 *	AUTH  -->                       both by the MSK, which EAP has left on both sides
 *	           <--  AUTH, SA, TS ... */
#ifndef PROTO_AUTH_EAP_AUTH_H
#define PROTO_AUTH_EAP_AUTH_H

#include "proto/auth/eap.h"
#include "proto/auth/method.h"

bool eap_auth_takes(const struct ike_message *first);
/* IDr and our AUTH, by certificate or by a secret. CONTINUE: they are added, and the method's first
 * packet follows; ASK: answer() comes first, then eap_auth_answered(); REFUSE, with r->why. */
enum ike_auth_verdict eap_auth_begin(struct ike_auth_round *r) must_check;
enum ike_auth_verdict eap_auth_answered(struct ike_auth_round *r) must_check; /* CONTINUE or REFUSE */
/* Adds a packet, adopted. */
void eap_auth_add(struct ike_auth_round *r, struct blob *packet);
/* Adds success, or failure, to the peer's packet with that identifier. */
void eap_auth_end(struct ike_auth_round *r, uint8_t code, uint8_t id);
/* The peer's packet, the response to our request with that identifier. False, with r->why. */
bool eap_auth_packet(struct ike_auth_round *r, uint8_t id, struct eap *e) must_check;
/* Verdict REFUSE with the matching EAP failure. why NULL: already logged. */
enum ike_auth_verdict eap_auth_refuse(struct ike_auth_round *r, uint8_t id, const char *why);
/* The last request: verdict DONE if its AUTH is made with the MSK. */
enum ike_auth_verdict eap_auth_conclude(struct ike_auth_round *r, CBS msk);
/* finish(): our AUTH by the MSK. */
void eap_auth_finish(const struct ike_auth_round *r, struct ike_builder *b, CBS msk);

/* The identity that a name in EAP stands for: as in the configuration. False: it cannot be one,
 * and *id is what the log may call it. */
bool eap_auth_identity(struct ike_id *id, CBS name);
/* The user with this name, perhaps with "DOMAIN\" before it; NULL: there is none. */
const struct ike_user *eap_auth_user(const struct ike_config *c, CBS name);

#endif
