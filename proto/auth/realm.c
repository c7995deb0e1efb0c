/* SPDX-License-Identifier: Apache-2.0 */
/* A name is worth what its proof is worth. A RADIUS server, or a CA, is trusted for all names of its connections, but
 * not for those whom a pre-shared key vouches for; so what a client may do to its own sessions (end them by
 * INITIAL_CONTACT, take their address) it may do only to those of its realm. A [[secret]], a [[user]] and the RADIUS
 * servers are the same for all connections of their method, so the method is the realm. Each connection with
 * auth = "pubkey" has CAs of its own, and is a realm of its own.
 *
 * It is a hash of these names, so that it can be a number in a session's record. Names are the operator's: nobody
 * else can look for two that give the same. */
#include "proto/auth/realm.h"

#include "proto/auth/method.h"
#include "proto/crypto/prf.h"
#include "proto/ike/select.h"
#include "proto/mutant.h"

#include <string.h>

uint64_t ike_connection_realm(const struct ike_connection *c)
{
	const struct ike_auth_method *method = ike_connection_auth(c);
	size_t n = strlen(method->name) + 1, m = method->vouches_alone ? strlen(c->name) : 0;
	uint8_t names[128 + sizeof(c->name)], hash[IKE_HASH_LEN];
	uint64_t realm = 0;

	if (MUTANT(MUTANT_SAME_NAME_SAME_CLIENT))
		return 1;
	memcpy(names, method->name, n); /* With its NUL: no method's name is the beginning of another one's. */
	memcpy(names + n, c->name, m);
	hash_sha256(names, n + m, hash);
	for (unsigned i = 0; i < sizeof(realm); i++)
		realm = realm << 8 | hash[i];
	return realm ? realm : 1;
}
