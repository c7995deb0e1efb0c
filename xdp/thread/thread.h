/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of the data path. */
#ifndef XDP_THREAD_THREAD_H
#define XDP_THREAD_THREAD_H

#include <pthread.h>

/* Named, and deaf to signals, which are the control thread's. 0 or a negative errno. */
int thread_start(pthread_t *thread, const char *name, void *(*main)(void *), void *arg);

#endif
