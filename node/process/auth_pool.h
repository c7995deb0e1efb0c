/* SPDX-License-Identifier: Apache-2.0 */
/* Who answers what authentication methods ask outside (ACTION_AUTH_ASK): signatures and chains of
 * certificates by a few threads, so that the control loop stands still for none of them. */
#ifndef NODE_PROCESS_AUTH_POOL_H
#define NODE_PROCESS_AUTH_POOL_H

#include "cluster/core/auth_question.h"
#include "proto/wire/blob.h"

#include <uv.h>

struct node;

/* EVENT_AUTH_ANSWER follows. There are at most as many questions as half-open SAs. */
void auth_pool_ask(struct node *n, const struct auth_question *question, const struct blob *data);

/* ---- Its threads, for others who have long work ---- */

void auth_pool_queue(struct node *n, uv_work_t *work, uv_work_cb run, uv_after_work_cb done);
void auth_pool_humble(void); /* In run: this thread's priority is that of other programs. */

#endif
