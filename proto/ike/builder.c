/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side of the codec. A chain is flat bytes in one CBB: the type of each payload goes
 * into the octet that the one before it (or the IKE header) left for it, lengths are entered when a
 * structure ends. All RESERVED fields are zero and the critical bit is never set (RFC 7296 2.5,
 * 3.2), unless a test asks for it. */
#include "proto/ike/builder.h"

#include "proto/wire/wire.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

#define ROOM 512u          /* To start with; it grows. */
#define NEXT_PAYLOAD_AT 16u /* In the IKE header. */
#define LENGTH_AT 24u
#define CRITICAL 0x80u

static void keep(struct ike_builder *b, bool ok)
{
	if (!ok)
		b->failed = true;
}

static void put(struct ike_builder *b, const void *data, size_t len)
{
	keep(b, !b->failed && CBB_add_bytes(&b->cbb, data, len));
}

static void put_u8(struct ike_builder *b, uint8_t v)
{
	keep(b, !b->failed && CBB_add_u8(&b->cbb, v));
}

static void put_u16(struct ike_builder *b, uint16_t v)
{
	keep(b, !b->failed && CBB_add_u16(&b->cbb, v));
}

static void put_u32(struct ike_builder *b, uint32_t v)
{
	keep(b, !b->failed && CBB_add_u32(&b->cbb, v));
}

static void open_at(struct ike_builder *b, uint8_t first, uint8_t second, size_t *at)
{
	*at = 0;
	keep(b, !b->failed && wire_open(&b->cbb, first, second, at));
}

static void close_at(struct ike_builder *b, size_t at)
{
	keep(b, !b->failed && wire_close(&b->cbb, at));
}

void ike_builder_init(struct ike_builder *b)
{
	memset(b, 0, sizeof(*b));
	b->next_at = SIZE_MAX;
	keep(b, CBB_init(&b->cbb, ROOM));
}

void ike_builder_init_message(struct ike_builder *b, const struct ike_header *h)
{
	uint8_t header[IKE_HEADER_LEN];

	ike_builder_init(b);
	ike_header_write(header, h);
	header[NEXT_PAYLOAD_AT] = IKE_PAYLOAD_NONE;
	b->message = true;
	b->next_at = NEXT_PAYLOAD_AT;
	put(b, header, sizeof(header));
}

enum status ike_builder_finish(struct ike_builder *b, struct blob **out)
{
	*out = NULL;
	if (!b->failed) {
		size_t len = CBB_len(&b->cbb);

		if (b->message) {
			wire_patch_u16(&b->cbb, LENGTH_AT, (uint16_t)(len >> 16));
			wire_patch_u16(&b->cbb, LENGTH_AT + 2, (uint16_t)len);
		}
		*out = blob_new(CBB_data(&b->cbb), len);
	}
	CBB_cleanup(&b->cbb);
	return b->failed ? ERR_TOO_LONG : OK;
}

void ike_builder_fini(struct ike_builder *b)
{
	CBB_cleanup(&b->cbb);
}

static void open_payload(struct ike_builder *b, uint8_t type, bool critical)
{
	if (b->failed)
		return;
	if (b->next_at == SIZE_MAX)
		b->first = type;
	else
		wire_patch_u8(&b->cbb, b->next_at, type);
	if (b->message && b->next_at == NEXT_PAYLOAD_AT)
		b->first = type;
	open_at(b, IKE_PAYLOAD_NONE, critical ? CRITICAL : 0, &b->open_at);
	b->next_at = b->open_at;
}

static void close_payload(struct ike_builder *b)
{
	close_at(b, b->open_at);
}

void ike_add_payload(struct ike_builder *b, uint8_t type, bool critical, const void *body, size_t len)
{
	open_payload(b, type, critical);
	put(b, body, len);
	close_payload(b);
}

/* ---- SA ---- */

struct transform {
	uint8_t type;
	uint16_t id, key_bits;
};

struct transform_list {
	struct transform t[5 * PROPOSAL_CHOICES];
	uint8_t n;
};

static void list_add(struct transform_list *l, uint8_t type, uint16_t id, uint16_t key_bits)
{
	assert(l->n < sizeof(l->t) / sizeof(l->t[0]));
	l->t[l->n++] = (struct transform){type, id, key_bits};
}

static void list_add_all(struct transform_list *l, uint8_t type, const uint16_t *ids, uint8_t n)
{
	for (uint8_t i = 0; i < n; i++)
		list_add(l, type, ids[i], 0);
}

static void add_transforms(struct ike_builder *b, const struct transform_list *l)
{
	for (uint8_t i = 0; i < l->n; i++) {
		size_t at;

		open_at(b, i + 1 < l->n ? 3 : 0, 0, &at); /* Last Substruc, 3.3.2 */
		put_u8(b, l->t[i].type);
		put_u8(b, 0);
		put_u16(b, l->t[i].id);
		if (l->t[i].key_bits != 0) { /* Key Length, type/value, 3.3.5 */
			put_u16(b, 0x8000u | 14u);
			put_u16(b, l->t[i].key_bits);
		}
		close_at(b, at);
	}
}

