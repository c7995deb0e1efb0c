/* SPDX-License-Identifier: Apache-2.0 */
/* The IKEv2 responder (RFC 7296): a pure function from a state and a datagram
 * to an outcome. It changes nothing it is given. The caller commits the
 * outcome and only then sends the reply (DESIGN section 4), so what a client
 * was told always exists. */
#ifndef PROTO_IKE_IKE_H
#define PROTO_IKE_IKE_H

#include "proto/wire/drop.h"
#include "proto/crypto/dh_desk.h"
#include "proto/crypto/entropy.h"
#include "proto/ike/ike_config.h"
#include "proto/ike/ike_sa.h"

/* IVs of SK payloads in counter modes: 32 random bits, the salt; the last 12 bits of the term, which
 * only one node leads in; and a counter of 20 bits, which never goes back while the salt stands. When
 * that is used up a new salt is drawn. AES-CBC draws its IV from entropy instead. */
#define IV_COUNTER_BITS 20u
#define IV_COUNTER_MAX ((1u << IV_COUNTER_BITS) - 1) /* Not used itself. */
struct iv_source {
	uint32_t salt;
	uint32_t next;
	uint64_t term; /* 0 where nobody else ever seals under the keys: a client. */
};

/* An authenticated client wants a virtual IP. */
struct ike_address_wish {
	struct ike_client client;
	const struct endpoint *remote; /* Where it is. */
	bool replaces;                 /* Its older sessions end: INITIAL_CONTACT, unique_ids. */
	bool keeps;                    /* Its older session stays, and a second one is refused: unique_ids. */
	bool assigned;                 /* It is to have this one or none: who let it in says so. */
	const struct address *address; /* The one that it asks for; NULL: any. */
};

/* What a step may read or draw besides its arguments. */
struct ike_env {
	const struct ike_config *config;
	struct entropy *entropy;
	struct dh_desk *dh;                /* NULL: what takes long is computed at once, too. */
	struct iv_source *iv;
	uint64_t now_ms;                   /* Cluster time. */
	uint64_t unix_now;                 /* The wall clock, seconds; 0: it is unknown, or wrong. */
	const struct address *addresses;   /* Where clients may find us (MOBIKE): n_addresses of them. */
	size_t n_addresses;
	bool demand_cookie;                /* Under load: RFC 7296 2.6. */
	const uint8_t *cookie_key;         /* 32 octets, the same on every node. */
	void *ctx;
	/* A free SPI for an inbound Child SA: non-zero, > 255, unique in the cluster. */
	uint32_t (*draw_spi)(void *ctx, struct entropy *e);
	/* An identifier for a request to that RADIUS server, other than those of requests that
	 * are open there. NULL: any will do. */
	uint8_t (*draw_radius_id)(void *ctx, const struct endpoint *server);
	/* A free virtual IP of the connection's pool; the one the client asks for if it can be,
	 * also from a session of its own. False: the pool is used up, or what it was assigned is another's
	 * or not in the pool. */
	bool (*assign_address)(void *ctx, const struct ike_connection *c,
			       const struct ike_address_wish *wish, struct address *out);
	/* May the client use its own outer address inside? 0: yes. TS_UNACCEPTABLE: another identity
	 * has it. TEMPORARY_FAILURE: a command on its way gives it to another session. NULL: nobody
	 * keeps account of that. */
	uint16_t (*claim_address)(void *ctx, const struct ike_address_wish *wish);
	/* May this authenticated client have one more IKE SA now? False: it is told
	 * TEMPORARY_FAILURE. NULL: always. */
	bool (*admit)(void *ctx, struct ike_client client);
	/* Why this session is one too many of its identity; NULL: it is not. If the function is
	 * NULL, none is. */
	const char *(*one_too_many)(void *ctx, const struct ike_connection *c, const struct ike_session *next);
	/* Is there room for this session, with its first Child SA? It may take the room of those
	 * that its INITIAL_CONTACT ends, or of one that it follows. NULL: always. */
	bool (*has_room)(void *ctx, const struct ike_session *next);
	/* Is there room for this many more places of Child SAs (ike_session_places())? NULL:
	 * always. */
	bool (*has_places)(void *ctx, unsigned more);
	/* Is this peer, which has just authenticated, revoked? It gets the same answer as a peer
	 * with a wrong key. NULL: none is. */
	bool (*revoked)(void *ctx, const struct ike_id *peer);
};

