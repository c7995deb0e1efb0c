/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB trusts its file: a flipped bit in a branch page can lead it outside the map, or round in
 * circles. So a child process reads everything first; if it crashes, the store is damaged. The records
 * that LMDB returns are then compared with the authenticated tip: every record it counts must be
 * there, in its place, and no other.
 *
 * LMDB's two meta pages carry no checksum: a flipped bit in the newer one can make the older one
 * count, with its whole, well authenticated tree: the state before the last transaction. The tip
 * file knows the number of that transaction. It is written after each commit and not synced: after
 * a power loss it may be behind the tree, never ahead of it.
 *
 * A list of free pages is not authenticated by any record; a page that is listed as free while a
 * record lies in it, or while it leads to one, would be overwritten some day: checked here too. So
 * is the number of the last page, after which the next one is made: the last page must be in use or
 * free. */
#include "node/store/store_check.h"
#include "node/store/store_check_pages.h"
#include "proto/mutant.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_SECONDS_LEAST 300u
#define CHECK_OCTETS_PER_S (4u << 20) /* What the slowest disk reads. */

void store_content_fini(struct store_content *c)
{
	blob_unref(c->identity);
	store_image_fini(&c->image);
	memset(c, 0, sizeof(*c));
}

int store_env_open(const char *path, uint64_t map_bytes, unsigned flags, MDB_env **env)
{
	int rc = mdb_env_create(env);

	if (rc)
		return rc;
	rc = mdb_env_set_mapsize(*env, map_bytes);
	if (!rc)
		rc = mdb_env_open(*env, path, flags | MDB_NOSUBDIR | MDB_NOLOCK | MDB_NORDAHEAD,
				  0600);
	if (rc) {
		mdb_env_close(*env);
		*env = NULL;
	}
	return rc;
}

struct store_reader {
	const struct record_key *k;
	const struct record_header *want; /* Its names. */
	struct store_content *c;
	char *why;
	size_t psize;
	uint64_t last_page;
	uint8_t *used; /* One octet per page: STORE_PAGE_*. */
	const uint8_t *base;
};

static enum status __attribute__((format(printf, 2, 3)))
damaged(struct store_reader *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->why, STORE_WHY_LEN, format, ap);
	va_end(ap);
	return ERR_DAMAGED;
}

/* Notes the pages that contain a value. LMDB's page header begins with the page's own number, which
 * tells where the map begins. */
static enum status page_note(struct store_reader *r, const MDB_val *v)
{
	const uint8_t *at = v->mv_data;
	const uint8_t *page = at - (uintptr_t)at % r->psize;
	uint64_t number, n;

	memcpy(&number, page, sizeof(number));
	if (!r->base)
		r->base = page - number * r->psize;
	n = ((size_t)(at - page) + v->mv_size + r->psize - 1) / r->psize;
	if (page != r->base + number * r->psize || number > r->last_page ||
	    n > r->last_page - number + 1)
		return damaged(r, "a page is not in its place");
	for (uint64_t i = 0; i < (n ? n : 1); i++)
		r->used[number + i] |= STORE_PAGE_VALUE;
	return OK;
}

static enum status get_one(struct store_reader *r, MDB_txn *txn, enum record_kind kind, MDB_val *v)
{
	uint8_t key_byte = (uint8_t)kind;
	MDB_val key = {1, &key_byte};
	int rc = mdb_get(txn, 1, &key, v);

	if (rc == MDB_NOTFOUND)
		return ERR_NOT_FOUND;
	if (rc)
		return damaged(r, "record '%c': %s", kind, mdb_strerror(rc));
	return page_note(r, v);
}

/* Whose store is it? Of another key or cluster no MAC can tell. */
static enum status read_header(struct store_reader *r, MDB_txn *txn, MDB_val *v)
{
	struct record_header *h = &r->c->header;
	enum status s = get_one(r, txn, RECORD_HEADER, v);

