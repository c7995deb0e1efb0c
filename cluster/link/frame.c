/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between nodes. The link is authenticated, but a frame is parsed like any input from
 * outside: CBS, narrow first, nothing left over. */
#include "cluster/link/frame.h"

#include "cluster/level.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <string.h>

#define MARK_LEN 20u /* spi (4) | epoch (8) | seq (8) */
#define RUN_LEN 13u  /* first (2) | count (2) | known (1) | epoch (8) */

static bool get_endpoint(CBS *in, struct endpoint *e)
{
	CBS octets;
	uint8_t family;

	memset(e, 0, sizeof(*e));
	if (!CBS_get_u8(in, &family) || (family != 0 && family != 4 && family != 6) ||
	    !CBS_get_u16(in, &e->port))
		return false;
	e->address.family = family;
	if (!CBS_get_bytes(in, &octets, address_len(&e->address)))
		return false;
	memcpy(e->address.octets, CBS_data(&octets), CBS_len(&octets));
	return true;
}

static int add_endpoint(CBB *out, const struct endpoint *e)
{
	return CBB_add_u8(out, e->address.family) && CBB_add_u16(out, e->port) &&
	       CBB_add_bytes(out, e->address.octets, address_len(&e->address));
}

static bool get_rest(CBS *in, const uint8_t **data, size_t *len)
{
	*data = CBS_data(in);
	*len = CBS_len(in);
	return CBS_skip(in, CBS_len(in));
}

static bool get_rows(CBS *in, size_t row_len, size_t max, const uint8_t **rows, size_t *n)
{
	if (CBS_len(in) % row_len != 0 || CBS_len(in) > max * row_len)
		return false;
	*n = CBS_len(in) / row_len;
	*rows = CBS_data(in);
	return CBS_skip(in, CBS_len(in));
}

/* What the sender has applied, and the time that it echoes, travel as a first row of SPI 0, which
 * no SA has (RFC 4303 2.1): an older program looks for such an SA, and goes on. */
static bool get_index(struct frame *f)
{
	struct frame_mark first = f->marks.n ? frame_mark_at(f, 0) : (struct frame_mark){ .spi_in = 1 };

	if (first.spi_in != 0)
		return true;
	f->marks.index = (uint64_t)first.epoch;
	f->marks.echo_us = first.seq;
	f->marks.rows += MARK_LEN;
	f->marks.n--;
	return f->marks.index != 0 && (first.seq == 0 || f->type == FRAME_MARKS);
}

static bool parse_body(struct frame *f, CBS *in)
{
	uint64_t epoch;

	switch (f->type) {
	case FRAME_HELLO:
		return CBS_get_u8(in, &f->hello.level) && f->hello.level >= LEVEL_FIRST &&
		       CBS_get_u64(in, &f->hello.raft_id) && CBS_get_u64(in, &f->hello.incarnation) &&
		       CBS_get_u64(in, &f->hello.cluster_id) && CBS_get_u64(in, &f->hello.term) &&
		       CBS_get_u64(in, &f->hello.last_index) &&
		       CBS_get_u64(in, &f->hello.config_hash) && f->hello.raft_id != 0 &&
		       (f->hello.level <= LEVEL || CBS_skip(in, CBS_len(in)));
	case FRAME_IDENTITY:
	case FRAME_REFUSED:
	case FRAME_RAFT:
	case FRAME_PROPOSE:
	case FRAME_HALF_OPEN:
		return get_rest(in, &f->bytes.data, &f->bytes.len) && f->bytes.len > 0;
	case FRAME_RELAY:
	case FRAME_SEND:
		/* Later code (selectors, for instance) relies on a datagram's addresses. */
		return get_endpoint(in, &f->datagram.local) &&
		       get_endpoint(in, &f->datagram.remote) &&
		       f->datagram.local.address.family != 0 &&
		       f->datagram.local.address.family == f->datagram.remote.address.family &&
		       get_rest(in, &f->datagram.data, &f->datagram.len) && f->datagram.len > 0;
	case FRAME_HALF_OPEN_ACK:
	case FRAME_HALF_OPEN_END:
		return CBS_get_u64(in, &f->half_open_ack.spi_i) &&
		       CBS_get_u64(in, &f->half_open_ack.spi_r) &&
		       CBS_get_u32(in, &f->half_open_ack.step);
	case FRAME_MARKS:
	case FRAME_MARKS_ACK:
		return CBS_get_u64(in, &f->marks.incarnation) &&
		       get_rows(in, MARK_LEN, FRAME_MARKS_MAX, &f->marks.rows, &f->marks.n) &&
		       get_index(f);
	case FRAME_MARKS_DONE:
		return CBS_get_u64(in, &f->marks_done.index) &&
		       get_rows(in, RUN_LEN, FRAME_RUNS_MAX, &f->marks_done.rows, &f->marks_done.n);
	case FRAME_MARKS_ASK:
		return CBS_get_u64(in, &f->marks_ask.index);
	case FRAME_LEAVING:
		return true;
	case FRAME_SUSPECT:
		return CBS_get_u64(in, &f->suspect.leader) && CBS_get_u64(in, &f->suspect.term) &&
		       CBS_get_u64(in, &f->suspect.last_index);
	case FRAME_APPLIED:
		return CBS_get_u64(in, &f->applied.index);
	case FRAME_CLOCK:
		return CBS_get_u64(in, &f->clock.unix_s) && f->clock.unix_s >> 40 == 0;
	case FRAME_FITNESS:
		return CBS_get_u8(in, &f->fitness.fit) && f->fitness.fit <= 1;
	case FRAME_SESSION:
		if (!CBS_get_u8(in, &f->session.activity) || f->session.activity < ACTIVITY_SEQUENCE_END ||
		    f->session.activity > ACTIVITY_FORM || !CBS_get_u32(in, &f->session.spi_in) ||
		    !CBS_get_u64(in, &epoch))
			return false;
		f->session.epoch = (int64_t)epoch;
		return get_endpoint(in, &f->session.remote);
	case FRAME_HEARTBEAT:
	case FRAME_FORWARD:
	case FRAME_PROOF:
		break;
	}
	return false;
}

