/* SPDX-License-Identifier: Apache-2.0 */
/* When a file of CRLs changes while a node runs, it is read again, and used from then on. */
#ifndef NODE_PROCESS_CRL_WATCH_H
#define NODE_PROCESS_CRL_WATCH_H

#include "node/config/config.h"

struct node;

/* With another policy in force: which files there are now, as they were read for it. Copied. */
void crl_watch_files(struct node *n, const struct crl_file *files, size_t n_files);
void crl_watch_look(struct node *n); /* Now and then. */
void crl_watch_fini(struct node *n);

#endif
