/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of responder and initiator share among themselves; nobody else
 * includes this. The faces are ike.h and initiator.h. */
#ifndef PROTO_IKE_STEP_H
#define PROTO_IKE_STEP_H

#include "proto/crypto/dh.h"
#include "proto/ike/ike.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/payload.h"
#include "proto/ike/notify_text.h"
#include "proto/ike/sk.h"

/* ---- Outcomes (ike.c) ---- */

void ike_outcome_init(struct ike_outcome *o);
/* Sets the log line. Secrets have no business in it. */
void ike_note(struct ike_outcome *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Verdict DROP. */
void ike_drop(struct ike_outcome *o, enum drop why, const char *note);

/* ---- Opening and sealing (ike_seal.c) ---- */

/* A protected message of the other side, opened. */
struct ike_opened {
	struct ike_message message; /* Views of plain. */
	enum status content;        /* OK, or why the authenticated content is refused: */
	uint8_t *plain;             /* ERR_MALFORMED or ERR_UNSUPPORTED. */
	size_t len;
};

/* DROP_NONE: the message is theirs, and o is to be ended with ike_opened_fini().
 * Otherwise nothing is known about who sent it. */
enum drop ike_open(struct ike_opened *o, const struct sk_direction *theirs, const uint8_t *data,
		   size_t len) must_check;
void ike_opened_fini(struct ike_opened *o); /* Cleanses. */

/* The NOTIFY for o->content (RFC 7296 2.5, 2.21). */
void ike_add_content_error(struct ike_builder *b, const struct ike_opened *o);

/* The header of the response to a request. */
struct ike_header ike_reply_header(const struct ike_header *request);

/* Ends b, a whole message in clear, and seals it. */
enum status ike_seal(const struct sk_direction *ours, struct iv_source *iv, struct entropy *e,
		     struct ike_builder *b, struct ike_datagrams **out) must_check;

/* RFC 7296 2.25: "a request that cannot be completed due to a temporary condition". */
bool ike_is_admitted(const struct ike_env *env, const struct ike_id *peer);

/* ---- NAT detection, RFC 7296 2.23 (nat.c) ---- */

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

/* ---- Configuration (select.c) ---- */

const struct ike_connection *ike_connection_find(const struct ike_config *c, const char *name);
/* RFC 7296 2.7 over all connections: the first whose proposals take the offer, but
 * one that also takes the KE payload comes before one that does not. */
enum status ike_select_init(struct sa_choice *choice, const struct ike_config *c, const CBS *sa,
			    uint16_t ke_group) must_check;
/* How its clients show who they are; that is "psk" where nothing is said. */
const struct ike_auth_method *ike_connection_auth(const struct ike_connection *c);
/* The connection of an IKE SA with that suite: by IDr if the client sent one, and its method
 * takes the first request. */
const struct ike_connection *ike_select_connection(const struct ike_config *c,
						   const struct suite *suite,
						   const struct ike_id *idr,
						   const struct ike_message *first);
/* Is the suite one that the proposal offers? with_dh: as in sa_offer. */
bool ike_proposal_allows(const struct proposal *p, const struct suite *s);
bool esp_proposal_allows(const struct proposal *p, const struct suite *s, bool with_dh);

/* ---- Child SAs (child_make.c) ---- */

/* May the session have one more Child SA, in the place of `replaces` (0: of none)? Returns 0,
 * NO_ADDITIONAL_SAS (RFC 7296 1.3), or, for a successor, TEMPORARY_FAILURE: once the client
 * has deleted what it replaced before, there is room. */
uint16_t ike_child_admit(const struct ike_env *env, const struct ike_session *s, uint32_t replaces);

/* What a new Child SA may be. */
struct child_terms {
	uint16_t refused; /* The NOTIFY if there is no room for it; 0: there is. */
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

/* The Child SAs that there are: a new one must be told from them. */
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
	uint32_t spi_in;
	uint8_t nonce[IKE_NONCE_LEN]; /* Nr: drawn by ike_child_respond(). */
};

/* CREATE_CHILD_SA's answer: makes the Child SA of the plan and adds SA, Nr, KEr, TSi and
 * TSr to the response. False, and nothing added: the KE payload is no good. */
bool ike_child_respond(struct child_response *r, struct child_sa *child,
		       const struct child_plan *plan, const struct ike_sa *sa,
		       const struct ike_message *m);

/* RFC 7296 2.10: "at least half the key size of the negotiated PRF". */
bool ike_nonce_fits(const CBS *nonce, uint16_t prf);

/* Our half of a Diffie-Hellman exchange. */
struct ike_ke {
	uint8_t data[DH_PUBLIC_MAX];
	size_t len;
	struct secret shared; /* The caller cleanses it. */
};
/* ERR_MALFORMED or ERR_CRYPTO when the other side's value is no good. */
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
	enum status content;      /* Of an answer: see ike_opened. */
	struct ike_request follow; /* What we ask next, because of an answer; or NONE. */
	struct ike_sa *successor; /* The IKE SA that replaces sa; heap, or NULL. */
};

