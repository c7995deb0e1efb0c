/* SPDX-License-Identifier: Apache-2.0 */
/* A job contains all that it needs, and is done by the threads of work_threads.h. */
#include "node/process/dh_pool.h"

#include "cluster/core/action.h"
#include "node/process/node.h"
#include "node/process/work_threads.h"

#include <assert.h>
#include <stdlib.h>

struct dh_job {
	uv_work_t work;
	struct node *n;
	uint64_t id;
	struct dh_work *task;
	struct dh_result result;
};

static void on_work(uv_work_t *work)
{
	struct dh_job *j = work->data;

	work_threads_humble();
	dh_work_run(j->task, &j->result);
}

static void on_done(uv_work_t *work, int status)
{
	struct dh_job *j = work->data;

	if (status == 0)
		loop_dh_result(j->n, j->id, &j->result);
	dh_result_cleanse(&j->result);
	dh_work_free(j->task);
	free(j);
}

void dh_pool_run(struct node *n, uint64_t id, struct dh_work *work)
{
	struct dh_job *j = calloc(1, sizeof(*j));

	assert(j);
	j->work.data = j;
	j->n = n;
	j->id = id;
	j->task = work;
	work_threads_queue(&n->loop, &j->work, on_work, on_done);
}