	if (s == ERR_NOT_FOUND)
		return damaged(r, "its header is missing");
	if (s)
		return s;
	if (!record_header_parse(v->mv_data, v->mv_size, h))
		return damaged(r, "its header does not parse");
	if (strcmp(h->cluster, r->want->cluster) != 0) {
		snprintf(r->why, STORE_WHY_LEN, "it belongs to the cluster \"%s\", not to \"%s\"",
			 h->cluster, r->want->cluster);
		return ERR_FOREIGN;
	}
	if (memcmp(h->key_id, r->k->id, STORE_KEY_ID_LEN) != 0) {
		snprintf(r->why, STORE_WHY_LEN, "it was written under another storage key");
		return ERR_FOREIGN;
	}
	/* Our key and cluster: from here a MAC can tell another's from a flipped bit. */
	if (!record_header_verify(r->k, v->mv_data, v->mv_size, v->mv_data))
		return damaged(r, "its header does not authenticate");
	if (strcmp(h->node, r->want->node) != 0) {
		snprintf(r->why, STORE_WHY_LEN, "it belongs to node \"%s\", not to \"%s\"", h->node,
			 r->want->node);
		return ERR_FOREIGN;
	}
	return OK;
}

static enum status read_tip(struct store_reader *r, MDB_txn *txn, const MDB_val *header, int tip_file)
{
	uint8_t file[256];
	uint64_t counter = 0;
	struct record_tip *t = &r->c->tip;
	MDB_val v;
	enum status s = get_one(r, txn, RECORD_TIP, &v);
	ssize_t n;

	if (s == ERR_NOT_FOUND)
		return damaged(r, "its tip is missing");
	if (s)
		return s;
	if (!record_tip_open(r->k, v.mv_data, v.mv_size, t))
		return damaged(r, "its tip does not authenticate");
	if (!record_header_verify(r->k, header->mv_data, header->mv_size, t->header))
		return damaged(r, "its header does not authenticate");
	n = pread(tip_file, file, sizeof(file), 0);
	if (n < 0 || !record_tip_file_open(r->k, file, (size_t)n, r->c->header.store_id, &counter))
		return damaged(r, "the tip file beside it does not authenticate");
	if (MUTANT(MUTANT_STORE_CUT))
		return OK;
	if (counter > t->counter)
		return damaged(r,
			       "it is older than what was last written (transaction %llu, not %llu)",
			       (unsigned long long)t->counter, (unsigned long long)counter);
	return OK;
}

static bool mac_is_zero(const uint8_t mac[STORE_MAC_LEN])
{
	static const uint8_t zero[STORE_MAC_LEN];

	return memcmp(mac, zero, STORE_MAC_LEN) == 0;
}

static enum status read_parts(struct store_reader *r, MDB_txn *txn)
{
	struct store_content *c = r->c;
	MDB_val v;
	enum status s = get_one(r, txn, RECORD_SNAPSHOT, &v);

	if (s == OK && !record_snapshot_open(r->k, v.mv_data, v.mv_size, c->tip.snapshot,
					     &c->image.snapshot))
		return damaged(r, "its snapshot does not authenticate");
	if (s == ERR_NOT_FOUND && !mac_is_zero(c->tip.snapshot))
		return damaged(r, "its snapshot is missing");
	if (s && s != ERR_NOT_FOUND)
		return s;
	s = get_one(r, txn, RECORD_IDENTITY, &v);
	if (s == OK && !record_identity_open(r->k, v.mv_data, v.mv_size, c->tip.identity,
					     &c->identity))
		return damaged(r, "its identity does not authenticate");
	if (s == ERR_NOT_FOUND && !mac_is_zero(c->tip.identity))
		return damaged(r, "its identity is missing");
	return s == ERR_NOT_FOUND ? OK : s;
}

static bool key_is_entry(const MDB_val *key, uint64_t index)
{
	uint8_t want[RECORD_KEY_MAX];

	return key->mv_size == record_entry_key(index, want) &&
	       memcmp(key->mv_data, want, sizeof(want)) == 0;
}

static bool key_is_single(const MDB_val *key)
{
	return key->mv_size == 1 && memchr("hist", *(const char *)key->mv_data, 4);
}

/* A walk from leaf to leaf does not look at the keys in branch pages. A changed one would send
 * later writes and searches to another leaf. */
static enum status search_finds(struct store_reader *r, MDB_cursor *cursor, MDB_val *key, const MDB_val *v)
{
	MDB_val found;
	int rc = mdb_get(mdb_cursor_txn(cursor), 1, key, &found);

	if (rc || found.mv_data != v->mv_data)
		return damaged(r, "its index does not lead to every record");
	return OK;
}

/* All pairs in order: entries dense from first to last, chained, and nothing unknown. */
static enum status read_entries(struct store_reader *r, MDB_cursor *cursor)
{
	struct record_tip *t = &r->c->tip;
	struct store_image *image = &r->c->image;
	uint64_t next = t->first, n = t->last + 1 - t->first;
	uint8_t chain[STORE_MAC_LEN];
	MDB_val key, v;
	enum status s;
	int rc;

