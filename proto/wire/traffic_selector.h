/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors: RFC 7296 3.13 (wire), 2.9 (narrowing), RFC 4301 4.4.1. */
#ifndef PROTO_WIRE_TRAFFIC_SELECTOR_H
#define PROTO_WIRE_TRAFFIC_SELECTOR_H

#include "proto/wire/address.h"

#define TS_MAX 8u /* Selectors of one side of a Child SA; more are narrowed away (RFC 7296 2.9). */

struct traffic_selector {
	struct address start, end; /* Inclusive; same family. */
	uint16_t port_start, port_end; /* Inclusive; 0..65535 = any. */
	uint8_t protocol; /* IP protocol, 0 = any. */
};

struct ts_set {
	struct traffic_selector ts[TS_MAX];
	uint8_t n;
};

struct traffic_selector ts_from_prefix(const struct prefix *p);
struct traffic_selector ts_from_address(const struct address *a);
bool ts_is_prefix(const struct traffic_selector *ts, struct prefix *out); /* False: it is another range. */

/* What both sides allow: out = every non-empty intersection of a selector of
 * offered with one of allowed, in the order offered. Returns false when nothing
 * is left (TS_UNACCEPTABLE). out may not alias. */
bool ts_narrow(struct ts_set *out, const struct ts_set *offered, const struct ts_set *allowed);
/* The same for one selector that is offered: adds to out, as long as there is room. */
void ts_narrow_one(struct ts_set *out, const struct traffic_selector *offered,
		   const struct ts_set *allowed);

/* Does an address/protocol/port fall in the set? For packets whose ports cannot be seen (fragments
 * but the first, protocols without ports) port is NULL and matches only selectors that span all ports. */
bool ts_covers(const struct ts_set *set, const struct address *a, uint8_t protocol, const uint16_t *port);
/* Is the address one of the set's, for any protocol and port? */
bool ts_names(const struct ts_set *set, const struct address *a);
bool ts_set_equal(const struct ts_set *a, const struct ts_set *b);
/* Is every selector of inner within one of outer? False when inner is empty. */
bool ts_set_within(const struct ts_set *inner, const struct ts_set *outer);

#endif
