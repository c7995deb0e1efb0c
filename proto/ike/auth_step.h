/* SPDX-License-Identifier: Apache-2.0 */
/* One round of IKE_AUTH, for auth.c and auth_session.c alone. */
#ifndef PROTO_IKE_AUTH_STEP_H
#define PROTO_IKE_AUTH_STEP_H

#include "proto/auth/method.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/nat.h"

struct auth_step {
	const struct ike_env *env;
	const struct ike_half_open *half_open;
	struct ike_path path;      /* The path of the request that is answered, ... */
	struct ike_header request; /* ... its header ... */
	struct ike_request_id request_id;
	const struct ike_auth_method *method;
	struct ike_auth_round round;
	struct ike_session *session; /* NULL until the client is let in. */
	struct ike_outcome *out;
};

/* ---- auth.c ---- */
/* Seals b as the response; DROP if that fails. */
bool ike_auth_respond(struct auth_step *s, struct ike_builder *b);
/* Verdict REFUSE: the response is that NOTIFY. */
void ike_auth_refuse(struct auth_step *s, uint16_t notify, const char *why);

/* ---- auth_session.c ---- */
/* Session, Child SA and address, everything into one response: verdict ESTABLISH. */
void ike_auth_establish(struct auth_step *s);

#endif
