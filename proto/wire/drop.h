/* SPDX-License-Identifier: Apache-2.0 */
/* Why a packet was dropped. Every value is also the index of a counter, so no packet can vanish
 * without being counted. */
#ifndef PROTO_WIRE_DROP_H
#define PROTO_WIRE_DROP_H

#define DROP_LIST(X)                                                                               \
	X(DROP_NONE, "none")                               /* Not dropped. */                      \
	X(DROP_SHORT, "short")                             /* Shorter than its headers say. */     \
	X(DROP_MALFORMED, "malformed")                                                             \
	X(DROP_UNKNOWN_SPI, "unknown_spi")                                                         \
	X(DROP_NOT_OWNER, "not_owner")                     /* No grant, and nobody to forward to. */\
	X(DROP_ISOLATED, "isolated")                       /* No contact to a quorum. */           \
	X(DROP_REPLAY, "replay")                           /* RFC 4303, 3.4.3. */                  \
	X(DROP_ICV, "icv")                                 /* Authentication failed. */            \
	X(DROP_PADDING, "padding")                         /* RFC 4303, 2.4. */                    \
	X(DROP_DUMMY, "dummy")                             /* Next Header 59, RFC 4303, 2.6. */    \
	X(DROP_POLICY, "policy")                           /* Outside the traffic selectors. */    \
	X(DROP_NO_SESSION, "no_session")                   /* Inner packet for no client. */       \
	X(DROP_LEASE, "lease")                             /* Sequence lease used up. */           \
	X(DROP_SEQUENCE_END, "sequence_end")               /* Sequence space used up. */           \
	X(DROP_QUEUE_FULL, "queue_full")                                                           \
	X(DROP_DEFERRED_EXPIRED, "deferred_expired")               /* Deferred for marks, room ran out. */     \
	X(DROP_HORIZON, "horizon")                         /* At or above the committed horizon. */\
	X(DROP_WAITING_FULL, "waiting_full")               /* No room to wait for a majority. */   \
	X(DROP_UNDELIVERED, "undelivered")                 /* Its epoch ended while it waited. */  \
	X(DROP_STOPPED, "stopped")                         /* No room to wait after a stop. */     \
	X(DROP_TOO_BIG, "too_big")                         /* Would not fit the path MTU. */       \
	X(DROP_ECN, "ecn")                                 /* RFC 6040, 4.2: CE, and nobody to tell. */ \
	X(DROP_FORWARD_TWICE, "forward_twice")             /* Forwarded packets stop here. */      \
	X(DROP_OUTPUT, "output")                           /* The kernel refused it. */            \
	X(DROP_CRYPTO, "crypto")                                                                   \
	X(DROP_IKE_HEADER, "ike_header")                                                           \
	X(DROP_IKE_UNKNOWN, "ike_unknown")                 /* No such IKE SPI pair. */             \
	X(DROP_IKE_MESSAGE_ID, "ike_message_id")           /* Outside the window. */               \
	X(DROP_IKE_INTEGRITY, "ike_integrity")                                                     \
	X(DROP_IKE_PAYLOAD, "ike_payload")                                                         \
	X(DROP_IKE_EXCHANGE, "ike_exchange")               /* Not allowed in this state. */        \
	X(DROP_IKE_BUSY, "ike_busy")                       /* The session's queue is full. */      \
	X(DROP_IKE_HALF_OPEN_FULL, "ike_half_open_full")                                           \
	X(DROP_IKE_FRAGMENT, "ike_fragment")               /* RFC 7383 2.6: not one to keep. */    \
	X(DROP_IKE_FRAGMENTS_FULL, "ike_fragments_full")   /* More than are kept. */               \
	X(DROP_IKE_NO_LEADER, "ike_no_leader")                                                     \
	X(DROP_IKE_TOMBSTONE, "ike_tombstone")             /* SPI pair was consumed. */            \
	X(DROP_RADIUS, "radius")                           /* No answer to what was asked. */      \
	X(DROP_SESSIONS_FULL, "sessions_full")             /* Refused: sessions_max. */            \
	X(DROP_CHILD_SAS_FULL, "child_sas_full")           /* Refused: child_sas_max. */           \
	X(DROP_IDENTITY_FULL, "identity_full")             /* Refused: unique_ids, sessions_per_identity. */ \

enum drop {
#define X(name, text) name,
	DROP_LIST(X)
#undef X
	DROP_COUNT
};

const char *drop_text(enum drop d);

#endif