enum ike_verdict {
	IKE_VERDICT_DROP,      /* drop says why. */
	IKE_VERDICT_LATER,     /* A value of Diffie-Hellman is being computed (dh_desk.h): once more then. */
	IKE_VERDICT_REPLY,     /* Changes nothing: cached or stateless reply, send at once. */
	IKE_VERDICT_HALF_OPEN, /* half_open is new, or one step further: share it, then send reply. */
	IKE_VERDICT_ASK,       /* The same; but there is a question to ask outside, and no reply yet. */
	IKE_VERDICT_WAIT,      /* Its request waits for that answer: nothing is to be said. */
	IKE_VERDICT_REFUSE,    /* No IKE SA by this IKE_AUTH: send reply, forget the half-open SA. */
	IKE_VERDICT_ESTABLISH, /* next is a new session: commit, then send reply. */
	IKE_VERDICT_STEP,      /* next replaces the session: commit, then send reply (if any). */
	IKE_VERDICT_DELETE     /* The session ends: commit that, then send reply. */
};

struct ike_outcome {
	enum ike_verdict verdict;
	enum drop drop;
	struct ike_datagrams *reply;     /* Or NULL. */
	struct ike_half_open *half_open; /* heap; owned by the outcome until taken (set to NULL). */
	struct ike_session *next;        /* heap; likewise. */
	bool answered;                   /* STEP: this was the response to our outstanding request,
	                                  * whose purpose was: */
	enum ike_purpose answered_purpose;
	uint16_t refused;                /* The error NOTIFY that the reply holds and the note is about; 0: none. */
	char note[400];                  /* One log line without secrets: what happened and why. */
};

void ike_outcome_fini(struct ike_outcome *o);

/* ---- What can be told without state (any node may do this) ---- */

struct ike_header { /* RFC 7296 3.1, host order */
	uint64_t spi_i, spi_r;
	uint8_t next_payload, major, minor, exchange, flags;
	uint32_t message_id, length;
};
enum {
	IKE_EXCHANGE_SA_INIT = 34,
	IKE_EXCHANGE_AUTH = 35,
	IKE_EXCHANGE_CREATE_CHILD_SA = 36,
	IKE_EXCHANGE_INFORMATIONAL = 37
};
enum { IKE_FLAG_INITIATOR = 0x08, IKE_FLAG_VERSION = 0x10, IKE_FLAG_RESPONSE = 0x20 };
#define IKE_HEADER_LEN 28u

/* DROP_NONE if data is one whole IKEv2 message by its header: version 2, length
 * equal to len, a known exchange type, flags that fit. DROP_SHORT below 28 octets,
 * else DROP_IKE_HEADER; *h is then filled all the same (INVALID_MAJOR_VERSION needs it). */
enum drop ike_header_parse(struct ike_header *h, const uint8_t *data, size_t len);

/* RFC 7296 2.5: a message of a higher major version is dropped, and SHOULD be answered
 * with INVALID_MAJOR_VERSION: that answer, or NULL if data is not a request of one. It
 * takes no state, so any node may give it; it is for the caller to limit how often. */
struct ike_datagrams *ike_version_refuse(const uint8_t *data, size_t len);

/* ---- The responder ---- */

/* IKE_SA_INIT request. local/remote are where the datagram came to and from.
 * Verdicts: HALF_OPEN; REPLY (COOKIE, INVALID_KE_PAYLOAD, NO_PROPOSAL_CHOSEN,
 * INVALID_MAJOR_VERSION); DROP. The half-open SA's SPI is drawn from entropy. */
void ike_respond_init(const struct ike_env *env, const struct endpoint *local,
		      const struct endpoint *remote, const uint8_t *data, size_t len,
		      struct ike_outcome *out);

/* The first half of that, for a node that would relay the request. False: the outcome is REPLY or
 * DROP. True: the request may go on, and the outcome is empty. With demand_cookie only requests
 * with a cookie go on. */
bool ike_screen_init(const struct ike_env *env, const struct endpoint *local,
		     const struct endpoint *remote, const uint8_t *data, size_t len,
		     struct ike_outcome *out) must_check;

/* IKE_AUTH request for a half-open SA. Verdicts: ESTABLISH (the session, with
 * its first Child SA or a notify why not), HALF_OPEN (one round is done, and another will
 * come), ASK (half_open->auth.question is for outside: ike_auth_answer() goes on), WAIT,
 * REPLY (the last request again), REFUSE, DROP. A wrong PSK and an
 * unknown identity give the client the same answer in the same way. */
void ike_respond_auth(const struct ike_env *env, const struct ike_half_open *half_open,
		      const struct endpoint *local, const struct endpoint *remote,
		      const struct ike_datagrams *message, struct ike_outcome *out);

