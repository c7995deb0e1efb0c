/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals of clients: counters, and a log line now and then. */
#ifndef CLUSTER_CORE_REFUSALS_H
#define CLUSTER_CORE_REFUSALS_H

#include "cluster/core/facts.h"
#include "proto/ike/ike.h"

struct core;

void refusals_count(struct core *c, uint16_t notify);
/* out->refused went to that client: counted, and logged unless there were many lately. */
void refusals_tell(struct core *c, const struct endpoint *remote, const struct ike_outcome *out);
/* The answer to a message of another IKE version; NULL: it is not one, or there were many
 * lately. */
struct ike_datagrams *refusals_version(struct core *c, const uint8_t *data, size_t len);
/* By notify_error_index(); the caller has room for NOTIFY_ERRORS + 1. */
const uint64_t *refusals_counts(const struct core *c);
void refusals_init(struct core *c);
void refusals_fini(struct core *c);

#endif
