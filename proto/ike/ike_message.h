/* SPDX-License-Identifier: Apache-2.0 */
/* An IKEv2 message as a view of its bytes (RFC 7296 3.1, 3.2). The codec knows
 * shapes and nothing else: no keys, no state. All CBS point into the datagram
 * (or into the decrypted content) and live as long as it does.
 *
 * Reading a message:
 *   ike_message_parse()            header and clear chain; IKE_SA_INIT is now whole,
 *                                  anything else now has m->sk (or m->skf)
 *   ...open m->sk.body...
 *   ike_message_parse_content()    the decrypted chain replaces the clear one
 *   ike_message_check()            are these payloads legal in this exchange?
 *   sa_payload.h, payload.h       contents of SA, TS, CP, ID
 *
 * Writing one: builder.h. */
#ifndef PROTO_IKE_IKE_MESSAGE_H
#define PROTO_IKE_IKE_MESSAGE_H

#include "proto/ike/ike.h"

#include <openssl/bytestring.h>

enum { /* Payload types, RFC 7296 3.2, RFC 7383 */
	IKE_PAYLOAD_NONE = 0,
	IKE_PAYLOAD_SA = 33,
	IKE_PAYLOAD_KE = 34,
	IKE_PAYLOAD_IDi = 35,
	IKE_PAYLOAD_IDr = 36,
	IKE_PAYLOAD_CERT = 37,
	IKE_PAYLOAD_CERTREQ = 38,
	IKE_PAYLOAD_AUTH = 39,
	IKE_PAYLOAD_NONCE = 40, /* Ni, Nr */
	IKE_PAYLOAD_N = 41,
	IKE_PAYLOAD_D = 42,
	IKE_PAYLOAD_V = 43,
	IKE_PAYLOAD_TSi = 44,
	IKE_PAYLOAD_TSr = 45,
	IKE_PAYLOAD_SK = 46,
	IKE_PAYLOAD_CP = 47,
	IKE_PAYLOAD_EAP = 48,
	IKE_PAYLOAD_SKF = 53
};

enum { /* Protocol IDs, RFC 7296 3.3.1; 0 where there is none */
	IKE_PROTOCOL_NONE = 0,
	IKE_PROTOCOL_IKE = 1,
	IKE_PROTOCOL_AH = 2,
	IKE_PROTOCOL_ESP = 3
};

enum { /* Notify message types: errors below 16384, status above. */
	IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD = 1, /* data: the payload type, 1 octet */
	IKE_NOTIFY_INVALID_IKE_SPI = 4,
	IKE_NOTIFY_INVALID_MAJOR_VERSION = 5,
	IKE_NOTIFY_INVALID_SYNTAX = 7,
	IKE_NOTIFY_INVALID_MESSAGE_ID = 9,
	IKE_NOTIFY_INVALID_SPI = 11,
	IKE_NOTIFY_NO_PROPOSAL_CHOSEN = 14,
	IKE_NOTIFY_INVALID_KE_PAYLOAD = 17, /* data: the group, 2 octets */
	IKE_NOTIFY_AUTHENTICATION_FAILED = 24,
	IKE_NOTIFY_SINGLE_PAIR_REQUIRED = 34,
	IKE_NOTIFY_NO_ADDITIONAL_SAS = 35,
	IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE = 36,
	IKE_NOTIFY_FAILED_CP_REQUIRED = 37,
	IKE_NOTIFY_TS_UNACCEPTABLE = 38,
	IKE_NOTIFY_INVALID_SELECTORS = 39,
	IKE_NOTIFY_UNACCEPTABLE_ADDRESSES = 40, /* RFC 4555 */
	IKE_NOTIFY_UNEXPECTED_NAT_DETECTED = 41, /* RFC 4555 */
	IKE_NOTIFY_TEMPORARY_FAILURE = 43,
	IKE_NOTIFY_CHILD_SA_NOT_FOUND = 44,
	IKE_NOTIFY_STATUS_FIRST = 16384,
	IKE_NOTIFY_INITIAL_CONTACT = 16384,
	IKE_NOTIFY_SET_WINDOW_SIZE = 16385,
	IKE_NOTIFY_ADDITIONAL_TS_POSSIBLE = 16386,
	IKE_NOTIFY_IPCOMP_SUPPORTED = 16387,
	IKE_NOTIFY_NAT_DETECTION_SOURCE_IP = 16388,
	IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP = 16389,
	IKE_NOTIFY_COOKIE = 16390,
	IKE_NOTIFY_USE_TRANSPORT_MODE = 16391,
	IKE_NOTIFY_HTTP_CERT_LOOKUP_SUPPORTED = 16392,
	IKE_NOTIFY_REKEY_SA = 16393,
	IKE_NOTIFY_ESP_TFC_PADDING_NOT_SUPPORTED = 16394,
	IKE_NOTIFY_NON_FIRST_FRAGMENTS_ALSO = 16395,
	IKE_NOTIFY_MOBIKE_SUPPORTED = 16396, /* RFC 4555, to 16401 */
	IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS = 16397,
	IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS = 16398,
	IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES = 16399,
	IKE_NOTIFY_UPDATE_SA_ADDRESSES = 16400,
	IKE_NOTIFY_COOKIE2 = 16401,
	IKE_NOTIFY_NO_NATS_ALLOWED = 16402,
	IKE_NOTIFY_EAP_ONLY_AUTHENTICATION = 16417, /* RFC 5998 */
	IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC_SUPPORTED = 16420, /* RFC 6311, to 16423 */
	IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED = 16421,
	IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC = 16422,
	IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC = 16423,
	IKE_NOTIFY_FRAGMENTATION_SUPPORTED = 16430, /* IKEV2_FRAGMENTATION_SUPPORTED, RFC 7383 */
	IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS = 16431 /* RFC 7427 */
};

