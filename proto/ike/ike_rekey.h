/* SPDX-License-Identifier: Apache-2.0 */
/* Our rekey of an IKE SA. */
#ifndef PROTO_IKE_IKE_REKEY_H
#define PROTO_IKE_IKE_REKEY_H

#include "proto/ike/session_step.h"

/* Adds the payloads and sets what finishes it. False: no memory. */
bool ike_sa_rekey_ask(struct ike_builder *b, const struct ike_env *env, struct ike_session *s,
		      const struct ike_request *request) must_check;
/* s->replacement is the new IKE SA, if the client agreed to one. */
void ike_step_sa_rekey_answer(struct ike_step *s);

#endif
