/* SPDX-License-Identifier: Apache-2.0 */
/* The store: opening it under all circumstances, and committing to it.
 *
 * It is made in DATA_DIR/store.new, which is renamed to DATA_DIR/store once it is complete and
 * synced; a store.new that a crash left behind contains nothing that anybody was promised. From
 * then on only store_commit() writes, and a store that does not open is left as it is: an operator
 * may still want to copy it.
 *
 * LMDB syncs data, then the meta page, with each commit (no MDB_NOSYNC, no
 * MDB_WRITEMAP). It runs without its own lock file: flock() on DATA_DIR/lock keeps
 * other processes out, and this process reads only in its write transactions. */
#include "node/store/store_lmdb.h"
#include "cluster/raft/raft_message.h"
#include "node/process/space.h"
#include "node/store/store_check.h"
#include "node/store/store_log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The one before, the one that replaces it, and the log. */
_Static_assert(STORE_MAP_BYTES >= 4 * (uint64_t)CONSENSUS_SNAPSHOT_MAX, "a snapshot fits the store");

struct store {
	int lock_fd, tip_fd;
	MDB_env *env;
	struct record_key key;
	struct record_header header;
	struct record_tip tip; /* As committed. */
	struct blob *identity;
	uint64_t map_bytes;
	char dir[PATH_MAX], at[PATH_MAX]; /* Its name; what it is opened by. */
};

static enum status __attribute__((format(printf, 3, 4)))
refuse(enum status s, char *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, STORE_ERR_LEN, format, ap);
	va_end(ap);
	return s;
}

static void path_join(const struct store *s, const char *rest, char path[PATH_MAX + 32])
{
	snprintf(path, PATH_MAX + 32, "%s/%s", s->at, rest);
}

/* ---- Transactions ---- */

static enum status status_of(int rc)
{
	return space_is_wanting(rc) ? ERR_NO_SPACE : ERR_IO;
}

static const char *advice(int rc)
{
	return space_is_wanting(rc) ? SPACE_ADVICE : "";
}

static enum status write_error(const struct store *s, int rc, char *err)
{
	rc = space_error(rc, s->lock_fd);
	if (rc == MDB_MAP_FULL)
		return refuse(ERR_IO, err,
			      "the store in %s is full (%llu MiB): make it larger, or find out why "
			      "no snapshot could be taken",
			      s->dir, (unsigned long long)(s->map_bytes >> 20));
	return refuse(status_of(rc), err, "writing to the store in %s failed: %s%s", s->dir,
		      mdb_strerror(rc), advice(rc));
}

/* Not for an update of only term and vote: a node without a leader writes those, too. */
static bool brings_records(struct store_update *const *updates, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++)
		any |= updates[i]->n_entries > 0 || updates[i]->snapshot;
	return any;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Not synced, see store_check.c; but an error here is an error. */
static int tip_file_write(const struct store *s, int fd)
{
	struct blob *b = record_tip_file_create(&s->key, s->tip.counter, s->header.store_id);
	ssize_t n = pwrite(fd, b->data, b->len, 0);
	int rc = n == (ssize_t)b->len ? 0 : n < 0 ? errno : EIO;

	blob_unref(b);
	return rc;
}

