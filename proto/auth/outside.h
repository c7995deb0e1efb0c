/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures and certificates take up to several milliseconds, and the control loop never waits. So
 * a method asks (AUTH_VERDICT_ASK) and a thread works. The question contains all that is needed
 * except keys, which stay in the process and are found by the names in it. It is
 *
 * 	verify this AUTH, by the first of these certificates, for this identity;   or not
 * 	sign this, by our certificate with this hash;                              or not
 *
 * and the answer is yes, with our AUTH, or a phrase for the log. A question that is asked again is
 * worked on again, and may get another answer: time has passed. */
#ifndef PROTO_AUTH_OUTSIDE_H
#define PROTO_AUTH_OUTSIDE_H

#include "proto/auth/auth_clock.h"
#include "proto/auth/credential.h"
#include "proto/auth/trust.h"

/* The first octet of every question: who answers it. */
enum {
	AUTH_QUESTION_SIGNATURES = 1, /* A thread. */
	AUTH_QUESTION_RADIUS = 2      /* A RADIUS server: radius_question.h */
};

/* What a method puts into a question; the views are borrowed. */
struct auth_question_parts {
	const char *connection;   /* Its name: decides whom we trust, and our certificates. */
	bool verify;
	struct ike_id id;         /* verify: the claimed identity, ... */
	CBS cert[IKE_CERTS_MAX];  /* ... its certificates, its own first, ... */
	uint8_t n_certs;
	uint8_t auth_method;      /* ... and its AUTH ... */
	CBS auth;
	CBS octets;               /* ... over this. */
	bool sign;
	uint8_t hash[CREDENTIAL_HASH_LEN]; /* sign: by which certificate of ours, ... */
	struct signature_scheme scheme;    /* ... how, ... */
	CBS own_octets;                    /* ... and what. */
};

/* NULL: it would be longer than IKE_AUTH_QUESTION_MAX. */
struct blob *auth_question_encode(const struct auth_question_parts *q) must_check;

/* ---- Who works ---- */

struct auth_job;

/* Copies what it needs from the configuration, which may change meanwhile. NULL: the question is of
 * another kind. */
struct auth_job *auth_job_new(const struct ike_config *config, const struct blob *question);
void auth_job_run(struct auth_job *j, const struct auth_clock *clock); /* In any thread. */
struct blob *auth_job_end(struct auth_job *j); /* The answer: the caller's. Frees j. */

/* ---- The answer ---- */

struct auth_outcome {
	const char *why; /* NULL: yes. */
	uint8_t hash[CREDENTIAL_HASH_LEN]; /* Our certificate, its AUTH method and data; ... */
	uint8_t method;                    /* ... 0: nothing was signed. */
	CBS auth;
};

/* Views of the answer. False: it is malformed. */
bool auth_outcome_read(struct auth_outcome *o, const struct blob *answer) must_check;

#endif
