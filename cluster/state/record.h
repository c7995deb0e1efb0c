/* SPDX-License-Identifier: Apache-2.0 */
/* How records are written as octets and read back: commands, half-open SAs, the
 * sessions of a snapshot. One function names the fields of a record; the same one
 * writes and reads, by the direction of its codec, so the two cannot drift apart.
 *
 * Big-endian, no padding, canonical: what was read gives the same octets when
 * written again. Reading is strict: lengths, enums, booleans and texts are checked.
 * An error sticks: later fields read as zero, and the caller looks once, at the end.
 *
 * Fields that came with a later level (cluster/level.h) stand behind codec_since(). */
#ifndef CLUSTER_STATE_RECORD_H
#define CLUSTER_STATE_RECORD_H

#include "cluster/state/lease.h"
#include "proto/ike/ike_sa.h"
#include "proto/wire/prefix_list.h"

#include <openssl/bytestring.h>

struct codec {
	CBB *out; /* Writing, or NULL ... */
	CBS *in;  /* ... then reading. */
	bool bad;
	uint8_t level; /* In whose form it is written. */
};

bool codec_reads(const struct codec *c);
/* Does the encoding have what came with this level? A missing field stays zero. */
bool codec_since(const struct codec *c, uint8_t level);
/* Refuses unless the condition, which the record's reader relies on, holds. */
void codec_check(struct codec *c, bool condition);

void codec_u8(struct codec *c, uint8_t *v);
void codec_u16(struct codec *c, uint16_t *v);
void codec_u32(struct codec *c, uint32_t *v);
void codec_u64(struct codec *c, uint64_t *v);
void codec_i64(struct codec *c, int64_t *v);
void codec_bool(struct codec *c, bool *v);
/* A number that mostly is 0: then it takes one octet. */
void codec_rare(struct codec *c, uint64_t *v);
/* As many octets as it needs. */
void codec_volume(struct codec *c, struct volume *v);
void codec_octets(struct codec *c, uint8_t *data, size_t len);
/* A number of things, at most max; zero when it is more. */
void codec_count(struct codec *c, uint32_t *n, uint32_t max);
/* A text with its final NUL in an array of size; what follows the NUL is zeroed. */
void codec_text(struct codec *c, char *text, size_t size);
/* Length-prefixed; reading makes a new blob. */
void codec_blob(struct codec *c, struct blob **b);
void codec_blob_of(struct codec *c, struct blob **b, uint32_t max);
/* A message, or none; of IKE_DATAGRAMS_MAX datagrams and max octets at most. */
void codec_datagrams(struct codec *c, struct ike_datagrams **d, uint32_t max);

void codec_address(struct codec *c, struct address *a); /* Family 0 allowed. */
void codec_prefixes(struct codec *c, struct prefix_list *l);
void codec_id(struct codec *c, struct ike_id *id);
void codec_seq_record(struct codec *c, struct seq_record *r, const struct child_sa *child);

/* When reading, *s or *h must be zeroed; it holds something for its fini in
 * every case, also after an error. */
void codec_session(struct codec *c, struct ike_session *s);
void codec_half_open(struct codec *c, struct ike_half_open *h);

#endif