/* What stands before the transforms of a proposal. */
struct proposal_head {
	uint8_t number, protocol, spi_len;
	uint64_t spi;
	bool last;
};

static void add_proposal(struct ike_builder *b, const struct proposal_head *h,
			 const struct transform_list *l)
{
	size_t at;

	assert(h->spi_len <= 8);
	open_at(b, h->last ? 0 : 2, 0, &at); /* Last Substruc, 3.3.1 */
	put_u8(b, h->number);
	put_u8(b, h->protocol);
	put_u8(b, h->spi_len);
	put_u8(b, l->n);
	for (unsigned i = h->spi_len; i > 0; i--)
		put_u8(b, (uint8_t)(h->spi >> (8 * (i - 1))));
	add_transforms(b, l);
	close_at(b, at);
}

void ike_add_sa_answer(struct ike_builder *b, const struct sa_choice *c, uint64_t spi)
{
	const struct suite *s = &c->suite;
	const struct proposal_head head = {c->number, c->protocol, c->spi_len, spi, true};
	struct transform_list l = {.n = 0};

	list_add(&l, IKE_TRANSFORM_ENCR, s->encr, s->encr_key_bits);
	if (s->integ != AUTH_NONE || c->integ_none)
		list_add(&l, IKE_TRANSFORM_INTEG, s->integ, 0);
	if (c->protocol == IKE_PROTOCOL_IKE)
		list_add(&l, IKE_TRANSFORM_PRF, s->prf, 0);
	if (s->dh != DH_NONE || c->dh_none)
		list_add(&l, IKE_TRANSFORM_DH, s->dh, 0);
	if (c->protocol == IKE_PROTOCOL_ESP)
		list_add(&l, IKE_TRANSFORM_ESN, s->esn, 0);
	open_payload(b, IKE_PAYLOAD_SA, false);
	add_proposal(b, &head, &l);
	close_payload(b);
}

void ike_add_sa_offer(struct ike_builder *b, const struct sa_offer *o)
{
	assert(o->n > 0 && o->n < 255);
	open_payload(b, IKE_PAYLOAD_SA, false);
	for (size_t i = 0; i < o->n; i++) {
		const struct proposal *p = &o->proposals[i];
		const struct proposal_head head = {(uint8_t)(i + 1), o->protocol, o->spi_len, o->spi,
						   i + 1 == o->n};
		struct transform_list l = {.n = 0};

		for (uint8_t j = 0; j < p->n_encr; j++)
			list_add(&l, IKE_TRANSFORM_ENCR, p->encr[j], p->encr_key_bits[j]);
		list_add_all(&l, IKE_TRANSFORM_INTEG, p->integ, p->n_integ);
		if (o->protocol == IKE_PROTOCOL_IKE)
			list_add_all(&l, IKE_TRANSFORM_PRF, p->prf, p->n_prf);
		if (o->with_dh)
			list_add_all(&l, IKE_TRANSFORM_DH, p->dh, p->n_dh);
		if (o->protocol == IKE_PROTOCOL_ESP)
			list_add_all(&l, IKE_TRANSFORM_ESN, p->esn, p->n_esn);
		add_proposal(b, &head, &l);
	}
	close_payload(b);
}

/* ---- The others ---- */

void ike_add_ke(struct ike_builder *b, uint16_t group, const uint8_t *data, size_t len)
{
	open_payload(b, IKE_PAYLOAD_KE, false);
	put_u16(b, group);
	put_u16(b, 0);
	put(b, data, len);
	close_payload(b);
}

void ike_add_nonce(struct ike_builder *b, const uint8_t *data, size_t len)
{
	ike_add_payload(b, IKE_PAYLOAD_NONCE, false, data, len);
}

/* The shape that ID, AUTH, CP share: an octet, three reserved ones, data. */
static void add_typed(struct ike_builder *b, uint8_t payload, uint8_t type, const void *data,
		      size_t len)
{
	open_payload(b, payload, false);
	put_u32(b, (uint32_t)type << 24);
	put(b, data, len);
	close_payload(b);
}

void ike_add_id(struct ike_builder *b, uint8_t type, const struct ike_id *id)
{
	assert(type == IKE_PAYLOAD_IDi || type == IKE_PAYLOAD_IDr);
	add_typed(b, type, id->type, id->data, id->len);
}

void ike_add_auth(struct ike_builder *b, uint8_t method, const uint8_t *data, size_t len)
{
	add_typed(b, IKE_PAYLOAD_AUTH, method, data, len);
}

