/* SPDX-License-Identifier: Apache-2.0 */
/* Mutual TLS 1.3 without sockets: octets from the wire go in, octets for the wire come out. A peer
 * that the cluster's own CA certified under a configured node's name is that node; no other root is
 * trusted. One thread at a time. */
#ifndef NODE_LINK_TLS_H
#define NODE_LINK_TLS_H

#include "node/config/config.h"

#include <stddef.h>
#include <stdint.h>

#define TLS_ERR_LEN 512u

struct tls_context;
struct tls;

/* Reads the files; checks that the key belongs to the certificate, the certificate
 * to the CA and to `name`, and that it has not expired. NULL: err names the file. */
struct tls_context *tls_context_new(const char *ca_file, const char *cert_file,
				    const char *key_file, const char *name, char err[TLS_ERR_LEN]);
void tls_context_free(struct tls_context *c);
/* Is the clock before the time from which on our certificate is valid? err says so. */
bool tls_context_early(const struct tls_context *c, char err[TLS_ERR_LEN]);

/* Seconds until our own certificate expires; negative: it has. */
int64_t tls_context_expires_in(const struct tls_context *c, int64_t unix_now);

struct tls *tls_new(struct tls_context *c, bool server);
void tls_free(struct tls *t);

enum tls_result {
	TLS_OK,      /* Done, or for tls_read(): *n octets. */
	TLS_WAIT,    /* More octets from the wire are needed. */
	TLS_CLOSED,  /* The peer said good-bye. */
	TLS_FAILED   /* tls_error() says why. */
};

void tls_feed(struct tls *t, const uint8_t *data, size_t len); /* From the wire. */
/* For the wire: adopt with tls_sent() what was taken of it. */
size_t tls_pending(struct tls *t, const uint8_t **data);
void tls_sent(struct tls *t, size_t n);

enum tls_result tls_handshake(struct tls *t);
enum tls_result tls_read(struct tls *t, uint8_t *out, size_t room, size_t *n);
enum tls_result tls_write(struct tls *t, const uint8_t *data, size_t len); /* All of it. */

/* After the handshake: which of the names the peer's certificate carries (SAN dNSName, else
 * CN); CLUSTER_NODES_MAX: none of them. */
uint32_t tls_peer(const struct tls *t, const struct cluster_config *c);
const char *tls_error(const struct tls *t);
/* After the handshake: octets that both ends of this connection have, and nobody else
 * (RFC 8446 7.5). */
void tls_exporter(const struct tls *t, const char *label, uint8_t *out, size_t len);

#endif
