/* SPDX-License-Identifier: Apache-2.0 */
/* The last rung, and the path of IKE on every rung: for each service address a UDP socket on port
 * 500, one on 4500, and a raw ESP socket. Further sockets are for the control plane's own traffic
 * to servers (RADIUS). */
#ifndef XDP_PORT_SOCKETS_H
#define XDP_PORT_SOCKETS_H

#include "xdp/datapath.h"
#include "xdp/engine/engine.h"

enum socket_kind { SOCKET_IKE, SOCKET_ENCAP, SOCKET_ESP, SOCKET_OTHER, SOCKET_KINDS };

#define SOCKET_BUFFER 16384u /* A whole IKE message, unfragmented, with certificates. */

struct sockets {
	struct address addresses[DATAPATH_ADDRESSES_MAX + DATAPATH_OTHERS_MAX];
	uint16_t port[DATAPATH_ADDRESSES_MAX + DATAPATH_OTHERS_MAX]; /* Its SOCKET_OTHER's. */
	int fds[DATAPATH_ADDRESSES_MAX + DATAPATH_OTHERS_MAX][SOCKET_KINDS]; /* -1: there is none. */
	size_t n;
	uint8_t (*buffers)[SOCKET_BUFFER]; /* BURST of them. */
};

/* 0, or a negative errno and the reason. Needs CAP_NET_RAW and CAP_NET_ADMIN. */
int sockets_open(struct sockets *s, const struct prefix *addresses, size_t n,
		 char err[DATAPATH_ERR_LEN]);
/* One more, for datagrams of other kinds than a client's: after sockets_open(). */
int sockets_open_other(struct sockets *s, const struct endpoint *local, char err[DATAPATH_ERR_LEN]);
void sockets_close(struct sockets *s);

/* Reads one burst from one socket, at most BURST messages, into s->buffers. Their
 * payload is told apart already: each out[i] is ESP (kind of ENCAP_ESP) or IKE. */
struct socket_message {
	enum encap_kind kind;
	struct sad_path path;
	uint8_t *data;
	size_t len;
};
size_t sockets_read(struct sockets *s, size_t address, enum socket_kind kind,
		    struct socket_message out[BURST]);

/* Messages that the kernel dropped because a socket's queue was full. */
uint64_t sockets_overflow(const struct sockets *s);

/* engine_output.outer, with ctx = struct sockets. */
void sockets_write(void *ctx, struct packet **packets, size_t n);

/* One IKE message, or datagram of another kind; from any thread. ERR_NOT_FOUND: there is no socket
 * for local. */
enum status sockets_send_ike(const struct sockets *s, const struct endpoint *local,
			     const struct endpoint *remote, const void *data, size_t len) must_check;

#endif
