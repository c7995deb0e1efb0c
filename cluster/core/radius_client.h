/* SPDX-License-Identifier: Apache-2.0 */
/* RADIUS servers, asked by the leader. */
#ifndef CLUSTER_CORE_RADIUS_CLIENT_H
#define CLUSTER_CORE_RADIUS_CLIENT_H

#include "cluster/core/auth_question.h"
#include "proto/wire/address.h"
#include "proto/wire/blob.h"

#include <stdbool.h>
#include <stddef.h>

struct core;

/* Does a datagram that came to this address of ours belong to RADIUS, and not to IKE? */
bool radius_is_for(const struct core *c, const struct endpoint *local);
void radius_datagram(struct core *c, uint32_t via, const struct endpoint *local,
		     const struct endpoint *remote, const uint8_t *data, size_t len);
/* A question for RADIUS (radius_question.h), which a majority holds; from: its client's address. */
void radius_ask(struct core *c, const struct auth_question *name, const struct address *from,
		struct blob *question);
/* A question that was answered since the last call: the answer is the caller's. False: there is
 * none. */
bool radius_next_answer(struct core *c, struct auth_question *name, struct blob **answer);
/* Nobody waits for the answer any more. */
void radius_forget(struct core *c, uint64_t spi_i, uint64_t spi_r, uint32_t step);
/* An identifier for a request to that server which no open request uses. */
uint8_t radius_draw_id(struct core *c, const struct endpoint *server);
void radius_policy(struct core *c); /* Another one is in force. */
void radius_role(struct core *c);
void radius_tick(struct core *c);
uint64_t radius_deadline_us(const struct core *c);
size_t radius_open(const struct core *c); /* Questions that wait for an answer. */
void radius_init(struct core *c);
void radius_fini(struct core *c);

#endif
