/* SPDX-License-Identifier: Apache-2.0 */
/* The wire form of libraft's six messages. Links between nodes are mutually authenticated, so a
 * malformed message comes from a bug or a broken peer, never from a stranger. Still, nothing is
 * allocated before its length is checked against the message's. What libraft only asserts (zero
 * terms, an empty entry, an unbounded configuration) is refused here: Debian's build has no
 * asserts.
 *
 * Entry: term (8) | type (1) | length (4) | data. All data of one message go into one block, the
 * batch, because libraft frees them as one. */
#include "cluster/raft/raft_message.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

#define MESSAGE_VERSION 1u

/* ---- Configurations (libraft's encoding is little-endian) ---- */

static bool get_u64le(CBS *cbs, uint64_t *v)
{
	CBS b;

	if (!CBS_get_bytes(cbs, &b, 8))
		return false;
	*v = 0;
	for (unsigned i = 0; i < 8; i++)
		*v |= (uint64_t)CBS_data(&b)[i] << (8 * i);
	return true;
}

static bool get_string(CBS *cbs, const char **s)
{
	const uint8_t *end = memchr(CBS_data(cbs), 0, CBS_len(cbs));

	if (!end)
		return false;
	*s = (const char *)CBS_data(cbs);
	return CBS_skip(cbs, (size_t)(end - CBS_data(cbs)) + 1);
}

bool consensus_configuration_check(const uint8_t *data, size_t len)
{
	uint64_t ids[CONSENSUS_MEMBERS_MAX], n;
	const char *names[CONSENSUS_MEMBERS_MAX];
	uint8_t format, role;
	CBS cbs;

	CBS_init(&cbs, data, len);
	if (!CBS_get_u8(&cbs, &format) || format != 1 || !get_u64le(&cbs, &n))
		return false;
	if (n == 0 || n > CONSENSUS_MEMBERS_MAX)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		if (!get_u64le(&cbs, &ids[i]) || !get_string(&cbs, &names[i]) ||
		    !CBS_get_u8(&cbs, &role))
			return false;
		if (ids[i] == 0 || names[i][0] == 0 ||
		    strlen(names[i]) >= sizeof(((struct consensus_member *)0)->address))
			return false;
		if (role != RAFT_STANDBY && role != RAFT_VOTER && role != RAFT_SPARE)
			return false;
		for (uint64_t k = 0; k < i; k++)
			if (ids[k] == ids[i] || strcmp(names[k], names[i]) == 0)
				return false;
	}
	return CBS_len(&cbs) < 8; /* Padding to a multiple of eight. */
}

void consensus_configuration_decode(struct raft_configuration *c, const struct blob *b)
{
	struct raft_buffer buf = { .base = (void *)b->data, .len = b->len };
	int rv = raft_configuration_decode(&buf, c);

	assert(rv == 0); /* It was checked; what is left is a lack of memory. */
}

struct blob *consensus_configuration_encode(const struct raft_configuration *c)
{
	struct raft_buffer buf;
	struct blob *b;
	int rv = raft_configuration_encode(c, &buf);

	assert(rv == 0);
	b = blob_new(buf.base, buf.len);
	raft_free(buf.base);
	return b;
}

/* ---- Encoding ---- */

static void put(CBB *cbb, uint64_t v)
{
	int ok = CBB_add_u64(cbb, v);

	assert(ok);
}

static void put_u8(CBB *cbb, unsigned v)
{
	int ok = CBB_add_u8(cbb, (uint8_t)v);

	assert(ok);
}

static void put_blob(CBB *cbb, const struct blob *b)
{
	int ok = CBB_add_u32(cbb, b ? b->len : 0) && (!b || CBB_add_bytes(cbb, b->data, b->len));

	assert(ok);
}

static void encode_append_entries(CBB *cbb, const struct raft_append_entries *p,
				  const struct log_entry *const *entries)
{
	put_u8(cbb, p->version);
	put(cbb, p->term);
	put(cbb, p->prev_log_index);
	put(cbb, p->prev_log_term);
	put(cbb, p->leader_commit);
	put(cbb, p->n_entries);
	for (unsigned i = 0; i < p->n_entries; i++) {
		put(cbb, entries[i]->term);
		put_u8(cbb, entries[i]->type);
		put_blob(cbb, entries[i]->data);
	}
}

