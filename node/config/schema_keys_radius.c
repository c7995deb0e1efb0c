/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of [[radius]]: servers that decide whether a client may connect. */
#include "node/config/schema.h"

#include <string.h>

void config_radius_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n)
{
	struct ike_config *ike = &r->c->cluster.policy->ike;

	if (n > IKE_RADIUS_MAX && i == IKE_RADIUS_MAX)
		reader_error(r, v->line, "at most %u [[radius]]", IKE_RADIUS_MAX);
	if (i >= IKE_RADIUS_MAX)
		i = IKE_RADIUS_MAX - 1;
	ike->n_radius = i + 1;
	r->radius = &ike->radius[i];
	r->radius->accounting.port = 1813; /* RFC 2866 */
	r->radius->interim_s = 600;
}

SETTER(radius_address)
{
	static const struct address zero;
	const struct endpoint *e = &r->radius->address;

	if (endpoint_parse(&r->radius->address, v->string) != OK || e->port == 0 ||
	    memcmp(e->address.octets, zero.octets, address_len(&e->address)) == 0)
		reader_error(r, v->line, "\"%s\" is not an address and port such as \"10.20.0.9:1812\"", v->string);
}

SETTER(radius_secret_file)
{
	char path[CONFIG_PATH_MAX] = "";

	config_set_path(r, v, path);
	config_read_psk(r, v, path, &r->radius->secret);
}

SETTER(radius_accounting)
{
	r->radius->accounting.address.family = v->boolean ? 4 : 0; /* config_check_radius() */
}

SETTER(radius_accounting_port)
{
	if (v->integer < 1 || v->integer > 65535)
		reader_error(r, v->line, "\"accounting_port\" = %lld: a port is 1 to 65535", (long long)v->integer);
	else
		r->radius->accounting.port = (uint16_t)v->integer;
}

SETTER(radius_interim)
{
	if (v->integer != 0 && (v->integer < IKE_INTERIM_MIN_S || v->integer > 86400))
		reader_error(r, v->line, "\"interim_s\" = %lld: %u to 86400 seconds, or 0: no Interim-Updates",
			     (long long)v->integer, IKE_INTERIM_MIN_S);
	else
		r->radius->interim_s = (uint32_t)v->integer;
}

/* One socket for all servers. */
SETTER(radius_coa)
{
	struct endpoint *coa = &r->c->cluster.coa, e;

	if (endpoint_parse(&e, v->string) != OK || e.port == 0 || e.address.family != 4) {
		reader_error(
			r, v->line,
			"\"coa\" = \"%s\" is not an IPv4 address and port such as \"0.0.0.0:3799\"",
			v->string);
		return;
	}
	if (e.port == 500 || e.port == 4500 || e.port == RADIUS_LOCAL_PORT)
		reader_error(r, v->line,
			     "\"coa\" = \"%s\": port %u has another use; RFC 5176 has 3799",
			     v->string, e.port);
	if (coa->port != 0 && !endpoint_equal(coa, &e))
		reader_error(
			r, v->line,
			"\"coa\" = \"%s\": another [[radius]] has a different one; write the same in each, as all share one socket",
			v->string);
	*coa = e;
	r->radius->coa = true;
}

const struct config_key config_radius_keys[] = {
	{ "address", TOML_STRING, true, radius_address },
	{ "secret_file", TOML_STRING, true, radius_secret_file },
	{ "accounting", TOML_BOOLEAN, false, radius_accounting },
	{ "accounting_port", TOML_INTEGER, false, radius_accounting_port },
	{ "coa", TOML_STRING, false, radius_coa },
	{ "interim_s", TOML_INTEGER, false, radius_interim },
	{ 0 }
};
