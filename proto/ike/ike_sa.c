/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and forgetting sessions. A session is a plain value except for the
 * messages it caches; those are immutable, so a copy shares them. That makes
 * "compute the next state beside the current one" cheap, and it is all that the
 * responder ever does with state. */
#include "proto/ike/ike_sa.h"
#include "proto/ike/ike_config.h"
#include "proto/mutant.h"

#include <openssl/mem.h>

#include <assert.h>

void ike_session_copy(struct ike_session *to, const struct ike_session *from)
{
	assert(to != from);
	*to = *from;
	for (size_t i = 0; i < IKE_SA_MAX; i++) {
		ike_window_share(&to->ike[i].window);
		blob_ref(to->ike[i].finish);
	}
	blob_ref(to->account.attributes);
}

void ike_session_fini(struct ike_session *s)
{
	for (size_t i = 0; i < IKE_SA_MAX; i++) {
		ike_window_fini(&s->ike[i].window);
		blob_unref(s->ike[i].finish);
	}
	blob_unref(s->account.attributes);
	OPENSSL_cleanse(s, sizeof(*s));
}

void ike_half_open_copy(struct ike_half_open *to, const struct ike_half_open *from)
{
	assert(to != from);
	*to = *from;
	blob_ref(to->request);
	blob_ref(to->response);
	ike_window_share(&to->window);
	blob_ref(to->auth.first);
	blob_ref(to->auth.state);
	blob_ref(to->auth.question);
}

void ike_half_open_fini(struct ike_half_open *h)
{
	blob_unref(h->request);
	blob_unref(h->response);
	ike_window_fini(&h->window);
	blob_unref(h->auth.first);
	blob_unref(h->auth.state);
	blob_unref(h->auth.question);
	OPENSSL_cleanse(h, sizeof(*h));
}

void ike_session_end(struct ike_session *s)
{
	OPENSSL_cleanse(s->child, sizeof(s->child));
	s->n_child = 0;
	s->features |= IKE_ENDS;
}

bool ike_sa_is_used(const struct ike_sa *sa)
{
	return sa->window.next_in > 0 || sa->window.next_out > 0;
}

struct ike_client ike_session_client(const struct ike_session *s)
{
	return (struct ike_client){&s->peer_id, s->realm};
}

bool ike_client_equal(struct ike_client a, struct ike_client b)
{
	return a.realm == b.realm && ike_id_equal(a.id, b.id);
}

struct ike_esp_path ike_session_esp_path(const struct ike_session *s)
{
	if (s->moving)
		return s->before;
	return (struct ike_esp_path){s->local, s->remote, s->features & IKE_NAT_FLAGS};
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

bool ike_session_has_child(const struct ike_session *s, uint32_t spi_in)
{
	for (unsigned i = 0; i < s->n_child; i++)
		if (s->child[i].spi_in == spi_in)
			return true;
	return false;
}

bool ike_session_is_brief(const struct ike_session *s)
{
	uint32_t answers = 0, request = 0;

	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &s->ike[i];

		if (sa->state == 0)
			continue;
		answers += ike_datagrams_len(sa->window.response);
		request += ike_datagrams_len(sa->window.outstanding) + (sa->finish ? sa->finish->len : 0);
	}
	return answers <= IKE_ANSWERS_MAX && request <= IKE_REQUEST_MAX;
}

/* ---- Places ---- */

/* SAs that have no replacement. Two that replace the same one, because both sides rekeyed it at once,
 * count as one: one of them is redundant (RFC 7296 2.8.1). */
static unsigned count_current(const uint32_t *spi_in, const uint32_t *replaces, unsigned n)
{
	unsigned current = 0;

	for (unsigned i = 0; i < n; i++) {
		bool counts = true;

		for (unsigned k = 0; k < n; k++)
			if (replaces[k] != 0 &&
			    (replaces[k] == spi_in[i] || (k < i && replaces[k] == replaces[i])))
				counts = false;
		current += counts;
	}
	return current;
}

static unsigned count_places(const struct ike_session *s, bool more, uint32_t more_replaces)
{
	uint32_t spi_in[IKE_CHILD_MAX + 1] = {0}, replaces[IKE_CHILD_MAX + 1] = {0};
	unsigned n = s->n_child, current;

	assert(n <= IKE_CHILD_MAX);
	for (unsigned i = 0; i < n; i++) {
		spi_in[i] = s->child[i].spi_in;
		replaces[i] = s->child[i].replaces;
	}
	if (more)
		replaces[n++] = more_replaces;
	current = count_current(spi_in, replaces, n);
	if (n == 0)
		return n;
	if (MUTANT(MUTANT_NO_SPARE_PLACE))
		return n;
	return current + 1 > n ? current + 1 : n;
}

unsigned ike_session_places(const struct ike_session *s)
{
	return count_places(s, false, 0);
}

unsigned ike_session_places_with(const struct ike_session *s, uint32_t replaces)
{
	return count_places(s, true, replaces);
}
