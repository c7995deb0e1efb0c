/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to the view of ike_message.h. One function walks a chain of payloads
 * (RFC 7296 3.2), the clear one and the decrypted one alike; each payload is
 * first narrowed to its own length, then read to its end. Every branch either
 * consumes octets or returns, so no input makes it loop. */
#include "proto/ike/ike_message.h"

#include "proto/ike/payload.h"
#include "proto/wire/wire.h"

#include <assert.h>
#include <string.h>

#define CRITICAL 0x80u

static bool parse_ke(struct ike_payload_ke *ke, CBS *in)
{
	if (!CBS_get_u16(in, &ke->group) || !CBS_skip(in, 2) || CBS_len(in) == 0)
		return false;
	ke->data = *in;
	/* 3.4: "The length of the Diffie-Hellman public value for MODP groups MUST be equal
	 * to the length of the prime modulus"; RFC 5903, RFC 8031 fix the others. */
	return !dh_supported(ke->group) || CBS_len(in) == dh_public_len(ke->group);
}

static bool parse_id(struct ike_payload_id *id, CBS *in)
{
	id->body = *in;
	if (!CBS_get_u8(in, &id->type) || !CBS_skip(in, 3))
		return false;
	id->data = *in;
	return true;
}

static bool parse_auth(struct ike_payload_auth *auth, CBS *in)
{
	if (!CBS_get_u8(in, &auth->method) || !CBS_skip(in, 3) || CBS_len(in) == 0)
		return false;
	auth->data = *in;
	return true;
}

static bool parse_cert(struct ike_payload_cert *list, uint8_t *n, CBS *in)
{
	struct ike_payload_cert cert;

	if (!CBS_get_u8(in, &cert.encoding))
		return false;
	cert.data = *in;
	if (*n < IKE_CERTS_MAX)
		list[(*n)++] = cert;
	return true;
}

static bool parse_notify(struct ike_message *m, CBS *in)
{
	struct ike_notify n;
	uint8_t spi_len;

	if (!CBS_get_u8(in, &n.protocol) || !CBS_get_u8(in, &spi_len) ||
	    !CBS_get_u16(in, &n.type) || !CBS_get_bytes(in, &n.spi, spi_len))
		return false;
	n.data = *in;
	if (m->n_notify < (ike_message_notify(m, n.type) ? IKE_NOTIFIES_ALIKE_MAX : IKE_NOTIFIES_MAX))
		m->notify[m->n_notify++] = n;
	return true;
}

static bool parse_delete(struct ike_delete *d, CBS *in)
{
	uint8_t spi_len;

	if (!CBS_get_u8(in, &d->protocol) || !CBS_get_u8(in, &spi_len) || !CBS_get_u16(in, &d->n) ||
	    CBS_len(in) != (size_t)spi_len * d->n)
		return false;
	/* "zero for IKE (SPI is in message header) or four for AH and ESP" (3.11). */
	if (d->protocol == IKE_PROTOCOL_IKE ? spi_len != 0 || d->n != 0
	    : d->protocol == IKE_PROTOCOL_AH || d->protocol == IKE_PROTOCOL_ESP ? spi_len != 4
										 : true)
		return false;
	d->spis = *in;
	return true;
}

static bool parse_cp(struct ike_cp *cp, CBS *in)
{
	struct ike_cp_attribute ignored;
	CBS rest;

	if (!CBS_get_u8(in, &cp->type) || !CBS_skip(in, 3))
		return false;
	cp->attributes = rest = *in;
	while (ike_cp_next(&rest, &ignored))
		;
	return CBS_len(&rest) == 0;
}

static bool parse_skf(struct ike_payload_sk *skf, CBS *in)
{
	/* RFC 7383 2.6: "check that the Fragment Number and the Total Fragments fields contain
	 * non-zero values", and that the number is not above the total. */
	return CBS_get_u16(in, &skf->fragment) && CBS_get_u16(in, &skf->total) &&
	       skf->fragment != 0 && skf->fragment <= skf->total;
}

/* Reads the body of one payload of a known type. */
static bool parse_body(struct ike_message *m, uint8_t type, CBS *in)
{
	struct ike_delete d;

	switch (type) {
	case IKE_PAYLOAD_SA:
		m->sa = *in;
		return CBS_len(in) > 0;
	case IKE_PAYLOAD_KE:
		return parse_ke(&m->ke, in);
	case IKE_PAYLOAD_IDi:
		return parse_id(&m->idi, in);
	case IKE_PAYLOAD_IDr:
		return parse_id(&m->idr, in);
	case IKE_PAYLOAD_CERT:
		return parse_cert(m->cert, &m->n_cert, in);
	case IKE_PAYLOAD_CERTREQ:
		return parse_cert(m->certreq, &m->n_certreq, in);
	case IKE_PAYLOAD_AUTH:
		return parse_auth(&m->auth, in);
	case IKE_PAYLOAD_NONCE:
		m->nonce = *in;
		return CBS_len(in) >= IKE_NONCE_MIN && CBS_len(in) <= IKE_NONCE_MAX;
	case IKE_PAYLOAD_N:
		return parse_notify(m, in);
	case IKE_PAYLOAD_D:
		m->n_delete++;
		return parse_delete(&d, in);
	case IKE_PAYLOAD_V:
		return true;
	case IKE_PAYLOAD_TSi:
		m->tsi = *in;
		return true;
	case IKE_PAYLOAD_TSr:
		m->tsr = *in;
		return true;
	case IKE_PAYLOAD_CP:
		return parse_cp(&m->cp, in);
	case IKE_PAYLOAD_EAP:
		m->eap = *in;
		return true;
	default:
		return false;
	}
}

