/* SPDX-License-Identifier: Apache-2.0 */
/* Operating errors. A programmer's error is an assert; a dropped packet is an enum drop (drop.h);
 * everything else that can fail at run time returns one of these. */
#ifndef PROTO_WIRE_STATUS_H
#define PROTO_WIRE_STATUS_H

#define STATUS_LIST(X)                                                                             \
	X(OK, "ok")                                                                                \
	X(ERR_MALFORMED, "malformed")           /* Bytes do not parse. */                          \
	X(ERR_UNSUPPORTED, "unsupported")       /* Parses, but asks for what we don't speak. */    \
	X(ERR_AUTH, "authentication failed")    /* ICV, tag or AUTH payload does not verify. */    \
	X(ERR_STALE, "stale")                   /* Computed from a state that has passed. */       \
	X(ERR_NOT_FOUND, "not found")                                                              \
	X(ERR_EXISTS, "exists already")                                                            \
	X(ERR_FULL, "full")                     /* A configured capacity is used up. */            \
	X(ERR_TOO_LONG, "too long")             /* Does not fit the given room. */                 \
	X(ERR_NOT_LEADER, "not the leader")                                                        \
	X(ERR_CRYPTO, "cryptographic failure")  /* The library refused: bad key share, no memory */\
	X(ERR_IO, "input/output error")                                                            \
	X(ERR_NO_SPACE, "no space left")        /* On the disk: it may get some. */                \
	X(ERR_DAMAGED, "damaged")               /* Stored data does not authenticate. */           \
	X(ERR_FOREIGN, "belongs to another cluster or key")

enum status {
#define X(name, text) name,
	STATUS_LIST(X)
#undef X
	STATUS_COUNT
};

#define must_check __attribute__((warn_unused_result))

const char *status_text(enum status s);

#endif
