/* SPDX-License-Identifier: Apache-2.0 */
/* auth = "eap-radius": EAP of whatever kind, between the client and a RADIUS server (RFC 7296 2.16,
 * RFC 3579). We look only at its first packet and its end:
 *
 * 	IDi, SA, TS ...  -->             <--  IDr, AUTH, EAP Request/Identity
 * 	EAP Response/Identity  -->       asked outside: Access-Request; Access-Challenge
 * 	                                 <--  EAP Request
 * 	EAP Response  -->                asked outside ... as often as the two want
 * 	                                 Access-Accept, with the MSK
 * 	                                 <--  EAP Success
 * 	AUTH  -->                        <--  AUTH, CP, SA, TS
 *
 * The client's identity is the User-Name of Access-Accept, or else its EAP identity; with methods
 * that have a tunnel, only the server can compare that with the identity inside.
 *
 * Whatever goes wrong, the client learns only that it failed; the log says why. Unresolved: methods
 * that yield no key are refused (RFC 7296 2.16 has AUTH by SK_p for them, and calls that
 * insecure). */
#include "proto/auth/eap_auth.h"
#include "proto/auth/radius_question.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MSK_LEN 64u        /* RFC 3748 7.10, as it is in MS-MPPE-Recv-Key and -Send-Key. */
#define FRAMED_MTU 1280u   /* RFC 3579 2.4: EAP's fragments with those of IKE around them. */

enum { SERVICE_FRAMED = 2, PORT_VIRTUAL = 5 }; /* RFC 2865 5.6, 5.41 */

enum phase {
	PHASE_IDENTITY = 1, /* Asked for. */
	PHASE_PACKETS,      /* The server's are relayed. */
	PHASE_AUTH          /* EAP is over. */
};

struct radius_progress {
	uint8_t phase;
	uint8_t id; /* The identifier of the last EAP request. */
	uint8_t name_len, name[IKE_ID_MAX]; /* EAP-Identity */
	uint8_t family, address[16], port[2]; /* The server that has answered. */
	uint8_t state_len, state[RADIUS_VALUE_MAX]; /* Its State. */
	uint8_t msk[MSK_LEN];
	uint8_t framed[4], timeout[4]; /* What it grants: Framed-IP-Address, Session-Timeout; 0: nothing. */
	uint8_t interim[4];            /* Acct-Interim-Interval; 0: it does not say. */
	uint8_t account_len[2], account[IKE_ACCOUNT_MAX]; /* User-Name and each Class, for accounting. */
};

static size_t account_len(const struct radius_progress *p)
{
	return (size_t)p->account_len[0] << 8 | p->account_len[1];
}

/* It is of octets alone, and one length for all: nothing can be read wrongly. */
static void put(struct ike_auth_round *r, const struct radius_progress *p)
{
	blob_set(&r->state, blob_new(p, sizeof(*p)));
}

static bool take(const struct ike_auth_round *r, struct radius_progress *p)
{
	if (!r->state || r->state->len != sizeof(*p))
		return false;
	memcpy(p, r->state->data, sizeof(*p));
	return p->phase >= PHASE_IDENTITY && p->phase <= PHASE_AUTH && p->name_len <= sizeof(p->name) &&
	       p->state_len <= sizeof(p->state) && account_len(p) <= sizeof(p->account);
}

static enum ike_auth_verdict refuse(struct ike_auth_round *r, const struct radius_progress *p, const char *why)
{
	return eap_auth_refuse(r, p->id, why);
}

static enum ike_auth_verdict refuse_by(struct ike_auth_round *r, const struct radius_progress *p,
				       const struct endpoint *server, const char *what)
{
	char text[ENDPOINT_TEXT_LEN];

	snprintf(r->text, sizeof(r->text), "RADIUS server %s %s", endpoint_format(server, text), what);
	return refuse(r, p, r->text);
}

/* ---- Identity ---- */

static enum ike_auth_verdict ask_identity(struct ike_auth_round *r)
{
	struct radius_progress p = {.phase = PHASE_IDENTITY};
	struct eap identity = {.code = EAP_REQUEST, .type = EAP_TYPE_IDENTITY};

