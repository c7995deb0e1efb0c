/* SPDX-License-Identifier: Apache-2.0 */
/* What another node says. */
#ifndef CLUSTER_CORE_FRAMES_H
#define CLUSTER_CORE_FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct core;

void frames_receive(struct core *c, uint32_t node, const uint8_t *data, size_t len);

#endif
