/* SPDX-License-Identifier: Apache-2.0 */
/* TCP's maximum segment size, made small enough for the tunnel. */
#ifndef XDP_ENGINE_MSS_H
#define XDP_ENGINE_MSS_H

#include "xdp/engine/inner.h"

#include <stddef.h>
#include <stdint.h>

/* A SYN whose MSS option is above what an inner packet of `mtu` octets can hold gets that, and its
 * checksum follows. Returns whether it was changed. Anything else stays as it is. */
bool mss_clamp(uint8_t *data, const struct inner_packet *p, size_t mtu);

#endif
