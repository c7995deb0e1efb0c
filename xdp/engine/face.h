/* SPDX-License-Identifier: Apache-2.0 */
/* Between a packet worker and its host: what a worker reports, and what it counts. Behind this
 * interface the gateway has threads and queues, the simulator a seeded world. */
#ifndef XDP_ENGINE_FACE_H
#define XDP_ENGINE_FACE_H

#include "proto/esp/sad.h"

#define DATAPATH_PACKET_MAX 1900u /* Longest packet taken in, ESP or inner. */

enum datapath_direction { DATAPATH_INBOUND, DATAPATH_OUTBOUND };

struct datapath_forward { /* A packet for the owner of its session. */
	enum datapath_direction direction;
	uint8_t node;      /* Its owner, by its index in the configuration. */
	uint32_t spi;      /* spi_in of the SA. */
	uint64_t session;
	struct sad_path path;  /* Inbound: as it came (remote is not authenticated). */
	const uint8_t *packet; /* Inbound: ESP header on. Outbound: the inner packet. */
	size_t len;            /* <= DATAPATH_PACKET_MAX */
};

struct datapath_face { /* Worker thread; arguments are borrowed for the call. */
	void *ctx;
	/* The reports of a burst, n >= 1. Marks come at most once a millisecond, for all SAs
	 * together. */
	void (*report)(void *ctx, const struct sa_report *reports, size_t n);
	/* An IKE message, without the non-ESP marker, to port 500 or 4500; or a datagram to one of
	 * datapath_config.others. local.port tells. */
	void (*ike)(void *ctx, const struct endpoint *local, const struct endpoint *remote,
		    const uint8_t *data, size_t len);
	/* The SA is known, and f->node owns it: send it there, once. */
	void (*forward)(void *ctx, const struct datapath_forward *f);
	/* Every update with a ticket up to and with this one is in effect. */
	void (*applied)(void *ctx, uint64_t ticket);
	/* ESP to an SPI that no SA has; at most one call per burst. May be NULL. */
	void (*unknown_spi)(void *ctx, uint32_t spi);
};

/* X(name, metric type). Every counter here is counted and reported; a new one needs nothing
 * else. */
#define DATAPATH_COUNTERS(X)                                                                       \
	X(packets_in, "counter") /* Delivered inward. */                                           \
	X(octets_in, "counter")  /* Inner packets'. */                                           \
	X(packets_out, "counter") /* Sealed and sent. */                                           \
	X(octets_out, "counter")                                                                   \
	X(forwarded_in, "counter") /* Given to face->forward. */                                   \
	X(forwarded_out, "counter")                                                                \
	X(injected, "counter")                                                                     \
	X(deferred, "counter")       /* Inbound packets that had to wait for marks, or after a stop. */ \
	X(stops, "counter")      /* The process stood still for longer than others wait for it. */ \
	X(waited, "counter")     /* Exact SAs': for a majority to have their marks. */                \
	X(keepalives, "counter") /* RFC 3948 2.3 */                                                \
	X(mss_clamped, "counter") /* SYNs whose segment size was made to fit. */                 \
	X(xdp_in, "counter")     /* Outer packets that went by AF_XDP. */            \
	X(xdp_out, "counter")                                                                      \
	X(ike_in, "counter")                                                                       \
	X(ike_out, "counter")                                                                      \
	X(updates, "counter")                                                                      \
	X(sas, "gauge")          /* Entries now. */                                                \
	X(sas_refused, "counter") /* SAs that found no room: the tables are too small for what was granted. */ \
	X(arp_replies, "counter")                                                                  \
	X(announcements, "counter")

struct datapath_counters {
	uint64_t drops[DROP_COUNT];
#define X(name, type) uint64_t name;
	DATAPATH_COUNTERS(X)
#undef X
};

#endif
