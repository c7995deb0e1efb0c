/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and half-open SAs as octets: a written one reads back as the same octets; each
 * truncation, each trailing octet and each value that a reader cannot trust is refused. */
#include "cluster/level.h"
#include "cluster/state/command.h"
#include "cluster/state/record.h"
#include "test/lib/sample.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_round_trip(void **unused)
{
	uint64_t stream = 1;
	unsigned seen[16] = {0};

	(void)unused;
	for (unsigned i = 0; i < 3000; i++) {
		struct command c, back;
		struct blob *octets, *again;
		const uint8_t *data;
		size_t len;

		sample_command(&c, &stream);
		octets = command_encode(&c, LEVEL);
		data = octets->data;
		len = octets->len;
		assert_int_equal(command_decode(&back, &data, &len, LEVEL), OK);
		assert_int_equal(len, 0);
		assert_ptr_equal(data, octets->data + octets->len);
		assert_int_equal(back.type, c.type);
		again = command_encode(&back, LEVEL);
		assert_same(octets, again);
		seen[c.type]++;
		blob_unref(again);
		blob_unref(octets);
		command_fini(&back);
		command_fini(&c);
	}
	for (unsigned type = COMMAND_SESSION_PUT; type <= COMMAND_COA; type++)
		assert_true(seen[type] > 0);
}

/* Every field of a session survives; compared as a value, not as octets. */
static void test_session_fields(void **unused)
{
	struct command c = {.type = COMMAND_SESSION_PUT}, back;
	struct blob *octets;
	const uint8_t *data;
	size_t len;
	struct ike_session *a = &c.session_put.ike, *b = &back.session_put.ike;

	(void)unused;
	sample_session(a, 5);
	sample_child(&a->child[1], 0x3000, true);
	a->n_child = 2;
	a->ike[0].purpose = IKE_PURPOSE_REKEY_CHILD;
	a->ike[0].finish = blob_new("all that finishes it", 20);
	octets = command_encode(&c, LEVEL);
	data = octets->data;
	len = octets->len;
	assert_int_equal(command_decode(&back, &data, &len, LEVEL), OK);
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		struct ike_sa *x = &a->ike[i], *y = &b->ike[i];

		if (x->state != 0) {
			assert_true(ike_datagrams_equal(x->window.response, y->window.response));
			assert_int_equal(x->window.response->n, 3);
			assert_true(ike_datagrams_equal(x->window.outstanding, y->window.outstanding));
			assert_same(x->finish, y->finish);
		}
		ike_datagrams_set(&x->window.response, ike_datagrams_ref(y->window.response));
		ike_datagrams_set(&x->window.outstanding, ike_datagrams_ref(y->window.outstanding));
		assert_memory_equal(&x->keys, &y->keys, sizeof(x->keys));
		assert_memory_equal(&x->suite, &y->suite, sizeof(x->suite));
		assert_memory_equal(x->window.request.hash, y->window.request.hash, IKE_HASH_LEN);
		assert_true(x->spi_i == y->spi_i && x->spi_r == y->spi_r && x->state == y->state);
		assert_true(x->window.next_in == y->window.next_in &&
			    x->window.next_out == y->window.next_out &&
			    x->purpose == y->purpose && x->purpose_arg == y->purpose_arg);
	}
	for (unsigned i = 0; i < IKE_CHILD_MAX; i++) /* No field is left out. */
		assert_memory_equal(&a->child[i], &b->child[i], sizeof(a->child[i]));
	assert_memory_equal(&a->peer_id, &b->peer_id, sizeof(a->peer_id));
	assert_string_equal(a->connection, b->connection);
	assert_true(address_equal(&a->virtual_ip, &b->virtual_ip));
	assert_true(endpoint_equal(&a->local, &b->local));
	assert_true(endpoint_equal(&a->remote, &b->remote));
	assert_int_equal(a->features, b->features);
	assert_int_equal(a->established_ms, b->established_ms);
	assert_int_equal(a->ends_ms, b->ends_ms);
	assert_int_equal(a->moving, b->moving);
	assert_memory_equal(&a->before, &b->before, sizeof(a->before));
	blob_unref(octets);
	command_fini(&c);
	command_fini(&back);
}

