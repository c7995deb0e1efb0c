/* SPDX-License-Identifier: Apache-2.0 */
/* Our rekey of a Child SA. */
#ifndef PROTO_IKE_CHILD_REKEY_H
#define PROTO_IKE_CHILD_REKEY_H

#include "proto/ike/session_step.h"

/* Adds the payloads and sets what finishes it. False: no memory. */
bool ike_rekey_ask(struct ike_builder *b, const struct ike_env *env, struct ike_session *s,
		   const struct ike_request *request) must_check;
/* The client has rekeyed the same Child SA while ours is outstanding on sa: rival is our
 * SPI of what that made, ni and nr are its nonces. */
void ike_rekey_collides(struct ike_sa *sa, uint32_t rival, CBS ni, CBS nr);
void ike_step_rekey_answer(struct ike_step *s);

#endif
