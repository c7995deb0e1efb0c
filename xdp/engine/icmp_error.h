/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors in a tunnel: RFC 4301 6.2, for ICMP (RFC 792) and ICMPv6 (RFC 4443). */
#ifndef XDP_ENGINE_ICMP_ERROR_H
#define XDP_ENGINE_ICMP_ERROR_H

#include "xdp/engine/inner.h"

/* Is p, as inner_parse() saw it in data, an ICMP error for the sender of the packet that it is
 * about? Then *back is that packet's return traffic: its addresses and ports reversed, to be
 * compared with selectors. Reads p->len octets of data. */
bool icmp_error_return(struct inner_packet *back, const struct inner_packet *p, const uint8_t *data);

#endif
