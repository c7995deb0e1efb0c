/* SPDX-License-Identifier: Apache-2.0 */
/* Diffie-Hellman with slow groups, computed elsewhere. The control loop never waits, and MODP-4096
 * takes 4 ms. So a step that needs a value asks at a desk. If the value is not there yet, the desk
 * says "later" and has it computed, and the step is discarded: its message is handled once more
 * when the desk has the value.
 *
 * A step is a pure function, so discarding it loses nothing. */
#ifndef PROTO_CRYPTO_DH_DESK_H
#define PROTO_CRYPTO_DH_DESK_H

#include "proto/crypto/dh.h"

#include <openssl/bytestring.h>

/* What is to be computed. */
struct dh_task {
	struct dh_keypair pair; /* Ours. Without a private value (len 0): one is to be drawn. */
	uint16_t peer_len;      /* 0: there is no public value of the other side yet. */
	uint8_t peer[DH_PUBLIC_MAX];
};

struct dh_result {
	enum status status; /* As dh_generate() and dh_shared() have it. */
	struct dh_keypair pair;
	size_t len; /* Length of our public value; 0: the task had a private one. */
	uint8_t public_value[DH_PUBLIC_MAX];
	struct dh_secret shared; /* Empty without a public value of the other side. */
};

struct dh_desk {
	void *ctx;
	/* True: *result is there, and the desk has forgotten it. False: later. */
	bool (*find)(void *ctx, const struct dh_task *task, struct dh_result *result);
	bool later; /* find() returned false: the step's outcome must be discarded. */
};

/* Does it take more than a millisecond to answer with this group? Others are done at once. */
bool dh_is_slow(uint16_t group) must_check;

/* The work: in any thread. e is used only to draw a private value. */
void dh_task_run(const struct dh_task *task, struct entropy *e, struct dh_result *result);
bool dh_task_equal(const struct dh_task *a, const struct dh_task *b) must_check;

/* dh_generate(), dh_shared(), and one after the other, by way of a desk. desk NULL: at once.
 * ERR_CRYPTO also stands for "later". The caller cleanses what it gets. */
enum status dh_desk_generate(struct dh_desk *desk, uint16_t group, struct entropy *e,
			     struct dh_result *result) must_check;
enum status dh_desk_shared(struct dh_desk *desk, const struct dh_keypair *k, CBS peer,
			   struct dh_secret *shared) must_check;
enum status dh_desk_respond(struct dh_desk *desk, uint16_t group, CBS peer, struct entropy *e,
			    struct dh_result *result) must_check;

void dh_task_cleanse(struct dh_task *t);
void dh_result_cleanse(struct dh_result *r);

#endif
