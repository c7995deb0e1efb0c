/* SPDX-License-Identifier: Apache-2.0 */
/* IKE messages at the leader: respond, commit, answer. */
#ifndef CLUSTER_CORE_EXCHANGE_H
#define CLUSTER_CORE_EXCHANGE_H

#include "cluster/core/auth_question.h"
#include "cluster/core/changes.h"
#include "proto/ike/ike.h"

struct core;

void exchange_datagram(struct core *c, uint32_t via, const struct endpoint *local,
		       const struct endpoint *remote, const uint8_t *data, size_t len);
/* A command of this session (or half-open pair) was applied or refused. */
void exchange_applied(struct core *c, const struct follow_session *f);
void exchange_owner_applied(struct core *c);
/* What a request of IKE_AUTH asked outside is answered. */
void exchange_answered(struct core *c, const struct auth_question *question, const uint8_t *answer,
		       size_t len);
/* What a message waited for is computed: it is handled once more. */
void exchange_computed(struct core *c, uint64_t id, const struct dh_result *result);
void exchange_lost(struct core *c);
void exchange_role(struct core *c);
void exchange_tick(struct core *c);
void exchange_fini(struct core *c);
size_t exchange_pending(const struct core *c);
uint64_t exchange_deadline_us(const struct core *c);
void exchange_init(struct core *c);

#endif
