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

const struct config_key config_radius_keys[] = {
	{ "address", TOML_STRING, true, radius_address },
	{ "secret_file", TOML_STRING, true, radius_secret_file },
	{ 0 }
};