/* The question of the half-open SA is answered: the request that waits for it goes on, with
 * the same verdicts. The reply goes to half_open->remote. */
void ike_auth_answer(const struct ike_env *env, const struct ike_half_open *half_open,
		     const struct blob *answer, struct ike_outcome *out);

/* Any message, request or response, for an established session: cached
 * responses, INFORMATIONAL (DPD, DELETE, MOBIKE's address update), CREATE_CHILD_SA
 * (new Child SA, Child rekey, IKE rekey), and responses to what we asked.
 * The client's new address, if an authenticated message came from one, is in
 * next->remote: with MOBIKE when the message is UPDATE_SA_ADDRESSES (RFC 4555 3.8),
 * without when the client is behind a NAT and we are not (RFC 7296 2.23). */
void ike_respond(const struct ike_env *env, const struct ike_session *session,
		 const struct endpoint *local, const struct endpoint *remote,
		 const struct ike_datagrams *message, struct ike_outcome *out);

/* ---- Fragments (RFC 7383) ----
 *
 * The two above take a datagram, or all fragments of a message in order. A fragment by itself
 * is taken only if it is the first one of a request that was answered: its response is
 * repeated. Any other is for a reassembly (reassembly.h), if these say DROP_NONE: then *theirs,
 * which borrows, opens it. */
struct sk_direction;
enum drop ike_expects(const struct ike_session *session, const struct ike_header *h,
		      const struct blob *fragment, struct sk_direction *theirs) must_check;
/* is_current: is the half-open SA surely as far as any other node knows it? If not, a later
 * request than its next one may be what comes. */
enum drop ike_auth_expects(const struct ike_half_open *half_open, const struct ike_header *h,
			   bool is_current, struct sk_direction *theirs) must_check;

/* ---- Requests of our own ---- */

struct ike_request {
	enum ike_purpose purpose;
	uint32_t spi_in;         /* DELETE_CHILD, REKEY_CHILD */
	bool expires;            /* DELETE_CHILD: from that commit on no packet of it passes. */
	uint16_t group;          /* REKEY_CHILD, REKEY_IKE: for the KE payload; 0 = as configured */
	int64_t epoch;           /* NOTICE: goes into the takeover NOTIFY */
	uint64_t node;           /* NOTICE: who took over */
};

/* The status type of the takeover NOTIFY, private range (RFC 7296 3.10.1).
 * Data: epoch (8 octets), node (8 octets). Clients ignore what they don't know
 * and answer the request. */
#define IKE_NOTIFY_TAKEOVER 40971u

/* May the Child SA with our SPI spi_in be rekeyed now? It is there, nothing is
 * outstanding, there is room for its replacement, and its connection is configured. */
bool ike_rekey_possible(const struct ike_config *config, const struct ike_session *s,
			uint32_t spi_in);

/* The same of its IKE SA. */
bool ike_sa_rekey_possible(const struct ike_config *config, const struct ike_session *s);
/* Do the tombstones allow a rekey, by either side? Even when there is no room for more of them, an
 * IKE SA older than a tombstone's maximum age may be rekeyed: what a client was granted can be
 * renewed. */
bool ike_may_renew(const struct ike_env *env, const struct ike_session *s);

/* Makes the request on session->ike[0], which must have none outstanding (REKEY_CHILD:
 * ike_rekey_possible()): verdict STEP, next holds it as outstanding, reply is its
 * datagram: commit, then send. It is retransmitted bit for bit from
 * next->ike[0].window.outstanding.
 *
 * The answer to REKEY_CHILD is a STEP like others; next then has the new Child SA
 * (replaces: the old one) and another request outstanding, the DELETE of the old one; or
 * the DELETE of what the client made and we refuse; or one more try with the group that
 * the client wants; or neither, when it refused: TEMPORARY_FAILURE "MUST NOT immediately"
 * be tried again. CHILD_SA_NOT_FOUND takes the old one out of the session. */
void ike_request_create(const struct ike_env *env, const struct ike_session *session,
			const struct ike_request *request, struct ike_outcome *out);

/* Puts the DELETE of s->ike[1], which s->ike[0] has replaced, on s->ike[1], which must have nothing outstanding. False:
 * it cannot be sealed, s is to be thrown away. */
bool ike_request_close_old(const struct ike_env *env, struct ike_session *s) must_check;
/* s->ike[1] is gone, and what was asked on it: the client's last request there may still be repeated. */
void ike_old_end(struct ike_session *s);

#endif
