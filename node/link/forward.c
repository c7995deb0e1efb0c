/* SPDX-License-Identifier: Apache-2.0 */
/* type | direction | spi | session | flags | class | local | remote | packet
 * endpoint: family (0, 4, 6) | octets (16) | port */
#include "node/link/forward.h"

#include "cluster/link/frame.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <string.h>

#define FLAG_UDP_ENCAP 1u

static int add_endpoint(CBB *b, const struct endpoint *e)
{
	return CBB_add_u8(b, e->address.family) &&
	       CBB_add_bytes(b, e->address.octets, sizeof(e->address.octets)) &&
	       CBB_add_u16(b, e->port);
}

static int get_endpoint(CBS *b, struct endpoint *e)
{
	static const uint8_t zero[16];
	size_t used;

	if (!CBS_get_u8(b, &e->address.family) ||
	    !CBS_copy_bytes(b, e->address.octets, sizeof(e->address.octets)) ||
	    !CBS_get_u16(b, &e->port))
		return 0;
	if (e->address.family != 0 && e->address.family != 4 && e->address.family != 6)
		return 0;
	used = address_len(&e->address);
	return memcmp(e->address.octets + used, zero, sizeof(zero) - used) == 0;
}

size_t forward_create(const struct datapath_forward *f, uint8_t out[FORWARD_FRAME_MAX])
{
	size_t len = 0;
	CBB b;
	int ok;

	assert(f->len <= DATAPATH_PACKET_MAX);
	ok = CBB_init_fixed(&b, out, FORWARD_FRAME_MAX) && CBB_add_u8(&b, FRAME_FORWARD) &&
	     CBB_add_u8(&b, (uint8_t)f->direction) && CBB_add_u32(&b, f->spi) &&
	     CBB_add_u64(&b, f->session) &&
	     CBB_add_u8(&b, f->path.udp_encap ? FLAG_UDP_ENCAP : 0) && CBB_add_u8(&b, f->path.class) &&
	     add_endpoint(&b, &f->path.local) && add_endpoint(&b, &f->path.remote) &&
	     CBB_add_bytes(&b, f->packet, f->len) && CBB_finish(&b, NULL, &len);
	assert(ok);
	return len;
}

enum status forward_parse(struct datapath_forward *f, const uint8_t *frame, size_t len)
{
	uint8_t type, direction, flags;
	CBS b;

	memset(f, 0, sizeof(*f));
	CBS_init(&b, frame, len);
	if (!CBS_get_u8(&b, &type) || type != FRAME_FORWARD || !CBS_get_u8(&b, &direction) ||
	    direction > DATAPATH_OUTBOUND || !CBS_get_u32(&b, &f->spi) ||
	    !CBS_get_u64(&b, &f->session) || !CBS_get_u8(&b, &flags) ||
	    (flags & ~FLAG_UDP_ENCAP) || !CBS_get_u8(&b, &f->path.class) || !get_endpoint(&b, &f->path.local) ||
	    !get_endpoint(&b, &f->path.remote) || CBS_len(&b) == 0 ||
	    CBS_len(&b) > DATAPATH_PACKET_MAX)
		return ERR_MALFORMED;
	f->direction = (enum datapath_direction)direction;
	f->node = SAD_OWNER_NONE;
	f->path.udp_encap = flags & FLAG_UDP_ENCAP;
	f->packet = CBS_data(&b);
	f->len = CBS_len(&b);
	return OK;
}