enum status frame_parse(struct frame *f, const uint8_t *data, size_t len)
{
	CBS in;
	uint8_t type;

	memset(f, 0, sizeof(*f));
	CBS_init(&in, data, len);
	if (!CBS_get_u8(&in, &type))
		return ERR_MALFORMED;
	f->type = type;
	if (!parse_body(f, &in) || CBS_len(&in) != 0)
		return ERR_MALFORMED;
	return OK;
}

struct frame_mark frame_mark_at(const struct frame *f, size_t i)
{
	struct frame_mark m;
	uint64_t epoch;
	CBS in;
	int ok;

	assert((f->type == FRAME_MARKS || f->type == FRAME_MARKS_ACK) && i < f->marks.n);
	CBS_init(&in, f->marks.rows + i * MARK_LEN, MARK_LEN);
	ok = CBS_get_u32(&in, &m.spi_in) && CBS_get_u64(&in, &epoch) && CBS_get_u64(&in, &m.seq);
	assert(ok);
	m.epoch = (int64_t)epoch;
	return m;
}

struct frame_run frame_run_at(const struct frame *f, size_t i)
{
	struct frame_run r;
	uint64_t epoch;
	CBS in;
	int ok;

	assert(f->type == FRAME_MARKS_DONE && i < f->marks_done.n);
	CBS_init(&in, f->marks_done.rows + i * RUN_LEN, RUN_LEN);
	ok = CBS_get_u16(&in, &r.first) && CBS_get_u16(&in, &r.count) &&
	     CBS_get_u8(&in, &r.known) && CBS_get_u64(&in, &epoch);
	assert(ok);
	r.epoch = (int64_t)epoch;
	return r;
}