	entropy_draw(r->env->entropy, &p.id, 1);
	identity.id = p.id;
	put(r, &p);
	eap_auth_add(r, eap_encode(&identity));
	return AUTH_VERDICT_CONTINUE;
}

static enum ike_auth_verdict radius_begin_eap(struct ike_auth_round *r)
{
	enum ike_auth_verdict verdict = eap_auth_begin(r);

	return verdict == AUTH_VERDICT_CONTINUE ? ask_identity(r) : verdict;
}

/* ---- Access-Request ---- */

static void server_set(struct radius_progress *p, const struct endpoint *server)
{
	p->family = server->address.family;
	memcpy(p->address, server->address.octets, sizeof(p->address));
	p->port[0] = (uint8_t)(server->port >> 8);
	p->port[1] = (uint8_t)server->port;
}

static struct endpoint server_of(const struct radius_progress *p)
{
	struct endpoint e = {.address.family = p->family, .port = (uint16_t)(p->port[0] << 8 | p->port[1])};

	memcpy(e.address.octets, p->address, sizeof(p->address));
	return e;
}

static void add_text(struct radius_builder *b, uint8_t type, const char *text)
{
	radius_add(b, type, text, strlen(text));
}

static void add_station(struct radius_builder *b, uint8_t type, const struct endpoint *e)
{
	char text[ADDRESS_TEXT_LEN];

	add_text(b, type, address_format(&e->address, text));
}

/* NULL: it is too long. */
static struct blob *request_for(const struct ike_auth_round *r, const struct radius_progress *p,
				const struct ike_radius *server)
{
	uint8_t authenticator[RADIUS_AUTHENTICATOR_LEN], id;
	struct radius_builder b;

	entropy_draw(r->env->entropy, authenticator, sizeof(authenticator));
	if (r->env->draw_radius_id)
		id = r->env->draw_radius_id(r->env->ctx, &server->address);
	else
		entropy_draw(r->env->entropy, &id, 1);
	radius_begin(&b, RADIUS_ACCESS_REQUEST, id, authenticator);
	radius_add(&b, RADIUS_USER_NAME, p->name, p->name_len);
	if (p->state_len > 0)
		radius_add(&b, RADIUS_STATE, p->state, p->state_len);
	radius_add_eap(&b, r->message->eap);
	add_text(&b, RADIUS_NAS_IDENTIFIER, r->env->config->nas_identifier);
	radius_add_u32(&b, RADIUS_NAS_PORT_TYPE, PORT_VIRTUAL);
	add_text(&b, RADIUS_NAS_PORT_ID, r->connection->name); /* A server may tell connections apart. */
	radius_add_u32(&b, RADIUS_SERVICE_TYPE, SERVICE_FRAMED);
	radius_add_u32(&b, RADIUS_FRAMED_MTU, FRAMED_MTU);
	add_station(&b, RADIUS_CALLED_STATION_ID, r->local);
	add_station(&b, RADIUS_CALLING_STATION_ID, r->remote);
	return radius_finish(&b, &server->secret);
}

/* One for each server, or for the one that has answered. */
static enum ike_auth_verdict ask(struct ike_auth_round *r, const struct radius_progress *p)
{
	const struct ike_config *c = r->env->config;
	const struct endpoint only = server_of(p);
	struct blob *packet[IKE_RADIUS_MAX];
	struct radius_question q = {.n = 0};
	bool some = false;

	for (size_t i = 0; i < c->n_radius; i++) {
		if (p->phase == PHASE_PACKETS && !endpoint_equal(&c->radius[i].address, &only))
			continue;
		some = true;
		packet[q.n] = request_for(r, p, &c->radius[i]);
		if (!packet[q.n])
			continue;
		q.to[q.n].server = c->radius[i].address;
		CBS_init(&q.to[q.n].packet, packet[q.n]->data, packet[q.n]->len);
		q.n++;
	}
	r->question = q.n > 0 ? radius_question_encode(&q) : NULL;
	for (size_t i = 0; i < q.n; i++)
		blob_unref(packet[i]);
	if (!some && p->phase == PHASE_PACKETS)
		return refuse_by(r, p, &only, "is no longer configured, and no other server can go on");
	if (!some)
		return refuse(r, p, "no [[radius]] is configured to ask");
	if (!r->question)
		return refuse(r, p, "what it says in EAP is too long for RADIUS");
	put(r, p);
	return AUTH_VERDICT_ASK;
}

