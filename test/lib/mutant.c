/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/mutant.h"

#include "proto/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_LEN (sizeof("MUTANT_") - 1)

static const struct {
	const char *name, *text;
} list[] = {
#define X(name, text) { #name, text },
	MUTANT_LIST(X)
#undef X
};

void mutant_list(void)
{
	for (unsigned i = 1; i < MUTANT_COUNT; i++)
		printf("%s %s\n", list[i].name + PREFIX_LEN, list[i].text);
}

#ifdef BATON_MUTANTS
enum mutant mutant;

bool mutant_plant(const char *name)
{
	for (unsigned i = 0; i < MUTANT_COUNT; i++) {
		if (strcmp(name, list[i].name) != 0 && strcmp(name, list[i].name + PREFIX_LEN) != 0)
			continue;
		mutant = (enum mutant)i;
		return true;
	}
	return false;
}

/* For test programs, which take no arguments. */
__attribute__((constructor)) static void plant_at_start(void)
{
	const char *name = getenv("MUTANT_PLANT");

	if (!name || mutant_plant(name))
		return;
	fprintf(stderr, "MUTANT_PLANT: there is no mutant %s\n", name);
	_Exit(2);
}
#else
bool mutant_plant(const char *name)
{
	return strcmp(name, list[0].name) == 0 || strcmp(name, list[0].name + PREFIX_LEN) == 0;
}
#endif
