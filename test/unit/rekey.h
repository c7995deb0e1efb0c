/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway that rekeys a Child SA of a client: what its tests share. */
#ifndef TEST_UNIT_REKEY_H
#define TEST_UNIT_REKEY_H

#include "test/lib/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* The gateway asks to rekey the first Child SA. */
static inline struct blob *ask(struct fixture *f)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_REKEY_CHILD,
				.spi_in = f->g.session->child[0].spi_in};
	struct blob *d;

	assert_true(ike_rekey_possible(&f->g.config, f->g.session, r.spi_in));
	d = gateway_request(&f->g, &r);
	assert_int_equal(f->g.verdict, IKE_VERDICT_STEP);
	assert_int_equal(f->g.session->ike[0].purpose, IKE_PURPOSE_REKEY_CHILD);
	assert_non_null(f->g.session->ike[0].finish);
	assert_false(ike_rekey_possible(&f->g.config, f->g.session, r.spi_in));
	return d;
}

/* Delivers outstanding requests to the client, and its answers, until none is left. */
static inline unsigned settle(struct fixture *f)
{
	unsigned n = 0;

	while (f->g.session && f->g.session->ike[0].window.outstanding) {
		struct blob *d = blob_ref(ike_datagrams_only(f->g.session->ike[0].window.outstanding));

		assert_null(fixture_to_gateway(f, fixture_to_client(f, d)));
		assert_true(f->g.answered);
		assert_true(++n < 10);
	}
	return n;
}

/* Do both ends hold the same pairs with the same keys? In whatever order. */
static inline void assert_agree(struct fixture *f)
{
	assert_int_equal(f->g.session->n_child, f->i.n_child);
	for (size_t k = 0; k < f->i.n_child; k++) {
		const struct child_sa *theirs = &f->i.child[k];
		const struct child_sa *ours = ike_session_find_child(f->g.session, theirs->spi_out);

		assert_non_null(ours);
		assert_int_equal(ours->spi_out, theirs->spi_in);
		assert_memory_equal(&ours->suite, &theirs->suite, sizeof(ours->suite));
		assert_memory_equal(&ours->in, &theirs->out, sizeof(ours->in));
		assert_memory_equal(&ours->out, &theirs->in, sizeof(ours->out));
		assert_true(ts_set_equal(&ours->remote, &theirs->local));
		assert_true(ts_set_equal(&ours->local, &theirs->remote));
	}
}

/* Deletes the SAs that the client's list says it must delete. */
static inline void tidy(struct fixture *f)
{
	for (size_t k = 0; k < f->i.n_child; k++) {
		const struct child_sa *old = initiator_find_child(&f->i, f->i.child[k].replaces);

		if (f->i.child[k].replaces && old) {
			gateway_exchange(&f->g, &f->i, initiator_create_child_delete(&f->i, old->spi_in));
			k = SIZE_MAX;
		}
	}
}

/* The client takes an answer, and may have to delete a redundant SA. */
static inline void client_goes_on(struct fixture *f, struct blob *answer)
{
	gateway_exchange(&f->g, &f->i, fixture_to_client(f, answer));
}

#endif
