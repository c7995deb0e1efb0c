/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots in sealed parts. The input is used as octets, which never open; and as an arrangement
 * of the parts of two whole ones, of which only those two open. */
#include "cluster/level.h"
#include "cluster/core/rooms.h"
#include "cluster/core/snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 20000 */

#define PARTS_MAX 64u

static struct seal_key *key;
static struct blob *whole[2];
static size_t at[2][PARTS_MAX + 1], n_parts;

static void begin(void)
{
	static const uint8_t master[32] = {7}, seed[ENTROPY_SEED_LEN] = {1};
	static struct cluster_config config = {.snapshot_slice = 1};
	struct core *c = calloc(1, sizeof(*c));
	struct apply_result r;

	key = c->seal = seal_key_new(master, "fuzz");
	c->config = &config;
	snapshot_init(c);
	entropy_init(&c->entropy, seed);
	c->state = state_new();
	for (uint64_t id = 1; id <= 3; id++) {
		struct command up = {.type = COMMAND_NODE_UP, .node_up = {.id = id, .incarnation = 1, .level = LEVEL}};

		state_apply(c->state, &up, &r);
	}
	for (unsigned i = 0; i < 2; i++) {
		size_t n = 0;

		for (bool first = true; !whole[i]; first = false)
			whole[i] = snapshot_slice(c, first);
		for (size_t p = 0; p < whole[i]->len; n++) {
			at[i][n] = p;
			p += 4 + ((size_t)whole[i]->data[p + 2] << 8) + whole[i]->data[p + 3];
			assert(n < PARTS_MAX);
			at[i][n + 1] = p;
		}
		n_parts = n;
	}
	assert(n_parts == 4); /* The corpus counts on it. */
	snapshot_fini(c);
	state_free(c->state);
	entropy_fini(&c->entropy);
	free(c);
}

static bool opens(const uint8_t *data, size_t len)
{
	struct state *s = NULL;
	bool ok = snapshot_open(key, data, len, LEVEL, &s) == OK;

	assert(ok == (s != NULL));
	state_free(s);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool in_order[2];
	size_t out = 0;
	uint8_t *made;

	if (!key)
		begin();
	assert(!opens(data, len));
	if (len > PARTS_MAX)
		return 0;
	made = malloc(len * whole[0]->len + 1);
	in_order[0] = in_order[1] = len == n_parts;
	for (size_t i = 0; i < len; i++) {
		unsigned which = data[i] >> 7, p = (data[i] & 0x7f) % n_parts;
		size_t size = at[which][p + 1] - at[which][p];

		memcpy(made + out, whole[which]->data + at[which][p], size);
		out += size;
		in_order[which] = in_order[which] && p == i;
		in_order[!which] = false;
	}
	assert(opens(made, out) == (in_order[0] || in_order[1]));
	free(made);
	return 0;
}
