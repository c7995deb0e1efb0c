/* SPDX-License-Identifier: Apache-2.0 */
/* What the key exchange is configured to accept. Filled from cluster.toml by
 * node/, read-only afterwards. */
#ifndef PROTO_IKE_IKE_CONFIG_H
#define PROTO_IKE_IKE_CONFIG_H

#include "proto/crypto/mschapv2.h"
#include "proto/ike/ike_sa.h"

#define CONNECTION_PROPOSALS_MAX 8u
#define CONNECTION_DNS_MAX 4u
#define CONNECTION_DOMAINS_MAX 8u
#define CONNECTION_DOMAIN_LEN 254u /* With the final NUL. */

struct ike_auth_method;
struct credentials;
struct trust;

/* How long an SA is used. Each 0: no limit. */
struct lifetime {
	uint32_t rekey_s; /* Soft: it is replaced, up to a tenth earlier, depending on its SPI. */
	uint32_t hard_s;  /* Hard: it ends. */
	struct lifetime_volume { /* Limit of a Child SA: reached as soon as one of its directions has carried that. */
		uint64_t octets, packets;
	} rekey, hard;
};

/* Several sessions of one identity: cluster/core/unique.c */
enum ike_unique { IKE_UNIQUE_NO, IKE_UNIQUE_NEVER, IKE_UNIQUE_REPLACE, IKE_UNIQUE_KEEP };

struct ike_connection {
	char name[64];
	const struct ike_auth_method *auth; /* proto/auth; NULL: "psk" */
	struct credentials *own;          /* Certificates that show who we are; NULL: a secret does. */
	struct trust *clients;            /* auth = "pubkey": who may connect. */
	struct ike_id local_id;           /* IDr */
	struct ts_set local_ts;
	bool has_pool;
	struct prefix pool;               /* Virtual IPs */
	struct address dns[CONNECTION_DNS_MAX];
	uint8_t n_dns;
	char domain[CONNECTION_DOMAINS_MAX][CONNECTION_DOMAIN_LEN]; /* Which these are to be asked for. */
	uint8_t n_domains;
	struct proposal ike[CONNECTION_PROPOSALS_MAX];
	uint8_t n_ike;
	struct proposal esp[CONNECTION_PROPOSALS_MAX];
	uint8_t n_esp;
	uint32_t dpd_ms;                  /* 0 = off */
	struct lifetime child_life, ike_life;
	uint32_t replay_bits;
	bool exact;                       /* replay = "exact": DESIGN section 5. */
	enum ike_unique unique;
	uint32_t sessions_per_identity;   /* 0: any number. */
	bool empty_notice;                /* Takeover notice without NOTIFY, for clients that dislike it. */
};

struct ike_peer_secret {
	struct ike_id id;
	struct secret psk;
	struct secret other; /* While keys are changed: it lets in, too. len 0: there is none. */
};

struct ike_reservation { /* A virtual IP that nobody else gets. */
	struct ike_id id;
	unsigned listed; /* enum ike_auth_listed: it is for who is let in by that. */
	struct address address;
};

struct ike_user { /* For auth = "eap-mschapv2". */
	struct ike_id id;
	struct nt_hash password;
};

struct ike_radius { /* [[radius]] */
	struct endpoint address; /* Where it takes Access-Requests. */
	struct secret secret;
	struct endpoint accounting; /* ... and Accounting-Requests; family 0: it gets none. */
	bool coa;                   /* It may send us requests (RFC 5176). */
	uint32_t interim_s;         /* How often, unless Access-Accept says so; 0: not. */
};
#define IKE_RADIUS_MAX 4u

struct ike_config {
	struct ike_connection *connections;
	size_t n_connections;
	struct ike_peer_secret *secrets;
	size_t n_secrets;
	struct ike_user *users;
	size_t n_users;
	struct ike_reservation *reserved;
	size_t n_reserved;
	struct ike_radius radius[IKE_RADIUS_MAX]; /* The first that answers is asked. */
	size_t n_radius;
	char nas_identifier[64]; /* What the cluster calls itself to them. */
	bool fragmentation;     /* RFC 7383: it is offered, and clients that want it get it. */
	uint32_t fragment_size; /* Octets of an IP datagram (fragment.h); 0: by address family. */
};

/* "gw", "gw.example.org" -> ID_FQDN; "a@b" -> ID_RFC822_ADDR; an address -> ID_IPV4/6_ADDR;
 * "keyid:text" -> ID_KEY_ID; "C=CH, CN=a" -> ID_DER_ASN1_DN; strongSwan's reading of identity
 * strings. */
enum status ike_id_parse(struct ike_id *id, const char *text) must_check;
bool ike_id_equal(const struct ike_id *a, const struct ike_id *b);
bool ike_id_is_pattern(const struct ike_id *id); /* Is a "*" in it, where one stands for something? */
/* A "*" where none stands for anything, or behind it what no client is called. */
bool ike_id_pattern_fits_nobody(const struct ike_id *id);
/* Does it fit a pattern? "*" fits all; "*.example.org", "*@example.org", "C=CH, CN=*". */
bool ike_id_matches(const struct ike_id *id, const struct ike_id *pattern);
/* One form for all identities that are equal, to look up by: all its octets count. */
struct ike_id ike_id_key(const struct ike_id *id);

#endif
