/* SPDX-License-Identifier: Apache-2.0 */
/* Diffie-Hellman values that take long are computed outside (ACTION_DH, EVENT_DH), so that the loop
 * never stands still for one. See proto/crypto/dh_desk.h. */
#ifndef CLUSTER_CORE_SLOW_DH_H
#define CLUSTER_CORE_SLOW_DH_H

#include "proto/crypto/dh_desk.h"
#include "proto/wire/address.h"
#include "proto/wire/blob.h"

struct core;

/* The message that is handled once more when a value is there. */
struct slow_dh_waiter {
	uint64_t a, b; /* The key of its lane; 0, 0: none, it is an IKE_SA_INIT request: */
	uint32_t via;
	struct endpoint local, remote;
	struct blob *request; /* NULL and 0, 0: nobody waits; it is looked for again. */
};

/* For one step: "later" is not said yet. */
struct dh_desk *slow_dh_desk(struct core *c);

/* Call it after each step that returned IKE_VERDICT_LATER: has the missing value computed, and w waits for
 * it; adopts w->request. False: there is no room, or this address has too many, and no value will come. */
bool slow_dh_wait(struct core *c, const struct slow_dh_waiter *w);

/* Does this IKE_SA_INIT request wait already? */
bool slow_dh_has(const struct core *c, const struct endpoint *remote, const uint8_t *data, size_t len);
/* Are there so many that a client that asks for more must show where it is (RFC 7296 2.6)? */
bool slow_dh_is_crowded(const struct core *c);

/* EVENT_DH. True: *w waited for it; its request is the caller's. */
bool slow_dh_answered(struct core *c, uint64_t id, const struct dh_result *result,
		      struct slow_dh_waiter *w) must_check;
/* Takes one that waits, because we no longer lead. False: none waits. */
bool slow_dh_abandon(struct core *c, struct slow_dh_waiter *w) must_check;

void slow_dh_tick(struct core *c);
void slow_dh_init(struct core *c);
void slow_dh_fini(struct core *c);

#endif
