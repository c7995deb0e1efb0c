/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/cluster_policy.h"

#include "proto/auth/trust.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct policy_limits policy_limits_default = {
	.half_open_max = 10000,
	.cookie_above = 500,
	.auth_ms = 120000,
	.tombstones_max = 300000, /* All clients may begin anew at once, and go on rekeying. */
	.tombstones_per_identity = 1000,
};

struct cluster_policy *cluster_policy_new(void)
{
	struct cluster_policy *p = calloc(1, sizeof(*p));

	assert(p);
	p->refs = 1;
	p->limits = policy_limits_default;
	p->ike.fragmentation = true;
	return p;
}

static void *copy(const void *list, size_t size)
{
	void *to = size > 0 ? malloc(size) : NULL;

	assert(to || size == 0);
	return size > 0 ? memcpy(to, list, size) : NULL;
}

struct cluster_policy *cluster_policy_copy(const struct cluster_policy *p)
{
	struct cluster_policy *to = cluster_policy_new();
	struct ike_config *ike = &to->ike;

	to->hash = p->hash;
	to->limits = p->limits;
	*ike = p->ike;
	ike->connections = copy(ike->connections, ike->n_connections * sizeof(*ike->connections));
	ike->secrets = copy(ike->secrets, ike->n_secrets * sizeof(*ike->secrets));
	ike->users = copy(ike->users, ike->n_users * sizeof(*ike->users));
	ike->reserved = copy(ike->reserved, ike->n_reserved * sizeof(*ike->reserved));
	for (size_t i = 0; i < ike->n_connections; i++) {
		credentials_ref(ike->connections[i].own);
		trust_ref(ike->connections[i].clients);
	}
	return to;
}

struct cluster_policy *cluster_policy_ref(struct cluster_policy *p)
{
	assert(p->refs > 0);
	p->refs++;
	return p;
}

void cluster_policy_unref(struct cluster_policy *p)
{
	if (!p)
		return;
	assert(p->refs > 0);
	if (--p->refs > 0)
		return;
	for (size_t i = 0; i < p->ike.n_secrets; i++) {
		secret_cleanse(&p->ike.secrets[i].psk);
		secret_cleanse(&p->ike.secrets[i].other);
	}
	OPENSSL_cleanse(p->ike.radius, sizeof(p->ike.radius));
	for (size_t i = 0; i < p->ike.n_users; i++)
		OPENSSL_cleanse(&p->ike.users[i].password, sizeof(p->ike.users[i].password));
	for (size_t i = 0; i < p->ike.n_connections; i++) {
		credentials_unref(p->ike.connections[i].own);
		trust_unref(p->ike.connections[i].clients);
	}
	free(p->ike.secrets);
	free(p->ike.users);
	free(p->ike.reserved);
	free(p->ike.connections);
	free(p);
}
