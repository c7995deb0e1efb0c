/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB's interface over memory: as much of it as node/store/store_log.c and
 * node/store/store_check.c call, so that the simulator's disks hold the product's own records and
 * are read by its own check. It keeps the part of LMDB's contract that the product needs: a
 * transaction is there whole or not at all. */
#ifndef TEST_SIM_MDB_H
#define TEST_SIM_MDB_H

#include "test/sim/random.h"

#include <lmdb.h>

/* A tree of records that stands for a file. */
MDB_env *mdb_sim_new(void);
MDB_env *mdb_sim_copy(const MDB_env *e); /* A copy of it as it is now; records are shared. */
void mdb_sim_free(MDB_env *e);           /* NULL is accepted. */
size_t mdb_sim_octets(const MDB_env *e); /* Keys and values. */
MDB_txn *mdb_sim_begin(MDB_env *e);      /* For writing; takes effect at once. */

/* Flips one bit of one value; flip it again with the same random numbers to mend it. */
void mdb_sim_flip(MDB_env *e, uint64_t which, uint64_t bit);

#endif
