/* SPDX-License-Identifier: Apache-2.0 */
/* A client: the smallest IKEv2 initiator that can try everything our responder
 * does. Pure and deterministic (one seed, no clock, no sockets): the unit tests pass its
 * datagrams by hand, the cluster simulator through its network.
 *
 * It is as strict as the strictest real clients: a request of the gateway is
 * processed if its message ID is exactly the next one, the one before is answered from
 * the cache if it has the same bytes, everything else is silently ignored, and
 * counted. Datagrams are without non-ESP marker; the caller owns returned blobs.
 *
 * SAs are seen from the client: child.spi_in is the client's, child.local is TSi. */
#ifndef TEST_LIB_INITIATOR_H
#define TEST_LIB_INITIATOR_H

#include "proto/dh.h"
#include "proto/ike_builder.h"
#include "proto/ike_sa.h"

#define INITIATOR_PROPOSALS_MAX 4u

struct initiator_config {
	struct endpoint local, remote; /* Its own end of the path and the gateway's. */
	struct ike_id id, remote_id;   /* IDi; IDr is not sent when its len is 0. */
	struct secret psk;
	struct proposal ike[INITIATOR_PROPOSALS_MAX], esp[INITIATOR_PROPOSALS_MAX];
	uint8_t n_ike, n_esp;
	uint16_t ke_group;             /* Guess for the first KE; 0: the first one proposed. */
	struct ts_set tsi, tsr;
	bool request_address, request_dns;
	struct address wanted_address; /* family 4: asks for this one. */
	bool mobike, initial_contact;
	bool fake_nat;                 /* Hides its source to get UDP encapsulation. */
};

enum initiator_state {
	INITIATOR_IDLE,
	INITIATOR_INIT_SENT,
	INITIATOR_AUTH_SENT,
	INITIATOR_ESTABLISHED,
	INITIATOR_FAILED, /* error says why */
	INITIATOR_CLOSED  /* The IKE SA was deleted, by whichever side. */
};

enum initiator_purpose { /* Of the outstanding request; in ike_sa.purpose */
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
	uint32_t responses;           /* Answers to requests of its own. */
	uint32_t ignored;             /* Everything else. */
};

struct initiator {
	struct initiator_config config;
	struct entropy entropy;
	struct iv_source iv;
	enum initiator_state state;
	uint16_t error; /* Last error NOTIFY of the gateway, 0 if none. */
	struct initiator_counts counts;

	/* Of the exchange under way. */
	struct dh_keypair dh;
	uint8_t nonce_i[IKE_NONCE_LEN];
	uint8_t nonce_r[IKE_NONCE_MAX];
	uint16_t nonce_r_len;
	struct blob *cookie, *init_request, *init_response;
	uint64_t new_spi; /* Offered: IKE or ESP. */

	struct ike_sa ike[IKE_SA_MAX]; /* [1]: the rekeyed one, until it is deleted. */
	struct child_sa child[IKE_CHILD_MAX];
	uint8_t n_child;
	struct address virtual_ip;
	struct address dns;       /* The first one offered. */
	bool gateway_mobike;
	int64_t notice_epoch;     /* Of the last takeover notice: */
	uint64_t notice_node;
};

void initiator_init(struct initiator *i, const struct initiator_config *config,
		    const uint8_t seed[ENTROPY_SEED_LEN]);
void initiator_fini(struct initiator *i);

/* IKE_SA_INIT. Forgets whatever was before, except counts. */
struct blob *initiator_create_init(struct initiator *i);

/* Consumes a datagram of the gateway. Returns what to send because of it: the next
 * request of the handshake, or the response to a request; or NULL. */
struct blob *initiator_consume(struct initiator *i, const uint8_t *data, size_t len);

/* Requests of its own. NULL while another one is outstanding on that IKE SA, or when
 * there is no such SA. After a rekey the client is to delete what it replaced. */
struct blob *initiator_create_dpd(struct initiator *i);
struct blob *initiator_create_child(struct initiator *i, uint16_t group);
struct blob *initiator_create_child_rekey(struct initiator *i, uint32_t spi_in, uint16_t group);
struct blob *initiator_create_ike_rekey(struct initiator *i, uint16_t group);
struct blob *initiator_create_child_delete(struct initiator *i, uint32_t spi_in);
struct blob *initiator_create_ike_delete(struct initiator *i, size_t which); /* 0 or 1 */
struct blob *initiator_create_move(struct initiator *i, const struct endpoint *local);

/* The outstanding request again, bit for bit (a new reference), or NULL. */
struct blob *initiator_retransmit(const struct initiator *i);

/* A request of any content, for tests: begin, add payloads, send. */
void initiator_begin(const struct initiator *i, size_t which, uint8_t exchange,
		     struct ike_builder *b);
struct blob *initiator_send(struct initiator *i, size_t which, enum initiator_purpose purpose,
			    struct ike_builder *b);

struct child_sa *initiator_find_child(struct initiator *i, uint32_t spi_in);

/* ---- Between initiator.c and initiator_exchange.c ---- */

/* Seals a message in clear with ike[which]. Ends b. */
struct blob *initiator_seal(struct initiator *i, const struct ike_sa *sa, struct ike_builder *b);
struct blob *initiator_consume_init(struct initiator *i, const uint8_t *data, size_t len);
void initiator_consume_auth(struct initiator *i, const struct ike_message *m);
void initiator_consume_child(struct initiator *i, struct ike_sa *sa, const struct ike_message *m);

#endif
