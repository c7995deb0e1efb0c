/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the responder share among themselves; nobody else includes
 * this. The face is ike.h. */
#ifndef PROTO_IKE_STEP_H
#define PROTO_IKE_STEP_H

#include "proto/dh.h"
#include "proto/ike.h"
#include "proto/ike_builder.h"
#include "proto/ike_keys.h"
#include "proto/ike_message.h"
#include "proto/ike_payload.h"

/* ---- Outcomes (ike.c) ---- */

void ike_outcome_init(struct ike_outcome *o);
/* Sets the log line. Secrets have no business in it. */
void ike_note(struct ike_outcome *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Verdict DROP. */
void ike_drop(struct ike_outcome *o, enum drop why, const char *note);

/* ---- Opening and sealing (ike_seal.c) ---- */

/* A protected message of the client, opened. */
struct ike_opened {
	struct ike_message message; /* Views of plain. */
	enum status content;        /* OK, or why the authenticated content is refused: */
	uint8_t *plain;             /* ERR_MALFORMED or ERR_UNSUPPORTED. */
	size_t len;
};

/* DROP_NONE: the message is the client's, and o is to be ended with
 * ike_opened_fini(). Otherwise nothing is known about who sent it. */
enum drop ike_open(struct ike_opened *o, const struct suite *suite, const struct ike_keys *keys,
		   const uint8_t *data, size_t len) must_check;
void ike_opened_fini(struct ike_opened *o); /* Cleanses. */

/* The NOTIFY for o->content (RFC 7296 2.5, 2.21). */
void ike_add_content_error(struct ike_builder *b, const struct ike_opened *o);

/* The header of the response to a request. */
struct ike_header ike_reply_header(const struct ike_header *request);

/* Ends b, a whole message in clear, and seals it as ours. */
enum status ike_seal(const struct ike_env *env, const struct suite *suite,
		     const struct ike_keys *keys, struct ike_builder *b,
		     struct blob **out) must_check;

/* ---- NAT detection, RFC 7296 2.23 (ike_nat.c) ---- */

/* Where a message of the client came to (local) and from (remote). */
struct ike_path {
	const struct endpoint *local, *remote;
};

/* Compares the hashes that m carries with where it came from: *features gets or
 * loses IKE_PEER_BEHIND_NAT and IKE_SELF_BEHIND_NAT. A message without hashes
 * tells nothing and changes nothing. */
void ike_nat_detect(uint32_t *features, const struct ike_message *m, const struct ike_path *path);
/* Both notifications of a reply that goes back along path. */
void ike_nat_add(struct ike_builder *b, uint64_t spi_i, uint64_t spi_r,
		 const struct ike_path *path);

/* ---- Configuration (ike_select.c) ---- */

const struct ike_connection *ike_connection_find(const struct ike_config *c, const char *name);
/* RFC 7296 2.7 over all connections: the first whose proposals take the offer, but
 * one that also takes the KE payload comes before one that does not. */
enum status ike_select_init(struct sa_choice *choice, const struct ike_config *c, const CBS *sa,
			    uint16_t ke_group) must_check;
/* The connection of an IKE SA with that suite: by IDr if the client sent one. */
const struct ike_connection *ike_select_connection(const struct ike_config *c,
						   const struct suite *suite,
						   const struct ike_id *idr);

/* ---- Child SAs (ike_child_sa.c) ---- */

/* What a new Child SA may be. */
struct child_terms {
	const struct proposal *proposals;
	size_t n_proposals;
	enum sa_dh dh;
	const struct ts_set *local, *remote; /* Ours and the client's side, at most. */
};

/* What client and gateway agree on: suite and the client's SPI, selectors. */
struct child_plan {
	struct sa_choice choice;
	struct ts_set local, remote;
};

/* Negotiates a Child SA of session s from m's SA, KE, TSi and TSr. Returns 0, or the
 * type of the error NOTIFY to answer with; with INVALID_KE_PAYLOAD the group we
 * want is plan->choice.suite.dh. */
uint16_t ike_child_negotiate(struct child_plan *plan, const struct child_terms *terms,
			     const struct ike_session *s, const struct ike_message *m);

/* Makes the Child SA of a plan: draws our SPI, derives the keys. */
void ike_child_create(struct child_sa *child, const struct child_plan *plan,
		      const struct ike_env *env, const struct ike_sa *sa,
		      const struct ike_key_input *input);

/* RFC 7296 2.10: "at least half the key size of the negotiated PRF". */
bool ike_nonce_fits(const CBS *nonce, uint16_t prf);

/* Our half of a Diffie-Hellman exchange. */
struct ike_ke {
	uint8_t data[DH_PUBLIC_MAX];
	size_t len;
	struct secret shared; /* The caller cleanses it. */
};
/* ERR_MALFORMED or ERR_CRYPTO when the client's value is no good. */
enum status ike_ke_respond(struct ike_ke *out, const struct ike_payload_ke *theirs,
			   struct entropy *e) must_check;

/* ---- One request of an established session (ike.c) ---- */

struct ike_step {
	const struct ike_env *env;
	struct ike_path path;
	const struct ike_connection *connection; /* NULL: no longer configured. */
	const struct ike_message *message;
	struct ike_session *next; /* What the session will be. */
	struct ike_sa *sa;        /* In next: the one the message came on. */
	struct ike_builder reply; /* The response, in clear. */
	struct ike_outcome *out;
	bool sa_ends;             /* sa is deleted by this exchange. */
	struct ike_sa *successor; /* The IKE SA that replaces sa; heap, or NULL. */
};

void ike_step_child(struct ike_step *s);         /* CREATE_CHILD_SA (ike_child.c) */
void ike_step_rekey(struct ike_step *s);         /* ... that rekeys the IKE SA (ike_rekey.c) */
void ike_step_informational(struct ike_step *s); /* INFORMATIONAL (ike_info.c) */

/* Is there room for a rekeyed IKE SA in ike[1]? (ike.c) */
bool ike_old_place_is_free(const struct ike_session *s);

/* The client's answer to our outstanding request on s->sa (ike_request.c). */
void ike_step_answer(struct ike_step *s);

/* Takes the Child SA with our SPI spi_in out of the session. */
void ike_child_remove(struct ike_session *s, uint32_t spi_in);

#endif
