/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads for what takes milliseconds, so that the control loop stands still for none of it:
 * signatures and certificates (auth_pool.c), Diffie-Hellman (dh_pool.c), CRLs (crl_watch.c). */
#ifndef NODE_PROCESS_WORK_THREADS_H
#define NODE_PROCESS_WORK_THREADS_H

#include <uv.h>

/* run in one of them, then done in the loop's. */
void work_threads_queue(uv_loop_t *loop, uv_work_t *work, uv_work_cb run, uv_after_work_cb done);
void work_threads_humble(void); /* In run: this thread's priority is that of other programs. */

#endif