static void test_truncated(void **unused)
{
	uint64_t stream = 7;

	(void)unused;
	for (unsigned i = 0; i < 40; i++) {
		struct command c, back;
		struct blob *octets;

		sample_command(&c, &stream);
		octets = command_encode(&c, LEVEL);
		for (size_t cut = 0; cut < octets->len; cut++) {
			/* Shorter than its length says; then with a length that agrees. */
			uint8_t *copy = malloc(octets->len);
			const uint8_t *data = copy;
			size_t len = cut;

			memcpy(copy, octets->data, octets->len);
			assert_int_equal(command_decode(&back, &data, &len, LEVEL), ERR_MALFORMED);
			assert_ptr_equal(data, copy);
			if (cut >= 3) {
				copy[0] = (uint8_t)((cut - 3) >> 16);
				copy[1] = (uint8_t)((cut - 3) >> 8);
				copy[2] = (uint8_t)(cut - 3);
				data = copy;
				len = cut;
				assert_int_equal(command_decode(&back, &data, &len, LEVEL), ERR_MALFORMED);
			}
			free(copy);
		}
		blob_unref(octets);
		command_fini(&c);
	}
}

static void test_trailing(void **unused)
{
	struct command c = {.type = COMMAND_NODE_GONE, .node_gone = {.id = 9}}, back;
	struct blob *octets = command_encode(&c, LEVEL);
	uint8_t two[64];
	const uint8_t *data = two;
	size_t len = 2 * octets->len;

	(void)unused;
	memcpy(two, octets->data, octets->len);
	memcpy(two + octets->len, octets->data, octets->len);
	assert_int_equal(command_decode(&back, &data, &len, LEVEL), OK); /* A batch: one after the other. */
	assert_int_equal(len, octets->len);
	assert_int_equal(command_decode(&back, &data, &len, LEVEL), OK);
	assert_int_equal(len, 0);
	two[2]++; /* One octet more than the fields take. */
	data = two;
	len = octets->len + 1;
	assert_int_equal(command_decode(&back, &data, &len, LEVEL), ERR_MALFORMED);
	blob_unref(octets);
}

static void test_level(void **unused)
{
	static const struct {
		int row;
		size_t at;
		uint8_t value;
		enum status status;
	} rows[] = {
		{1, 3, LEVEL_FIRST - 1, ERR_UNSUPPORTED},       /* level */
		{2, 3, LEVEL + 1, ERR_UNSUPPORTED},
		{3, 4, 0, ERR_UNSUPPORTED},                     /* type */
		{4, 4, COMMAND_COA + 1, ERR_UNSUPPORTED},
		{5, 4, COMMAND_SESSION_PUT, ERR_MALFORMED},     /* a type with other fields */
		{6, 21, 2, ERR_MALFORMED},                      /* a bool of 2 */
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct command c = {.type = COMMAND_ADDRESS_HOLD, .address_hold = {1, 2, true}}, back;
		struct blob *octets = command_encode(&c, LEVEL);
		const uint8_t *data = octets->data;
		size_t len = octets->len;

		octets->data[rows[i].at] = rows[i].value;
		if (command_decode(&back, &data, &len, LEVEL) != rows[i].status)
			fail_msg("row %d", rows[i].row);
		blob_unref(octets);
	}
}

/* A record that has grown: its second field came a level later. */
struct grown {
	uint32_t old;
	uint64_t later;
};

static void codec_grown(struct codec *c, struct grown *g)
{
	codec_u32(c, &g->old);
	if (codec_since(c, LEVEL + 1))
		codec_u64(c, &g->later);
}

static void test_growth(void **unused)
{
	(void)unused;
	for (uint8_t level = LEVEL; level <= LEVEL + 1; level++) {
		struct grown g = {7, level > LEVEL ? 9 : 0}, back = {0};
		CBB out;
		CBS in;
		struct codec writer = {.out = &out, .level = level}, reader = {.in = &in, .level = level};

		assert_true(CBB_init(&out, 16));
		codec_grown(&writer, &g);
		assert_true(!writer.bad && CBB_flush(&out));
		assert_int_equal(CBB_len(&out), level > LEVEL ? 12 : 4);
		CBS_init(&in, CBB_data(&out), CBB_len(&out));
		codec_grown(&reader, &back);
		assert_true(!reader.bad && CBS_len(&in) == 0);
		assert_true(back.old == 7 && back.later == g.later);
		CBB_cleanup(&out);
	}
}

/* One octet, or nine; and no number in two forms. */
static void test_rare(void **unused)
{
	static const uint8_t forms[][9] = {{0}, {1, 0, 0, 0, 0, 0, 0, 0, 5}, {1}, {2}};
	static const size_t lens[] = {1, 9, 9, 1};

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		uint64_t v = 77;
		CBS in;
		struct codec c = {.in = &in, .level = LEVEL};

		CBS_init(&in, forms[i], lens[i]);
		codec_rare(&c, &v);
		assert_int_equal(c.bad, i >= 2);
		if (!c.bad)
			assert_true(CBS_len(&in) == 0 && v == (i == 0 ? 0 : 5));
	}
}

