/* SPDX-License-Identifier: Apache-2.0 */
/* Writing into a transaction of the store's tree. Errors are LMDB's; 0 = done. */
#ifndef NODE_STORE_STORE_LOG_H
#define NODE_STORE_STORE_LOG_H

#include "node/store/store_record.h"

#include <lmdb.h>

/* For the kinds that stand once; adopts record. */
int store_record_put(MDB_txn *txn, enum record_kind kind, struct blob *record);

/* All of an update, in the order that cluster/raft/store.h gives; changes *tip to match. */
int store_update_write(const struct record_key *k, MDB_txn *txn, struct record_tip *tip,
		       const struct store_update *u);

#endif
