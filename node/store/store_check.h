/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a whole store, trusting nothing in it. */
#ifndef NODE_STORE_STORE_CHECK_H
#define NODE_STORE_STORE_CHECK_H

#include "node/store/store_record.h"

#include <lmdb.h>

#define STORE_WHY_LEN 256u

struct store_content {
	struct record_header header;
	struct record_tip tip;
	struct blob *identity;
	struct store_image image;
};
void store_content_fini(struct store_content *c);

/* Opens the environment at path; flags are LMDB's. 0, or LMDB's error. */
int store_env_open(const char *path, uint64_t map_bytes, unsigned flags, MDB_env **env);

/* Reads and verifies every record. want: the names that its header must have. tip_file: the file beside it, opened. OK;
 * ERR_FOREIGN, ERR_DAMAGED or ERR_IO with the reason in why (no directory, no advice). */
enum status store_read(MDB_env *env, const struct record_key *k, const struct record_header *want, int tip_file,
		       struct store_content *c, char why[STORE_WHY_LEN]) must_check;

/* The same in a child process, which a damaged tree may crash or send round in
 * circles; nothing is kept. */
enum status store_check(const char *path, uint64_t map_bytes, const struct record_key *k,
			const struct record_header *want, int tip_file, char why[STORE_WHY_LEN]) must_check;

#endif
