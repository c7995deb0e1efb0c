/* SPDX-License-Identifier: Apache-2.0 */
/* The proof at the start of a node link: rows of an independent implementation; and nothing else is
 * a proof: no echo, no other connection, name, role, incarnation or key, no octet less or more. */
#include "cluster/link/proof.h"

#include "test/unit/hex.h"
#include "test/vectors/proof_rows.h"

#include <openssl/mem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t storage[32] = {1, 2, 3}, old_storage[32] = {4, 5, 6}, foreign[32] = {7};
static const uint8_t exporter[PROOF_EXPORTER_LEN] = {9, 9}, exporter_b[PROOF_EXPORTER_LEN] = {9, 8};

/* Of a pair that both hold that storage key. */
static void add_key(struct proof_keys *k, const uint8_t key[32], const char *dials, const char *listens)
{
	uint8_t a[PROOF_SECRET_LEN], b[PROOF_SECRET_LEN];

	proof_secret_derive(key, dials, a);
	proof_secret_derive(key, listens, b);
	proof_keys_add(k, a, b);
}

static struct proof_keys keys_of(const uint8_t key[32])
{
	struct proof_keys k = {0};

	add_key(&k, key, "n1", "n2");
	return k;
}

static struct proof_claim dialer(void)
{
	return (struct proof_claim){exporter, "n1", "n2", PROOF_DIALS, 77};
}

static enum status verify(const struct proof_keys *k, const struct proof_claim *c, const uint8_t *frame,
			  size_t len)
{
	uint8_t *exact = exact_copy(frame, len);
	uint64_t incarnation = 1;
	enum status s = proof_verify(k, c, exact, len, &incarnation);

	assert_int_equal(incarnation, s == OK ? 77 : 0);
	free(exact);
	return s;
}

static void *octets_of(const char *hex, char text[64])
{
	size_t len;
	uint8_t *b = hex_bytes(hex, &len);

	assert_true(len < 64);
	memcpy(text, b, len);
	text[len] = '\0';
	free(b);
	return text;
}

static void test_rows(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(proof_rows) / sizeof(proof_rows[0]); i++) {
		char dials[64], listens[64], own[64];
		size_t storage_len, exporter_len, frame_len, n;
		uint8_t *keys = hex_bytes(proof_rows[i].storage, &storage_len);
		uint8_t *ex = hex_bytes(proof_rows[i].exporter, &exporter_len);
		uint8_t *frame = hex_bytes(proof_rows[i].frame, &frame_len), out[PROOF_LEN_MAX];
		struct proof_claim c = {ex, octets_of(proof_rows[i].dials, dials),
					octets_of(proof_rows[i].listens, listens),
					(enum proof_role)proof_rows[i].role, proof_rows[i].incarnation};
		struct proof_keys k = {0};
		uint64_t incarnation;

		octets_of(proof_rows[i].own, own);
		for (size_t at = 0; at < storage_len; at += 32) {
			uint8_t a[PROOF_SECRET_LEN], b[PROOF_SECRET_LEN];

			proof_secret_derive(keys + at, dials, a);
			proof_secret_derive(keys + at, listens, b);
			proof_keys_add(&k, own[0] && strcmp(own, dials) != 0 ? NULL : a,
				       own[0] && strcmp(own, listens) != 0 ? NULL : b);
		}
		if (c.role == PROOF_LISTENS) {
			c.sender = listens;
			c.receiver = dials;
		}
		n = proof_create(&k, &c, out);
		assert_int_equal(n, frame_len);
		assert_memory_equal(out, frame, n);
		assert_int_equal(proof_verify(&k, &c, frame, frame_len, &incarnation), OK);
		assert_int_equal(incarnation, proof_rows[i].incarnation);
		free(keys);
		free(ex);
		free(frame);
	}
}

