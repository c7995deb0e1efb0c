/* SPDX-License-Identifier: Apache-2.0 */
/* An IKE message as it travels: one datagram, or its fragments (RFC 7383), in order. What
 * is cached, committed, replicated and sent is this set, so it is repeated as it was, bit
 * for bit. Immutable, with a reference count, single-threaded. NULL is "no message" and is
 * accepted everywhere. Datagrams are without non-ESP marker. */
#ifndef PROTO_IKE_DATAGRAMS_H
#define PROTO_IKE_DATAGRAMS_H

#include "proto/wire/blob.h"

#include <stdbool.h>

/* Both bounds are checked where a set is made or read. With datagrams of RFC 791's 576 octets, a
 * message of the second size needs fewer datagrams than the first. */
#define IKE_DATAGRAMS_MAX 20u       /* Datagrams of one message. */
#define IKE_DATAGRAMS_LEN_MAX 8192u /* Octets of them all: far below what a log entry holds. */

struct ike_datagrams {
	unsigned refs;
	uint32_t n;              /* 1 to IKE_DATAGRAMS_MAX */
	struct blob *datagram[]; /* None is empty. */
};

/* Adopts the blobs; refs = 1. n is in bounds and no blob NULL, or it is a programmer's error. */
struct ike_datagrams *ike_datagrams_new(struct blob *const *datagrams, uint32_t n);
/* One datagram, adopted; NULL for NULL. */
struct ike_datagrams *ike_datagrams_of(struct blob *datagram);

struct ike_datagrams *ike_datagrams_ref(struct ike_datagrams *d); /* Returns d. */
void ike_datagrams_unref(struct ike_datagrams *d);
/* Drops what slot held, adopts d. */
void ike_datagrams_set(struct ike_datagrams **slot, struct ike_datagrams *d);

/* The one of a message that is not fragmented (else it is a programmer's error); NULL for NULL. */
struct blob *ike_datagrams_only(const struct ike_datagrams *d);
uint32_t ike_datagrams_len(const struct ike_datagrams *d); /* Octets of them all. */
bool ike_datagrams_equal(const struct ike_datagrams *a, const struct ike_datagrams *b);

#endif
