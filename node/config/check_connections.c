/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that no client ever gets, and clients that no connection lets in. A connection is chosen as
 * proto/ike/select.c does it: the first that fits, by identities and suites and not by how they are written. */
#include "node/config/schema.h"
#include "proto/auth/method.h"
#include "proto/auth/trust.h"
#include "proto/ike/select.h"

#include <string.h>

/* ---- Never chosen ---- */

/* Does the earlier one allow all suites that begin so? */
static bool allows_with(const struct ike_connection *earlier, const struct proposal *p, struct suite *s)
{
	size_t n_integ = p->n_integ > 0 ? p->n_integ : 1;

	for (size_t integ = 0; integ < n_integ; integ++)
		for (size_t prf = 0; prf < p->n_prf; prf++)
			for (size_t dh = 0; dh < p->n_dh; dh++) {
				s->integ = suite_is_aead(s) || p->n_integ == 0 ? AUTH_NONE : p->integ[integ];
				s->prf = p->prf[prf];
				s->dh = p->dh[dh];
				if (!ike_connection_allows(earlier, s))
					return false;
			}
	return true;
}

static bool allows_all(const struct ike_connection *earlier, const struct ike_connection *later)
{
	for (size_t i = 0; i < later->n_ike; i++)
		for (size_t e = 0; e < later->ike[i].n_encr; e++) {
			struct suite s = { .encr = later->ike[i].encr[e],
					   .encr_key_bits = later->ike[i].encr_key_bits[e] };

			if (!allows_with(earlier, &later->ike[i], &s))
				return false;
		}
	return true;
}

static bool has_pattern(const struct trust *t, const struct ike_id *id)
{
	for (size_t i = 0; i < t->n_ids; i++)
		if (ike_id_equal(&t->id[i], id))
			return true;
	return false;
}

/* Whoever may come by the later one may come by the earlier one. With EAP a client has not said who it is when its
 * connection is chosen, so client_ids choose nothing. */
static bool takes_all(const struct ike_connection *earlier, const struct ike_connection *later)
{
	const struct trust *a = earlier->clients, *b = later->clients;

	if (strncmp(ike_connection_auth(earlier)->name, "eap-", 4) == 0 || !a || a->n_ids == 0)
		return true;
	for (size_t i = 0; b && i < b->n_ids; i++)
		if (!has_pattern(a, &b->id[i]))
			return false;
	return b && b->n_ids > 0;
}

static bool hides(const struct ike_connection *earlier, const struct ike_connection *later)
{
	return later->n_ike > 0 && ike_id_equal(&earlier->local_id, &later->local_id) &&
	       ike_connection_auth(earlier)->takes == ike_connection_auth(later)->takes &&
	       takes_all(earlier, later) && allows_all(earlier, later);
}

static void check_hidden(struct reader *r, size_t i)
{
	const struct ike_connection *c = r->c->cluster.policy->ike.connections;

	for (size_t k = 0; k < i; k++) {
		if (strcmp(c[k].name, c[i].name) == 0) {
			reader_error(r, config_line(r, "connection", i, "name"),
				     "connection \"%s\" is there twice: give each its own name", c[i].name);
			return;
		}
		if (hides(&c[k], &c[i])) {
			reader_error(r, config_line(r, "connection", i, "local_id"),
				     "connection \"%s\" is never chosen: \"%s\" before it has the same \"local_id\", and allows "
				     "its \"ike_proposals\" and its clients", c[i].name, c[k].name);
			return;
		}
	}
}

/* ---- Nobody comes ---- */

static bool is_admitted(const struct ike_config *ike, const struct ike_connection *c, enum ike_auth_listed listed)
{
	for (size_t i = 0; listed == AUTH_LISTED_SECRET && i < ike->n_secrets; i++)
		if (trust_admits(c->clients, &ike->secrets[i].id))
			return true;
	for (size_t i = 0; listed == AUTH_LISTED_USER && i < ike->n_users; i++)
		if (trust_admits(c->clients, &ike->users[i].id))
			return true;
	return false;
}

static void check_client_ids(struct reader *r, size_t i)
{
	const struct ike_config *ike = &r->c->cluster.policy->ike;
	const struct ike_connection *c = &ike->connections[i];
	enum ike_auth_listed listed = ike_connection_auth(c)->listed;

	if (c->clients && c->clients->n_ids > 0 && listed != AUTH_LISTED_NOWHERE && !is_admitted(ike, c, listed))
		reader_warning(r, config_line(r, "connection", i, "client_ids"),
			       "\"client_ids\" name no %s of this file: nobody can come by connection \"%s\"",
			       listed == AUTH_LISTED_SECRET ? "[[secret]]" : "[[user]]", c->name);
}

static bool has_auth(const struct ike_config *ike, const struct ike_auth_method *method)
{
	for (size_t i = 0; i < ike->n_connections; i++)
		if (ike_connection_auth(&ike->connections[i]) == method)
			return true;
	return false;
}

/* One line for each kind: what is missing is one connection. */
static void check_unused(struct reader *r)
{
	const struct ike_config *ike = &r->c->cluster.policy->ike;

	if (ike->n_users > 0 && !has_auth(ike, &ike_auth_eap_mschapv2))
		reader_warning(r, config_line(r, "user", 0, "name"), "[[user]] is of no use: no [[connection]] has auth = "
			       "\"eap-mschapv2\"");
	if (ike->n_radius > 0 && !has_auth(ike, &ike_auth_eap_radius))
		reader_warning(r, config_line(r, "radius", 0, "address"), "[[radius]] is of no use: no [[connection]] has "
			       "auth = \"eap-radius\"");
}

void config_check_connections(struct reader *r)
{
	for (size_t i = 0; i < r->c->cluster.policy->ike.n_connections; i++) {
		check_hidden(r, i);
		check_client_ids(r, i);
	}
	check_unused(r);
}
