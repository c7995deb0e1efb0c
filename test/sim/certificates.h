/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a run (certificates.c), for the code that makes gateway and clients. */
#ifndef TEST_SIM_CERTIFICATES_H
#define TEST_SIM_CERTIFICATES_H

#include "test/sim/full.h"

#include "proto/ike/initiator.h"

void certificates_begin(struct full *f);
/* What the client shows and trusts. */
void certificates_client(struct full *f, unsigned i, struct initiator_config *c);
/* Why the client is not to be let in; NULL: it is. */
const char *certificates_bad(const struct full *f, unsigned i);
void certificates_end(struct full *f);

#endif