static void encode_install_snapshot(CBB *cbb, const struct raft_install_snapshot *p,
				    const struct store_snapshot *s)
{
	put_u8(cbb, p->version);
	put(cbb, p->term);
	put(cbb, s->index);
	put(cbb, s->term);
	put(cbb, s->configuration_index);
	put_blob(cbb, s->configuration);
	put_blob(cbb, s->data);
}

static void encode_vote(CBB *cbb, const struct raft_request_vote *p)
{
	put_u8(cbb, p->version);
	put(cbb, p->term);
	put(cbb, p->candidate_id);
	put(cbb, p->last_log_index);
	put(cbb, p->last_log_term);
	put_u8(cbb, (p->disrupt_leader ? 1u : 0) | (p->pre_vote ? 2u : 0));
}

static void encode_results(CBB *cbb, const struct raft_message *m)
{
	const struct raft_request_vote_result *v = &m->request_vote_result;
	const struct raft_append_entries_result *a = &m->append_entries_result;

	if (m->type == RAFT_REQUEST_VOTE_RESULT) {
		put_u8(cbb, v->version);
		put(cbb, v->term);
		put_u8(cbb, (v->vote_granted ? 1u : 0) | (v->pre_vote ? 2u : 0));
		put(cbb, v->features);
		put(cbb, v->capacity);
	} else {
		put_u8(cbb, a->version);
		put(cbb, a->term);
		put(cbb, a->rejected);
		put(cbb, a->last_log_index);
		put(cbb, a->features);
		put(cbb, a->capacity);
	}
}

bool consensus_message_leads(const uint8_t *data, size_t len)
{
	return len > 1 && (data[1] == RAFT_APPEND_ENTRIES || data[1] == RAFT_INSTALL_SNAPSHOT);
}

struct blob *consensus_message_encode(const struct raft_message *m,
				      const struct log_entry *const *entries,
				      const struct store_snapshot *snapshot)
{
	struct blob *b;
	uint8_t *data;
	size_t len;
	CBB cbb;
	int ok = CBB_init(&cbb, 64);

	assert(ok);
	put_u8(&cbb, MESSAGE_VERSION);
	put_u8(&cbb, m->type);
	switch (m->type) {
	case RAFT_APPEND_ENTRIES:
		encode_append_entries(&cbb, &m->append_entries, entries);
		break;
	case RAFT_INSTALL_SNAPSHOT:
		encode_install_snapshot(&cbb, &m->install_snapshot, snapshot);
		break;
	case RAFT_REQUEST_VOTE:
		encode_vote(&cbb, &m->request_vote);
		break;
	case RAFT_REQUEST_VOTE_RESULT:
	case RAFT_APPEND_ENTRIES_RESULT:
		encode_results(&cbb, m);
		break;
	case RAFT_TIMEOUT_NOW:
		put_u8(&cbb, m->timeout_now.version);
		put(&cbb, m->timeout_now.term);
		put(&cbb, m->timeout_now.last_log_index);
		put(&cbb, m->timeout_now.last_log_term);
		break;
	}
	ok = CBB_finish(&cbb, &data, &len);
	assert(ok);
	b = blob_new(data, len);
	OPENSSL_free(data);
	return b;
}

/* ---- Decoding ---- */

/* An index or a term. */
static bool get(CBS *cbs, unsigned long long *v)
{
	uint64_t x;

	if (!CBS_get_u64(cbs, &x) || x >= CONSENSUS_INDEX_MAX)
		return false;
	*v = x;
	return true;
}

static bool get_short(CBS *cbs, unsigned short *v)
{
	uint64_t x;

	if (!CBS_get_u64(cbs, &x) || x > UINT16_MAX)
		return false;
	*v = (unsigned short)x;
	return true;
}