static int add_body(CBB *out, const struct frame *f)
{
	switch (f->type) {
	case FRAME_HELLO:
		return CBB_add_u8(out, f->hello.level) && CBB_add_u64(out, f->hello.raft_id) &&
		       CBB_add_u64(out, f->hello.incarnation) &&
		       CBB_add_u64(out, f->hello.cluster_id) && CBB_add_u64(out, f->hello.term) &&
		       CBB_add_u64(out, f->hello.last_index) &&
		       CBB_add_u64(out, f->hello.config_hash);
	case FRAME_IDENTITY:
	case FRAME_REFUSED:
	case FRAME_RAFT:
	case FRAME_PROPOSE:
	case FRAME_HALF_OPEN:
		return CBB_add_bytes(out, f->bytes.data, f->bytes.len);
	case FRAME_RELAY:
	case FRAME_SEND:
		return add_endpoint(out, &f->datagram.local) &&
		       add_endpoint(out, &f->datagram.remote) &&
		       CBB_add_bytes(out, f->datagram.data, f->datagram.len);
	case FRAME_HALF_OPEN_ACK:
	case FRAME_HALF_OPEN_END:
		return CBB_add_u64(out, f->half_open_ack.spi_i) &&
		       CBB_add_u64(out, f->half_open_ack.spi_r) &&
		       CBB_add_u32(out, f->half_open_ack.step);
	case FRAME_MARKS_ASK:
		return CBB_add_u64(out, f->marks_ask.index);
	case FRAME_LEAVING:
		return true;
	case FRAME_SUSPECT:
		return CBB_add_u64(out, f->suspect.leader) && CBB_add_u64(out, f->suspect.term) &&
		       CBB_add_u64(out, f->suspect.last_index);
	case FRAME_APPLIED:
		return CBB_add_u64(out, f->applied.index);
	case FRAME_CLOCK:
		return CBB_add_u64(out, f->clock.unix_s);
	case FRAME_FITNESS:
		return CBB_add_u8(out, f->fitness.fit);
	case FRAME_SESSION:
		return CBB_add_u8(out, f->session.activity) && CBB_add_u32(out, f->session.spi_in) &&
		       CBB_add_u64(out, (uint64_t)f->session.epoch) &&
		       add_endpoint(out, &f->session.remote);
	case FRAME_MARKS: /* frame_create_marks() */
	case FRAME_MARKS_ACK:
	case FRAME_MARKS_DONE: /* frame_create_done() */
	case FRAME_HEARTBEAT:
	case FRAME_FORWARD:
	case FRAME_PROOF:
		break;
	}
	return 0;
}

static struct blob *finish(CBB *out, int ok)
{
	struct blob *b;

	assert(ok); /* Only memory can fail here. */
	ok = CBB_flush(out);
	assert(ok);
	b = blob_new(CBB_data(out), CBB_len(out));
	CBB_cleanup(out);
	return b;
}

struct blob *frame_create(const struct frame *f)
{
	CBB out;
	int ok = CBB_init(&out, 256) && CBB_add_u8(&out, (uint8_t)f->type) && add_body(&out, f);

	return finish(&out, ok);
}

static int add_marks(CBB *out, const struct frame_mark *rows, size_t n)
{
	int ok = 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = CBB_add_u32(out, rows[i].spi_in) &&
		     CBB_add_u64(out, (uint64_t)rows[i].epoch) && CBB_add_u64(out, rows[i].seq);
	return ok;
}

struct blob *frame_create_marks(enum frame_type type, uint64_t incarnation,
				const struct frame_mark *rows, size_t n)
{
	CBB out;
	int ok = CBB_init(&out, 9 + n * MARK_LEN) && CBB_add_u8(&out, (uint8_t)type) &&
		 CBB_add_u64(&out, incarnation) && add_marks(&out, rows, n);

	assert(n <= FRAME_MARKS_MAX && (type == FRAME_MARKS || type == FRAME_MARKS_ACK));
	return finish(&out, ok);
}

struct blob *frame_create_marks_at(enum frame_type type, const struct frame_marks_head *head,
				   const struct frame_mark *rows, size_t n)
{
	const struct frame_mark first = { .epoch = (int64_t)head->index, .seq = head->echo_us };
	CBB out;
	int ok = CBB_init(&out, 9 + (n + 1) * MARK_LEN) && CBB_add_u8(&out, (uint8_t)type) &&
		 CBB_add_u64(&out, head->incarnation) && add_marks(&out, &first, 1) &&
		 add_marks(&out, rows, n);

	assert(n < FRAME_MARKS_MAX && head->index != 0);
	assert(type == FRAME_MARKS || (type == FRAME_MARKS_ACK && head->echo_us == 0));
	return finish(&out, ok);
}

struct blob *frame_create_done(uint64_t index, const struct frame_run *runs, size_t n)
{
	CBB out;
	int ok = CBB_init(&out, 9 + n * RUN_LEN) && CBB_add_u8(&out, FRAME_MARKS_DONE) &&
		 CBB_add_u64(&out, index);

	assert(n <= FRAME_RUNS_MAX);
	for (size_t i = 0; ok && i < n; i++)
		ok = CBB_add_u16(&out, runs[i].first) && CBB_add_u16(&out, runs[i].count) &&
		     CBB_add_u8(&out, runs[i].known) && CBB_add_u64(&out, (uint64_t)runs[i].epoch);
	return finish(&out, ok);
}
