/* SPDX-License-Identifier: Apache-2.0 */
/* Immutable bytes with a reference count: a message that is cached, committed
 * and sent is one allocation. Single-threaded. NULL is the empty blob and is
 * accepted everywhere. Freed bytes are cleansed. */
#ifndef PROTO_WIRE_BLOB_H
#define PROTO_WIRE_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct blob {
	unsigned refs;
	uint32_t len; /* Octets in data. */
	uint8_t data[];
};

struct blob *blob_new(const void *data, size_t len); /* refs = 1; NULL when len is 0. data NULL: the caller fills it. */
struct blob *blob_ref(struct blob *b);               /* Returns b. */
void blob_unref(struct blob *b);
void blob_set(struct blob **slot, struct blob *b);   /* Drops what slot held, adopts b. */

#endif
