/* SPDX-License-Identifier: Apache-2.0 */
/* Computes slow Diffie-Hellman values (ACTION_DH) on libuv's threads. */
#ifndef NODE_PROCESS_DH_POOL_H
#define NODE_PROCESS_DH_POOL_H

#include <stdint.h>

struct dh_work;
struct node;

/* EVENT_DH follows. Adopts work. The core bounds how many there are. */
void dh_pool_run(struct node *n, uint64_t id, struct dh_work *work);

#endif
