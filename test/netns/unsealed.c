/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the place of cluster/core/seal.c's sealing in build/unsealed/baton (the linker's --wrap):
 * nothing is really sealed, so that a test can show that a search finds keys. Only for
 * t_secrets_control.sh; it runs only when told that it is a test, and says loudly what it is. */
#include "cluster/core/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_LEN (SEAL_OVERHEAD - 16u)

struct blob *__wrap_seal_create(const struct seal_key *k, enum seal_kind kind, struct entropy *e,
				const uint8_t *plain, size_t len);
enum status __wrap_seal_open(const struct seal_key *k, enum seal_kind kind, const uint8_t *sealed,
			     size_t len, struct blob **plain);

static void __attribute__((constructor)) warn(void)
{
	const char *told = getenv("BATON_TEST_UNSEALED");

	fputs("baton: TEST BUILD: NOTHING IS SEALED, every key lies open on the disk\n", stderr);
	if (told && strcmp(told, "1") == 0)
		return;
	fputs("baton: it runs only with BATON_TEST_UNSEALED=1\n", stderr);
	_exit(1);
}

struct blob *__wrap_seal_create(const struct seal_key *k, enum seal_kind kind, struct entropy *e,
				const uint8_t *plain, size_t len)
{
	struct blob *b = blob_new(NULL, len + SEAL_OVERHEAD);

	(void)k;
	(void)e;
	memset(b->data, 0, b->len);
	b->data[0] = (uint8_t)kind;
	memcpy(b->data + HEADER_LEN, plain, len);
	return b;
}

enum status __wrap_seal_open(const struct seal_key *k, enum seal_kind kind, const uint8_t *sealed,
			     size_t len, struct blob **plain)
{
	(void)k;
	*plain = NULL;
	if (len < SEAL_OVERHEAD || sealed[0] != (uint8_t)kind)
		return ERR_MALFORMED;
	if (len > SEAL_OVERHEAD)
		*plain = blob_new(sealed + HEADER_LEN, len - SEAL_OVERHEAD);
	return OK;
}
