/* SPDX-License-Identifier: Apache-2.0 */
/* A task identifies a value: the group, our private value if there is one, the other side's public
 * value if there is one. Two clients that send the same public value get two values, because each
 * is handed out once. */
#include "proto/crypto/dh_desk.h"

#include <openssl/mem.h>

#include <string.h>

/* Answering with one of these takes two multiplications or exponentiations of half a millisecond or
 * more each. */
bool dh_is_slow(uint16_t group)
{
	return group == DH_ECP_384 || group == DH_ECP_521 || group == DH_MODP_3072 || group == DH_MODP_4096;
}

void dh_task_run(const struct dh_task *task, struct entropy *e, struct dh_result *result)
{
	memset(result, 0, sizeof(*result));
	if (task->pair.private_value.len > 0) {
		result->pair = task->pair;
		result->status = OK;
	} else {
		result->status = dh_generate(task->pair.group, e, &result->pair, result->public_value,
					     &result->len);
	}
	if (result->status == OK && task->peer_len > 0)
		result->status = dh_shared(&result->pair, task->peer, task->peer_len, &result->shared);
}

bool dh_task_equal(const struct dh_task *a, const struct dh_task *b)
{
	const struct secret *x = &a->pair.private_value, *y = &b->pair.private_value;

	return a->pair.group == b->pair.group && a->peer_len == b->peer_len && x->len == y->len &&
	       CRYPTO_memcmp(x->bytes, y->bytes, x->len) == 0 && memcmp(a->peer, b->peer, a->peer_len) == 0;
}

/* ---- The desk ---- */

static enum status run(struct dh_desk *desk, const struct dh_task *task, struct entropy *e,
		       struct dh_result *result)
{
	if (!desk || !dh_is_slow(task->pair.group)) {
		dh_task_run(task, e, result);
		return result->status;
	}
	memset(result, 0, sizeof(*result));
	if (desk->find(desk->ctx, task, result))
		return result->status;
	desk->later = true;
	return ERR_CRYPTO;
}

static bool set_peer(struct dh_task *task, CBS peer)
{
	if (CBS_len(&peer) == 0 || CBS_len(&peer) > sizeof(task->peer))
		return false;
	task->peer_len = (uint16_t)CBS_len(&peer);
	memcpy(task->peer, CBS_data(&peer), task->peer_len);
	return true;
}

enum status dh_desk_generate(struct dh_desk *desk, uint16_t group, struct entropy *e, struct dh_result *result)
{
	const struct dh_task task = {.pair = {.group = group}};

	return run(desk, &task, e, result);
}

enum status dh_desk_shared(struct dh_desk *desk, const struct dh_keypair *k, CBS peer, struct dh_secret *shared)
{
	struct dh_task task = {.pair = *k};
	struct dh_result result;
	enum status status = ERR_MALFORMED;

	memset(shared, 0, sizeof(*shared));
	if (set_peer(&task, peer)) {
		status = run(desk, &task, NULL, &result);
		if (status == OK)
			*shared = result.shared;
		dh_result_cleanse(&result);
	}
	dh_task_cleanse(&task);
	return status;
}

enum status dh_desk_respond(struct dh_desk *desk, uint16_t group, CBS peer, struct entropy *e,
			    struct dh_result *result)
{
	struct dh_task task = {.pair = {.group = group}};

	memset(result, 0, sizeof(*result));
	return set_peer(&task, peer) ? run(desk, &task, e, result) : ERR_MALFORMED;
}

void dh_task_cleanse(struct dh_task *t)
{
	OPENSSL_cleanse(t, sizeof(*t));
}

void dh_result_cleanse(struct dh_result *r)
{
	OPENSSL_cleanse(r, sizeof(*r));
}