void ike_step_child(struct ike_step *s);         /* CREATE_CHILD_SA (child.c) */
void ike_step_rekey(struct ike_step *s);         /* ... that rekeys the IKE SA (ike_rekey.c) */
void ike_step_informational(struct ike_step *s); /* INFORMATIONAL (informational.c) */

/* Is there room for a rekeyed IKE SA in ike[1]? (ike.c) */
bool ike_old_place_is_free(const struct ike_session *s);

/* The client's answer to our outstanding request on s->sa (request.c). */
void ike_step_answer(struct ike_step *s);

/* Puts a request on s->ike[0], outstanding. False: it cannot be sealed, s is to be
 * thrown away. */
bool ike_request_make(const struct ike_env *env, struct ike_session *s,
		      const struct ike_request *request) must_check;

/* ---- Our rekey of a Child SA (child_rekey.c) ---- */

/* Adds the payloads and sets what finishes it. False: no memory. */
bool ike_rekey_ask(struct ike_builder *b, const struct ike_env *env, struct ike_session *s,
		   const struct ike_request *request) must_check;
/* The client has rekeyed the same Child SA while ours is outstanding on sa: rival is our
 * SPI of what that made, ni and nr are its nonces. */
void ike_rekey_collides(struct ike_sa *sa, uint32_t rival, CBS ni, CBS nr);
void ike_step_rekey_answer(struct ike_step *s);

/* Takes the Child SA with our SPI spi_in out of the session, out of a list. */
void ike_child_remove(struct ike_session *s, uint32_t spi_in);
void child_list_remove(struct child_sa *child, uint8_t *n, uint32_t spi_in);

/* ---- The initiator of an exchange, whichever side it is (answer.c) ---- */

/* Our half of the keys, until the answer is here. */
struct ike_half {
	const uint8_t *nonce;        /* IKE_NONCE_LEN octets */
	const struct dh_keypair *dh; /* Group DH_NONE: no KE payload was sent. */
};

/* Reads m's SA payload. False unless it is one of the proposals that were offered, with
 * nothing in it that was not (RFC 7296 2.7), and with the group of our KE, or none. */
bool ike_answer_suite(struct sa_choice *out, const struct sa_offer *offer,
		      const struct ike_half *ours, const struct ike_message *m) must_check;

/* Nr and KEr: what the keys are made of. shared is room for g^ir, for the caller to
 * cleanse in every case; it stays empty without a group. */
bool ike_answer_keys(struct ike_key_input *in, struct secret *shared, const struct ike_half *ours,
		     const struct suite *suite, uint16_t prf,
		     const struct ike_message *m) must_check;

/* What was asked of a Child SA. */
struct child_question {
	const struct sa_offer *offer;
	const struct ts_set *local, *remote; /* TSi, TSr */
	const struct ike_half *ours;
};

/* The plan that m answers with; the selectors within those that were sent (2.9). Returns 0
 * or what is wrong with it: NO_PROPOSAL_CHOSEN, TS_UNACCEPTABLE, INVALID_SYNTAX. */
uint16_t ike_child_answer(struct child_plan *plan, const struct child_question *q,
			  struct child_list have, const struct ike_message *m);

/* RFC 7296 2.8.1: which of two nonces is the lower one? "an octet-by-octet comparison ...
 * If you reach the end of one nonce, that nonce is the lower one." */
bool ike_nonce_is_lower(CBS a, CBS b);

/* The ID payload of ours and the AUTH over it, with a shared key. octets: what AUTH
 * covers besides the ID, which is filled in here. */
void ike_add_id_and_auth(struct ike_builder *b, uint8_t type, const struct ike_id *id, uint16_t prf,
			 const struct secret *psk, struct auth_octets octets);

#endif
