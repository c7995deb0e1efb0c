/* SPDX-License-Identifier: Apache-2.0 */
/* Question: kind (1), then for each server family (1), address (4 or 16), port (2), length (2),
 * packet. Answer: no (0) and a text with its NUL; or yes (1), the server likewise, and the
 * packet. */
#include "proto/auth/radius_question.h"

#include "proto/auth/outside.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_NONE, ANSWER_PACKET };

static bool put_server(CBB *out, const struct endpoint *server)
{
	return CBB_add_u8(out, server->address.family) &&
	       CBB_add_bytes(out, server->address.octets, address_len(&server->address)) &&
	       CBB_add_u16(out, server->port);
}

static bool take_server(CBS *in, struct endpoint *server)
{
	memset(server, 0, sizeof(*server));
	return CBS_get_u8(in, &server->address.family) && address_len(&server->address) > 0 &&
	       CBS_copy_bytes(in, server->address.octets, address_len(&server->address)) &&
	       CBS_get_u16(in, &server->port);
}

static struct blob *finish(CBB *out, bool good, size_t max)
{
	struct blob *b = good && CBB_len(out) <= max ? blob_new(CBB_data(out), CBB_len(out)) : NULL;

	CBB_cleanup(out);
	return b;
}

struct blob *radius_question_encode(const struct radius_question *q)
{
	bool good;
	CBB out;

	if (!CBB_init(&out, 1024))
		abort();
	good = CBB_add_u8(&out, AUTH_QUESTION_RADIUS);
	for (size_t i = 0; i < q->n; i++) {
		const CBS *p = &q->to[i].packet;

		good = good && put_server(&out, &q->to[i].server) && CBB_add_u16(&out, (uint16_t)CBS_len(p)) &&
		       CBB_add_bytes(&out, CBS_data(p), CBS_len(p));
	}
	return finish(&out, good, IKE_AUTH_QUESTION_MAX);
}

bool radius_question_read(struct radius_question *q, const struct blob *b)
{
	struct radius r;
	uint8_t kind;
	CBS in;

	memset(q, 0, sizeof(*q));
	if (!b)
		return false;
	CBS_init(&in, b->data, b->len);
	if (!CBS_get_u8(&in, &kind) || kind != AUTH_QUESTION_RADIUS)
		return false;
	for (; CBS_len(&in) > 0; q->n++) {
		CBS *packet = &q->to[q->n].packet;

		if (q->n == IKE_RADIUS_MAX || !take_server(&in, &q->to[q->n].server) ||
		    !CBS_get_u16_length_prefixed(&in, packet) || radius_parse(&r, *packet) != OK ||
		    CBS_len(&r.packet) != CBS_len(packet))
			return false;
	}
	return q->n > 0;
}

const struct ike_radius *radius_server_find(const struct ike_config *c, const struct endpoint *server)
{
	for (size_t i = 0; i < c->n_radius; i++)
		if (endpoint_equal(&c->radius[i].address, server))
			return &c->radius[i];
	return NULL;
}

bool radius_question_accepts(const struct radius_question *q, const struct ike_config *c,
			     const struct endpoint *server, CBS datagram)
{
	const struct ike_radius *known = radius_server_find(c, server);
	struct radius request, answer;

	for (size_t i = 0; known && i < q->n; i++) {
		if (!endpoint_equal(&q->to[i].server, server))
			continue;
		return radius_parse(&request, q->to[i].packet) == OK && radius_parse(&answer, datagram) == OK &&
		       (answer.code == RADIUS_ACCESS_ACCEPT || answer.code == RADIUS_ACCESS_REJECT ||
			answer.code == RADIUS_ACCESS_CHALLENGE) &&
		       radius_is_answer(&answer, &request, &known->secret);
	}
	return false;
}

/* ---- The answer ---- */

struct blob *radius_answer_encode(const struct endpoint *server, CBS packet)
{
	bool good;
	CBB out;

	if (!CBB_init(&out, 1024))
		abort();
	good = CBB_add_u8(&out, ANSWER_PACKET) && put_server(&out, server) &&
	       CBB_add_bytes(&out, CBS_data(&packet), CBS_len(&packet));
	return finish(&out, good, SIZE_MAX);
}

struct blob *radius_answer_none(const char *why)
{
	struct blob *b = blob_new(NULL, 1 + strlen(why) + 1);

	b->data[0] = ANSWER_NONE;
	memcpy(b->data + 1, why, strlen(why) + 1);
	return b;
}

bool radius_answer_read(struct radius_answer *a, const struct blob *b)
{
	uint8_t kind;
	CBS in;

	memset(a, 0, sizeof(*a));
	if (!b)
		return false;
	CBS_init(&in, b->data, b->len);
	if (!CBS_get_u8(&in, &kind))
		return false;
	if (kind == ANSWER_NONE) {
		if (CBS_len(&in) < 2 || CBS_data(&in)[CBS_len(&in) - 1] != '\0')
			return false;
		a->why = (const char *)CBS_data(&in);
		return true;
	}
	if (kind != ANSWER_PACKET || !take_server(&in, &a->server))
		return false;
	a->packet = in;
	return true;
}