static bool get_data(CBS *cbs, uint32_t max, CBS *out)
{
	uint32_t len;

	return CBS_get_u32(cbs, &len) && len > 0 && len <= max && CBS_get_bytes(cbs, out, len);
}

static bool get_entry(CBS *cbs, unsigned long long *term, uint8_t *type, CBS *data)
{
	if (!get(cbs, term) || *term == 0 || !CBS_get_u8(cbs, type) ||
	    !get_data(cbs, CONSENSUS_ENTRY_MAX, data))
		return false;
	if (*type == RAFT_CHANGE)
		return consensus_configuration_check(CBS_data(data), CBS_len(data));
	return *type == RAFT_COMMAND || *type == RAFT_BARRIER;
}

/* First pass: is everything there, and how much of it is data? Terms never fall
 * along a log, and none is later than its leader's. */
static bool measure_entries(CBS cbs, const struct raft_append_entries *p, size_t *total)
{
	unsigned long long term, before = p->prev_log_term;
	uint8_t type;
	CBS data;

	*total = 0;
	for (unsigned i = 0; i < p->n_entries; i++) {
		if (!get_entry(&cbs, &term, &type, &data) || term < before || term > p->term)
			return false;
		before = term;
		*total += CBS_len(&data);
	}
	return CBS_len(&cbs) == 0;
}

static bool decode_append_entries(CBS *cbs, struct raft_append_entries *p)
{
	unsigned long long n;
	size_t total;
	uint8_t *batch;

	p->entries = NULL;
	p->n_entries = 0;
	if (!CBS_get_u8(cbs, &p->version) || !get(cbs, &p->term) || !get(cbs, &p->prev_log_index) ||
	    !get(cbs, &p->prev_log_term) || !get(cbs, &p->leader_commit) || !get(cbs, &n))
		return false;
	if (p->term == 0 || p->prev_log_term > p->term || n > CONSENSUS_ENTRIES_MAX ||
	    (p->prev_log_index == 0) != (p->prev_log_term == 0))
		return false;
	p->n_entries = (unsigned)n;
	if (!measure_entries(*cbs, p, &total) || n == 0) {
		p->n_entries = 0;
		return n == 0 && CBS_len(cbs) == 0;
	}
	p->entries = raft_calloc(p->n_entries, sizeof(*p->entries));
	batch = raft_malloc(total);
	assert(p->entries && batch);
	for (unsigned i = 0; i < p->n_entries; i++) {
		struct raft_entry *e = &p->entries[i];
		uint8_t type = 0;
		CBS data;
		bool ok = get_entry(cbs, &e->term, &type, &data);

		assert(ok);
		e->type = type;
		e->batch = p->entries[0].batch ? p->entries[0].batch : batch;
		e->buf.base = batch;
		e->buf.len = CBS_len(&data);
		memcpy(batch, CBS_data(&data), CBS_len(&data));
		batch += CBS_len(&data);
	}
	return true;
}

static bool decode_install_snapshot(CBS *cbs, struct raft_install_snapshot *p)
{
	struct raft_buffer buf;
	CBS conf, data;
	int rv;

	if (!CBS_get_u8(cbs, &p->version) || !get(cbs, &p->term) || !get(cbs, &p->last_index) ||
	    !get(cbs, &p->last_term) || !get(cbs, &p->conf_index) ||
	    !get_data(cbs, CONSENSUS_ENTRY_MAX, &conf) ||
	    !get_data(cbs, CONSENSUS_SNAPSHOT_MAX, &data))
		return false;
	if (CBS_len(cbs) != 0 || p->last_index == 0 || p->last_term == 0 || p->last_term > p->term ||
	    p->conf_index == 0 || p->conf_index > p->last_index ||
	    !consensus_configuration_check(CBS_data(&conf), CBS_len(&conf)))
		return false;
	buf.base = (void *)CBS_data(&conf);
	buf.len = CBS_len(&conf);
	rv = raft_configuration_decode(&buf, &p->conf);
	assert(rv == 0);
	p->data.len = CBS_len(&data);
	p->data.base = raft_malloc(p->data.len);
	assert(p->data.base);
	memcpy(p->data.base, CBS_data(&data), p->data.len);
	return true;
}

