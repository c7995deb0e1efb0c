/* SPDX-License-Identifier: Apache-2.0 */
/* libraft's messages as bytes. Encoded configurations are checked before libraft decodes them,
 * because its own decoder does not check where they end.
 *
 *   version (1) | type (1) | libraft's struct version (1) | fields, big-endian */
#ifndef CLUSTER_RAFT_RAFT_MESSAGE_H
#define CLUSTER_RAFT_RAFT_MESSAGE_H

#include "cluster/raft/consensus.h"
#include "cluster/raft/store.h"

#include <raft.h>

#define CONSENSUS_ENTRIES_MAX 256u              /* In one AppendEntries. */
#define CONSENSUS_ENTRY_MAX (1u << 20)          /* Octets of one entry. */
/* What the bounds of a configuration may admit (cluster/core/state_size.c); below 32 bits, with its frame. */
#define CONSENSUS_SNAPSHOT_MAX (3584u << 20)
#define CONSENSUS_MEMBERS_MAX 32u
#define CONSENSUS_INDEX_MAX (UINT64_C(1) << 62) /* Indexes and terms stay below. */

/* entries: the m->append_entries.n_entries that an AppendEntries carries, one
 * pointer each. snapshot: what an InstallSnapshot carries; it overrides index, term
 * and configuration in m. Pointers inside m are not followed. */
struct blob *consensus_message_encode(const struct raft_message *m,
				      const struct log_entry *const *entries,
				      const struct store_snapshot *snapshot);

/* Does only a leader send such a message? Looks at its type alone. */
bool consensus_message_leads(const uint8_t *data, size_t len);

/* Decodes into raft_malloc()ed memory: the entries' array and their common batch,
 * or the snapshot's configuration and data; consensus_message_fini() frees them if
 * libraft did not take them over. m->server_id = from; server_address stays NULL.
 * ERR_MALFORMED, also for contents that libraft would only assert. */
enum status consensus_message_decode(struct raft_message *m, uint64_t from, const uint8_t *data,
				     size_t len) must_check;
void consensus_message_fini(struct raft_message *m);

/* Is this what raft_configuration_encode() writes, with sound contents? */
bool consensus_configuration_check(const uint8_t *data, size_t len);
/* From a configuration that was checked. *c: raft_configuration_close() it. */
void consensus_configuration_decode(struct raft_configuration *c, const struct blob *b);
struct blob *consensus_configuration_encode(const struct raft_configuration *c);

#endif
