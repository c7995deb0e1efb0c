/* SPDX-License-Identifier: Apache-2.0 */
/* An IKE SA as plain data: everything another node needs to go on with it, and nothing else. The
 * machine that changes it is in ike.h; replicating it is cluster/'s business.
 *
 * An ike_session is a client as RFC 7296 sees it: its IKE SA (two of them while
 * one replaces the other, 2.18), their Child SAs, its identity, its virtual IP.
 * Copy with ike_session_copy(): the blobs are shared. */
#ifndef PROTO_IKE_IKE_SA_H
#define PROTO_IKE_IKE_SA_H

#include "proto/wire/address.h"
#include "proto/esp/child_sa.h"
#include "proto/ike/window.h"
#include "proto/crypto/secret.h"
#include "proto/crypto/suite.h"

#define IKE_NONCE_MAX 256u     /* RFC 7296 2.10 / 3.9 */
#define IKE_NONCE_LEN 32u      /* What we draw. */
#define IKE_ID_MAX 240u        /* Longer identities are refused; a DN in DER may be that long. */
#define IKE_ID_TEXT_LEN (2 * IKE_ID_MAX + 16) /* With the NUL; at most "type255:0x" and hexadecimal digits. */
#define IKE_CHILD_MAX 9u       /* Child SAs of one session: 8, and the replacement of one. */
#define IKE_SA_MAX 2u
#define IKE_RENEW_ALWAYS_MS 600000u /* How long a tombstone lives: see ike_may_renew(). */
/* Octets that a session keeps, of its IKE SAs together: answers, and our request that is
 * outstanding, with what finishes it. A long answer is that of an IKE_AUTH, once. */
#define IKE_ANSWERS_MAX (IKE_DATAGRAMS_LEN_MAX + 1536u)
#define IKE_REQUEST_MAX 2560u

/* RFC 7296 2.14 */
#define IKE_KEY_MAX 64u /* Octets of each, with salt. */
struct ike_keys {
	struct secret d;      /* SK_d  */
	struct secret ai, ar; /* SK_ai, SK_ar: empty with an AEAD */
	struct secret ei, er; /* SK_ei, SK_er: with the salt of a counter mode */
	struct secret pi, pr; /* SK_pi, SK_pr: only until AUTH is done */
};

enum ike_sa_state {
	IKE_SA_ESTABLISHED = 1,
	IKE_SA_REKEYED,   /* Replaced by another one; lives until it is deleted. */
	IKE_SA_DELETED,   /* Was rekeyed, is gone: no keys, only its last response, in case the
	                   * client asks again. Its place is free for the next rekey. */
	IKE_SA_DELETING   /* We sent the DELETE and wait for the answer. */
};

/* Why we sent the request that is outstanding: all that finishes it. */
enum ike_purpose {
	IKE_PURPOSE_NONE = 0,
	IKE_PURPOSE_NOTICE,       /* Takeover NOTIFY (DESIGN section 6) */
	IKE_PURPOSE_DPD,          /* Empty INFORMATIONAL */
	IKE_PURPOSE_DELETE_CHILD, /* arg: spi_in */
	IKE_PURPOSE_DELETE_IKE,
	IKE_PURPOSE_REKEY_CHILD,  /* arg: spi_in of the old one; the rest is in finish */
	IKE_PURPOSE_CHECK_ADDRESS, /* RFC 4555 3.7; finish: what the answer must repeat, and from where */
	IKE_PURPOSE_REKEY_IKE,     /* finish: the rest */
	IKE_PURPOSE_LAST = IKE_PURPOSE_REKEY_IKE
};

enum { /* Negotiated features of an IKE SA */
	IKE_PEER_BEHIND_NAT = 1u << 0,
	IKE_SELF_BEHIND_NAT = 1u << 1,
	IKE_PEER_MOBIKE = 1u << 2,        /* RFC 4555 */
	IKE_PEER_FRAGMENTATION = 1u << 3, /* RFC 7383: both sides want it. */
	IKE_PEER_SYNC = 1u << 4,          /* RFC 6311, offered */
	IKE_INITIAL_CONTACT = 1u << 5,    /* RFC 7296 2.4: its older sessions are to go */
	IKE_PEER_REPLAY_SYNC = 1u << 6,   /* RFC 6311, the other half of it; the initiator's */
	IKE_ENDS = 1u << 7                /* We end it: see ike_session_end(). */
};

struct ike_sa {
	uint64_t spi_i, spi_r;
	struct suite suite;
	struct ike_keys keys;
	uint32_t state;           /* enum ike_sa_state; 0 = this place is empty */
	bool original_initiator;  /* Did we initiate this IKE SA? At the gateway: by rekeying one. */
	uint64_t made_ms;         /* Cluster time. */

	struct ike_window window;
	uint32_t purpose;                       /* enum ike_purpose of the outstanding request */
	uint32_t purpose_arg;
	struct blob *finish;                    /* REKEY_CHILD: SPI, nonce, private DH value, all
	                                         * that finishes it (child_rekey.c). Else NULL. */
};

struct ike_id { /* RFC 7296 3.5 */
	uint8_t type;
	uint8_t len;
	uint8_t data[IKE_ID_MAX];
};

/* Who a client is: its identity, and who vouches for that (proto/auth/realm.h). A name that is proved in another
 * way is another client's. A view; id NULL: nobody. */
struct ike_client {
	const struct ike_id *id;
	uint64_t realm;
};

