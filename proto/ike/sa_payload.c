/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing from an SA payload (RFC 7296 2.7, 3.3). The payload comes from anybody, so
 * it is read in two plain passes: the first checks that all nested lengths,
 * counts and "last" marks agree ("an implementation MUST check that the total
 * Payload Length is consistent with the payload's internal lengths and counts"),
 * the second reduces each proposal to a set of bits, one per transform that we
 * know, and compares that with ours, once for each proposal of ours.
 *
 * Two rules of 3.3.6 decide what the bits leave out: a transform with an unknown ID or
 * attribute is as if it were not there, but a proposal with an unknown transform
 * *type* is unacceptable as a whole. */
#include "proto/ike/sa_payload.h"

#include "proto/wire/wire.h"

#include <string.h>

#define ATTRIBUTE_TV 0x8000u
#define ATTRIBUTE_KEY_LENGTH 14u
#define ESP_SPI_MIN 256u /* RFC 4303 2.1: 0 to 255 are reserved. */

static const struct known {
	uint8_t type;
	uint16_t id, key_bits;
} known[] = {
	{IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 128}, {IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 256},
	{IKE_TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0},
	{IKE_TRANSFORM_ENCR, ENCR_AES_CBC, 128},    {IKE_TRANSFORM_ENCR, ENCR_AES_CBC, 256},
	{IKE_TRANSFORM_ENCR, ENCR_AES_CTR, 128},    {IKE_TRANSFORM_ENCR, ENCR_AES_CTR, 256},
	{IKE_TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0},  {IKE_TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0},
	{IKE_TRANSFORM_PRF, PRF_HMAC_SHA2_512, 0},  {IKE_TRANSFORM_INTEG, AUTH_NONE, 0},
	{IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_256_128, 0},
	{IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_384_192, 0},
	{IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_512_256, 0},
	{IKE_TRANSFORM_PRF, PRF_HMAC_SHA1, 0},      {IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA1_96, 0},
	{IKE_TRANSFORM_DH, DH_NONE, 0},             {IKE_TRANSFORM_DH, DH_CURVE25519, 0},
	{IKE_TRANSFORM_DH, DH_ECP_256, 0},          {IKE_TRANSFORM_DH, DH_ECP_384, 0},
	{IKE_TRANSFORM_DH, DH_ECP_521, 0},          {IKE_TRANSFORM_DH, DH_MODP_2048, 0},
	{IKE_TRANSFORM_DH, DH_MODP_3072, 0},        {IKE_TRANSFORM_DH, DH_MODP_4096, 0},
	{IKE_TRANSFORM_DH, DH_MODP_1024, 0},
	{IKE_TRANSFORM_ESN, ESN_NO, 0},             {IKE_TRANSFORM_ESN, ESN_YES, 0},
};
#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))
_Static_assert(KNOWN_COUNT <= 32, "a bit of offer.known each");

struct proposal_view {
	uint8_t number, protocol, n_transforms;
	CBS spi, transforms;
};

/* One proposal, reduced. */
struct offer {
	uint32_t known;     /* Bit i: known[i] is offered. */
	uint8_t types;      /* Bit t: there is a transform of type t, known or not. */
	bool unknown_type;
};

/* The next proposal (3.3.1). "Last Substruc" is 0 for the last and 2 for others. */
static bool take_proposal(CBS *in, struct proposal_view *p)
{
	struct wire_head head;
	uint8_t spi_len;
	CBS body;

	if (!wire_take(in, &head, &body) || head.first != (CBS_len(in) == 0 ? 0 : 2))
		return false;
	if (!CBS_get_u8(&body, &p->number) || !CBS_get_u8(&body, &p->protocol) ||
	    !CBS_get_u8(&body, &spi_len) || !CBS_get_u8(&body, &p->n_transforms) ||
	    !CBS_get_bytes(&body, &p->spi, spi_len))
		return false;
	p->transforms = body;
	return true;
}

/* The attributes of one transform (3.3.5): *usable is false when there is one that we
 * don't understand, or the key length twice. Returns false on bad lengths. */
static bool read_attributes(CBS *in, uint16_t *key_bits, bool *usable)
{
	*key_bits = 0;
	*usable = true;
	while (CBS_len(in) > 0) {
		uint16_t type, value;

		if (!CBS_get_u16(in, &type) || !CBS_get_u16(in, &value))
			return false;
		if (!(type & ATTRIBUTE_TV)) {
			if (!CBS_skip(in, value))
				return false;
			*usable = false;
		} else if (type != (ATTRIBUTE_TV | ATTRIBUTE_KEY_LENGTH) || *key_bits != 0 ||
			   value == 0) {
			*usable = false;
		} else {
			*key_bits = value;
		}
	}
	return true;
}

/* The next transform (3.3.2). "Last Substruc" is 0 for the last and 3 for others. */
static bool take_transform(CBS *in, struct known *t, bool *usable)
{
	struct wire_head head;
	uint8_t reserved;
	CBS body;

	return wire_take(in, &head, &body) && head.first == (CBS_len(in) == 0 ? 0 : 3) &&
	       CBS_get_u8(&body, &t->type) && CBS_get_u8(&body, &reserved) &&
	       CBS_get_u16(&body, &t->id) && read_attributes(&body, &t->key_bits, usable);
}

/* All transforms of one proposal as bits. False when the count does not fit. */
static bool reduce(const struct proposal_view *p, struct offer *o)
{
	CBS in = p->transforms;
	unsigned n = 0;

	memset(o, 0, sizeof(*o));
	for (; CBS_len(&in) > 0; n++) {
		struct known t;
		bool usable;

		if (!take_transform(&in, &t, &usable))
			return false;
		if (t.type < IKE_TRANSFORM_ENCR || t.type > IKE_TRANSFORM_ESN) {
			o->unknown_type = true;
			continue;
		}
		o->types |= (uint8_t)(1u << t.type);
		for (size_t i = 0; usable && i < KNOWN_COUNT; i++)
			if (known[i].type == t.type && known[i].id == t.id &&
			    known[i].key_bits == t.key_bits)
				o->known |= 1u << i;
	}
	return n == p->n_transforms;
}

void sa_walk(const CBS *sa, void (*each)(void *ctx, uint8_t number, uint8_t type, uint16_t id,
					 uint16_t key_bits), void *ctx)
{
	CBS in = *sa;
	struct proposal_view p;

	while (CBS_len(&in) > 0 && take_proposal(&in, &p)) {
		CBS transforms = p.transforms;
		struct known t;
		bool usable;

		while (CBS_len(&transforms) > 0 && take_transform(&transforms, &t, &usable))
			each(ctx, p.number, t.type, t.id, t.key_bits);
	}
}

/* The first pass. Proposal numbers rise, so that the answer names one of them. */
static bool is_well_formed(const CBS *sa)
{
	CBS in = *sa;
	uint8_t number = 0;

	if (CBS_len(&in) == 0)
		return false;
	while (CBS_len(&in) > 0) {
		struct proposal_view p;
		struct offer o;

		if (!take_proposal(&in, &p) || !reduce(&p, &o) || p.number <= number)
			return false;
		number = p.number;
	}
	return true;
}

static bool has_type(const struct offer *o, uint8_t type)
{
	return o->types >> type & 1;
}

static bool has(const struct offer *o, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (known[i].type == type && known[i].id == id && known[i].key_bits == key_bits)
			return o->known >> i & 1;
	return false;
}

/* "MAY omit the optional types if the only value for them it will accept is NONE" (3.3.3). */
static bool has_or_absent(const struct offer *o, uint8_t type, uint16_t none)
{
	return !has_type(o, type) || has(o, type, none, 0);
}

/* The first of our values that is offered. */
static bool pick(const struct offer *o, uint8_t type, const uint16_t *values, uint8_t n,
		 uint16_t *out)
{
	for (uint8_t i = 0; i < n; i++) {
		if (has(o, type, values[i], 0)) {
			*out = values[i];
			return true;
		}
	}
	return false;
}

/* The cipher, and integrity by its needs: an AEAD goes with none, or with NONE (3.3). */
static bool pick_encr(const struct offer *o, const struct proposal *p, struct suite *s)
{
	for (uint8_t i = 0; i < p->n_encr; i++) {
		if (!has(o, IKE_TRANSFORM_ENCR, p->encr[i], p->encr_key_bits[i]))
			continue;
		s->encr = p->encr[i];
		s->encr_key_bits = p->encr_key_bits[i];
		s->integ = AUTH_NONE;
		if (suite_is_aead(s) ? has_or_absent(o, IKE_TRANSFORM_INTEG, AUTH_NONE)
				     : pick(o, IKE_TRANSFORM_INTEG, p->integ, p->n_integ, &s->integ))
			return true;
	}
	return false;
}

/* What the selection is about, besides the payload. */
struct query {
	uint8_t protocol, spi_len;
	bool with_dh;
	uint16_t ke_group;
	const struct proposal *ours;
	size_t n_ours;
};

static bool accepts_group(const struct proposal *p, uint16_t group)
{
	for (uint8_t i = 0; i < p->n_dh; i++)
		if (p->dh[i] == group)
			return true;
	return false;
}

static bool pick_dh_ike(const struct offer *o, const struct proposal *p, uint16_t ke_group,
			uint16_t *out)
{
	*out = ke_group;
	if (ke_group != DH_NONE && accepts_group(p, ke_group) &&
	    has(o, IKE_TRANSFORM_DH, ke_group, 0))
		return true;
	return pick(o, IKE_TRANSFORM_DH, p->dh, p->n_dh, out);
}

static bool pick_dh_esp(const struct offer *o, const struct proposal *p, uint16_t ke_group,
			uint16_t *out)
{
	bool none_will_do = has_or_absent(o, IKE_TRANSFORM_DH, DH_NONE);

	*out = DH_NONE;
	if (p->n_dh == 0) {
		if (none_will_do)
			return true;
		*out = ke_group;
		return (dh_is_strong(ke_group) && has(o, IKE_TRANSFORM_DH, ke_group, 0)) ||
		       pick(o, IKE_TRANSFORM_DH, dh_strong, DH_STRONG_COUNT, out);
	}
	if (ke_group == DH_NONE && accepts_group(p, DH_NONE) && none_will_do)
		return true;
	if (pick_dh_ike(o, p, ke_group, out))
		return true;
	*out = DH_NONE;
	return accepts_group(p, DH_NONE) && none_will_do;
}

/* Does one of our proposals accept this offer? The types of 3.3.3 decide: mandatory
 * ones must be there, others must not. */
static bool match(const struct query *q, const struct offer *o, const struct proposal *p,
		  struct suite *s)
{
	memset(s, 0, sizeof(*s));
	if (o->unknown_type || !pick_encr(o, p, s))
		return false;
	if (q->protocol == IKE_PROTOCOL_IKE)
		return !has_type(o, IKE_TRANSFORM_ESN) &&
		       pick(o, IKE_TRANSFORM_PRF, p->prf, p->n_prf, &s->prf) &&
		       pick_dh_ike(o, p, q->ke_group, &s->dh);
	if (has_type(o, IKE_TRANSFORM_PRF) ||
	    !pick(o, IKE_TRANSFORM_ESN, p->esn, p->n_esn, &s->esn))
		return false;
	return !q->with_dh || pick_dh_esp(o, p, q->ke_group, &s->dh);
}

static uint64_t read_spi(const CBS *spi)
{
	uint64_t value = 0;

	for (size_t i = 0; i < CBS_len(spi); i++)
		value = value << 8 | CBS_data(spi)[i];
	return value;
}

/* Protocol and SPI: "the SPI Size field MUST be zero" in IKE_SA_INIT (3.3.1). */
static bool is_for(const struct query *q, const struct proposal_view *p, uint64_t *spi)
{
	if (p->protocol != q->protocol || CBS_len(&p->spi) != q->spi_len)
		return false;
	*spi = read_spi(&p->spi);
	return q->protocol == IKE_PROTOCOL_ESP ? *spi >= ESP_SPI_MIN : q->spi_len == 0 || *spi != 0;
}

/* Compares one of our proposals with the whole offer: the first that it accepts, preferably one
 * whose group has its KE already. */
static bool choose(struct sa_choice *out, const CBS *sa, const struct query *q,
		   const struct proposal *ours)
{
	struct sa_choice c;
	CBS in = *sa;
	bool any = false;

	while (CBS_len(&in) > 0) {
		struct proposal_view p;
		struct offer o;

		memset(&c, 0, sizeof(c));
		if (!take_proposal(&in, &p) || !reduce(&p, &o))
			return false;
		if (!is_for(q, &p, &c.spi) || !match(q, &o, ours, &c.suite))
			continue;
		c.number = p.number;
		c.protocol = p.protocol;
		c.spi_len = q->spi_len;
		c.integ_none = c.suite.integ == AUTH_NONE && has_type(&o, IKE_TRANSFORM_INTEG);
		c.dh_none = q->with_dh && c.suite.dh == DH_NONE && has_type(&o, IKE_TRANSFORM_DH);
		/* 1.3.1, 3.3.6: with NONE chosen a KE payload is ignored. */
		c.ke_mismatch = c.suite.dh != DH_NONE && c.suite.dh != q->ke_group;
		if (!any || !c.ke_mismatch)
			*out = c;
		any = true;
		if (!c.ke_mismatch)
			break;
	}
	return any;
}

static enum status select_proposal(struct sa_choice *out, const CBS *sa, const struct query *q)
{
	memset(out, 0, sizeof(*out));
	if (!is_well_formed(sa))
		return ERR_MALFORMED;
	for (size_t i = 0; i < q->n_ours; i++)
		if (choose(out, sa, q, &q->ours[i]))
			return OK;
	return ERR_UNSUPPORTED;
}

enum status sa_select_ike(struct sa_choice *out, const CBS *sa, const struct proposal *ours,
			  size_t n_ours, uint8_t spi_len, uint16_t ke_group)
{
	const struct query q = {
		.protocol = IKE_PROTOCOL_IKE,
		.spi_len = spi_len,
		.with_dh = true,
		.ke_group = ke_group,
		.ours = ours,
		.n_ours = n_ours,
	};

	return select_proposal(out, sa, &q);
}

enum status sa_select_esp(struct sa_choice *out, const CBS *sa, const struct proposal *ours,
			  size_t n_ours, enum sa_dh dh, uint16_t ke_group)
{
	const struct query q = {
		.protocol = IKE_PROTOCOL_ESP,
		.spi_len = 4,
		.with_dh = dh == SA_DH_NEGOTIATE,
		.ke_group = ke_group,
		.ours = ours,
		.n_ours = n_ours,
	};

	return select_proposal(out, sa, &q);
}

/* Enters one transform of an answer; false if it is unknown or the second of its type. */
static bool enter(struct sa_choice *out, struct offer *seen, const struct known *t)
{
	struct suite *s = &out->suite;

	if (has_type(seen, t->type))
		return false;
	seen->types |= (uint8_t)(1u << t->type);
	switch (t->type) {
	case IKE_TRANSFORM_ENCR:
		s->encr = t->id;
		s->encr_key_bits = t->key_bits;
		break;
	case IKE_TRANSFORM_PRF:
		s->prf = t->id;
		break;
	case IKE_TRANSFORM_INTEG:
		s->integ = t->id;
		out->integ_none = t->id == AUTH_NONE;
		break;
	case IKE_TRANSFORM_DH:
		s->dh = t->id;
		out->dh_none = t->id == DH_NONE;
		break;
	default:
		s->esn = t->id;
		break;
	}
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (known[i].type == t->type && known[i].id == t->id && known[i].key_bits == t->key_bits)
			return true;
	return false;
}

/* Is a suite of these types whole for its protocol? */
static bool is_complete(const struct sa_choice *c, const struct offer *seen)
{
	if (!has_type(seen, IKE_TRANSFORM_ENCR) ||
	    suite_is_aead(&c->suite) != (c->suite.integ == AUTH_NONE))
		return false;
	if (c->protocol == IKE_PROTOCOL_IKE)
		return has_type(seen, IKE_TRANSFORM_PRF) && c->suite.dh != DH_NONE &&
		       !has_type(seen, IKE_TRANSFORM_ESN);
	return c->protocol == IKE_PROTOCOL_ESP && has_type(seen, IKE_TRANSFORM_ESN) &&
	       !has_type(seen, IKE_TRANSFORM_PRF);
}

enum status sa_parse_answer(struct sa_choice *out, const CBS *sa)
{
	struct proposal_view p;
	struct offer seen = {0};
	CBS in = *sa, transforms;

	memset(out, 0, sizeof(*out));
	if (!is_well_formed(sa) || !take_proposal(&in, &p) || CBS_len(&in) != 0)
		return ERR_MALFORMED;
	if (p.protocol != IKE_PROTOCOL_IKE && p.protocol != IKE_PROTOCOL_ESP)
		return ERR_UNSUPPORTED;
	if (p.protocol == IKE_PROTOCOL_ESP ? CBS_len(&p.spi) != 4
					   : CBS_len(&p.spi) != 0 && CBS_len(&p.spi) != 8)
		return ERR_MALFORMED;
	out->number = p.number;
	out->protocol = p.protocol;
	out->spi_len = (uint8_t)CBS_len(&p.spi);
	out->spi = read_spi(&p.spi);
	transforms = p.transforms;
	while (CBS_len(&transforms) > 0) {
		struct known t;
		bool usable;

		if (!take_transform(&transforms, &t, &usable))
			return ERR_MALFORMED;
		if (!usable || t.type < IKE_TRANSFORM_ENCR || t.type > IKE_TRANSFORM_ESN ||
		    !enter(out, &seen, &t))
			return ERR_UNSUPPORTED;
	}
	return is_complete(out, &seen) ? OK : ERR_UNSUPPORTED;
}
