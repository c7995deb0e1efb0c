/* SPDX-License-Identifier: Apache-2.0 */
/* The one oddity of IKE's lengths: the 16-bit length at offset 2 of payload headers, proposals,
 * transforms and selectors includes the four octets that contain it. Wrapped here once, for reading
 * and for writing. */
#ifndef PROTO_WIRE_WIRE_H
#define PROTO_WIRE_WIRE_H

#include <openssl/bytestring.h>

#include <stdbool.h>

#define WIRE_HEAD_LEN 4u

struct wire_head {
	uint8_t first, second; /* The octets before the length. */
};

/* Takes one structure (octet, octet, length, body) from in. False when the
 * length is less than 4 or more than there is. */
static inline bool wire_take(CBS *in, struct wire_head *head, CBS *body)
{
	uint16_t len;

	return CBS_get_u8(in, &head->first) && CBS_get_u8(in, &head->second) &&
	       CBS_get_u16(in, &len) && len >= WIRE_HEAD_LEN &&
	       CBS_get_bytes(in, body, len - WIRE_HEAD_LEN);
}

/* Overwrites what was written at offset at. CBB only appends, but the types and
 * lengths of IKE come before what they describe. */
static inline void wire_patch_u8(CBB *out, size_t at, uint8_t value)
{
	((uint8_t *)CBB_data(out))[at] = value;
}

static inline void wire_patch_u16(CBB *out, size_t at, uint16_t value)
{
	wire_patch_u8(out, at, (uint8_t)(value >> 8));
	wire_patch_u8(out, at + 1, (uint8_t)value);
}

/* A number in network order, outside of any CBB. */
static inline void wire_put_u64(uint8_t out[8], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* Starts a structure with a length yet unknown; *at remembers where. */
static inline bool wire_open(CBB *out, uint8_t first, uint8_t second, size_t *at)
{
	*at = CBB_len(out);
	return CBB_add_u8(out, first) && CBB_add_u8(out, second) && CBB_add_u16(out, 0);
}

/* Enters the length; false above 65535. */
static inline bool wire_close(CBB *out, size_t at)
{
	size_t len = CBB_len(out) - at;

	if (len > UINT16_MAX)
		return false;
	wire_patch_u16(out, at + 2, (uint16_t)len);
	return true;
}

#endif