static void test_nothing_else_proves(void **unused)
{
	struct proof_keys k = keys_of(storage), other = keys_of(foreign), turned = {0};
	struct proof_claim c = dialer(), x;
	uint8_t frame[PROOF_LEN_MAX + 1] = {0};
	size_t len = proof_create(&k, &c, frame);

	(void)unused;
	assert_int_equal(verify(&k, &c, frame, len), OK);
	assert_int_equal(verify(&other, &c, frame, len), ERR_AUTH);
	add_key(&turned, storage, "n2", "n1");
	assert_int_equal(verify(&turned, &c, frame, len), ERR_AUTH);
	x = c, x.exporter = exporter_b;
	assert_int_equal(verify(&k, &x, frame, len), ERR_AUTH);
	x = c, x.sender = "n3";
	assert_int_equal(verify(&k, &x, frame, len), ERR_AUTH);
	x = c, x.receiver = "n3";
	assert_int_equal(verify(&k, &x, frame, len), ERR_AUTH);
	x = c, x.role = PROOF_LISTENS;
	assert_int_equal(verify(&k, &x, frame, len), ERR_AUTH);
	/* Lengths are part of it: "n1" | "n2" is not "n1n" | "2". */
	x = c, x.sender = "n1n", x.receiver = "2";
	assert_int_equal(verify(&k, &x, frame, len), ERR_AUTH);
	for (size_t i = 0; i < len; i++) {
		frame[i] ^= 0x10;
		assert_int_not_equal(verify(&k, &c, frame, len), OK);
		frame[i] ^= 0x10;
		assert_int_equal(verify(&k, &c, frame, i), ERR_MALFORMED);
	}
	assert_int_equal(verify(&k, &c, frame, len + 1), ERR_MALFORMED);
	assert_int_equal(verify(&k, &c, frame, len), OK);
}

/* A peer with only a certificate sees the other's proof, and echoes it. */
static void test_an_echo_proves_nothing(void **unused)
{
	struct proof_keys k = keys_of(storage);
	struct proof_claim said = dialer();
	struct proof_claim expected = {exporter, "n2", "n1", PROOF_LISTENS, 0};
	uint8_t frame[PROOF_LEN_MAX];
	size_t len = proof_create(&k, &said, frame);

	(void)unused;
	assert_int_equal(verify(&k, &expected, frame, len), ERR_AUTH);
	frame[2] = PROOF_LISTENS;
	assert_int_equal(verify(&k, &expected, frame, len), ERR_AUTH);
}

/* Three stages: only the old key, both, only the new one; nodes one stage apart work together. */
static void test_while_a_storage_key_is_rotated_either_proves(void **unused)
{
	struct proof_keys stage[3] = {{{{0}}, 0}};
	struct proof_claim c = dialer();
	uint8_t frame[PROOF_LEN_MAX];
	size_t len;

	(void)unused;
	add_key(&stage[0], old_storage, "n1", "n2");
	add_key(&stage[1], old_storage, "n1", "n2");
	add_key(&stage[1], storage, "n1", "n2");
	add_key(&stage[2], storage, "n1", "n2");
	for (int from = 0; from < 3; from++)
		for (int to = 0; to < 3; to++) {
			len = proof_create(&stage[from], &c, frame);
			assert_int_equal(verify(&stage[to], &c, frame, len),
					 abs(from - to) < 2 ? OK : ERR_AUTH);
		}
	/* Each node may have them in its own order. */
	memset(&stage[0], 0, sizeof(stage[0]));
	add_key(&stage[0], storage, "n1", "n2");
	add_key(&stage[0], old_storage, "n1", "n2");
	len = proof_create(&stage[0], &c, frame);
	assert_int_equal(verify(&stage[1], &c, frame, len), OK);
}

/* A node that holds its own link secret alone, and one that has the storage key. */
static void test_a_secret_of_its_own_is_enough(void **unused)
{
	uint8_t edge[PROOF_SECRET_LEN], voter[PROOF_SECRET_LEN], other[PROOF_SECRET_LEN];
	struct proof_keys at_edge = {0}, at_voter = {0}, both = {0}, of_other = {0};
	struct proof_claim c = {exporter, "n1", "edge", PROOF_DIALS, 77};
	uint8_t frame[PROOF_LEN_MAX];
	size_t len;

	(void)unused;
	proof_secret_derive(storage, "edge", edge);
	proof_secret_derive(storage, "n1", voter);
	proof_secret_derive(storage, "edge2", other);
	assert_memory_not_equal(edge, other, sizeof(edge));
	proof_keys_add(&at_edge, NULL, edge);
	proof_keys_add(&at_voter, NULL, edge);
	len = proof_create(&at_voter, &c, frame);
	assert_int_equal(verify(&at_edge, &c, frame, len), OK);
	/* With another one's secret, or as a voter with its own alone: no. */
	proof_keys_add(&of_other, NULL, other);
	len = proof_create(&of_other, &c, frame);
	assert_int_equal(verify(&at_voter, &c, frame, len), ERR_AUTH);
	proof_keys_add(&both, voter, edge);
	len = proof_create(&at_edge, &c, frame);
	assert_int_equal(verify(&both, &c, frame, len), ERR_AUTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nothing_else_proves),
		cmocka_unit_test(test_an_echo_proves_nothing),
		cmocka_unit_test(test_while_a_storage_key_is_rotated_either_proves),
		cmocka_unit_test(test_a_secret_of_its_own_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
