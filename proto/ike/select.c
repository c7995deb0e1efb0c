/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection of the configuration a client means. At IKE_SA_INIT it has not said whom it
 * wants to talk to, so the suite is chosen from all connections. At IKE_AUTH it may name us (IDr),
 * and only connections that would have chosen that suite count. Of several connections for clients
 * with certificates a client gets the first whose client_ids name it; its certificate must then
 * prove that identity. */
#include "proto/auth/method.h"
#include "proto/auth/trust.h"
#include "proto/ike/select.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/payload.h"

#include <string.h>

const struct ike_connection *ike_connection_find(const struct ike_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_connections; i++)
		if (strcmp(c->connections[i].name, name) == 0)
			return &c->connections[i];
	return NULL;
}

const struct ike_peer_secret *ike_secret_find(const struct ike_config *c, const struct ike_id *id)
{
	for (size_t i = 0; i < c->n_secrets; i++)
		if (ike_id_equal(&c->secrets[i].id, id))
			return &c->secrets[i];
	return NULL;
}

const struct ike_auth_method *ike_connection_auth(const struct ike_connection *c)
{
	return c->auth ? c->auth : &ike_auth_psk;
}

enum status ike_select_init(struct sa_choice *choice, const struct ike_config *c, const CBS *sa,
			    uint16_t ke_group)
{
	struct sa_choice mismatch;
	bool any = false;

	for (size_t i = 0; i < c->n_connections; i++) {
		const struct ike_connection *connection = &c->connections[i];
		enum status s =
			sa_select_ike(choice, sa, connection->ike, connection->n_ike, 0, ke_group);

		if (s == ERR_MALFORMED)
			return s;
		if (s != OK)
			continue;
		if (!choice->ke_mismatch)
			return OK;
		if (!any)
			mismatch = *choice;
		any = true;
	}
	if (!any)
		return ERR_UNSUPPORTED;
	*choice = mismatch;
	return OK;
}

static bool has(const uint16_t *values, size_t n, uint16_t value)
{
	for (size_t i = 0; i < n; i++)
		if (values[i] == value)
			return true;
	return false;
}

static bool allows_encr(const struct proposal *p, const struct suite *s)
{
	bool encr = false;

	for (size_t i = 0; i < p->n_encr; i++)
		encr |= p->encr[i] == s->encr && p->encr_key_bits[i] == s->encr_key_bits;
	if (suite_is_aead(s))
		return encr && s->integ == AUTH_NONE;
	return encr && has(p->integ, p->n_integ, s->integ);
}

bool ike_proposal_allows(const struct proposal *p, const struct suite *s)
{
	return allows_encr(p, s) && has(p->prf, p->n_prf, s->prf) && has(p->dh, p->n_dh, s->dh);
}

bool esp_proposal_allows(const struct proposal *p, const struct suite *s, bool with_dh)
{
	if (!allows_encr(p, s) || !has(p->esn, p->n_esn, s->esn))
		return false;
	return with_dh && p->n_dh > 0 ? has(p->dh, p->n_dh, s->dh) : s->dh == DH_NONE;
}

bool ike_connection_allows(const struct ike_connection *connection, const struct suite *suite)
{
	for (size_t j = 0; j < connection->n_ike; j++)
		if (ike_proposal_allows(&connection->ike[j], suite))
			return true;
	return false;
}

const struct ike_connection *ike_select_connection(const struct ike_config *c, const struct suite *suite,
						   const struct ike_id *idr, const struct ike_message *first)
{
	const struct ike_connection *refuses = NULL;
	struct ike_id peer;
	bool known = ike_message_has(first, IKE_PAYLOAD_IDi) && ike_id_from_payload(&peer, &first->idi) == OK;

	for (size_t i = 0; i < c->n_connections; i++) {
		const struct ike_connection *connection = &c->connections[i];

		if (idr && !ike_id_equal(idr, &connection->local_id))
			continue;
		if (!ike_connection_auth(connection)->takes(first) || !ike_connection_allows(connection, suite))
			continue;
		/* It names who may come: perhaps another one names this client. If none does the first one
		 * refuses it, with its reason. With EAP, IDi says nothing yet: Windows sends an address. */
		if (!connection->clients || !known || !ike_message_has(first, IKE_PAYLOAD_AUTH) ||
		    trust_admits(connection->clients, &peer))
			return connection;
		refuses = refuses ? refuses : connection;
	}
	return refuses;
}
