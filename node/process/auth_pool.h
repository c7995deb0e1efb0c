/* SPDX-License-Identifier: Apache-2.0 */
/* Answers the questions that authentication methods ask outside (ACTION_AUTH_ASK): a few threads
 * check signatures and certificate chains, so that the control loop never stands still for one. */
#ifndef NODE_PROCESS_AUTH_POOL_H
#define NODE_PROCESS_AUTH_POOL_H

#include "cluster/core/auth_question.h"
#include "proto/auth/auth_clock.h"
#include "proto/wire/blob.h"

struct node;

/* EVENT_AUTH_ANSWER follows. There are at most as many questions as half-open SAs. */
void auth_pool_ask(struct node *n, const struct auth_question *question, const struct blob *data,
		   const struct auth_clock *clock);

#endif
