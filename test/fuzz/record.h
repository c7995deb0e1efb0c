/* SPDX-License-Identifier: Apache-2.0 */
/* X_fuzz --record DIR: the target writes the seeds of its corpus anew, in today's formats. */
#ifndef TEST_FUZZ_RECORD_H
#define TEST_FUZZ_RECORD_H

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* NULL: it is not asked to. */
static inline const char *record_dir(int argc, char **argv)
{
	return argc == 3 && strcmp(argv[1], "--record") == 0 ? argv[2] : NULL;
}

/* Its name is sample_NN, and its first octet is `first`, if that is one. */
static inline void record_seed(const char *dir, unsigned n, int first, const uint8_t *data, size_t len)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/sample_%02u", dir, n);
	f = fopen(path, "wb");
	assert(f);
	if (first >= 0)
		fputc(first, f);
	if (len > 0 && fwrite(data, 1, len, f) != len)
		assert(!"it cannot be written");
	fclose(f);
}

#endif
