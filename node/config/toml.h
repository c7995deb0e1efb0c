/* SPDX-License-Identifier: Apache-2.0 */
/* TOML as a tree of plain C values, each with its line: all that we need from the C++ library that
 * reads it (toml.cc). */
#ifndef NODE_CONFIG_TOML_H
#define NODE_CONFIG_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum toml_type { TOML_STRING, TOML_INTEGER, TOML_BOOLEAN, TOML_ARRAY, TOML_TABLE, TOML_OTHER };

struct toml_value {
	enum toml_type type;
	int line;
	char *key;                /* In a table; else NULL. */
	char *string;             /* STRING */
	int64_t integer;          /* INTEGER */
	bool boolean;             /* BOOLEAN */
	struct toml_value *child; /* ARRAY, TABLE: n of them, in the order of the file. */
	size_t n;
};

/* The whole file as a TABLE. NULL: error says why, "12: message" or just the
 * message when it has no line. */
struct toml_value *toml_load(const char *path, char *error, size_t error_size);
void toml_free(struct toml_value *v);

#ifdef __cplusplus
}
#endif

#endif
