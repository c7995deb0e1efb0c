/* SPDX-License-Identifier: Apache-2.0 */
/* Agreeing on Child SAs and making them, whichever side asks; and our half of a Diffie-Hellman
 * exchange for one. */
#ifndef PROTO_IKE_CHILD_MAKE_H
#define PROTO_IKE_CHILD_MAKE_H

#include "proto/crypto/dh_desk.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"

/* May the session have one more Child SA, to replace `replaces` (0: none)? Returns 0,
 * NO_ADDITIONAL_SAS (RFC 7296 1.3), or, for a replacement, TEMPORARY_FAILURE: once the client has
 * deleted what it replaced before, there is room. */
uint16_t ike_child_admit(const struct ike_env *env, const struct ike_session *s, uint32_t replaces);

/* Bounds of a new Child SA. */
struct child_terms {
	uint16_t refused; /* The NOTIFY if there is no room for it; 0: there is. */
	const struct proposal *proposals;
	size_t n_proposals;
	enum sa_dh dh;
	const struct ts_set *local, *remote; /* Ours and the client's side, at most. */
};

/* The agreement of client and gateway: suite and the client's SPI, selectors. */
struct child_plan {
	struct sa_choice choice;
	struct ts_set local, remote;
};

/* The existing Child SAs: a new one must differ from them. */
struct child_list {
	const struct child_sa *child;
	size_t n;
};

/* Is spi_out, the other side's name for a new pair, not reserved and none of theirs? */
bool child_spi_usable(struct child_list have, uint64_t spi_out);

/* Negotiates a Child SA from m's SA, KE, TSi and TSr. Returns 0, or the type of the
 * error NOTIFY to answer with; with INVALID_KE_PAYLOAD the group we want is
 * plan->choice.suite.dh. */
uint16_t ike_child_negotiate(struct child_plan *plan, const struct child_terms *terms,
			     struct child_list have, const struct ike_message *m);

/* Makes the Child SA of a plan with our SPI spi_in: derives the keys. we_asked: the
 * exchange that makes it is ours. */
void ike_child_create(struct child_sa *child, const struct child_plan *plan, uint32_t spi_in,
		      const struct ike_sa *sa, const struct ike_key_input *input, bool we_asked);

/* What the responder of an exchange draws for a Child SA, and where it answers. */
struct child_response {
	struct ike_builder *reply;
	struct entropy *entropy;
	struct dh_desk *dh; /* NULL: what it takes is computed at once. */
	uint32_t spi_in;
	uint8_t nonce[IKE_NONCE_LEN]; /* Nr: drawn by ike_child_respond(). */
};

/* CREATE_CHILD_SA's answer: makes the Child SA of the plan and adds SA, Nr, KEr, TSi and
 * TSr to the response. False, and nothing added: the KE payload is no good, or "later". */
bool ike_child_respond(struct child_response *r, struct child_sa *child,
		       const struct child_plan *plan, const struct ike_sa *sa,
		       const struct ike_message *m);

/* RFC 7296 2.10: "at least half the key size of the negotiated PRF". */
bool ike_nonce_fits(const CBS *nonce, uint16_t prf);

/* Takes the Child SA with our SPI spi_in out of the session, out of a list. */
void ike_child_remove(struct ike_session *s, uint32_t spi_in);
void child_list_remove(struct child_sa *child, uint8_t *n, uint32_t spi_in);

#endif
