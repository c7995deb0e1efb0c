/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and forgetting sessions. A session is a plain value except for the
 * messages it caches; those are immutable, so a copy shares them. That makes
 * "compute the next state beside the current one" cheap, and it is all that the
 * responder ever does with state. */
#include "proto/ike_sa.h"

#include <openssl/mem.h>

#include <assert.h>

void ike_session_copy(struct ike_session *to, const struct ike_session *from)
{
	assert(to != from);
	*to = *from;
	for (size_t i = 0; i < IKE_SA_MAX; i++) {
		blob_ref(to->ike[i].last_response);
		blob_ref(to->ike[i].outstanding);
		blob_ref(to->ike[i].finish);
	}
}

void ike_session_fini(struct ike_session *s)
{
	for (size_t i = 0; i < IKE_SA_MAX; i++) {
		blob_unref(s->ike[i].last_response);
		blob_unref(s->ike[i].outstanding);
		blob_unref(s->ike[i].finish);
	}
	OPENSSL_cleanse(s, sizeof(*s));
}

void ike_half_open_fini(struct ike_half_open *h)
{
	blob_unref(h->request);
	blob_unref(h->response);
	OPENSSL_cleanse(h, sizeof(*h));
}

struct ike_sa *ike_session_find_sa(struct ike_session *s, uint64_t spi_i, uint64_t spi_r)
{
	for (size_t i = 0; i < IKE_SA_MAX; i++) {
		struct ike_sa *sa = &s->ike[i];

		if (sa->state != 0 && sa->spi_i == spi_i && sa->spi_r == spi_r)
			return sa;
	}
	return NULL;
}

struct child_sa *ike_session_find_child(struct ike_session *s, uint32_t spi_in)
{
	for (size_t i = 0; i < s->n_child; i++)
		if (s->child[i].spi_in == spi_in)
			return &s->child[i];
	return NULL;
}