enum status store_commit(struct store *s, struct store_update *const *updates, size_t n,
			 const struct blob *identity, char err[STORE_ERR_LEN])
{
	struct record_tip t = s->tip;
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (rc)
		return write_error(s, rc, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = store_update_write(&s->key, txn, &t, updates[i]);
	if (rc == 0 && identity)
		rc = store_record_put(txn, RECORD_IDENTITY,
				record_identity_create(&s->key, identity, t.identity));
	if (brings_records(updates, n))
		t.newest_ms = now_ms();
	t.counter++;
	if (rc == 0)
		rc = store_record_put(txn, RECORD_TIP, record_tip_create(&s->key, &t));
	if (rc) {
		mdb_txn_abort(txn);
		return write_error(s, rc, err);
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0) {
		s->tip = t;
		rc = tip_file_write(s, s->tip_fd);
	}
	return rc ? write_error(s, rc, err) : OK;
}

/* ---- Opening ---- */

static enum status lock_refuse(const struct store *s, char *err)
{
	return refuse(status_of(errno), err, "data_dir %s is not writable: %s%s", s->dir,
		      strerror(errno),
		      errno == EACCES || errno == EPERM
			      ? "; give it, and all that is in it, to the user that baton runs as"
			      : advice(errno));
}

static enum status lock_take(struct store *s, char *err)
{
	char path[PATH_MAX + 32], pid[32] = "";
	ssize_t n;

	if (mkdir(s->at, 0700) && errno != EEXIST)
		return refuse(status_of(errno), err, "data_dir %s cannot be created: %s%s", s->dir,
			      strerror(errno), advice(errno));
	path_join(s, "lock", path);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return lock_refuse(s, err);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return refuse(ERR_IO, err, "data_dir %s cannot be locked: %s", s->dir,
				      strerror(errno));
		n = pread(s->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		return refuse(ERR_EXISTS, err,
			      "data_dir %s is in use by another process (pid %s): stop that one, or "
			      "give this node a data_dir of its own",
			      s->dir, pid[0] ? pid : "unknown");
	}
	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	/* On a full disk the lock holds without saying whose it is. */
	if ((ftruncate(s->lock_fd, 0) || pwrite(s->lock_fd, pid, strlen(pid), 0) < 0) &&
	    status_of(errno) != ERR_NO_SPACE)
		return lock_refuse(s, err);
	return OK;
}

static int sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return errno;
	rc = fsync(fd) ? errno : 0;
	close(fd);
	return rc;
}