	memcpy(chain, t->base, sizeof(chain));
	if (n > r->last_page * (r->psize / 64))
		return damaged(r, "it lacks entries");
	image->entries = calloc(n ? n : 1, sizeof(*image->entries));
	assert(image->entries);
	for (rc = mdb_cursor_get(cursor, &key, &v, MDB_FIRST); !rc;
	     rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) {
		s = page_note(r, &v);
		if (s == OK)
			s = search_finds(r, cursor, &key, &v);
		if (s)
			return s;
		if (key_is_single(&key))
			continue;
		if (next > t->last || !key_is_entry(&key, next))
			return damaged(r, "entry %llu is missing or a record is unknown",
				       (unsigned long long)next);
		if (!record_entry_open(r->k, next, v.mv_data, v.mv_size, chain,
				       &image->entries[image->n_entries], chain))
			return damaged(r, "entry %llu does not authenticate",
				       (unsigned long long)next);
		image->n_entries++;
		next++;
	}
	if (rc != MDB_NOTFOUND)
		return damaged(r, "%s", mdb_strerror(rc));
	if (next != t->last + 1)
		return damaged(r, "entries %llu to %llu are missing", (unsigned long long)next,
			       (unsigned long long)t->last);
	if (memcmp(chain, t->chain, sizeof(chain)) != 0)
		return damaged(r, "its entries do not add up to its tip");
	image->term = t->term;
	image->voted_for = t->voted_for;
	return OK;
}

/* Tree 0 of LMDB: transaction number -> count and page numbers, descending. */
static enum status read_free(struct store_reader *r, MDB_txn *txn)
{
	uint8_t *seen = calloc(r->last_page + 1, 1);
	struct store_pages pages = {r->base, r->psize, r->last_page, r->used};
	enum status s = OK;
	MDB_cursor *cursor;
	MDB_val key, v;
	int rc;

	assert(seen);
	rc = mdb_cursor_open(txn, 0, &cursor);
	if (rc) {
		free(seen);
		return damaged(r, "%s", mdb_strerror(rc));
	}
	while (s == OK && (rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) == 0) {
		size_t room = v.mv_size / sizeof(size_t), n = 0;

		s = page_note(r, &v);
		if (s)
			break;
		if (room > 0)
			memcpy(&n, v.mv_data, sizeof(n));
		if (key.mv_size != sizeof(size_t) || room < 1 || n > room - 1)
			s = damaged(r, "its list of free pages is broken");
		for (size_t i = 0; s == OK && i < n; i++) {
			size_t page;

			memcpy(&page, (const uint8_t *)v.mv_data + (i + 1) * sizeof(page),
			       sizeof(page));
			if (page < 2 || page > r->last_page || seen[page]++)
				s = damaged(r, "its list of free pages is broken");
		}
	}
	if (s == OK && rc != MDB_NOTFOUND)
		s = damaged(r, "%s", mdb_strerror(rc));
	if (s == OK && !store_pages_walk(&pages))
		s = damaged(r, "its pages do not form a tree");
	for (uint64_t i = 0; s == OK && i <= r->last_page; i++)
		if (seen[i] && r->used[i])
			s = damaged(r, "a page in use is listed as free");
	if (s == OK && !seen[r->last_page] && !r->used[r->last_page])
		s = damaged(r, "the number of its last page is wrong");
	mdb_cursor_close(cursor);
	free(seen);
	return s;
}

static enum status read_all(struct store_reader *r, MDB_txn *txn, int tip_file)
{
	MDB_cursor *cursor = NULL;
	MDB_val header;
	enum status s = read_header(r, txn, &header);

	if (s == OK)
		s = read_tip(r, txn, &header, tip_file);
	if (s == OK)
		s = read_parts(r, txn);
	if (s)
		return s;
	if (mdb_cursor_open(txn, 1, &cursor))
		return damaged(r, "it cannot be walked");
	s = read_entries(r, cursor);
	mdb_cursor_close(cursor);
	return s ? s : read_free(r, txn);
}

/* Errors of the system say nothing about what the file contains. Some do: EBADF, as LMDB begins a file that is
 * empty, which is open to be read only; ENOMEM, as a wrong number of pages wants more addresses than there are. */
static bool is_of_system(int rc)
{
	return rc > 0 && rc != ENOENT && rc != EINVAL && rc != EBADF && rc != ENOMEM;
}

