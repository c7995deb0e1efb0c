/* SPDX-License-Identifier: Apache-2.0 */
/* Files in PEM that cluster.toml names. A block that cannot be read is an error: to stop there would silently leave
 * out what follows it. */
#ifndef NODE_CONFIG_PEM_H
#define NODE_CONFIG_PEM_H

#include "node/config/schema.h"

#include <openssl/bio.h>
#include <openssl/x509.h>

/* The file's text; NULL: *why. others: others may read it. */
BIO *config_read_pem(const char *path, bool *others, const char **why);
/* Its certificates, for the caller to free. what: "\"cert_file\": PATH", for messages; NULL: said why. */
STACK_OF(X509) *config_take_chain(struct reader *r, int line, const char *what, BIO *bio, bool others);
/* PEM_read_...() has returned NULL. True: the file is at its end; else the next block is damaged. */
bool config_pem_is_over(void);

#endif
