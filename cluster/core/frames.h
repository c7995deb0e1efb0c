/* SPDX-License-Identifier: Apache-2.0 */
/* What another node says. */
#ifndef CLUSTER_CORE_FRAMES_H
#define CLUSTER_CORE_FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct core;

struct endpoint;

/* A datagram that came to the node `via`: of IKE or of RADIUS. */
void frames_datagram(struct core *c, uint32_t via, const struct endpoint *local,
		     const struct endpoint *remote, const uint8_t *data, size_t len);
void frames_receive(struct core *c, uint32_t node, const uint8_t *data, size_t len);

#endif
