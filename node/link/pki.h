/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's own small PKI, for node links only: a CA and one certificate per node, P-256, made
 * by `baton init`. Running a node does not need the CA's key. */
#ifndef NODE_LINK_PKI_H
#define NODE_LINK_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdbool.h>

#define PKI_DAYS 3650

EVP_PKEY *pki_key(void); /* NULL: no memory */
/* ca NULL: self-signed, and a CA. */
X509 *pki_certificate(EVP_PKEY *key, const char *name, X509 *ca, EVP_PKEY *ca_key);
/* Does it carry this name? SAN first; CN only without any dNSName. */
bool pki_names(X509 *certificate, const char *name);
#define PKI_TIME_LEN 64u
void pki_time_text(const ASN1_TIME *t, char text[PKI_TIME_LEN]);
/* mode 0600, created anew: an existing file is an error. false: errno says why. */
bool pki_write_key(const char *path, EVP_PKEY *key);
bool pki_write_certificate(const char *path, X509 *certificate);

#endif
