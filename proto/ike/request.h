/* SPDX-License-Identifier: Apache-2.0 */
/* Our requests to a client, and what their answers complete. */
#ifndef PROTO_IKE_REQUEST_H
#define PROTO_IKE_REQUEST_H

#include "proto/ike/session_step.h"

/* The client's answer to our outstanding request on s->sa (request.c). */
void ike_step_answer(struct ike_step *s);

/* Puts a request on s->ike[0], outstanding. False: it cannot be sealed, s is to be
 * thrown away. */
bool ike_request_make(const struct ike_env *env, struct ike_session *s,
		      const struct ike_request *request) must_check;

#endif
