/* SPDX-License-Identifier: Apache-2.0 */
/* The store on its own thread: a slow disk never stops the control loop. */
#ifndef NODE_STORE_STORE_THREAD_H
#define NODE_STORE_STORE_THREAD_H

#include "node/process/events.h"
#include "node/process/inbox.h"
#include "node/store/store_lmdb.h"

struct store_thread;

/* Adopts store. Completions arrive in done, in order, as INBOX_STORED and INBOX_IDENTITY. If a
 * transaction fails the process ends, with the reason on stderr, because it can no longer keep its
 * promises. delay_ms: test hook. */
struct store_thread *store_thread_start(struct store *store, struct inbox *done,
					struct events *events, uint32_t delay_ms);
/* Finishes what was handed in, then closes the store. */
void store_thread_stop(struct store_thread *t);

/* Control thread; both adopt. Updates that wait share one transaction. */
void store_thread_update(struct store_thread *t, struct store_update *u);
void store_thread_identity(struct store_thread *t, struct blob *identity);

unsigned store_thread_fill_percent(const struct store_thread *t); /* Any thread. */

#endif
