/* SPDX-License-Identifier: Apache-2.0 */
/* All that the tests' methods ask outside, answered at once and in this thread. */
#ifndef TEST_LIB_OUTSIDE_ANSWER_H
#define TEST_LIB_OUTSIDE_ANSWER_H

#include "proto/auth/auth_clock.h"
#include "proto/ike/ike_config.h"

/* seed: some draw. clock: some judge dates. */
struct blob *outside_answer(const struct ike_config *config, const struct blob *question, uint64_t seed,
			    const struct auth_clock *clock);

#endif