/* One octet of a session changed to something out of range. */
static void test_ranges(void **unused)
{
	static const struct {
		int row;
		const char *what;
		size_t at; /* In the fields of a SESSION_PUT, behind length, level and type. */
		uint8_t value;
	} rows[] = {
		{1, "IKE SA state", 0, IKE_SA_DELETING + 1},
		{2, "current IKE SA empty", 0, 0},
		{3, "encryption", 18, 99},
		{4, "key bits", 20, 64},
		{5, "integrity with an AEAD", 22, AUTH_HMAC_SHA2_256_128},
		{6, "prf", 24, 99},
		{7, "group", 26, 99},
		{8, "esn", 28, 2},
		{9, "secret longer than its room", 29, 2},
	};
	struct command c = {.type = COMMAND_SESSION_PUT}, back;
	struct blob *octets;

	(void)unused;
	sample_session(&c.session_put.ike, 5);
	octets = command_encode(&c, LEVEL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *octet = &octets->data[5 + rows[i].at], was = *octet;
		const uint8_t *data = octets->data;
		size_t len = octets->len;

		*octet = rows[i].value;
		if (command_decode(&back, &data, &len, LEVEL) != ERR_MALFORMED)
			fail_msg("row %d: %s", rows[i].row, rows[i].what);
		*octet = was;
	}
	blob_unref(octets);
	command_fini(&c);
}

static void test_batch_size(void **unused)
{
	struct command c = {.type = COMMAND_SEQ_BATCH}, back;
	struct blob *octets;
	const uint8_t *data;
	size_t len;

	(void)unused;
	c.seq_batch.n = SEQ_ROWS_MAX;
	c.seq_batch.rows = calloc(SEQ_ROWS_MAX, sizeof(*c.seq_batch.rows));
	for (unsigned i = 0; i < SEQ_ROWS_MAX; i++) { /* Each at its longest. */
		c.seq_batch.rows[i].horizon = 1;
		c.seq_batch.rows[i].volume = (struct volume){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	}
	octets = command_encode(&c, LEVEL);
	assert_true(octets->len + 33 <= COMMAND_BATCH_MAX);
	data = octets->data;
	len = octets->len;
	assert_int_equal(command_decode(&back, &data, &len, LEVEL), OK);
	command_fini(&back);
	octets->data[8]++; /* SEQ_ROWS_MAX + 1 rows */
	data = octets->data;
	len = octets->len;
	assert_int_equal(command_decode(&back, &data, &len, LEVEL), ERR_MALFORMED);
	blob_unref(octets);
	command_fini(&c);
}

static void test_half_open(void **unused)
{
	struct ike_half_open h, back;
	struct blob *octets, *again;

	(void)unused;
	sample_half_open(&h, 3);
	octets = half_open_encode(&h, LEVEL);
	assert_int_equal(half_open_decode(&back, octets->data, octets->len, LEVEL), OK);
	assert_int_equal(back.spi_r, h.spi_r);
	assert_memory_equal(&back.keys, &h.keys, sizeof(h.keys));
	assert_memory_equal(back.nonce_i, h.nonce_i, sizeof(h.nonce_i));
	assert_memory_equal(back.nonce_r, h.nonce_r, sizeof(h.nonce_r));
	assert_true(endpoint_equal(&back.remote, &h.remote));
	assert_same(back.request, h.request);
	assert_same(back.response, h.response);
	assert_int_equal(back.window.next_in, 3);
	assert_true(ike_datagrams_equal(back.window.response, h.window.response));
	assert_memory_equal(back.window.request.hash, h.window.request.hash, IKE_HASH_LEN);
	assert_int_equal(back.auth.step, 3);
	assert_string_equal(back.auth.connection, "road");
	assert_memory_equal(&back.auth.peer, &h.auth.peer, sizeof(h.auth.peer));
	assert_same(back.auth.first, h.auth.first);
	assert_same(back.auth.state, h.auth.state);
	assert_same(back.auth.question, h.auth.question);
	assert_memory_equal(back.auth.asked.hash, h.auth.asked.hash, IKE_HASH_LEN);
	again = half_open_encode(&back, LEVEL);
	assert_same(octets, again);
	ike_half_open_fini(&back);
	for (size_t cut = 0; cut < octets->len; cut++)
		assert_int_equal(half_open_decode(&back, octets->data, cut, LEVEL), ERR_MALFORMED);
	octets->data[0] = LEVEL + 1;
	assert_int_equal(half_open_decode(&back, octets->data, octets->len, LEVEL), ERR_UNSUPPORTED);
	blob_unref(octets);
	blob_unref(again);
	ike_half_open_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_session_fields),
		cmocka_unit_test(test_truncated),  cmocka_unit_test(test_trailing),
		cmocka_unit_test(test_level),	   cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_batch_size), cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_growth),	   cmocka_unit_test(test_rare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
