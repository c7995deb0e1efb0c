/* SPDX-License-Identifier: Apache-2.0 */
/* The result of reading cluster.toml, as octets: from the process that may read its files to the
 * node that no longer may (node/process/config_reader.h). Both are the same running program, so
 * structs are copied as they are in memory, with pointers to the program's constants, and
 * certificates as DER (proto/auth/credential_image.h). Nobody else's octets are ever read. They
 * contain keys. */
#ifndef NODE_CONFIG_CONFIG_IMAGE_H
#define NODE_CONFIG_CONFIG_IMAGE_H

#include "node/config/config.h"

struct config_reading {
	char *error;        /* The first one; NULL: the file is good, and all that follows is there. */
	size_t n_errors;
	char *warning;      /* Likewise the first one, if there is no error. */
	size_t n_warnings;
	struct cluster_policy *policy;
	enum config_log_level log_level;
	struct config_fact *fact;
	size_t n_facts;
	struct crl_file *crl;
	size_t n_crls;
};

/* malloc'ed; the caller cleanses it. errors: those of reading and checking c. */
uint8_t *config_image_encode(const struct node_config *c, const struct config_errors *errors, size_t *len);
/* How long the image that begins so is; 0: more must be read to know. */
size_t config_image_len(const uint8_t *data, size_t len);
/* Reads a complete image. False: it is malformed. */
bool config_image_decode(struct config_reading *r, const uint8_t *data, size_t len) must_check;
void config_reading_fini(struct config_reading *r);

#endif
