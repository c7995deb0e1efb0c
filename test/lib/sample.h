/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and commands to test with: well-formed, different for each seed, every
 * field set to something that is not zero. */
#ifndef TEST_LIB_SAMPLE_H
#define TEST_LIB_SAMPLE_H

#include "cluster/state/command.h"

/* splitmix64: a repeatable stream for tests. */
uint64_t sample_random(uint64_t *stream);

void sample_child(struct child_sa *child, uint32_t spi_in, bool esn);
/* SPI pair (seed, ~seed), one Child SA with spi_in = 0x1000 + seed, peer "peer-<seed>",
 * virtual IP 10.30.0.0 + seed. */
void sample_session(struct ike_session *s, uint32_t seed);
void sample_half_open(struct ike_half_open *h, uint32_t seed);
/* A random command of any type, over few SPIs, ids and nodes so that they meet. */
void sample_command(struct command *c, uint64_t *stream);

#endif
