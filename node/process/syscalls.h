/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that a running node may still make. */
#ifndef NODE_PROCESS_SYSCALLS_H
#define NODE_PROCESS_SYSCALLS_H

/* From now on, for all threads: what is not on the list fails with EPERM, and the kernel's
 * audit says so. NULL, or why there is no filter: nothing has changed then. */
const char *syscalls_confine(void);

#endif
