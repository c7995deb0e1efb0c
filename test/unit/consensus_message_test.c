/* SPDX-License-Identifier: Apache-2.0 */
/* libraft's messages and configurations as bytes. */
#include "test/lib/raft_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void messages_survive_the_wire(void **state)
{
	struct log_entry e = { 8, 3, RAFT_COMMAND, blob_new("abc", 3) };
	struct blob *b = lab_append_entries(4, 7, 2, 6, &e, 1);
	struct raft_message m;

	(void)state;
	for (size_t len = 0; len < b->len; len++)
		assert_int_equal(consensus_message_decode(&m, 2, b->data, len), ERR_MALFORMED);
	assert_int_equal(consensus_message_decode(&m, 2, b->data, b->len), OK);
	assert_true(m.server_id == 2 && m.append_entries.term == 4 &&
		    m.append_entries.prev_log_index == 7 && m.append_entries.prev_log_term == 2 &&
		    m.append_entries.leader_commit == 6 && m.append_entries.n_entries == 1);
	assert_int_equal(m.append_entries.entries[0].buf.len, 3);
	assert_memory_equal(m.append_entries.entries[0].buf.base, "abc", 3);
	consensus_message_fini(&m);
	blob_unref(b);
	blob_unref(e.data);
}

static void every_field_is_carried(void **state)
{
	struct raft_message m = { .type = RAFT_REQUEST_VOTE }, got;
	struct blob *b;

	(void)state;
	m.request_vote = (struct raft_request_vote){ 2, 9, 5, 8, 7, true, false };
	b = consensus_message_encode(&m, NULL, NULL);
	assert_int_equal(consensus_message_decode(&got, 6, b->data, b->len), ERR_MALFORMED);
	assert_int_equal(consensus_message_decode(&got, 5, b->data, b->len), OK);
	assert_true(got.request_vote.version == 2 && got.request_vote.disrupt_leader &&
		    !got.request_vote.pre_vote && got.request_vote.last_log_index == 8);
	blob_unref(b);

	memset(&m, 0, sizeof(m));
	m.type = RAFT_REQUEST_VOTE_RESULT;
	m.request_vote_result = (struct raft_request_vote_result){ 2, 9, true, true, 1, 33 };
	b = consensus_message_encode(&m, NULL, NULL);
	assert_int_equal(consensus_message_decode(&got, 5, b->data, b->len), OK);
	assert_true(got.request_vote_result.vote_granted && got.request_vote_result.pre_vote &&
		    got.request_vote_result.features == 1 &&
		    got.request_vote_result.capacity == 33);
	blob_unref(b);

	memset(&m, 0, sizeof(m));
	m.type = RAFT_APPEND_ENTRIES_RESULT;
	m.append_entries_result = (struct raft_append_entries_result){ 2, 9, 4, 3, 1, 33 };
	b = consensus_message_encode(&m, NULL, NULL);
	assert_int_equal(consensus_message_decode(&got, 5, b->data, b->len), OK);
	assert_true(got.append_entries_result.version == 2 &&
		    got.append_entries_result.rejected == 4 &&
		    got.append_entries_result.last_log_index == 3 &&
		    got.append_entries_result.capacity == 33);
	blob_unref(b);

	memset(&m, 0, sizeof(m));
	m.type = RAFT_TIMEOUT_NOW;
	m.timeout_now = (struct raft_timeout_now){ 0, 9, 4, 3 };
	b = consensus_message_encode(&m, NULL, NULL);
	assert_int_equal(consensus_message_decode(&got, 5, b->data, b->len), OK);
	assert_true(got.timeout_now.term == 9 && got.timeout_now.last_log_index == 4 &&
		    got.timeout_now.last_log_term == 3);
	blob_unref(b);
}

static void entries_that_libraft_would_take_badly(void **state)
{
	static const struct {
		unsigned row;
		uint64_t term, prev, prev_term, entry_term;
		uint8_t type;
		const char *data;
	} rows[] = {
		{ 1, 4, 7, 2, 3, RAFT_COMMAND, "" },   /* empty */
		{ 2, 4, 7, 2, 0, RAFT_COMMAND, "a" },  /* no term */
		{ 3, 4, 7, 2, 5, RAFT_COMMAND, "a" },  /* later than its leader */
		{ 4, 4, 7, 2, 1, RAFT_COMMAND, "a" },  /* earlier than the entry before */
		{ 5, 4, 7, 2, 3, 9, "a" },             /* no such type */
		{ 6, 4, 7, 2, 3, RAFT_CHANGE, "a" },   /* no configuration */
		{ 7, 4, 0, 2, 3, RAFT_COMMAND, "a" },  /* a term for nothing */
		{ 8, 4, 7, 0, 3, RAFT_COMMAND, "a" },  /* no term for something */
		{ 9, 0, 7, 2, 3, RAFT_COMMAND, "a" },
	};
	struct raft_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct log_entry e = { rows[i].prev + 1, rows[i].entry_term, rows[i].type,
				       blob_new(rows[i].data, strlen(rows[i].data)) };
		struct blob *b =
			lab_append_entries(rows[i].term, rows[i].prev, rows[i].prev_term, 0, &e, 1);

		if (consensus_message_decode(&m, 2, b->data, b->len) != ERR_MALFORMED)
			fail_msg("row %u was taken", rows[i].row);
		blob_unref(b);
		blob_unref(e.data);
	}
}

static void configurations_are_checked(void **state)
{
	struct raft_configuration c;
	struct blob *b, *copy;

	(void)state;
	raft_configuration_init(&c);
	raft_configuration_add(&c, 5, "first", RAFT_VOTER);
	raft_configuration_add(&c, 6, "second", RAFT_STANDBY);
	b = consensus_configuration_encode(&c);
	raft_configuration_close(&c);
	assert_true(consensus_configuration_check(b->data, b->len));
	for (size_t len = 0; len + 8 <= b->len; len++)
		assert_false(consensus_configuration_check(b->data, len));
	copy = blob_new(b->data, b->len);
	copy->data[1] = 200; /* servers */
	assert_false(consensus_configuration_check(copy->data, copy->len));
	memcpy(copy->data, b->data, b->len);
	copy->data[9] = 0; /* id */
	assert_false(consensus_configuration_check(copy->data, copy->len));
	blob_unref(copy);
	blob_unref(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_survive_the_wire),
		cmocka_unit_test(every_field_is_carried),
		cmocka_unit_test(entries_that_libraft_would_take_badly),
		cmocka_unit_test(configurations_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
