/* SPDX-License-Identifier: Apache-2.0 */
/* A set of keys, to find those that a file has twice, however many there are. */
#ifndef NODE_CONFIG_DISTINCT_H
#define NODE_CONFIG_DISTINCT_H

#include "proto/ike/ike_config.h"
#include "proto/wire/address.h"

#include <stdbool.h>

struct distinct; /* NULL: empty. */

/* True: it was not there yet. Copies the key. */
bool distinct_id(struct distinct **set, const struct ike_id *id);
bool distinct_address(struct distinct **set, const struct address *a);
void distinct_fini(struct distinct **set);

#endif
