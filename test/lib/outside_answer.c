/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/outside_answer.h"

#include "proto/auth/outside.h"
#include "test/lib/toy_auth.h"

struct blob *outside_answer(const struct ike_config *config, const struct blob *question, uint64_t seed,
			    const struct auth_clock *clock)
{
	struct auth_job *j = auth_job_new(config, question);

	if (!j)
		return toy_auth_outside(config, question, seed);
	auth_job_run(j, clock);
	return auth_job_end(j);
}
