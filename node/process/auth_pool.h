/* SPDX-License-Identifier: Apache-2.0 */
/* Answers the questions that authentication methods ask outside (ACTION_AUTH_ASK): a few threads
 * check signatures and certificate chains, so that the control loop never stands still for one. */
#ifndef NODE_PROCESS_AUTH_POOL_H
#define NODE_PROCESS_AUTH_POOL_H

#include "cluster/core/auth_question.h"
#include "proto/wire/blob.h"

#include <uv.h>

struct node;

/* EVENT_AUTH_ANSWER follows. There are at most as many questions as half-open SAs. */
void auth_pool_ask(struct node *n, const struct auth_question *question, const struct blob *data);

/* ---- Its threads, for other long work ---- */

void auth_pool_queue(struct node *n, uv_work_t *work, uv_work_cb run, uv_after_work_cb done);
void auth_pool_humble(void); /* In run: this thread's priority is that of other programs. */

#endif
