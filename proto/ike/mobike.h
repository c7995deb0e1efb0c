/* SPDX-License-Identifier: Apache-2.0 */
/* MOBIKE (RFC 4555) as the responder: a client that changes its address. */
#ifndef PROTO_IKE_MOBIKE_H
#define PROTO_IKE_MOBIKE_H

#include "proto/ike/session_step.h"

/* What a request of INFORMATIONAL says of addresses, and what the response says to it. */
void ike_step_mobike(struct ike_step *s);
/* 3.9: does what m forbids of NATs hold on the way that it came? */
bool ike_nats_allowed(const struct ike_message *m, const struct ike_path *path);
/* The last response of IKE_AUTH: that we speak it, and at which other addresses (3.4). */
void ike_mobike_add(struct ike_builder *b, const struct ike_env *env, const struct address *here);

/* The return routability check (3.7), as what we ask, and its answer. False: no memory. */
bool ike_check_ask(struct ike_builder *b, const struct ike_env *env, struct ike_session *s) must_check;
void ike_step_check_answer(struct ike_step *s);

#endif