static bool is_known(uint8_t type)
{
	return (type >= IKE_PAYLOAD_SA && type <= IKE_PAYLOAD_EAP) || type == IKE_PAYLOAD_SKF;
}

static bool may_repeat(uint8_t type)
{
	return type == IKE_PAYLOAD_CERT || type == IKE_PAYLOAD_CERTREQ || type == IKE_PAYLOAD_N ||
	       type == IKE_PAYLOAD_D || type == IKE_PAYLOAD_V;
}

/* One payload of a known type that may stand here. */
static bool parse_known(struct ike_message *m, uint8_t type, CBS *body)
{
	if (ike_message_has(m, type) && !may_repeat(type))
		return false;
	m->present |= UINT64_C(1) << type;
	return parse_body(m, type, body);
}

/* The SK or SKF payload: "MUST be the last payload in the message" (3.14), and its
 * Next Payload is the type of the first payload inside. */
static bool parse_encrypted(struct ike_message *m, uint8_t type, uint8_t inner, CBS *body)
{
	struct ike_payload_sk *sk = type == IKE_PAYLOAD_SK ? &m->sk : &m->skf;

	sk->first = inner;
	if (type == IKE_PAYLOAD_SKF && !parse_skf(sk, body))
		return false;
	m->present |= UINT64_C(1) << type;
	sk->body = *body;
	return CBS_len(body) > 0;
}

/* Walks a chain. clear says whether SK and SKF may stand in it. */
static enum status parse_chain(struct ike_message *m, uint8_t type, CBS *in, bool clear)
{
	m->chain_first = type;
	m->chain = *in;
	while (type != IKE_PAYLOAD_NONE) {
		struct wire_head head; /* Next Payload; critical bit */
		CBS body;

		if (!wire_take(in, &head, &body))
			return ERR_MALFORMED;
		if (type == IKE_PAYLOAD_SK || type == IKE_PAYLOAD_SKF) {
			if (!clear || !parse_encrypted(m, type, head.first, &body))
				return ERR_MALFORMED;
			break;
		}
		if (!is_known(type)) {
			if (head.second & CRITICAL && m->unknown_critical == 0)
				m->unknown_critical = type;
		} else if (!parse_known(m, type, &body)) {
			return ERR_MALFORMED;
		}
		type = head.first;
	}
	if (CBS_len(in) != 0)
		return ERR_MALFORMED;
	return m->unknown_critical ? ERR_UNSUPPORTED : OK;
}

enum status ike_message_parse(struct ike_message *m, const uint8_t *data, size_t len)
{
	const uint64_t encrypted = UINT64_C(1) << IKE_PAYLOAD_SK | UINT64_C(1) << IKE_PAYLOAD_SKF;
	enum status s;
	CBS in;

	memset(m, 0, sizeof(*m));
	if (ike_header_parse(&m->header, data, len) != DROP_NONE)
		return ERR_MALFORMED;
	CBS_init(&in, data + IKE_HEADER_LEN, len - IKE_HEADER_LEN);
	s = parse_chain(m, m->header.next_payload, &in, true);
	if (s == ERR_MALFORMED)
		return s;
	m->sk.aad_len = len - CBS_len(&m->sk.body);
	m->skf.aad_len = len - CBS_len(&m->skf.body);
	if (m->header.exchange == IKE_EXCHANGE_SA_INIT)
		return m->present & encrypted ? ERR_MALFORMED : s;
	/* Nobody would read payloads in clear beside SK, and answering a critical one before
	 * anything is authenticated would answer a stranger. */
	if (m->present != UINT64_C(1) << IKE_PAYLOAD_SK && m->present != UINT64_C(1) << IKE_PAYLOAD_SKF)
		return ERR_MALFORMED;
	return s == OK ? OK : ERR_MALFORMED;
}

enum status ike_message_parse_content(struct ike_message *m, uint8_t first, const uint8_t *content,
				      size_t len)
{
	const struct ike_header header = m->header;
	const struct ike_payload_sk sk = m->sk, skf = m->skf;
	CBS in;

	memset(m, 0, sizeof(*m));
	m->header = header;
	m->sk = sk;
	m->skf = skf;
	CBS_init(&in, content, len);
	return parse_chain(m, first, &in, false);
}

const struct ike_notify *ike_message_notify(const struct ike_message *m, uint16_t type)
{
	for (uint8_t i = 0; i < m->n_notify; i++)
		if (m->notify[i].type == type)
			return &m->notify[i];
	return NULL;
}

const struct ike_notify *ike_message_error(const struct ike_message *m)
{
	for (uint8_t i = 0; i < m->n_notify; i++)
		if (m->notify[i].type < IKE_NOTIFY_STATUS_FIRST)
			return &m->notify[i];
	return NULL;
}

bool ike_message_next_delete(struct ike_delete_walk *w, struct ike_delete *out)
{
	struct wire_head head;
	CBS body;

	while (w->next != IKE_PAYLOAD_NONE && wire_take(&w->rest, &head, &body)) {
		uint8_t type = w->next;

		w->next = head.first;
		if (type == IKE_PAYLOAD_SK || type == IKE_PAYLOAD_SKF)
			return false; /* What is next to it stands inside. */
		if (type == IKE_PAYLOAD_D)
			return parse_delete(out, &body);
	}
	return false;
}
