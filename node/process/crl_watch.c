/* SPDX-License-Identifier: Apache-2.0 */
/* One of libuv's threads looks at a file and reads it, because it may be long, or its disk or server may not
 * answer. Only the CRLs of a trust ever change
 * while its policy is in force, so the result is a copy of that trust with other CRLs. If a reload
 * has put another policy in force meanwhile, the copy is dropped, because the reload has read the
 * file, too.
 *
 * The node reads as the user that it has become. A file that only root may read takes effect at
 * `baton reload`, whose reader still is root (config_reader.h). */
#include "node/process/crl_watch.h"

#include "node/process/expiry_watch.h"
#include "node/process/node.h"
#include "node/process/work_threads.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY 20u /* crl_watch_look()s */

struct crl_watch {
	unsigned looks;
	bool busy;    /* A thread looks at one, or reads it. */
	size_t next;  /* The one to be looked at then; n: all have been, in this turn. */
	struct crl_file *file;
	size_t n;
};

struct crl_work {
	uv_work_t work;
	struct node *n;
	struct crl_file file; /* A copy: a reload may take another list. */
	bool changed;
	struct trust *old, *made; /* References that the loop's thread holds. */
	char why[CONFIG_WHY_LEN];
};

static bool has_changed(struct crl_file *f)
{
	struct stat now, *seen = &f->seen;

	if (stat(f->path, &now) != 0)
		memset(&now, 0, sizeof(now));
	if (now.st_ino == seen->st_ino && now.st_size == seen->st_size &&
	    now.st_mtim.tv_sec == seen->st_mtim.tv_sec && now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
		return false;
	*seen = now;
	return true;
}

static void on_work(uv_work_t *work)
{
	struct crl_work *w = work->data;

	work_threads_humble();
	w->changed = has_changed(&w->file);
	if (w->changed)
		w->made = node_config_read_crls(&w->file, w->old, w->why);
}

/* The connection of that name in the policy that is in force; NULL: it asks for no certificates. */
static struct ike_connection *connection_in_force(struct node *n, const char *name)
{
	struct ike_config *ike = n->ended ? NULL : &core_policy(n->core)->ike;

	for (size_t i = 0; ike && i < ike->n_connections; i++)
		if (strcmp(ike->connections[i].name, name) == 0 && ike->connections[i].clients)
			return &ike->connections[i];
	return NULL;
}

static void look_at_next(struct node *n);

/* Before a reload took another list, or of the same file. */
static void note_seen(struct crl_watch *w, const struct crl_file *f)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->file[i].path, f->path) == 0 && strcmp(w->file[i].connection, f->connection) == 0)
			w->file[i].seen = f->seen;
}

static void use(struct crl_work *w, struct ike_connection *c)
{
	trust_unref(c->clients);
	c->clients = trust_ref(w->made);
	expiry_watch_anew(w->n);
	events_add(w->n->events, CONFIG_LOG_INFO, "crl",
		   "the CRLs of connection \"%s\" were read anew; sessions go on, `baton revoke` ends them", c->name);
}

static void on_done(uv_work_t *work, int status)
{
	struct crl_work *w = work->data;
	struct node *n = w->n;
	struct ike_connection *c = connection_in_force(n, w->file.connection);

	(void)status;
	n->crl_watch->busy = false;
	if (w->changed && c && c->clients == w->old) {
		note_seen(n->crl_watch, &w->file);
		if (w->made)
			use(w, c);
		else
			events_add(n->events, CONFIG_LOG_WARNING, "crl",
				   "%s: the CRLs read before stay in force; mend the file, or let this node's "
				   "user read it, or run `baton reload`", w->why);
	}
	trust_unref(w->made);
	trust_unref(w->old);
	free(w);
	if (!n->ended)
		look_at_next(n);
}

static void look_at(struct node *n, const struct crl_file *file, struct ike_connection *c)
{
	struct crl_work *w = calloc(1, sizeof(*w));

	assert(w);
	w->work.data = w;
	w->n = n;
	w->file = *file;
	w->old = trust_ref(c->clients);
	n->crl_watch->busy = true;
	work_threads_queue(&n->loop, &w->work, on_work, on_done);
}

/* One at a time: each may take long, and several connections may have the same file. */
static void look_at_next(struct node *n)
{
	struct crl_watch *w = n->crl_watch;

	while (!w->busy && w->next < w->n) {
		const struct crl_file *f = &w->file[w->next++];
		struct ike_connection *c = connection_in_force(n, f->connection);

		if (c)
			look_at(n, f, c);
	}
}

static struct crl_watch *watch_of(struct node *n)
{
	if (!n->crl_watch)
		n->crl_watch = calloc(1, sizeof(*n->crl_watch));
	assert(n->crl_watch);
	return n->crl_watch;
}

void crl_watch_files(struct node *n, const struct crl_file *files, size_t n_files)
{
	struct crl_watch *w = watch_of(n);

	free(w->file);
	w->file = calloc(n_files ? n_files : 1, sizeof(*w->file));
	assert(w->file);
	if (n_files > 0)
		memcpy(w->file, files, n_files * sizeof(*files));
	w->n = n_files;
}

void crl_watch_look(struct node *n)
{
	struct crl_watch *w = watch_of(n);

	if (++w->looks % LOOK_EVERY != 0 || w->busy)
		return;
	w->next = 0;
	look_at_next(n);
}

void crl_watch_fini(struct node *n)
{
	if (n->crl_watch)
		free(n->crl_watch->file);
	free(n->crl_watch);
	n->crl_watch = NULL;
}
