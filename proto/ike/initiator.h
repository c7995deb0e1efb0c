/* SPDX-License-Identifier: Apache-2.0 */
/* The IKEv2 initiator (RFC 7296), a client. Pure and
 * deterministic: one seed, no clock, no sockets. Unlike the responder (ike.h) it keeps
 * its state in place: a client is not replicated.
 *
 * 	initiator_create_init()  -->  send; then each datagram to initiator_consume(),
 * 	                              which returns what to send next
 * 	initiator_retransmit()        what to repeat while nothing comes
 *
 * It is as strict as the strictest clients: a request of the gateway is processed if its message ID
 * is exactly the next one; the one before is answered from the cache if it has the same bytes;
 * everything else is ignored, and counted. A message changes nothing before it is verified. Until
 * the gateway's AUTH has been verified, only the errors to which RFC 7296 defines a reaction count
 * (COOKIE, INVALID_KE_PAYLOAD). The gateway must choose suite, group and traffic selectors from the
 * offer. A Child SA that is outside the offer is never used, and deleted at the gateway.
 *
 * Datagrams are without non-ESP marker; the caller owns returned blobs. A message may consist of
 * several (RFC 7383): functions return the first, and initiator_next_datagram() the others. SAs are
 * seen from the client: child.spi_in is the client's, child.local is TSi of IKE_AUTH. */
#ifndef PROTO_IKE_INITIATOR_H
#define PROTO_IKE_INITIATOR_H

#include "proto/crypto/dh.h"
#include "proto/crypto/mschapv2.h"
#include "proto/auth/method.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike_sa.h"
#include "proto/ike/reassembly.h"

#define INITIATOR_PROPOSALS_MAX 4u

struct initiator;

/* How a client shows who it is, and learns who the gateway is: the other side of
 * proto/auth/method.h. */
struct initiator_auth {
	/* For the first request: IDi, and what the method sends at once. */
	void (*begin)(struct initiator *i, struct ike_builder *b);
	/* The gateway's response. CONTINUE: b is the next request; DONE: it is the gateway, and
	 * gateway_id says who; REFUSE: it is not. */
	enum ike_auth_verdict (*step)(struct initiator *i, const struct ike_message *m,
				      struct ike_builder *b);
};
extern const struct initiator_auth initiator_psk, initiator_pubkey, initiator_eap_mschapv2;

struct initiator_config {
	struct endpoint local, remote; /* Its own end of the path and the gateway's. */
	struct ike_id id, remote_id;   /* IDi, and IDr: who the gateway must be. With len 0 it is
	                                * not sent, and anyone with the key will do. */
	struct secret psk;
	const struct initiator_auth *auth; /* NULL: initiator_psk */
	char user[IKE_ID_MAX];         /* EAP: its name there, ... */
	struct nt_hash password;       /* ... and its password. */
	struct credentials *own;       /* initiator_pubkey: its certificate, the first one; borrowed. */
	bool no_hashes;                /* ... and does not speak RFC 7427. */
	bool pss;                      /* ... signs with RSASSA-PSS, if it is an RSA key. */
	struct trust *trust;           /* By which CAs the gateway is to show who it is, and when; */
	int64_t unix_now;              /* NULL: by the key. Borrowed. */
	struct proposal ike[INITIATOR_PROPOSALS_MAX], esp[INITIATOR_PROPOSALS_MAX];
	uint8_t n_ike, n_esp;
	uint16_t ke_group;             /* Guess for the first KE; 0: the first one proposed. */
	struct ts_set tsi, tsr;
	bool request_address, request_dns;
	bool request_split;            /* The domains and the subnets that are behind the gateway. */
	struct address wanted_address; /* family 4: asks for this one. */
	bool mobike, initial_contact;
	bool cookie2_with_nat;         /* Repeats COOKIE2 only beside NAT_DETECTION_*, as Libreswan does. */
	bool sync;                     /* RFC 6311: offers both capabilities. */
	bool fake_nat;                 /* Hides its source to get UDP encapsulation. */
	bool fragmentation;            /* RFC 7383: offers it, and uses it once it is agreed on. */
	uint32_t fragment_size;        /* Octets of an IP datagram (fragment.h); 0: the default. */
};

enum initiator_state {
	INITIATOR_IDLE,
	INITIATOR_INIT_SENT,
	INITIATOR_AUTH_SENT,
	INITIATOR_ESTABLISHED,
	INITIATOR_FAILED, /* error says why; no keys are left. */
	INITIATOR_CLOSED  /* The IKE SA was deleted, by whichever side; no keys are left. */
};

enum initiator_purpose { /* The outstanding request's; in ike_sa.purpose */
	INITIATOR_NOTHING,
	INITIATOR_DPD,
	INITIATOR_REKEY_CHILD, /* purpose_arg: spi_in of the old one */
	INITIATOR_NEW_CHILD,
	INITIATOR_REKEY_IKE,
	INITIATOR_DELETE_CHILD, /* purpose_arg: spi_in */
	INITIATOR_DELETE_IKE,
	INITIATOR_MOVE,
	INITIATOR_OTHER
};

struct initiator_counts {
	uint32_t cookies, invalid_ke; /* IKE_SA_INIT tries that had to be repeated. */
	uint32_t requests;            /* New requests of the gateway. */
	uint32_t repeated;            /* ... that came again, answered from the cache. */
	uint32_t notices;             /* ... that were takeover notices. */
	uint32_t rekeys;              /* ... that rekeyed a Child SA. */
	uint32_t checks;              /* ... that asked for its COOKIE2 (RFC 4555). */
	uint32_t ike_rekeys;          /* ... that rekeyed the IKE SA. */
	uint32_t syncs;               /* ... that set the message IDs (RFC 6311). */
	uint32_t responses;           /* Answers to requests of its own. */
	uint32_t fragments;           /* Kept until the rest of their message comes. */
	uint32_t ignored;             /* Everything else. */
};

