/* SPDX-License-Identifier: Apache-2.0 */
/* libuv's threads. They start with the first question, when capabilities are dropped and system
 * calls filtered; a thread has what the control thread has, and no higher priority than other
 * programs: what takes milliseconds waits for what takes microseconds.
 *
 * A job has references to the keys that it uses. They are counted in the loop's thread alone: a job
 * is made and ended there, and only worked at elsewhere. The wall clock is read there, too, as
 * the fact by which this leader judges dates. */
#include "node/process/auth_pool.h"

#include "build_time.h"
#include "node/process/node.h"
#include "proto/auth/outside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define THREADS "2"
#define LOOK_EVERY 20u /* auth_pool_look()s */

struct auth_pool {
	unsigned looks;
	bool reading; /* CRLs, in a thread. */
	struct {
		struct stat seen;
	} crl[]; /* Of each connection. */
};

/* ---- Threads ---- */

void auth_pool_humble(void)
{
	static __thread bool humble;

	if (!humble)
		setpriority(PRIO_PROCESS, 0, 0); /* This thread's alone. */
	humble = true;
}

void auth_pool_queue(struct node *n, uv_work_t *work, uv_work_cb run, uv_after_work_cb done)
{
	int rc;

	(void)setenv("UV_THREADPOOL_SIZE", THREADS, 0); /* Read when the first one starts. */
	rc = uv_queue_work(&n->loop, work, run, done);
	assert(rc == 0);
}

/* ---- Signatures ---- */

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

	auth_pool_humble();
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

void auth_pool_ask(struct node *n, const struct auth_question *question, const struct blob *data)
{
	struct auth_work *w = calloc(1, sizeof(*w));

	assert(w);
	w->work.data = w;
	w->n = n;
	w->question = *question;
	w->clock = (struct auth_clock){.unix_now = time(NULL), .unix_least = BATON_BUILT};
	w->job = auth_job_new(&core_policy(n->core)->ike, data);
	if (!w->job) { /* Of a kind that nobody here answers. */
		free(w);
		return;
	}
	auth_pool_queue(n, &w->work, on_work, on_done);
}

/* ---- CRLs ---- */

struct crl_work {
	uv_work_t work;
	struct node *n;
	const struct connection_files *files;
	struct trust *old, *made; /* References that the loop's thread holds. */
	char why[CONFIG_WHY_LEN];
};

static void on_crl_work(uv_work_t *work)
{
	struct crl_work *w = work->data;

	w->made = node_config_read_crls(w->files, w->old, w->why);
}

/* The one of our file, in the policy that is in force: its CRLs are all that ever changes in one. */
static struct ike_connection *connection_in_force(struct node *n, const char *name)
{
	struct ike_config *ike = n->ended ? NULL : &core_policy(n->core)->ike;

	for (size_t i = 0; ike && i < ike->n_connections; i++)
		if (strcmp(ike->connections[i].name, name) == 0 && ike->connections[i].clients)
			return &ike->connections[i];
	return NULL;
}

static void on_crl_done(uv_work_t *work, int status)
{
	struct crl_work *w = work->data;
	struct node *n = w->n;
	struct ike_connection *c = connection_in_force(n, w->files->name);

	(void)status;
	n->auth_pool->reading = false;
	if (n->ended || !c) {
		trust_unref(w->made);
	} else if (w->made) {
		trust_unref(c->clients);
		c->clients = w->made;
		events_add(n->events, CONFIG_LOG_INFO, "crl", "the CRLs of connection \"%s\" were read anew",
			   c->name);
	} else {
		events_add(n->events, CONFIG_LOG_WARNING, "crl", "%s: those read before stay in force", w->why);
	}
	trust_unref(w->old);
	free(w);
}

static bool has_changed(struct stat *seen, const char *path)
{
	struct stat now = {0};

	if (stat(path, &now) != 0)
		memset(&now, 0, sizeof(now));
	if (now.st_ino == seen->st_ino && now.st_size == seen->st_size &&
	    now.st_mtim.tv_sec == seen->st_mtim.tv_sec && now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
		return false;
	*seen = now;
	return true;
}

static void read_anew(struct node *n, const struct connection_files *files)
{
	struct ike_connection *c = connection_in_force(n, files->name);
	struct crl_work *w;

	if (!c)
		return;
	w = calloc(1, sizeof(*w));
	assert(w);
	w->work.data = w;
	w->n = n;
	w->files = files;
	w->old = trust_ref(c->clients);
	n->auth_pool->reading = true;
	auth_pool_queue(n, &w->work, on_crl_work, on_crl_done);
}

static void begin(struct node *n)
{
	const struct node_config *c = n->config;

	n->auth_pool = calloc(1, sizeof(*n->auth_pool) + c->n_files * sizeof(n->auth_pool->crl[0]));
	assert(n->auth_pool);
	for (size_t i = 0; i < c->n_files; i++)
		if (c->files[i].crl[0])
			(void)has_changed(&n->auth_pool->crl[i].seen, c->files[i].crl);
}

void auth_pool_look(struct node *n)
{
	const struct node_config *c = n->config;

	if (!n->auth_pool)
		begin(n);
	if (++n->auth_pool->looks % LOOK_EVERY != 0 || n->auth_pool->reading)
		return;
	for (size_t i = 0; i < c->n_files; i++)
		if (c->files[i].crl[0] && has_changed(&n->auth_pool->crl[i].seen, c->files[i].crl)) {
			read_anew(n, &c->files[i]);
			return; /* Another one next time. */
		}
}

void auth_pool_fini(struct node *n)
{
	free(n->auth_pool);
	n->auth_pool = NULL;
}
