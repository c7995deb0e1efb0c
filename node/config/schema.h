/* SPDX-License-Identifier: Apache-2.0 */
/* How cluster.toml is read: a table of keys for each [section], and a reader
 * that walks the file against it. The keys themselves are in schema_keys*.c. */
#ifndef NODE_CONFIG_SCHEMA_H
#define NODE_CONFIG_SCHEMA_H

#include "node/config/config.h"
#include "node/config/toml.h"

#include <openssl/sha.h>

#include <sys/stat.h>
#include <sys/types.h>

struct reader {
	struct node_config *c;
	struct config_errors *errors;
	const struct toml_value *root; /* The file. */
	char dir[CONFIG_PATH_MAX]; /* The file's folder. */
	uint32_t node;             /* The [[node]] being read ... */
	struct ike_connection *connection;    /* ... the [[connection]] ... */
	struct connection_files *files;       /* ... with its files ... */
	struct ike_peer_secret *secret;       /* ... the [[secret]] ... */
	struct ike_user *user;                /* ... the [[user]] ... */
	struct ike_radius *radius;            /* ... and the [[radius]]. */
};

#define CONFIG_CONTROL_DEFAULT "/run/baton/%s.sock"

/* What a key is, see config_facts.c. All others are facts: a node starts with them, and all nodes
 * must have the same. */
enum config_traits {
	CONFIG_REQUIRED = true,
	CONFIG_POLICY = 2, /* It may change while a node runs (cluster/cluster_policy.h). */
	CONFIG_OWN = 4,    /* Likewise, and it concerns this node alone: nobody compares it. */
};

struct config_key {
	const char *name;
	enum toml_type type; /* TOML_ARRAY: of strings. */
	unsigned traits; /* false: none; true: it is required. */
	void (*set)(struct reader *r, const struct toml_value *v);
};

struct config_section {
	const char *name;
	bool list;           /* [[name]] */
	bool required;
	bool policy;         /* All its keys are; in others some may be. */
	const struct config_key *keys; /* Ends with name NULL. */
	void (*begin)(struct reader *r, const struct toml_value *v, size_t i, size_t n);
};

#define SETTER(name) static void name(struct reader *r, const struct toml_value *v)

extern const struct config_section config_sections[]; /* Ends with name NULL. */

/* schema_keys_ike.c */
extern const struct config_key config_connection_keys[], config_secret_keys[], config_user_keys[], config_client_keys[];
void config_connection_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n);
void config_secret_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n);
void config_user_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n);
void config_client_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n);

/* schema_keys_radius.c */
extern const struct config_key config_radius_keys[];
void config_radius_begin(struct reader *r, const struct toml_value *v, size_t i, size_t n);

/* "FILE:LINE: message"; a warning is "FILE:LINE: warning: message". */
void reader_error(struct reader *r, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void reader_warning(struct reader *r, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A whole [section], or the array of its [[sections]]; NULL: it is not there. */
const struct toml_value *config_find_section(const struct toml_value *root, const char *section);
/* A key of a section, or of the i-th of its [[sections]]; NULL: it is not there. */
const struct toml_value *config_find(const struct toml_value *root, const char *section, size_t i,
				     const char *key);
/* Its line, or that of its k-th string; if it is not there, that of the section. */
int config_line(const struct reader *r, const char *section, size_t i, const char *key);
int config_item_line(const struct reader *r, const char *section, const char *key, size_t k);

/* Values: values.c. Each says itself what is wrong with v. */
void config_set_text(struct reader *r, const struct toml_value *v, char *out, size_t size);
void config_set_path(struct reader *r, const struct toml_value *v, char *out); /* CONFIG_PATH_MAX */
void config_set_number(struct reader *r, const struct toml_value *v, int64_t least, int64_t most,
		       uint32_t *out);
size_t config_set_prefixes(struct reader *r, const struct toml_value *v, struct prefix *out,
			   size_t room);
/* Index of the string in names (which ends with NULL), or -1. */
int config_choice(struct reader *r, const struct toml_value *v, const char *const *names);
/* Opens a regular file to read; -1: *why is what is wrong with it. */
int config_open(const char *path, struct stat *st, const char **why);
/* Reads a file of less than size octets that nobody else may read; its length or -1. */
ssize_t config_read_secret(struct reader *r, const struct toml_value *v, const char *path,
			   uint8_t *out, size_t size);
int config_unhex(const uint8_t *text, size_t digits, uint8_t *out); /* -1: not hexadecimal */
/* Reads a file of so many octets in hexadecimal digits, which only the nodes may read. False: the
 * reason was reported. */
bool config_read_key(struct reader *r, const struct toml_value *v, const char *path, uint8_t *out, size_t len);

/* check_link_secret.c. The link secret of a node must be derived from the storage key
 * (cluster/link/proof.h). absent: a missing file is on another host. */
void config_check_link_secret(struct reader *r, uint32_t node, bool absent);

/* certificates.c: once all is read, what the files of connections hold. */
void config_read_certificates(struct reader *r);
void config_hash_certificates(SHA256_CTX *h, const struct ike_config *ike);
/* Reads the key in a file from its text: config_psk.c. Reports what is wrong with it. */
void config_read_psk(struct reader *r, const struct toml_value *v, const char *path,
		     struct secret *psk);
/* A [[user]]'s, likewise: password.c. */
void config_read_password(struct reader *r, const struct toml_value *v, const char *path,
			  struct nt_hash *hash);

/* After the walk: config_facts.c. Their list, their hash and the policy's. */
void config_facts(struct reader *r);

/* After the walk: what no single key can tell. */
void config_check_whole(struct reader *r);
void config_check_connections(struct reader *r); /* check_connections.c */
void config_check_networks(struct reader *r); /* check_networks.c */
void config_read_reserved(struct reader *r);  /* Likewise: addresses that belong to an identity. */

#endif