void ike_add_cert(struct ike_builder *b, uint8_t type, const uint8_t *data, size_t len)
{
	assert(type == IKE_PAYLOAD_CERT || type == IKE_PAYLOAD_CERTREQ);
	open_payload(b, type, false);
	put_u8(b, IKE_CERT_X509_SIGNATURE);
	put(b, data, len);
	close_payload(b);
}

void ike_add_ts(struct ike_builder *b, uint8_t type, const struct ts_set *set)
{
	assert(type == IKE_PAYLOAD_TSi || type == IKE_PAYLOAD_TSr);
	open_payload(b, type, false);
	put_u32(b, (uint32_t)set->n << 24);
	for (uint8_t i = 0; i < set->n; i++) {
		const struct traffic_selector *ts = &set->ts[i];
		size_t at;

		open_at(b, ts->start.family == 4 ? 7 : 8, ts->protocol, &at);
		put_u16(b, ts->port_start);
		put_u16(b, ts->port_end);
		put(b, ts->start.octets, address_len(&ts->start));
		put(b, ts->end.octets, address_len(&ts->end));
		close_at(b, at);
	}
	close_payload(b);
}

void ike_add_notify(struct ike_builder *b, uint16_t type, const void *data, size_t len)
{
	open_payload(b, IKE_PAYLOAD_N, false);
	put_u16(b, 0); /* Protocol ID, SPI Size */
	put_u16(b, type);
	put(b, data, len);
	close_payload(b);
}

void ike_add_notify_u16(struct ike_builder *b, uint16_t type, uint16_t data)
{
	const uint8_t wire[2] = {(uint8_t)(data >> 8), (uint8_t)data};

	ike_add_notify(b, type, wire, sizeof(wire));
}

void ike_add_notify_esp(struct ike_builder *b, uint16_t type, uint32_t spi)
{
	open_payload(b, IKE_PAYLOAD_N, false);
	put_u8(b, IKE_PROTOCOL_ESP);
	put_u8(b, sizeof(spi));
	put_u16(b, type);
	put_u32(b, spi);
	close_payload(b);
}

void ike_add_delete_ike(struct ike_builder *b)
{
	const uint8_t body[4] = {IKE_PROTOCOL_IKE};

	ike_add_payload(b, IKE_PAYLOAD_D, false, body, sizeof(body));
}

void ike_add_delete_esp(struct ike_builder *b, const uint32_t *spis, size_t n)
{
	open_payload(b, IKE_PAYLOAD_D, false);
	put_u8(b, IKE_PROTOCOL_ESP);
	put_u8(b, sizeof(spis[0]));
	keep(b, n <= UINT16_MAX);
	put_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		put_u32(b, spis[i]);
	close_payload(b);
}

void ike_cp_open(struct ike_builder *b, uint8_t cfg_type)
{
	open_payload(b, IKE_PAYLOAD_CP, false);
	put_u32(b, (uint32_t)cfg_type << 24);
}

void ike_cp_add(struct ike_builder *b, uint16_t type, const void *value, size_t len)
{
	keep(b, len <= UINT16_MAX);
	put_u16(b, type);
	put_u16(b, (uint16_t)len);
	put(b, value, len);
}

void ike_cp_add_address(struct ike_builder *b, const struct address *a)
{
	uint8_t with_bits[17];

	if (a->family == 4) {
		ike_cp_add(b, IKE_CP_INTERNAL_IP4_ADDRESS, a->octets, 4);
		return;
	}
	assert(a->family == 6);
	memcpy(with_bits, a->octets, 16);
	with_bits[16] = 128;
	ike_cp_add(b, IKE_CP_INTERNAL_IP6_ADDRESS, with_bits, sizeof(with_bits));
}

void ike_cp_add_dns(struct ike_builder *b, const struct address *a)
{
	assert(a->family == 4 || a->family == 6);
	ike_cp_add(b, a->family == 4 ? IKE_CP_INTERNAL_IP4_DNS : IKE_CP_INTERNAL_IP6_DNS, a->octets,
		   address_len(a));
}

/* RFC 7296 3.15.1: an address and its netmask for IPv4, its prefix length for IPv6. */
void ike_cp_add_subnet(struct ike_builder *b, const struct prefix *p)
{
	uint8_t value[17] = {0};

	memcpy(value, p->address.octets, address_len(&p->address));
	if (p->address.family == 4) {
		for (unsigned bit = 0; bit < p->bits; bit++)
			value[4 + bit / 8] |= (uint8_t)(0x80u >> bit % 8);
		ike_cp_add(b, IKE_CP_INTERNAL_IP4_SUBNET, value, 8);
		return;
	}
	value[16] = p->bits;
	ike_cp_add(b, IKE_CP_INTERNAL_IP6_SUBNET, value, 17);
}

void ike_cp_close(struct ike_builder *b)
{
	close_payload(b);
}
