/* SPDX-License-Identifier: Apache-2.0 */
/* The same threads as for signatures (auth_pool.c), with the same low priority. A job contains all
 * that it needs. */
#include "node/process/dh_pool.h"

#include "cluster/core/action.h"
#include "node/process/auth_pool.h"
#include "node/process/node.h"

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

	auth_pool_humble();
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
	auth_pool_queue(n, &j->work, on_work, on_done);
}
