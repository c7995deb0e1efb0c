/* SPDX-License-Identifier: Apache-2.0 */
/* A disk with the interface of the real store: transactions become durable whole and in order, some
 * time after they were asked for; a crash loses the rest, except that the last ones may have become
 * durable unnoticed.
 *
 * What it holds are the product's own records (node/store/store_record.h), written by
 * node/store/store_log.c and read by node/store/store_check.c; only LMDB and the file system are
 * models (mdb.h). The tip file beside the tree is written after each commit and not
 * synced: a power loss may leave an earlier one. */
#ifndef TEST_SIM_DISK_H
#define TEST_SIM_DISK_H

#include "cluster/raft/store.h"
#include "node/store/store_check.h"
#include "test/sim/mdb.h"

#include <stdint.h>

struct host;
struct disk_write;

struct disk {
	struct host *host;
	struct record_key key;
	MDB_env *tree;               /* What is durable; NULL: nothing was ever stored. */
	struct blob *tip_file, *synced_tip_file;
	struct record_header header; /* For the running process. */
	struct record_tip tip;
	struct disk_write *writes;   /* What is on its way, in order. */
	uint64_t slow_us;            /* Added to each sync: a disk that stalls. */
	uint64_t last_us;            /* When the last one will be durable. */
	bool full;                   /* A write that would make it larger fails: the process ends. */
};

void disk_init(struct disk *d, struct host *h);
void disk_fini(struct disk *d);

struct disk_age { /* By the wall clock. */
	uint64_t newest_ms;   /* Since the newest record came. */
	uint64_t unlogged_ms; /* core_start's. */
};

/* As store_open() and store_begin(): makes a store if there is none, else reads and
 * verifies all of it. Not OK: *why, and nothing is changed. *c is the caller's
 * (store_content_fini). */
enum status disk_open(struct disk *d, uint64_t new_raft_id, uint64_t incarnation,
		      struct store_content *c, struct disk_age *age, char why[STORE_WHY_LEN]);
void disk_store(struct disk *d, struct store_update *u); /* Adopts u; DELIVER_STORED follows. */
void disk_store_identity(struct disk *d, struct blob *identity); /* Takes a reference. */
void disk_crash(struct disk *d, bool power_lost);
void disk_wipe(struct disk *d); /* Empty, as after a reinstallation. */

/* ---- What happens to disks whose process does not run ---- */

/* An image of it, as a backup makes one. */
struct disk_copy {
	MDB_env *tree;
	struct blob *tip_file;
	uint64_t last_index, counter;
};
void disk_copy(const struct disk *d, struct disk_copy *copy); /* Replaces *copy. */
void disk_copy_fini(struct disk_copy *copy);
/* Takes over the copy; the tree alone: acknowledged transactions are lost. */
void disk_put_back(struct disk *d, struct disk_copy *copy, bool tree_alone);
/* One bit, in any record or in the tip file; the same numbers again mend it. */
void disk_flip(struct disk *d, uint64_t which, uint64_t bit);

#endif