static enum ike_auth_verdict take_identity(struct ike_auth_round *r, struct radius_progress *p,
					   const struct eap *e)
{
	if (e->type != EAP_TYPE_IDENTITY)
		return refuse(r, p, "it does not say its EAP identity");
	if (!eap_auth_identity(&r->peer, e->data))
		return refuse(r, p, "its EAP identity is not a possible identity");
	p->name_len = (uint8_t)CBS_len(&e->data);
	memcpy(p->name, CBS_data(&e->data), p->name_len);
	return ask(r, p);
}

static uint32_t number(const uint8_t octets[4])
{
	return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 | octets[3];
}

/* The first server that takes accounts; NULL: none does. */
static const struct ike_radius *accountant(const struct ike_config *c)
{
	for (size_t i = 0; i < c->n_radius; i++)
		if (c->radius[i].accounting.address.family)
			return &c->radius[i];
	return NULL;
}

static void grant_account(struct ike_auth_round *r, const struct radius_progress *p)
{
	const struct ike_radius *by = accountant(r->env->config);
	struct ike_account *a = &r->grant.account;

	if (!by)
		return;
	a->kept = true;
	a->interim_s = number(p->interim) ? number(p->interim) : by->interim_s;
	if (a->interim_s != 0 && a->interim_s < IKE_INTERIM_MIN_S)
		a->interim_s = IKE_INTERIM_MIN_S;
	a->attributes = blob_new(p->account, account_len(p));
}

static void grant(struct ike_auth_round *r, const struct radius_progress *p)
{
	uint32_t framed = number(p->framed);

	/* RFC 2865 5.8: the user chooses, or we. */
	if (framed != 0 && framed < 0xfffffffe)
		r->grant.address = address_ipv4(framed);
	r->grant.session_s = number(p->timeout);
	grant_account(r, p);
}

static enum ike_auth_verdict radius_step(struct ike_auth_round *r)
{
	enum ike_auth_verdict verdict;
	struct radius_progress p;
	struct eap e;
	CBS msk;

	if (!take(r, &p)) {
		r->why = "its connection has another method";
		return AUTH_VERDICT_REFUSE;
	}
	CBS_init(&msk, p.msk, sizeof(p.msk));
	if (p.phase == PHASE_AUTH) {
		grant(r, &p);
		verdict = eap_auth_conclude(r, msk);
	} else if (!eap_auth_packet(r, p.id, &e)) {
		verdict = refuse(r, &p, r->why);
	} else {
		verdict = p.phase == PHASE_IDENTITY ? take_identity(r, &p, &e) : ask(r, &p);
	}
	OPENSSL_cleanse(&p, sizeof(p));
	return verdict;
}

/* ---- The server's answers ---- */

static enum ike_auth_verdict take_challenge(struct ike_auth_round *r, struct radius_progress *p,
					    const struct radius *a, struct blob *packet)
{
	const struct endpoint server = server_of(p);
	struct eap e;
	CBS in, state;

	CBS_init(&in, packet ? packet->data : NULL, packet ? packet->len : 0);
	if (!packet)
		return refuse_by(r, p, &server, "challenges without EAP-Message");
	if (eap_parse(&e, in) != OK || e.code != EAP_REQUEST)
		return refuse_by(r, p, &server, "challenges with an EAP-Message that is no EAP request");
	p->state_len = 0;
	if (radius_find(a, RADIUS_STATE, &state) && CBS_len(&state) > 0) {
		p->state_len = (uint8_t)CBS_len(&state);
		memcpy(p->state, CBS_data(&state), p->state_len);
	}
	p->phase = PHASE_PACKETS;
	p->id = e.id;
	put(r, p);
	eap_auth_add(r, blob_ref(packet));
	return AUTH_VERDICT_CONTINUE;
}

/* What the NAS receives with comes first (RFC 2548 2.4.3: "Recv" is the authenticator's). Halves of the
 * MSK have 32 octets. EAP-MSCHAPv2's own keys have 16 (RFC 3079 3.4), which servers send as they are; its
 * MSK is both and then zeros. */
