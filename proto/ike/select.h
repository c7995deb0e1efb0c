/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection of the configuration a client means. */
#ifndef PROTO_IKE_SELECT_H
#define PROTO_IKE_SELECT_H

#include "proto/ike/ike_message.h"
#include "proto/ike/sa_payload.h"

const struct ike_connection *ike_connection_find(const struct ike_config *c, const char *name);
/* The [[secret]] of that identity; NULL: it has none. */
const struct ike_peer_secret *ike_secret_find(const struct ike_config *c, const struct ike_id *id);
/* RFC 7296 2.7 over all connections: the first whose proposals take the offer, but
 * one that also takes the KE payload comes before one that does not. */
enum status ike_select_init(struct sa_choice *choice, const struct ike_config *c, const CBS *sa,
			    uint16_t ke_group) must_check;
/* How its clients show who they are; that is "psk" where nothing is said. */
const struct ike_auth_method *ike_connection_auth(const struct ike_connection *c);
/* The connection of an IKE SA with that suite: by IDr if the client sent one, and its method
 * takes the first request. */
const struct ike_connection *ike_select_connection(const struct ike_config *c,
						   const struct suite *suite,
						   const struct ike_id *idr,
						   const struct ike_message *first);
/* Is the suite one that the proposal offers? with_dh: as in sa_offer. */
bool ike_proposal_allows(const struct proposal *p, const struct suite *s);
bool ike_connection_allows(const struct ike_connection *connection, const struct suite *suite);
bool esp_proposal_allows(const struct proposal *p, const struct suite *s, bool with_dh);

#endif
