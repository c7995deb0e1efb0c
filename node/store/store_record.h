/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the store as bytes, and what authenticates them. */
#ifndef NODE_STORE_STORE_RECORD_H
#define NODE_STORE_STORE_RECORD_H

#include "cluster/raft/store.h"
#include "proto/wire/status.h"

#include <openssl/base.h>
#include <stdbool.h>

#define STORE_MAC_LEN 32u
#define STORE_ID_LEN 16u
#define STORE_KEY_ID_LEN 8u

/* Keys: one octet of kind; entries are followed by the index, big-endian, so that
 * the tree's order is the log's. */
enum record_kind {
	RECORD_ENTRY = 'e',
	RECORD_HEADER = 'h',
	RECORD_IDENTITY = 'i',
	RECORD_SNAPSHOT = 's',
	RECORD_TIP = 't',
	RECORD_TIP_FILE = 'f' /* Not in the tree: the file beside it. */
};
#define RECORD_KEY_MAX 9u

struct record_key { /* Authenticates, for one storage key and one cluster name. */
	uint8_t mac_key[STORE_MAC_LEN];
	uint8_t id[STORE_KEY_ID_LEN]; /* Names the storage key without revealing it. */
};

struct record_header { /* Written once; tells whose store it is. */
	uint8_t key_id[STORE_KEY_ID_LEN];
	uint8_t store_id[STORE_ID_LEN];
	uint64_t raft_id;
	char cluster[64], node[32];
};

/* Rewritten by every transaction: all that the other records must add up to.
 * Entries are chained: the MAC of each covers the MAC of the one before. */
struct record_tip {
	uint64_t counter;      /* Counts transactions. */
	uint64_t term, voted_for;
	uint64_t incarnation;  /* The process that runs, or ran last. */
	uint64_t newest_ms;    /* Wall clock when the last entry or snapshot came; 0: none yet. */
	uint64_t logged_ms;    /* store_update.logged_at_ms, the last one; 0: none yet. */
	uint64_t first, last;  /* Entries [first, last]; last = first - 1: none. */
	uint8_t base[STORE_MAC_LEN];     /* MAC of the entry before first. */
	uint8_t chain[STORE_MAC_LEN];    /* MAC of the entry `last`; base if there is none. */
	uint8_t snapshot[STORE_MAC_LEN]; /* Zero: none. */
	uint8_t identity[STORE_MAC_LEN]; /* Zero: none. */
	uint8_t header[STORE_MAC_LEN];
};

/* id first, from the storage key alone: a wrong name and a wrong key differ. */
void record_key_init(struct record_key *k, const uint8_t *key, size_t len, const char *cluster);
void record_key_fini(struct record_key *k);

size_t record_entry_key(uint64_t index, uint8_t key[RECORD_KEY_MAX]);

/* Each returns the record's bytes (MAC first; the caller frees) and writes its MAC. */
struct blob *record_entry_create(const struct record_key *k, const struct log_entry *e,
				 const uint8_t before[STORE_MAC_LEN], uint8_t mac[STORE_MAC_LEN]);
struct blob *record_snapshot_create(const struct record_key *k, const struct store_snapshot *s,
				    uint8_t mac[STORE_MAC_LEN]);
struct blob *record_identity_create(const struct record_key *k, const struct blob *identity,
				    uint8_t mac[STORE_MAC_LEN]);
struct blob *record_header_create(const struct record_key *k, const struct record_header *h,
				  uint8_t mac[STORE_MAC_LEN]);
struct blob *record_tip_create(const struct record_key *k, const struct record_tip *t);
struct blob *record_tip_file_create(const struct record_key *k, uint64_t counter,
				    const uint8_t store_id[STORE_ID_LEN]);

/* Verify and read. false: does not authenticate or does not parse. Outputs are new
 * objects of the caller. */
bool record_entry_open(const struct record_key *k, uint64_t index, const uint8_t *data, size_t len,
		       const uint8_t before[STORE_MAC_LEN], struct log_entry *e,
		       uint8_t mac[STORE_MAC_LEN]);
bool record_snapshot_open(const struct record_key *k, const uint8_t *data, size_t len,
			  const uint8_t mac[STORE_MAC_LEN], struct store_snapshot **s);
bool record_identity_open(const struct record_key *k, const uint8_t *data, size_t len,
			  const uint8_t mac[STORE_MAC_LEN], struct blob **identity);
/* Parses without verifying, to tell foreign from damaged. */
bool record_header_parse(const uint8_t *data, size_t len, struct record_header *h);
bool record_header_verify(const struct record_key *k, const uint8_t *data, size_t len,
			  const uint8_t mac[STORE_MAC_LEN]);
bool record_tip_open(const struct record_key *k, const uint8_t *data, size_t len,
		     struct record_tip *t);
bool record_tip_file_open(const struct record_key *k, const uint8_t *data, size_t len,
			  const uint8_t store_id[STORE_ID_LEN], uint64_t *counter);

#endif
