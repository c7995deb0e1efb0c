/* SPDX-License-Identifier: Apache-2.0 */
/* A question to RADIUS, to be asked outside (outside.h): whole Access-Requests, each with the server
 * that it is for. Every leader sends these octets, the first time and again, because another request
 * would be no repetition (RFC 5080 2.2.2). The first request of a conversation may go to any server,
 * so there is one for each; later ones go to the server that has answered, because its State means
 * nothing to others.
 *
 * The answer is the packet of one of them, or a phrase for the log. */
#ifndef PROTO_AUTH_RADIUS_QUESTION_H
#define PROTO_AUTH_RADIUS_QUESTION_H

#include "proto/auth/radius.h"
#include "proto/ike/ike_config.h"

struct radius_question {
	size_t n;
	struct {
		struct endpoint server;
		CBS packet;
	} to[IKE_RADIUS_MAX];
};

/* NULL: it would be longer than IKE_AUTH_QUESTION_MAX. */
struct blob *radius_question_encode(const struct radius_question *q) must_check;
/* Views of b, each a whole packet. False: it is none of this kind. */
bool radius_question_read(struct radius_question *q, const struct blob *b) must_check;

/* NULL: it is no longer configured. */
const struct ike_radius *radius_server_find(const struct ike_config *c, const struct endpoint *server);
/* Does a server's packet answer the question's request to it? False unless it is signed with the
 * server's secret over that request. */
bool radius_question_accepts(const struct radius_question *q, const struct ike_config *c,
			     const struct endpoint *server, CBS datagram) must_check;

/* ---- The answer ---- */

struct radius_answer {
	const char *why; /* NULL: there is a packet, ... */
	struct endpoint server;
	CBS packet;
};

/* From that server; why: nobody answers. */
struct blob *radius_answer_encode(const struct endpoint *server, CBS packet);
struct blob *radius_answer_none(const char *why);
/* Views of b. False: it is none. */
bool radius_answer_read(struct radius_answer *a, const struct blob *b) must_check;

#endif
