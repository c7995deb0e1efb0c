/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection has that ends on some day: its own certificates with those above them, the CAs of its clients,
 * their CRLs. `baton check` looks at it before, a node every hour, and `/metrics` shows it. */
#ifndef NODE_CONFIG_EXPIRY_H
#define NODE_CONFIG_EXPIRY_H

#include "proto/ike/ike_config.h"

#include <openssl/x509.h>

enum expiry_kind { EXPIRY_CERT, EXPIRY_CA, EXPIRY_CRL };
#define EXPIRY_KINDS 3u
#define EXPIRY_NAME_LEN 160u

struct expiry {
	enum expiry_kind kind;
	size_t file;       /* EXPIRY_CERT: of which of its cert_files. */
	const ASN1_TIME *from, *until;
	int64_t left_s;    /* Negative: it is over. */
	int64_t span_s;    /* From its first day to its last. */
	char name[EXPIRY_NAME_LEN]; /* Subject, or a CRL's issuer; printable. */
};

const char *expiry_key(enum expiry_kind kind); /* "cert_file", "client_ca_file", "crl_file" */
int64_t expiry_seconds(const ASN1_TIME *until, int64_t unix_now); /* Negative: it is over. */
/* Of one certificate. The dates are borrowed from it. */
void expiry_of(struct expiry *e, X509 *x, int64_t unix_now);
/* So few days are left, or, of a CRL, a tenth of its time: those are short, and come anew. */
bool expiry_is_soon(const struct expiry *e, unsigned days);

/* All of a connection, one after another; *e is the visitor's for the call. */
typedef void expiry_visit(void *ctx, const struct expiry *e);
void expiry_each(const struct ike_connection *c, int64_t unix_now, expiry_visit *visit, void *ctx);
/* What ends first of each kind, indexed by it, without dates. Returns those that there are: 1 << kind. */
unsigned expiry_first(const struct ike_connection *c, int64_t unix_now, struct expiry first[EXPIRY_KINDS]);

#endif