enum { /* Authentication methods, RFC 7296 3.8, RFC 4754, RFC 7427 */
	IKE_AUTH_RSA = 1,
	IKE_AUTH_SHARED_KEY = 2, /* Shared Key Message Integrity Code */
	IKE_AUTH_ECDSA_256 = 9,
	IKE_AUTH_ECDSA_384 = 10,
	IKE_AUTH_ECDSA_521 = 11,
	IKE_AUTH_DIGITAL_SIGNATURE = 14
};

enum { /* Certificate encodings, RFC 7296 3.6 */
	IKE_CERT_X509_SIGNATURE = 4
};

enum { /* ID types, RFC 7296 3.5 */
	IKE_ID_IPV4_ADDR = 1,
	IKE_ID_FQDN = 2,
	IKE_ID_RFC822_ADDR = 3,
	IKE_ID_IPV6_ADDR = 5,
	IKE_ID_DER_ASN1_DN = 9,
	IKE_ID_DER_ASN1_GN = 10,
	IKE_ID_KEY_ID = 11
};

enum { /* Configuration payload, RFC 7296 3.15 */
	IKE_CFG_REQUEST = 1,
	IKE_CFG_REPLY = 2,
	IKE_CFG_SET = 3,
	IKE_CFG_ACK = 4
};

enum { /* Configuration attributes, RFC 7296 3.15.1 */
	IKE_CP_INTERNAL_IP4_ADDRESS = 1,
	IKE_CP_INTERNAL_IP4_NETMASK = 2,
	IKE_CP_INTERNAL_IP4_DNS = 3,
	IKE_CP_INTERNAL_IP4_NBNS = 4,
	IKE_CP_INTERNAL_IP4_DHCP = 6,
	IKE_CP_APPLICATION_VERSION = 7,
	IKE_CP_INTERNAL_IP6_ADDRESS = 8, /* 16 octets and a prefix length */
	IKE_CP_INTERNAL_IP6_DNS = 10,
	IKE_CP_INTERNAL_IP6_DHCP = 12,
	IKE_CP_INTERNAL_IP4_SUBNET = 13,
	IKE_CP_SUPPORTED_ATTRIBUTES = 14,
	IKE_CP_INTERNAL_IP6_SUBNET = 15,
	IKE_CP_INTERNAL_DNS_DOMAIN = 25 /* RFC 8598 */
};

#define IKE_PAYLOAD_HEADER_LEN 4u
#define IKE_NOTIFIES_MAX 64u /* In one message; further ones are ignored: */
#define IKE_NOTIFIES_ALIKE_MAX 32u /* so many at most are of a type that another one has. */
#define IKE_CERTS_MAX 8u
#define IKE_NONCE_MIN 16u /* RFC 7296 3.9: 16 to 256 octets */

struct ike_payload_ke { /* RFC 7296 3.4 */
	uint16_t group;
	CBS data;
};

struct ike_payload_id { /* RFC 7296 3.5; body is what AUTH covers (type, reserved, data). */
	uint8_t type;
	CBS data;
	CBS body;
};

struct ike_payload_auth { /* RFC 7296 3.8 */
	uint8_t method;
	CBS data;
};

struct ike_payload_cert { /* RFC 7296 3.6, 3.7 */
	uint8_t encoding;
	CBS data;
};

struct ike_notify { /* RFC 7296 3.10 */
	uint16_t type;
	uint8_t protocol;
	CBS spi;  /* Empty, or SPI Size octets. */
	CBS data;
};

