/* SPDX-License-Identifier: Apache-2.0 */
/* How a client and the gateway prove their identities: one struct ike_auth_method for each method,
 * in a table (methods.c). IKE_AUTH is a series of rounds, each a request and its response (RFC 7296
 * 1.2, 2.16):
 *
 * 	begin()   the first request: IDi, what the Child SA is to be, AUTH or not
 * 	step()    each one after it
 * 	answer()  what the method asked somebody outside is answered (a RADIUS server, a thread
 * 	          that signs); no request came
 * 	finish()  the client is let in: what shows who we are goes into the last response
 *
 * A method is pure and keeps nothing: it puts what it must know in the next round into `state`.
 * That is shared with the other nodes before the round's response, or question, leaves (DESIGN
 * section 4), so any of them can go on. auth.c does what all methods have in common: opening,
 * sealing, the window, revoked identities, limits, the session.
 *
 * A new method is one file with its functions, its declaration below and its line in the
 * table. */
#ifndef PROTO_AUTH_METHOD_H
#define PROTO_AUTH_METHOD_H

#include "proto/ike/ike.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"

enum ike_auth_verdict {
	AUTH_VERDICT_CONTINUE, /* `reply` has this round's payloads; a further request will come. With
	                        * `why`: the client has failed, and its next request will be
	                        * refused. */
	AUTH_VERDICT_DONE,     /* The client is `peer`. */
	AUTH_VERDICT_REFUSE,   /* `why` is for the log; NULL: already logged. The client gets the
	                        * payloads in `reply`, and AUTHENTICATION_FAILED. */
	AUTH_VERDICT_ASK       /* `question` is for outside; the client waits. Then answer(). */
};

/* What is granted to a client beyond its connection, with DONE. */
struct ike_grant {
	struct address address; /* This virtual IP and no other; family 0: any. */
	uint32_t session_s;     /* So long at most; 0: without limit. */
	struct ike_account account;
};

struct ike_auth_round {
	/* Arguments: */
	const struct ike_env *env;
	const struct ike_half_open *half_open;   /* State before this round. */
	const struct ike_connection *connection; /* NULL: none fits what the client asks for. Only a
	                                          * client that has proved its identity is told
	                                          * so. */
	const struct ike_message *first;         /* The first request of all: what the client wants. */
	const struct ike_message *message;       /* The request; in answer(): NULL. */
	const struct blob *answer;               /* In answer(). */
	const struct endpoint *local, *remote;   /* The client's address, and the one that it sent to. */
	struct ike_builder *reply;
	/* Results of the method: */
	struct ike_id peer;    /* It is IDi, until the method knows better. */
	struct blob *state;    /* NULL in begin(); to be set with blob_set(). */
	struct blob *question; /* Set by ASK; the round owns it. */
	struct ike_grant grant;
	const char *why;
	const char *by;        /* For the log: which proof the client gave, where there is a choice; or NULL. */
	char text[320]; /* Room for why. */
};

/* Where in the configuration its clients must stand. */
enum ike_auth_listed {
	AUTH_LISTED_NOWHERE,
	AUTH_LISTED_SECRET = 1u << 0, /* [[secret]] */
	AUTH_LISTED_USER = 1u << 1    /* [[user]] */
};

struct ike_auth_method {
	const char *name; /* [[connection]] auth = "name" */
	enum ike_auth_listed listed;
	bool vouches_alone; /* Each connection has its own who vouch for its clients: realm.h. */
	/* Is this first request for this method? Looks at the payloads that are there. */
	bool (*takes)(const struct ike_message *first);
	enum ike_auth_verdict (*begin)(struct ike_auth_round *r);
	enum ike_auth_verdict (*step)(struct ike_auth_round *r);   /* NULL: there is one round. */
	enum ike_auth_verdict (*answer)(struct ike_auth_round *r); /* NULL: it never asks. */
	void (*finish)(const struct ike_auth_round *r, struct ike_builder *b);
};

/* ---- The table (methods.c) ---- */

extern const struct ike_auth_method ike_auth_psk;          /* auth = "psk" */
extern const struct ike_auth_method ike_auth_eap_mschapv2; /* auth = "eap-mschapv2" */
extern const struct ike_auth_method ike_auth_pubkey;       /* auth = "pubkey" */
extern const struct ike_auth_method ike_auth_eap_radius;   /* auth = "eap-radius" */

/* NULL: there is none of that name. */
const struct ike_auth_method *ike_auth_method_find(const char *name);
/* The names, for the reader of a configuration; ends with NULL. */
const char *const *ike_auth_method_names(void);
/* The first that takes it; NULL: none does. */
const struct ike_auth_method *ike_auth_method_for(const struct ike_message *first);

/* ---- For methods (auth.c) ---- */

/* RFC 7296 2.15: what the initiator's AUTH covers, or our own; id: see auth_octets. */
struct auth_octets ike_auth_octets(const struct ike_half_open *h, bool initiator, CBS id);

#endif
