/* SPDX-License-Identifier: Apache-2.0 */
/* The table of authentication methods. */
#include "proto/auth/method.h"

#include <string.h>

static const struct ike_auth_method *const methods[] = {
	&ike_auth_psk,
	&ike_auth_eap_mschapv2,
	&ike_auth_pubkey,
	&ike_auth_eap_radius,
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

const struct ike_auth_method *ike_auth_method_find(const char *name)
{
	for (size_t i = 0; i < METHODS; i++)
		if (strcmp(methods[i]->name, name) == 0)
			return methods[i];
	return NULL;
}

const char *const *ike_auth_method_names(void)
{
	static const char *names[METHODS + 1];

	for (size_t i = 0; i < METHODS; i++)
		names[i] = methods[i]->name;
	return names;
}

const struct ike_auth_method *ike_auth_method_for(const struct ike_message *first)
{
	for (size_t i = 0; i < METHODS; i++)
		if (methods[i]->takes(first))
			return methods[i];
	return NULL;
}