static bool take_msk(struct radius_progress *p, const struct radius *a, const struct radius *request,
		     const struct secret *secret)
{
	static const uint8_t types[2] = {RADIUS_MS_MPPE_RECV_KEY, RADIUS_MS_MPPE_SEND_KEY};
	uint8_t key[RADIUS_KEY_MAX];
	size_t len[2] = {0, 0};
	bool good = true;
	CBS value;

	memset(p->msk, 0, sizeof(p->msk));
	for (unsigned i = 0; i < 2 && good; i++) {
		if (radius_find_microsoft(a, types[i], &value))
			len[i] = radius_mppe_key(key, value, request, secret);
		good = (len[i] == MSK_LEN / 4 || len[i] == MSK_LEN / 2) && (i == 0 || len[i] == len[0]);
		if (good)
			memcpy(p->msk + i * len[0], key, len[i]);
	}
	OPENSSL_cleanse(key, sizeof(key));
	return good;
}

/* False: it is no number. */
static bool take_number(uint8_t out[4], const struct radius *a, uint8_t type)
{
	CBS value;

	if (!radius_find(a, type, &value))
		return true;
	if (CBS_len(&value) != 4)
		return false;
	memcpy(out, CBS_data(&value), 4);
	return true;
}

/* RFC 2865 5.6: "A NAS [...] MUST treat unknown or unsupported Service-Types as though an Access-Reject had
 * been received". A server may serve switches too, and its accounts for them are none of ours. */
static bool is_framed(const struct radius *a)
{
	uint8_t type[4] = {0, 0, 0, SERVICE_FRAMED};

	return take_number(type, a, RADIUS_SERVICE_TYPE) && number(type) == SERVICE_FRAMED;
}

/* 5.27: "the maximum number of seconds of service". None are left of a quota that is used up. */
static bool take_timeout(struct radius_progress *p, const struct radius *a)
{
	CBS value;

	return take_number(p->timeout, a, RADIUS_SESSION_TIMEOUT) &&
	       !(radius_find(a, RADIUS_SESSION_TIMEOUT, &value) && number(p->timeout) == 0);
}

static bool account_add(struct radius_progress *p, uint8_t type, CBS value)
{
	size_t len = account_len(p), more = 2 + CBS_len(&value);

	if (CBS_len(&value) == 0)
		return true;
	if (more > sizeof(p->account) - len)
		return false;
	p->account[len] = type;
	p->account[len + 1] = (uint8_t)more;
	memcpy(p->account + len + 2, CBS_data(&value), CBS_len(&value));
	p->account_len[0] = (uint8_t)((len + more) >> 8);
	p->account_len[1] = (uint8_t)(len + more);
	return true;
}

/* RFC 2865 5.1: its User-Name is that of accounting; 5.25: each Class goes there unmodified. False: there is
 * no room for them. */
static bool take_account(struct radius_progress *p, const struct radius *a)
{
	CBS rest = a->attributes, name;
	struct radius_attribute x;
	bool fits;

	memset(p->account_len, 0, sizeof(p->account_len));
	if (!radius_find(a, RADIUS_USER_NAME, &name))
		CBS_init(&name, p->name, p->name_len);
	fits = account_add(p, RADIUS_USER_NAME, name);
	while (radius_next(&rest, &x))
		fits = fits && (x.type != RADIUS_CLASS || account_add(p, RADIUS_CLASS, x.value));
	return fits;
}

static enum ike_auth_verdict take_accept(struct ike_auth_round *r, struct radius_progress *p,
					 const struct radius *a, const struct blob *packet)
{
	const struct endpoint server = server_of(p);
	struct eap e;
	CBS in, name;

	CBS_init(&in, packet ? packet->data : NULL, packet ? packet->len : 0);
	if (!packet)
		return refuse_by(r, p, &server, "accepts it without EAP-Message");
	if (eap_parse(&e, in) != OK || e.code != EAP_SUCCESS)
		return refuse_by(r, p, &server, "accepts it with an EAP-Message that is no EAP success");
	if (radius_find(a, RADIUS_USER_NAME, &name) && !eap_auth_identity(&r->peer, name))
		return refuse_by(r, p, &server, "gives it a User-Name that is not a possible identity");
	if (!is_framed(a))
		return refuse_by(r, p, &server, "gives it a Service-Type that is not Framed: it is no account for a VPN");
	if (!take_timeout(p, a))
		return refuse_by(r, p, &server, "gives it a Session-Timeout without a second");
	if (!take_number(p->framed, a, RADIUS_FRAMED_IP_ADDRESS))
		return refuse_by(r, p, &server, "gives it a Framed-IP-Address that is none");
	(void)take_number(p->interim, a, RADIUS_ACCT_INTERIM_INTERVAL);
	if (!take_account(p, a) && accountant(r->env->config))
		return refuse_by(r, p, &server, "gives it more than 512 octets of User-Name and Class");
	p->phase = PHASE_AUTH;
	put(r, p);
	eap_auth_end(r, EAP_SUCCESS, p->id);
	return AUTH_VERDICT_CONTINUE;
}