/* RFC 6311, of ike[0]. */
struct initiator_sync {
	uint64_t floor;                     /* The gateway's send value must be this at least. */
	uint8_t request_hash[IKE_HASH_LEN]; /* The last one's, and ... */
	struct ike_datagrams *response;     /* ... its answer, in case it comes again. */
};

/* The last Child SA that the gateway had us make in place of another one. If we rekey that
 * other one ourselves, before or after, the two collide (RFC 7296 2.8.1). */
struct initiator_rekeyed {
	uint32_t old, made;           /* spi_in; 0: there was none. */
	uint8_t nonce[IKE_NONCE_MAX]; /* The lower one of that exchange. */
	uint16_t nonce_len;
	bool settled;                 /* The gateway has our answer. */
};

struct initiator {
	struct initiator_config config;
	struct entropy entropy;
	struct iv_source iv;
	enum initiator_state state;
	/* Error NOTIFY of the last answer, or what made us refuse it; 0 if none. In state
	 * INIT_SENT only a hint, for anybody can have sent it (RFC 7296 2.21.1). */
	uint16_t error;
	struct initiator_counts counts;

	/* The exchange under way. */
	struct dh_keypair dh;
	uint8_t nonce_i[IKE_NONCE_LEN];
	uint8_t nonce_r[IKE_NONCE_MAX];
	uint16_t nonce_r_len;
	struct blob *cookie, *init_request, *init_response;
	struct blob *auth_state; /* The method's own, until it is done. */
	unsigned corrections; /* IKE_SA_INIT requests that were sent anew. */
	uint64_t new_spi;     /* Offered: IKE or ESP. */
	struct initiator_rekeyed rekeyed;

	struct ike_sa ike[IKE_SA_MAX]; /* [1]: the rekeyed one, until the side that asked deletes
					* it: we do if ike[0].original_initiator. */
	struct ike_sa replacement;       /* While the gateway's rekey of ike[0] is answered. */
	/* In the order of their use: the last one carries packets out. child.replaces is what
	 * the client is to delete because of that Child SA, or 0: what the gateway
	 * replaced it deletes itself. */
	struct child_sa child[IKE_CHILD_MAX];
	uint8_t n_child;
	struct address virtual_ip;
	struct address dns;       /* The first one offered. */
	uint8_t cp[256];          /* All attributes of the CFG_REPLY, if that is not longer ... */
	size_t cp_len;            /* ... and with request_split. */
	struct ike_id gateway_id; /* Authenticated. */
	uint32_t features;        /* IKE_PEER_*, of the gateway; IKE_SELF_BEHIND_NAT: with either
	                           * of the NAT flags ESP goes in UDP. */
	uint32_t additional;      /* Addresses that the gateway has besides (RFC 4555 3.4). */
	uint64_t skip;            /* How many outbound ESP numbers the gateway asked us to skip on
	                           * all Child SAs (RFC 6311 5.2); the caller that skips them resets
	                           * it. */
	struct initiator_sync sync;
	struct ike_reassembly request, response; /* What comes in fragments. */
	int64_t notice_epoch;     /* From the last takeover notice: */
	uint64_t notice_node;
};

void initiator_init(struct initiator *i, const struct initiator_config *config,
		    const uint8_t seed[ENTROPY_SEED_LEN]);
void initiator_fini(struct initiator *i); /* Cleanses. */

/* IKE_SA_INIT. Forgets whatever was before, except counts. */
struct blob *initiator_create_init(struct initiator *i);

/* Consumes a datagram of the gateway. Returns what to send because of it: the next
 * request of the handshake, the response to a request, the DELETE of a Child SA that
 * was refused, or that is one too many because both rekeyed at once; or NULL. */
struct blob *initiator_consume(struct initiator *i, const uint8_t *data, size_t len);

/* Requests of its own. NULL while another one is outstanding on that IKE SA, or when
 * there is no such SA; a Child SA that the gateway has just made is not rekeyed before it is
 * settled. After a rekey the client is to delete what it replaced: child.replaces. */
struct blob *initiator_create_dpd(struct initiator *i);
struct blob *initiator_create_child(struct initiator *i, uint16_t group);
struct blob *initiator_create_child_rekey(struct initiator *i, uint32_t spi_in, uint16_t group);
struct blob *initiator_create_ike_rekey(struct initiator *i, uint16_t group);
struct blob *initiator_create_child_delete(struct initiator *i, uint32_t spi_in);
struct blob *initiator_create_ike_delete(struct initiator *i, size_t which); /* 0 or 1 */
struct blob *initiator_create_move(struct initiator *i, const struct endpoint *local);

/* The outstanding request again, bit for bit (a new reference), or NULL. */
struct blob *initiator_retransmit(const struct initiator *i);

/* The one after this, which was returned and is a request that is outstanding or the last
 * response (a new reference); NULL: it was the last datagram of its message. */
struct blob *initiator_next_datagram(const struct initiator *i, const struct blob *datagram);

/* A request of any content: begin, add payloads, send. */
void initiator_begin(const struct initiator *i, size_t which, uint8_t exchange,
		     struct ike_builder *b);
struct blob *initiator_send(struct initiator *i, size_t which, enum initiator_purpose purpose,
			    struct ike_builder *b);

struct child_sa *initiator_find_child(struct initiator *i, uint32_t spi_in);
/* Does the gateway surely know this Child SA? Not what it had us make a moment ago: our
 * answer may be lost, and the gateway with it. */
bool initiator_is_settled(const struct initiator *i, uint32_t spi_in);

#endif