struct ike_delete { /* RFC 7296 3.11 */
	uint8_t protocol; /* IKE: no SPIs. ESP, AH: n SPIs of 4 octets. */
	uint16_t n;
	CBS spis;
};

struct ike_cp { /* RFC 7296 3.15; attributes: see ike_cp_next(). */
	uint8_t type;
	CBS attributes;
};

struct ike_payload_sk { /* RFC 7296 3.14: always the last payload */
	uint8_t first;     /* Next Payload: type of the first payload inside. */
	uint16_t fragment; /* SKF only (RFC 7383 2.5): Fragment Number, from 1, */
	uint16_t total;    /* and Total Fragments. */
	size_t aad_len;    /* data[0..aad_len): IKE header to the end of the SK (SKF) header (RFC 5282 5.1). */
	CBS body;          /* IV, ciphertext, ICV. */
};

struct ike_message {
	struct ike_header header;
	uint64_t present;         /* Bit per payload type, see ike_message_has(). */
	uint8_t unknown_critical; /* First unknown payload type with the critical bit, or 0. */
	CBS sa;                   /* Body: sa_select(). */
	struct ike_payload_ke ke;
	CBS nonce;                /* 16..256 octets */
	struct ike_payload_id idi, idr;
	struct ike_payload_auth auth;
	CBS tsi, tsr;             /* Bodies: ts_payload_parse(). */
	struct ike_cp cp;
	CBS eap;
	struct ike_payload_sk sk, skf;
	struct ike_payload_cert cert[IKE_CERTS_MAX], certreq[IKE_CERTS_MAX]; /* More are ignored. */
	uint8_t n_cert, n_certreq;
	/* The first of each type, and further ones while there is room: a client may name each of
	 * its addresses (RFC 4555 3.6), and what it asks for may stand behind them. */
	struct ike_notify notify[IKE_NOTIFIES_MAX];
	uint8_t n_notify;
	uint32_t n_delete;        /* All of them: ike_message_next_delete(). */
	uint8_t chain_first;      /* The chain that was read: type of its first payload ... */
	CBS chain;                /* ... and its octets. */
};

/* The DELETE payloads, however many, in order. Begin with ike_message_deletes(). */
struct ike_delete_walk {
	uint8_t next;
	CBS rest;
};

/* Is a payload of this type there? (type < 64) */
static inline bool ike_message_has(const struct ike_message *m, uint8_t type)
{
	return type < 64 && (m->present >> type & 1) != 0;
}

/* The first NOTIFY of that type, or NULL. Types: IKE_NOTIFY_*. */
const struct ike_notify *ike_message_notify(const struct ike_message *m, uint16_t type);
/* The first error NOTIFY (type < 16384), or NULL. */
const struct ike_notify *ike_message_error(const struct ike_message *m);

static inline struct ike_delete_walk ike_message_deletes(const struct ike_message *m)
{
	return (struct ike_delete_walk){m->chain_first, m->chain};
}
/* For a message that was parsed; false: there are no more. */
bool ike_message_next_delete(struct ike_delete_walk *w, struct ike_delete *out);

/* Parses header and clear chain. Outside IKE_SA_INIT the clear chain must be one SK
 * or SKF payload (RFC 7296 1.2: everything after the header is encrypted).
 *  OK
 *  ERR_MALFORMED    a length does not fit, a payload that may occur once
 *                   occurs twice: INVALID_SYNTAX
 *  ERR_UNSUPPORTED  well-formed, but has an unknown payload marked critical:
 *                   m->unknown_critical is its type (RFC 7296 2.5)
 * Unknown payloads that are not critical are skipped. A critical one in clear
 * outside IKE_SA_INIT is malformed: nobody unauthenticated gets an answer there. The header counts as
 * malformed unless ike_header_parse() accepts it. */
enum status ike_message_parse(struct ike_message *m, const uint8_t *data, size_t len) must_check;

/* Parses a decrypted chain that starts with a payload of type first; must use up
 * content. Forgets all payloads of the clear part except m->sk and m->skf, keeps the header:
 * only what was authenticated and encrypted remains. Status as above. */
enum status ike_message_parse_content(struct ike_message *m, uint8_t first, const uint8_t *content,
				      size_t len) must_check;

/* Are these payloads what this exchange allows in this direction (m->header)?
 * DROP_NONE or DROP_IKE_PAYLOAD. Call it when the chain is whole. */
enum drop ike_message_check(const struct ike_message *m);

/* Writes a header in wire order. */
void ike_header_write(uint8_t out[IKE_HEADER_LEN], const struct ike_header *h);

#endif
