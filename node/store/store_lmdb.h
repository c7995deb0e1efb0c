/* SPDX-License-Identifier: Apache-2.0 */
/* A node's stable storage (DESIGN section 9): Raft's term, vote, log and snapshot, and the node's
 * identity, in an LMDB file, every record authenticated. A store that opens is bit for bit what was
 * committed; any other is refused and left alone.
 *
 *   DATA_DIR/lock           flock()ed while a process uses the directory; holds its pid
 *   DATA_DIR/store/data.mdb the records
 *   DATA_DIR/store/tip      the number of the last transaction, authenticated
 *
 * Not thread-safe: after store_open() one thread at a time commits. */
#ifndef NODE_STORE_STORE_LMDB_H
#define NODE_STORE_STORE_LMDB_H

#include "cluster/raft/store.h"
#include "proto/wire/status.h"

#define STORE_ERR_LEN 1024u
#define STORE_MAP_BYTES (16ull << 30) /* Address space: the file is as large as what it holds was. */
#define STORE_KEY_LEN 32u

struct store;

struct store_options { /* Borrowed during store_open(). */
	const char *dir;                  /* data_dir, for messages and to be opened ... */
	const char *at;                   /* ... but by this name, if it is not NULL. */
	const char *cluster;              /* Name: records of another one are foreign. */
	const uint8_t *key;               /* STORE_KEY_LEN octets, seal_derive(k, "store"). */
	uint64_t map_bytes;               /* Most it can hold; 0: STORE_MAP_BYTES. */
	uint64_t new_raft_id;             /* Used if the directory is empty; non-zero, random. */
	const uint8_t *new_store_id;      /* 16 random octets, likewise. */
	const char *node;                 /* Name: the store of another node is foreign. */
};

/* Creates the store in an empty directory, else checks every record in a child process (a damaged
 * tree can crash its reader) and opens it; writes nothing to an existing one. *image is the
 * caller's (store_image_fini). Errors, with a sentence in err that names the directory and the way
 * out: ERR_EXISTS (another process runs in it), ERR_FOREIGN, ERR_DAMAGED, ERR_IO (cannot be
 * created, read or written), ERR_NO_SPACE (likewise: to be tried again once there is some). */
enum status store_open(const struct store_options *o, struct store **out, struct store_image *image,
		       char err[STORE_ERR_LEN]) must_check;
void store_close(struct store *s); /* NULL is accepted. */

/* The first transaction of a process that will run: keeps its incarnation. After
 * ERR_NO_SPACE it may be tried again. */
enum status store_begin(struct store *s, uint64_t incarnation, char err[STORE_ERR_LEN]) must_check;

/* One durable transaction of n updates, in order, and of a new identity record
 * (NULL = none). ERR_IO: nothing was stored, and the store must not be used further. */
enum status store_commit(struct store *s, struct store_update *const *updates, size_t n,
			 const struct blob *identity, char err[STORE_ERR_LEN]) must_check;

uint64_t store_raft_id(const struct store *s);
/* By the wall clock, since the last entry or snapshot was stored; 0: there is none. */
uint64_t store_age_ms(const struct store *s);
/* Likewise, since store_update.logged_at_ms. */
uint64_t store_unlogged_ms(const struct store *s);
struct blob *store_identity(const struct store *s);         /* A new reference; NULL = none. */
unsigned store_fill_percent(const struct store *s);         /* How full the map is, after the last commit. */

#endif