/* Where ESP goes, and the flags of enum that tell of NATs on that path. */
struct ike_esp_path {
	struct endpoint local, remote;
	uint32_t nat;
};
#define IKE_NAT_FLAGS (IKE_PEER_BEHIND_NAT | IKE_SELF_BEHIND_NAT)

/* What is told of it to who keeps account (RADIUS, RFC 2866). */
#define IKE_ACCOUNT_MAX 512u
#define IKE_INTERIM_MIN_S 60u /* RFC 2869 5.16 */
struct ike_account {
	bool kept;               /* Account is kept of it at all. */
	uint32_t interim_s;      /* How often, while it lives; 0: not. */
	struct blob *attributes; /* What is repeated each time, as RADIUS has it; NULL: nothing. */
};

struct ike_session {
	struct ike_sa ike[IKE_SA_MAX];       /* [0] is the current one. */
	struct child_sa child[IKE_CHILD_MAX];
	uint8_t n_child;
	struct ike_id peer_id;
	uint64_t realm;                      /* Who vouches for peer_id; never 0. */
	char connection[64];                 /* Its name in the configuration. */
	struct address virtual_ip;           /* family 0 = none */
	struct endpoint local, remote;       /* Where its IKE messages go, and its ESP, but: */
	bool moving;                         /* RFC 4555: it says that it is there, and has not shown it. */
	struct ike_esp_path before;          /* Then its ESP goes here; else this is all zero. */
	uint32_t features;
	uint64_t established_ms;             /* Cluster time. */
	uint64_t ends_ms;                    /* ... at which it is to end, at the latest; 0: it has no such limit. */
	struct ike_account account;
};

/* What an authentication method may keep and ask: programmer's errors beyond. */
#define IKE_AUTH_STATE_MAX 4096u
#define IKE_AUTH_QUESTION_MAX 16384u
/* Rounds and questions of one IKE SA; a client that wants more is refused. */
#define IKE_AUTH_STEPS_MAX 100u

/* How far IKE_AUTH has come: it may be one exchange or several (RFC 7296 2.16). */
struct ike_auth_progress {
	uint32_t step;         /* How often this was shared since IKE_SA_INIT. 0: no IKE_AUTH came. */
	char connection[64];   /* Its name, and so the method. */
	struct ike_id peer;    /* As far as the method knows. */
	struct blob *first;    /* What the first request holds, opened: the last one answers it. */
	struct blob *state;    /* The method's own. */
	struct blob *question; /* Asked outside, and not answered; NULL: nothing is. */
	struct ike_request_id asked; /* ... because of that request, which waits for it. */
};

/* After IKE_SA_INIT, before IKE_AUTH is done: not logged, but known to the voters'
 * memory. It is encoded by cluster/. Copy with ike_half_open_copy(). */
struct ike_half_open {
	uint64_t spi_i, spi_r;
	struct suite suite;
	struct ike_keys keys;
	struct endpoint local, remote;
	uint32_t features;
	uint64_t created_ms;       /* Cluster time. */
	uint8_t nonce_i[IKE_NONCE_MAX], nonce_r[IKE_NONCE_LEN];
	uint16_t nonce_i_len;
	struct blob *request;  /* IKE_SA_INIT as received, and as answered: AUTH covers both. */
	struct blob *response;
	struct ike_window window; /* IKE_AUTH's: from message 1 on. */
	struct ike_auth_progress auth;
};

struct ike_client ike_session_client(const struct ike_session *s);
bool ike_client_equal(struct ike_client a, struct ike_client b);
struct ike_esp_path ike_session_esp_path(const struct ike_session *s);
void ike_session_copy(struct ike_session *to, const struct ike_session *from);
void ike_session_fini(struct ike_session *s);   /* Drops blobs, cleanses keys. */
void ike_half_open_copy(struct ike_half_open *to, const struct ike_half_open *from);
void ike_half_open_fini(struct ike_half_open *h);

/* By our own will: its Child SAs are gone at once, there will be no others, and neither will
 * its IKE SA have a replacement. What is left is to tell the client, with a DELETE, once it
 * has answered what may be outstanding. */
void ike_session_end(struct ike_session *s);

/* Has the client shown that it has this IKE SA? By a request on it, or an answer. Until then it may know only of the
 * one that this one replaces. */
bool ike_sa_is_used(const struct ike_sa *sa);
struct ike_sa *ike_session_find_sa(struct ike_session *s, uint64_t spi_i, uint64_t spi_r);
struct child_sa *ike_session_find_child(struct ike_session *s, uint32_t spi_in);
bool ike_session_has_child(const struct ike_session *s, uint32_t spi_in);
/* Does it keep within IKE_ANSWERS_MAX and IKE_REQUEST_MAX? */
bool ike_session_is_brief(const struct ike_session *s);
/* The places that a session takes in tables of Child SAs: one for each, and one more for a
 * replacement, so that what was granted can be rekeyed however full they are. An exchange that
 * replaces one of its SAs at a time never takes more. */
unsigned ike_session_places(const struct ike_session *s);
/* The same with one more Child SA, which replaces that one (0: none). */
unsigned ike_session_places_with(const struct ike_session *s, uint32_t replaces);
/* For logs and terminals. ike_id_parse() makes the same identity of it, if size is IKE_ID_TEXT_LEN or it fits. */
const char *ike_id_format(const struct ike_id *id, char *text, size_t size);

#endif
