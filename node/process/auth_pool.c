/* SPDX-License-Identifier: Apache-2.0 */
/* A job has references to the keys that it uses. Only the loop's thread counts references: it makes
 * and ends each job, and the other threads only work on it. Dates are judged by the time that came
 * with the question. */
#include "node/process/auth_pool.h"

#include "node/process/node.h"
#include "node/process/work_threads.h"
#include "proto/auth/outside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct auth_work {
	uv_work_t work;
	struct node *n;
	struct auth_question question;
	struct auth_job *job;
	struct auth_clock clock;
};

static void on_work(uv_work_t *work)
{
	struct auth_work *w = work->data;

	work_threads_humble();
	auth_job_run(w->job, &w->clock);
}

static void on_done(uv_work_t *work, int status)
{
	struct auth_work *w = work->data;
	struct blob *answer = auth_job_end(w->job);

	if (status == 0)
		loop_auth_answer(w->n, &w->question, answer);
	blob_unref(answer);
	free(w);
}

void auth_pool_ask(struct node *n, const struct auth_question *question, const struct blob *data,
		   const struct auth_clock *clock)
{
	struct auth_work *w = calloc(1, sizeof(*w));

	assert(w);
	w->work.data = w;
	w->n = n;
	w->question = *question;
	w->clock = *clock;
	w->job = auth_job_new(&core_policy(n->core)->ike, data);
	if (!w->job) { /* A kind that nobody here answers. */
		free(w);
		return;
	}
	work_threads_queue(&n->loop, &w->work, on_work, on_done);
}
