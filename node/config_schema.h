/* SPDX-License-Identifier: Apache-2.0 */
/* How cluster.toml is read: a table of keys for each [section], and a reader
 * that walks the file against it. The keys themselves are in config_keys.c. */
#ifndef NODE_CONFIG_SCHEMA_H
#define NODE_CONFIG_SCHEMA_H

#include "node/config.h"
#include "node/toml.h"

struct reader {
	struct node_config *c;
	struct config_errors *errors;
	char dir[CONFIG_PATH_MAX]; /* The file's folder. */
	uint32_t node;             /* The [[node]] being read ... */
	struct ike_connection *connection;    /* ... the [[connection]] ... */
	struct ike_peer_secret *secret;       /* ... and the [[secret]]. */
};

struct config_key {
	const char *name;
	enum toml_type type; /* TOML_ARRAY: of strings. */
	bool required;
	void (*set)(struct reader *r, const struct toml_value *v);
};

struct config_section {
	const char *name;
	bool list;           /* [[name]] */
	bool required;
	const struct config_key *keys; /* Ends with name NULL. */
	void (*begin)(struct reader *r, const struct toml_value *v, size_t i, size_t n);
};

extern const struct config_section config_sections[]; /* Ends with name NULL. */

/* "FILE:LINE: message" */
void reader_error(struct reader *r, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* After the walk: what no single key can tell. */
void config_check_whole(struct reader *r);

#endif