static bool decode_vote(CBS *cbs, struct raft_request_vote *p, uint64_t from)
{
	uint64_t candidate;
	uint8_t flags;

	if (!CBS_get_u8(cbs, &p->version) || !get(cbs, &p->term) || !CBS_get_u64(cbs, &candidate) ||
	    !get(cbs, &p->last_log_index) || !get(cbs, &p->last_log_term) ||
	    !CBS_get_u8(cbs, &flags) || flags > 3)
		return false;
	p->candidate_id = candidate;
	p->disrupt_leader = flags & 1;
	p->pre_vote = flags & 2;
	return CBS_len(cbs) == 0 && p->term != 0 && candidate == from &&
	       p->last_log_term <= p->term && (p->last_log_index == 0) == (p->last_log_term == 0);
}

static bool decode_vote_result(CBS *cbs, struct raft_request_vote_result *p)
{
	uint8_t flags;

	if (!CBS_get_u8(cbs, &p->version) || !get(cbs, &p->term) || !CBS_get_u8(cbs, &flags) ||
	    flags > 3 || !get_short(cbs, &p->features) || !get_short(cbs, &p->capacity))
		return false;
	p->vote_granted = flags & 1;
	p->pre_vote = flags & 2;
	return CBS_len(cbs) == 0;
}

static bool decode_append_result(CBS *cbs, struct raft_append_entries_result *p)
{
	return CBS_get_u8(cbs, &p->version) && get(cbs, &p->term) && get(cbs, &p->rejected) &&
	       get(cbs, &p->last_log_index) && get_short(cbs, &p->features) &&
	       get_short(cbs, &p->capacity) && CBS_len(cbs) == 0;
}

static bool decode_timeout_now(CBS *cbs, struct raft_timeout_now *p)
{
	return CBS_get_u8(cbs, &p->version) && get(cbs, &p->term) &&
	       get(cbs, &p->last_log_index) && get(cbs, &p->last_log_term) && CBS_len(cbs) == 0 &&
	       p->term != 0;
}

static bool decode_body(CBS *cbs, struct raft_message *m)
{
	switch (m->type) {
	case RAFT_APPEND_ENTRIES:
		return decode_append_entries(cbs, &m->append_entries);
	case RAFT_APPEND_ENTRIES_RESULT:
		return decode_append_result(cbs, &m->append_entries_result);
	case RAFT_REQUEST_VOTE:
		return decode_vote(cbs, &m->request_vote, m->server_id);
	case RAFT_REQUEST_VOTE_RESULT:
		return decode_vote_result(cbs, &m->request_vote_result);
	case RAFT_INSTALL_SNAPSHOT:
		return decode_install_snapshot(cbs, &m->install_snapshot);
	case RAFT_TIMEOUT_NOW:
		return decode_timeout_now(cbs, &m->timeout_now);
	}
	return false;
}

enum status consensus_message_decode(struct raft_message *m, uint64_t from, const uint8_t *data,
				     size_t len)
{
	uint8_t version, type;
	CBS cbs;

	memset(m, 0, sizeof(*m));
	CBS_init(&cbs, data, len);
	if (!CBS_get_u8(&cbs, &version) || version != MESSAGE_VERSION || !CBS_get_u8(&cbs, &type))
		return ERR_MALFORMED;
	if (from == 0 || type < RAFT_APPEND_ENTRIES || type > RAFT_TIMEOUT_NOW)
		return ERR_MALFORMED;
	m->type = type;
	m->server_id = from;
	return decode_body(&cbs, m) ? OK : ERR_MALFORMED;
}

void consensus_message_fini(struct raft_message *m)
{
	if (m->type == RAFT_APPEND_ENTRIES && m->append_entries.entries) {
		raft_free(m->append_entries.entries[0].batch);
		raft_free(m->append_entries.entries);
	} else if (m->type == RAFT_INSTALL_SNAPSHOT) {
		raft_configuration_close(&m->install_snapshot.conf);
		raft_free(m->install_snapshot.data.base);
	}
	memset(m, 0, sizeof(*m));
}
