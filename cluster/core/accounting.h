/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to RADIUS (cluster/state/accounting_report.h), told by the leader. */
#ifndef CLUSTER_CORE_ACCOUNTING_H
#define CLUSTER_CORE_ACCOUNTING_H

#include "proto/wire/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;

/* At the leader: false: that server takes no accounts. */
bool accounting_datagram(struct core *c, const struct endpoint *remote, const uint8_t *data, size_t len);
void accounting_policy(struct core *c); /* Another one is in force. */
void accounting_role(struct core *c);
void accounting_tick(struct core *c);
void accounting_init(struct core *c);
void accounting_end(struct core *c);

#endif
