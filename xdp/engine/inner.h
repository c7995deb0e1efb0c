/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy needs to know about an inner packet: RFC 4301 4.4.1.1. */
#ifndef XDP_ENGINE_INNER_H
#define XDP_ENGINE_INNER_H

#include "proto/wire/drop.h"
#include "proto/wire/traffic_selector.h"

#define INNER_IPV4 4u  /* ESP Next Header of a tunnelled packet, RFC 4303 2.6 */
#define INNER_IPV6 41u

struct inner_packet {
	struct address src, dst;
	uint16_t src_port, dst_port; /* ICMP: both are type and code (RFC 7296 3.13.1). */
	bool ports;                  /* It has some, and they are in it. Else both are 0. */
	uint8_t protocol;            /* The transport header's. */
	uint8_t next_header;         /* INNER_IPV4 or INNER_IPV6. */
	bool fragment;               /* Any fragment, also the first. */
	size_t transport;            /* Where the transport header begins. 0: not in here. */
	size_t len;                  /* As the header says; what is behind is padding. */
};

/* DROP_NONE, DROP_SHORT or DROP_MALFORMED. Reads only. */
enum drop inner_parse(struct inner_packet *p, const uint8_t *data, size_t len);
/* The same for the beginning of a packet, as ICMP quotes it: len may be less than its
 * header says. What is not there has no ports. */
enum drop inner_parse_quoted(struct inner_packet *p, const uint8_t *data, size_t len);

/* Is a packet from a client inside the SA's selectors? RFC 4301 5.2 step 4.
 * DROP_NONE or DROP_POLICY. */
enum drop inner_check_inbound(const struct inner_packet *p, const struct ts_set *local,
			      const struct ts_set *remote);
/* The same for a packet to a client. */
enum drop inner_check_outbound(const struct inner_packet *p, const struct ts_set *local,
			       const struct ts_set *remote);

#endif
