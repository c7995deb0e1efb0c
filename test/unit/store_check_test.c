/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of the process that reads a store first says about the store. */
#include "test/unit/store_model.h"

#include <signal.h>

static int ends_with; /* The signal that ends who reads a store first. */

/* It calls this at its beginning, and nobody else does. */
unsigned alarm(unsigned seconds)
{
	if (seconds < 300)
		_exit(1);
	if (ends_with)
		kill(getpid(), ends_with);
	return 0;
}

/* Who is told that a store is damaged empties it: not because of a slow disk, or too little memory. */
static void test_only_a_crash_is_damage(void **state)
{
	static const struct {
		int signal;
		enum status want;
		const char *word;
	} rows[] = {
		{SIGSEGV, ERR_DAMAGED, "damaged"}, {SIGBUS, ERR_DAMAGED, "damaged"}, {SIGABRT, ERR_DAMAGED, "damaged"},
		{SIGALRM, ERR_IO, "given up after 300 s"}, {SIGKILL, ERR_IO, "was killed"},
		{SIGTERM, ERR_IO, "signal 15"}, {SIGXCPU, ERR_IO, "signal 24"},
	};
	struct model m = make_full();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ends_with = rows[i].signal;
		expect_refusal(rows[i].want, rows[i].word);
		expect_refusal(rows[i].want, rows[i].want == ERR_IO ? "cannot be read" : "empty that directory");
	}
	ends_with = 0;
	store_close(open_as(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_a_crash_is_damage, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
