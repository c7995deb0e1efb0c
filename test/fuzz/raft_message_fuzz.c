/* SPDX-License-Identifier: Apache-2.0 */
/* A message from another node, and its encoding once it is accepted. */
#include "cluster/raft/raft_message.h"

#include <assert.h>
#include <string.h>

/* runs: 50000 */

/* Votes and results have one encoding; entries are compared by the codec's tests. */
static void encode_again(const struct raft_message *m, const uint8_t *data, size_t size)
{
	struct blob *b = consensus_message_encode(m, NULL, NULL);

	assert(b->len == size && memcmp(b->data, data, size) == 0);
	blob_unref(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct raft_message m;
	uint64_t from = 5;

	if (consensus_message_decode(&m, from, data, size) == OK) {
		if (m.type != RAFT_APPEND_ENTRIES && m.type != RAFT_INSTALL_SNAPSHOT)
			encode_again(&m, data, size);
		if (m.type == RAFT_APPEND_ENTRIES && m.append_entries.n_entries > 0)
			assert(m.append_entries.entries[0].batch);
		consensus_message_fini(&m);
	}
	if (consensus_configuration_check(data, size)) {
		struct blob *b = blob_new(data, size);
		struct raft_configuration c;

		consensus_configuration_decode(&c, b);
		raft_configuration_close(&c);
		blob_unref(b);
	}
	return 0;
}
