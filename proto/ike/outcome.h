/* SPDX-License-Identifier: Apache-2.0 */
/* The outcome of a responder's step, while it is being made (struct ike_outcome). */
#ifndef PROTO_IKE_OUTCOME_H
#define PROTO_IKE_OUTCOME_H

#include "proto/ike/ike.h"

void ike_outcome_init(struct ike_outcome *o);
/* Sets the log line. Secrets have no business in it. */
void ike_note(struct ike_outcome *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Verdict DROP. */
void ike_drop(struct ike_outcome *o, enum drop why, const char *note);

/* If the desk said "later" in this step: verdict LATER, and nothing else. */
void ike_later(const struct ike_env *env, struct ike_outcome *o);

/* RFC 7296 2.25: "a request that cannot be completed due to a temporary condition". */
bool ike_is_admitted(const struct ike_env *env, struct ike_client client);

#endif
