/* SPDX-License-Identifier: Apache-2.0 */
/* sim --seed S [--count N] [--toy] [--mutant M] [-v] [-s]: runs N seeds from S on.
 * --sweep N: every Nth run of sweep.h instead; --sweep-one NAME: one of them. A seed
 * that breaks an invariant ends the program with status 1 and the command to repeat it;
 * the first seed is run twice, to see that a run depends on nothing but its seed. -s:
 * says at the end what was done and checked. */
#include "test/lib/mutant.h"
#include "test/sim/full.h"
#include "test/sim/sweep.h"
#include "test/sim/toy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
	uint64_t seed, count, sweep;
	const char *mutant, *sweep_one;
	bool toy, verbose, summary;
};

static int usage(void)
{
	fprintf(stderr, "usage: sim --seed S [--count N] [--toy] [--mutant M] [-v] [-s]\n"
			"       sim --seed S --sweep N | --sweep-one NAME [--mutant M] [-v] [-s]\n"
			"       sim --mutants\n");
	return 2;
}

static bool get_number(const char *text, uint64_t *value)
{
	char *end;

	if (!text)
		return false;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno == 0 && end != text && *end == 0;
}

static bool parse(struct arguments *a, char **argv)
{
	for (argv++; *argv; argv++) {
		if (strcmp(*argv, "--seed") == 0 && get_number(argv[1], &a->seed))
			argv++;
		else if (strcmp(*argv, "--count") == 0 && get_number(argv[1], &a->count))
			argv++;
		else if (strcmp(*argv, "--sweep") == 0 && get_number(argv[1], &a->sweep) && a->sweep)
			argv++;
		else if (strcmp(*argv, "--sweep-one") == 0 && argv[1])
			a->sweep_one = *++argv;
		else if (strcmp(*argv, "--mutant") == 0 && argv[1])
			a->mutant = *++argv;
		else if (strcmp(*argv, "--toy") == 0)
			a->toy = true;
		else if (strcmp(*argv, "-v") == 0)
			a->verbose = true;
		else if (strcmp(*argv, "-s") == 0)
			a->summary = true;
		else
			return false;
	}
	return a->count > 0;
}

/* One number for each name, so that many of these can be added up. */
static void say_totals(const struct totals *t)
{
	printf("seeds %llu\nvirtual_ms %llu\nevents %llu\n", (unsigned long long)t->seeds,
	       (unsigned long long)(t->virtual_us / MS), (unsigned long long)t->events);
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		printf("fault: %s %llu\n", fault_names[i], (unsigned long long)t->faults[i]);
	printf("ESP packets checked %llu\nIKE messages checked %llu\n"
	       "rounds of IKE_AUTH checked %llu\nattacks checked %llu\n"
	       "state digests compared %llu\ncertificates judged %llu\nrefused for a wrong clock %llu\n"
	       "requests to RADIUS checked %llu\nreports to RADIUS checked %llu\n",
	       (unsigned long long)t->esp, (unsigned long long)t->exchanges,
	       (unsigned long long)t->rounds,
	       (unsigned long long)t->attacks, (unsigned long long)t->digests,
	       (unsigned long long)t->dates, (unsigned long long)t->dates_refused,
	       (unsigned long long)t->questions, (unsigned long long)t->reports);
}

static uint64_t run(const struct arguments *a, uint64_t seed, const char *command, struct totals *t)
{
	return a->toy ? toy_run(seed, a->verbose, command)
		      : full_run(seed, a->verbose, command, t);
}

static int sweep(const struct arguments *a, const char *binary)
{
	struct totals t = { 0 };
	char command[128];
	uint64_t runs = 1;

	snprintf(command, sizeof(command), "%s --mutant %s", binary, a->mutant);
	if (a->sweep_one && !sweep_run_one(a->seed, a->sweep_one, a->verbose, command, &t)) {
		fprintf(stderr, "sim: there is no run %s\n", a->sweep_one);
		return 2;
	}
	if (!a->sweep_one)
		runs = sweep_run(a->seed, a->sweep, a->verbose, command, &t);
	printf("sweep: %llu runs\n", (unsigned long long)runs);
	if (a->summary)
		say_totals(&t);
	return 0;
}

int main(int argc, char **argv)
{
	struct totals totals = { 0 }, again = { 0 };
	struct arguments a = { .seed = 1, .count = 1, .mutant = "NONE" };
	char command[256];
	uint64_t first = 0;

	if (argc == 2 && strcmp(argv[1], "--mutants") == 0) {
		mutant_list();
		return 0;
	}
	if (!parse(&a, argv))
		return usage();
	if (!mutant_plant(a.mutant)) {
		fprintf(stderr, "sim: this build has no mutant %s, see `make mutants`\n", a.mutant);
		return 2;
	}
	if (a.sweep || a.sweep_one)
		return sweep(&a, argv[0]);
	for (uint64_t i = 0; i <= a.count; i++) {
		uint64_t seed = a.seed + i % a.count, trace;

		if (i == a.count && (a.verbose || a.count == 1))
			break;
		snprintf(command, sizeof(command), "%s --mutant %s --seed %llu%s", argv[0],
			 a.mutant, (unsigned long long)seed, a.toy ? " --toy" : "");
		trace = run(&a, seed, command, i == a.count ? &again : &totals);
		if (i == 0)
			first = trace;
		if (i == a.count && trace != first) {
			printf("FAIL seed %llu: two runs differ\n", (unsigned long long)seed);
			return 1;
		}
	}
	if (a.summary)
		say_totals(&totals);
	return 0;
}
