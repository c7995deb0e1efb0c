/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of RADIUS servers (RFC 5176). */
#ifndef CLUSTER_CORE_COA_H
#define CLUSTER_CORE_COA_H

#include "proto/wire/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;

/* Is a datagram that came to this address of ours such a request? */
bool coa_is_for(const struct core *c, const struct endpoint *local);
void coa_datagram(struct core *c, uint32_t via, const struct endpoint *local, const struct endpoint *remote,
		  const uint8_t *data, size_t len);
void coa_tick(struct core *c);
void coa_init(struct core *c);
void coa_end(struct core *c);

#endif