enum status store_read(MDB_env *env, const struct record_key *k, const struct record_header *want, int tip_file,
		       struct store_content *c, char why[STORE_WHY_LEN])
{
	struct store_reader r = {.k = k, .want = want, .c = c, .why = why};
	enum status s = ERR_DAMAGED;
	MDB_txn *txn = NULL;
	MDB_envinfo info;
	MDB_stat st;
	MDB_dbi dbi;
	int rc;

	memset(c, 0, sizeof(*c));
	mdb_env_info(env, &info);
	mdb_env_stat(env, &st);
	r.psize = st.ms_psize;
	r.last_page = info.me_last_pgno;
	rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &dbi);
	if (is_of_system(rc))
		s = ERR_IO;
	if (rc || dbi != 1 || r.last_page > info.me_mapsize / r.psize) {
		snprintf(why, STORE_WHY_LEN, "%s", rc ? mdb_strerror(rc) : "its size is wrong");
	} else {
		r.used = calloc(r.last_page + 1, 1);
		assert(r.used);
		s = read_all(&r, txn, tip_file);
		free(r.used);
	}
	if (txn)
		mdb_txn_abort(txn);
	if (s)
		store_content_fini(c);
	return s;
}

/* How long a sound store may take: a damaged one may go round in circles. */
static unsigned seconds_for(const char *path)
{
	struct stat st;

	return CHECK_SECONDS_LEAST + (stat(path, &st) == 0 ? (unsigned)(st.st_size / CHECK_OCTETS_PER_S) : 0);
}

static void __attribute__((noreturn))
child_run(const char *path, uint64_t map_bytes, const struct record_key *k, const struct record_header *want,
	  int tip_file, int out)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
	char why[STORE_WHY_LEN] = "";
	struct store_content c;
	enum status s;
	MDB_env *env;
	int rc, null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	prctl(PR_SET_DUMPABLE, 0);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], SIG_DFL);
	if (null >= 0)
		dup2(null, STDERR_FILENO);
	alarm(seconds_for(path));
	rc = store_env_open(path, map_bytes, MDB_RDONLY, &env);
	if (rc) {
		s = is_of_system(rc) ? ERR_IO : ERR_DAMAGED;
		snprintf(why, sizeof(why), "%s", mdb_strerror(rc));
	} else {
		s = store_read(env, k, want, tip_file, &c, why);
	}
	if (write(out, why, strlen(why)) < 0)
		_exit(ERR_DAMAGED);
	_exit((int)s);
}

/* Only what a wrong tree does to its reader is damage. Others end a process, too: the kernel when memory runs
 * out, an operator, a disk that is slow. */
static enum status judge_signal(int signal, const char *path, char why[STORE_WHY_LEN])
{
	switch (signal) {
	case SIGSEGV:
	case SIGBUS:
	case SIGABRT:
	case SIGFPE:
	case SIGILL:
		snprintf(why, STORE_WHY_LEN, "reading it ended with signal %d", signal);
		return ERR_DAMAGED;
	case SIGALRM:
		snprintf(why, STORE_WHY_LEN, "reading it was given up after %u s: is its disk slow, or does it fail?",
			 seconds_for(path));
		return ERR_IO;
	case SIGKILL:
		snprintf(why, STORE_WHY_LEN, "the process that read it was killed: was there too little memory?");
		return ERR_IO;
	default:
		snprintf(why, STORE_WHY_LEN, "the process that read it was ended with signal %d", signal);
		return ERR_IO;
	}
}

enum status store_check(const char *path, uint64_t map_bytes, const struct record_key *k,
			const struct record_header *want, int tip_file, char why[STORE_WHY_LEN])
{
	int fd[2], status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) || (pid = fork()) < 0) {
		snprintf(why, STORE_WHY_LEN, "it cannot be checked: %s", strerror(errno));
		return ERR_IO;
	}
	if (pid == 0)
		child_run(path, map_bytes, k, want, tip_file, fd[1]);
	close(fd[1]);
	while (len < STORE_WHY_LEN - 1 && (n = read(fd[0], why + len, STORE_WHY_LEN - 1 - len)) != 0)
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			break;
	why[len] = '\0';
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) < STATUS_COUNT)
		return (enum status)WEXITSTATUS(status);
	if (WIFSIGNALED(status))
		return judge_signal(WTERMSIG(status), path, why);
	/* A library gave up on what it was asked to do. */
	snprintf(why, STORE_WHY_LEN, "reading it ended with status %d", WEXITSTATUS(status));
	return ERR_DAMAGED;
}
