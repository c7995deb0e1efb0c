/* SPDX-License-Identifier: Apache-2.0 */
/* One message of an established session, while it is worked out on a copy (ike.c). */
#ifndef PROTO_IKE_SESSION_STEP_H
#define PROTO_IKE_SESSION_STEP_H

#include "proto/ike/nat.h"

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
	enum status content;      /* For an answer: see ike_opened. */
	struct ike_request follow; /* What we ask next, because of this message; or NONE. */
	struct ike_sa *replacement; /* The IKE SA that replaces sa; heap, or NULL. */
};

void ike_step_child(struct ike_step *s);         /* CREATE_CHILD_SA (child.c) */
void ike_step_rekey(struct ike_step *s);         /* ... that rekeys the IKE SA (ike_rekey.c) */
void ike_step_informational(struct ike_step *s); /* INFORMATIONAL (informational.c) */

#endif