static enum ike_auth_verdict take_packet(struct ike_auth_round *r, struct radius_progress *p,
					 const struct radius *a, const struct radius *request)
{
	const struct endpoint server = server_of(p);
	const struct ike_radius *known = radius_server_find(r->env->config, &server);
	struct blob *packet = radius_eap(a);
	enum ike_auth_verdict verdict;

	if (a->code == RADIUS_ACCESS_CHALLENGE)
		verdict = take_challenge(r, p, a, packet);
	else if (a->code != RADIUS_ACCESS_ACCEPT)
		verdict = refuse_by(r, p, &server, "rejects it");
	else if (!take_msk(p, a, request, &known->secret))
		verdict = refuse_by(r, p, &server, "accepts it by an EAP method that yields no key");
	else
		verdict = take_accept(r, p, a, packet);
	blob_unref(packet);
	return verdict;
}

static bool request_to(struct radius *request, const struct radius_question *q, const struct endpoint *server)
{
	for (size_t i = 0; i < q->n; i++)
		if (endpoint_equal(&q->to[i].server, server))
			return radius_parse(request, q->to[i].packet) == OK;
	return false;
}

static enum ike_auth_verdict take_answer(struct ike_auth_round *r, struct radius_progress *p)
{
	struct radius request, packet;
	struct radius_question q;
	struct radius_answer a;

	if (!radius_question_read(&q, r->half_open->auth.question) || !radius_answer_read(&a, r->answer))
		return refuse(r, p, "no answer came from outside");
	if (a.why) {
		snprintf(r->text, sizeof(r->text), "%s", a.why);
		return refuse(r, p, r->text);
	}
	if (!radius_server_find(r->env->config, &a.server))
		return refuse_by(r, p, &a.server, "is no longer configured");
	if (!radius_question_accepts(&q, r->env->config, &a.server, a.packet) ||
	    !request_to(&request, &q, &a.server) || radius_parse(&packet, a.packet) != OK)
		return refuse_by(r, p, &a.server, "has an answer that its secret does not sign: \"secret_file\" was changed");
	server_set(p, &a.server);
	return take_packet(r, p, &packet, &request);
}

static enum ike_auth_verdict radius_answer(struct ike_auth_round *r)
{
	enum ike_auth_verdict verdict;
	struct radius_progress p;

	if (!r->state) { /* What shows who we are. */
		verdict = eap_auth_answered(r);
		return verdict == AUTH_VERDICT_CONTINUE ? ask_identity(r) : verdict;
	}
	if (!take(r, &p)) {
		r->why = "its connection has another method";
		return AUTH_VERDICT_REFUSE;
	}
	verdict = take_answer(r, &p);
	OPENSSL_cleanse(&p, sizeof(p));
	return verdict;
}

static void radius_finish_auth(const struct ike_auth_round *r, struct ike_builder *b)
{
	struct radius_progress p;
	CBS msk;

	if (!take(r, &p))
		return; /* It has just been read. */
	CBS_init(&msk, p.msk, sizeof(p.msk));
	eap_auth_finish(r, b, msk);
	OPENSSL_cleanse(&p, sizeof(p));
}

const struct ike_auth_method ike_auth_eap_radius = {
	.name = "eap-radius",
	.takes = eap_auth_takes,
	.begin = radius_begin_eap,
	.step = radius_step,
	.answer = radius_answer,
	.finish = radius_finish_auth,
};