/* The first transaction: header and an empty tip. */
static int first_commit(struct store *s)
{
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (rc)
		return rc;
	s->tip = (struct record_tip){.counter = 1, .first = 1};
	rc = mdb_dbi_open(txn, NULL, 0, &dbi);
	if (rc == 0)
		rc = store_record_put(txn, RECORD_HEADER,
				record_header_create(&s->key, &s->header, s->tip.header));
	if (rc == 0)
		rc = store_record_put(txn, RECORD_TIP, record_tip_create(&s->key, &s->tip));
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static int create_in(struct store *s, const char *data, const char *tip)
{
	int fd, rc;

	unlink(data);
	unlink(tip);
	rc = store_env_open(data, s->map_bytes, 0, &s->env);
	if (rc)
		return rc;
	rc = first_commit(s);
	mdb_env_close(s->env);
	s->env = NULL;
	if (rc)
		return rc;
	fd = open(tip, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	rc = tip_file_write(s, fd);
	if (rc == 0 && fsync(fd))
		rc = errno;
	close(fd);
	return rc;
}

static enum status create(struct store *s, const struct store_options *o, char *err)
{
	char temporary[PATH_MAX + 32], final[PATH_MAX + 32], data[PATH_MAX + 32],
		tip[PATH_MAX + 32];
	int rc;

	assert(o->new_raft_id != 0);
	memcpy(s->header.key_id, s->key.id, sizeof(s->header.key_id));
	memcpy(s->header.store_id, o->new_store_id, sizeof(s->header.store_id));
	s->header.raft_id = o->new_raft_id;
	path_join(s, "store.new", temporary);
	path_join(s, "store.new/data.mdb", data);
	path_join(s, "store.new/tip", tip);
	path_join(s, "store", final);
	rc = mkdir(temporary, 0700) && errno != EEXIST ? errno : 0;
	if (rc == 0)
		rc = create_in(s, data, tip);
	if (rc == 0)
		rc = sync_path(temporary);
	if (rc == 0)
		rc = rename(temporary, final) ? errno : sync_path(s->at);
	rc = space_error(rc, s->lock_fd);
	if (rc)
		return refuse(status_of(rc), err, "a store cannot be made in data_dir %s: %s%s", s->dir,
			      mdb_strerror(rc), advice(rc));
	return OK;
}

static enum status refuse_content(const struct store *s, enum status status, const char *why,
				  char *err)
{
	if (status == ERR_FOREIGN)
		return refuse(status, err,
			      "the store in data_dir %s is foreign: %s. Nothing was changed. Check "
			      "storage_key_file, the names of cluster and node, or use another data_dir",
			      s->dir, why);
	if (status == ERR_DAMAGED)
		return refuse(status, err,
			      "the store in data_dir %s is damaged: %s. Nothing was changed. If the "
			      "other nodes are well, empty that directory: the node then joins "
			      "again and gets everything from them",
			      s->dir, why);
	return refuse(ERR_IO, err, "the store in data_dir %s cannot be read: %s", s->dir, why);
}

static enum status open_existing(struct store *s, struct store_content *c, char *err)
{
	char data[PATH_MAX + 32], tip[PATH_MAX + 32], why[STORE_WHY_LEN] = "";
	enum status status;
	int rc;

	path_join(s, "store/data.mdb", data);
	path_join(s, "store/tip", tip);
	s->tip_fd = open(tip, O_RDWR | O_CLOEXEC);
	if (s->tip_fd < 0) {
		status = errno == ENOENT ? ERR_DAMAGED : ERR_IO;
		snprintf(why, sizeof(why), "tip: %s", strerror(errno));
		return refuse_content(s, status, why, err);
	}
	status = store_check(data, s->map_bytes, &s->key, &s->header, s->tip_fd, why);
	if (status)
		return refuse_content(s, status, why, err);
	rc = store_env_open(data, s->map_bytes, 0, &s->env);
	if (rc)
		return refuse(ERR_IO, err, "the store in data_dir %s cannot be opened: %s", s->dir,
			      mdb_strerror(rc));
	status = store_read(s->env, &s->key, &s->header, s->tip_fd, c, why);
	return status ? refuse_content(s, status, why, err) : OK;
}

static enum status store_start(struct store *s, const struct store_options *o,
			       struct store_image *image, char *err)
{
	struct store_content c = {0};
	char path[PATH_MAX + 32];
	struct stat st;
	enum status status = lock_take(s, err);

	if (status)
		return status;
	path_join(s, "store", path);
	strcpy(s->header.cluster, o->cluster);
	strcpy(s->header.node, o->node);
	if (stat(path, &st) && errno == ENOENT)
		status = create(s, o, err);
	if (status)
		return status;
	status = open_existing(s, &c, err);
	if (status)
		return status;
	s->header = c.header;
	s->tip = c.tip;
	s->identity = blob_ref(c.identity);
	*image = c.image;
	memset(&c.image, 0, sizeof(c.image));
	store_content_fini(&c);
	return OK;
}

enum status store_begin(struct store *s, uint64_t incarnation, char err[STORE_ERR_LEN])
{
	if (space_below(s->lock_fd, SPACE_TO_START))
		return refuse(ERR_NO_SPACE, err, "less than %llu KiB are left for the store in %s: %s%s",
			      (unsigned long long)SPACE_TO_START >> 10, s->dir, strerror(ENOSPC), SPACE_ADVICE);
	s->tip.incarnation = incarnation;
	return store_commit(s, NULL, 0, NULL, err);
}

enum status store_open(const struct store_options *o, struct store **out, struct store_image *image,
		       char err[STORE_ERR_LEN])
{
	struct store *s = calloc(1, sizeof(*s));
	enum status status;

	assert(s && strlen(o->cluster) < sizeof(s->header.cluster) &&
	       strlen(o->node) < sizeof(s->header.node));
	memset(image, 0, sizeof(*image));
	s->lock_fd = s->tip_fd = -1;
	s->map_bytes = o->map_bytes ? o->map_bytes : STORE_MAP_BYTES;
	snprintf(s->dir, sizeof(s->dir), "%s", o->dir);
	snprintf(s->at, sizeof(s->at), "%s", o->at ? o->at : o->dir);
	record_key_init(&s->key, o->key, STORE_KEY_LEN, o->cluster);
	status = store_start(s, o, image, err);
	if (status) {
		store_image_fini(image);
		store_close(s);
		s = NULL;
	}
	*out = s;
	return status;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->env)
		mdb_env_close(s->env);
	if (s->tip_fd >= 0)
		close(s->tip_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	blob_unref(s->identity);
	record_key_fini(&s->key);
	free(s);
}

uint64_t store_raft_id(const struct store *s)
{
	return s->header.raft_id;
}

static uint64_t ms_since(uint64_t at_ms)
{
	uint64_t now = now_ms();

	return at_ms && now > at_ms ? now - at_ms : 0;
}

uint64_t store_age_ms(const struct store *s)
{
	return ms_since(s->tip.newest_ms);
}

uint64_t store_unlogged_ms(const struct store *s)
{
	return ms_since(s->tip.logged_ms);
}

struct blob *store_identity(const struct store *s)
{
	return blob_ref(s->identity);
}

unsigned store_fill_percent(const struct store *s)
{
	MDB_envinfo info;
	MDB_stat st;

	mdb_env_info(s->env, &info);
	mdb_env_stat(s->env, &st);
	return (unsigned)((st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages + 2) *
			  st.ms_psize * 100 / info.me_mapsize);
}
