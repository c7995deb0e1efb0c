/* SPDX-License-Identifier: Apache-2.0 */
/* The store: opening it under all circumstances, and committing to it.
 *
 * It is made in DATA_DIR/store.new, which is renamed to DATA_DIR/store once it is
 * whole and synced; what a crash leaves of store.new holds nothing that anybody was
 * promised. From then on nothing but store_commit() writes, and a store that does not
 * open is left as it is: an operator may still want to copy it.
 *
 * LMDB syncs data, then the meta page, with each commit (no MDB_NOSYNC, no
 * MDB_WRITEMAP). It runs without its own lock file: flock() on DATA_DIR/lock keeps
 * other processes out, and this process reads only in its write transactions. */
#include "node/store_lmdb.h"
#include "node/store_check.h"

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
#include <unistd.h>

#define MAIN_DBI 1u /* LMDB's unnamed tree. */

struct store {
	int lock_fd, tip_fd;
	MDB_env *env;
	struct record_key key;
	struct record_header header;
	struct record_tip tip; /* As committed. */
	struct blob *identity;
	uint64_t previous_incarnation;
	uint64_t map_bytes;
	char dir[PATH_MAX];
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
	snprintf(path, PATH_MAX + 32, "%s/%s", s->dir, rest);
}

/* ---- Transactions ---- */

static int put(MDB_txn *txn, const void *key, size_t key_len, const struct blob *b)
{
	MDB_val k = {key_len, (void *)key}, v = {b->len, (void *)b->data};

	return mdb_put(txn, MAIN_DBI, &k, &v, 0);
}

static int put_record(MDB_txn *txn, enum record_kind kind, struct blob *b)
{
	uint8_t key = (uint8_t)kind;
	int rc = put(txn, &key, 1, b);

	blob_unref(b);
	return rc;
}

static int delete_entries(MDB_txn *txn, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i <= to; i++) {
		uint8_t key[RECORD_KEY_MAX];
		MDB_val k = {record_entry_key(i, key), key};
		int rc = mdb_del(txn, MAIN_DBI, &k, NULL);

		if (rc)
			return rc;
	}
	return 0;
}

/* The stored MAC of an entry that is there. */
static int entry_mac(MDB_txn *txn, uint64_t index, uint8_t mac[STORE_MAC_LEN])
{
	uint8_t key[RECORD_KEY_MAX];
	MDB_val k = {record_entry_key(index, key), key}, v;
	int rc = mdb_get(txn, MAIN_DBI, &k, &v);

	if (rc == 0 && v.mv_size < STORE_MAC_LEN)
		rc = MDB_CORRUPTED;
	if (rc == 0)
		memcpy(mac, v.mv_data, STORE_MAC_LEN);
	return rc;
}

static int drop_log(MDB_txn *txn, struct record_tip *t, uint64_t next)
{
	int rc = delete_entries(txn, t->first, t->last);

	t->first = next;
	t->last = next - 1;
	memset(t->base, 0, sizeof(t->base));
	memset(t->chain, 0, sizeof(t->chain));
	return rc;
}

static int truncate_log(MDB_txn *txn, struct record_tip *t, uint64_t from)
{
	int rc;

	if (from > t->last)
		return 0;
	if (from < t->first)
		from = t->first;
	rc = delete_entries(txn, from, t->last);
	if (from == t->first)
		memcpy(t->chain, t->base, sizeof(t->chain));
	else if (rc == 0)
		rc = entry_mac(txn, from - 1, t->chain);
	t->last = from - 1;
	return rc;
}

static int trim_log(MDB_txn *txn, struct record_tip *t, uint64_t to)
{
	int rc;

	if (to > t->last)
		to = t->last;
	if (to < t->first)
		return 0;
	rc = entry_mac(txn, to, t->base);
	if (rc == 0)
		rc = delete_entries(txn, t->first, to);
	t->first = to + 1;
	return rc;
}

static int append_entry(const struct store *s, MDB_txn *txn, struct record_tip *t,
			const struct log_entry *e)
{
	uint8_t key[RECORD_KEY_MAX];
	struct blob *b;
	int rc;

	if (t->last < t->first && e->index != t->last + 1) {
		t->first = e->index;
		t->last = e->index - 1;
	}
	assert(e->index == t->last + 1);
	b = record_entry_create(&s->key, e, t->chain, t->chain);
	rc = put(txn, key, record_entry_key(e->index, key), b);
	blob_unref(b);
	t->last = e->index;
	return rc;
}

/* In the order that cluster/store.h gives. */
static int update_write(const struct store *s, MDB_txn *txn, struct record_tip *t,
			const struct store_update *u)
{
	int rc = 0;

	if (u->vote) {
		t->term = u->term;
		t->voted_for = u->voted_for;
	}
	if (u->snapshot)
		rc = put_record(txn, RECORD_SNAPSHOT,
				record_snapshot_create(&s->key, u->snapshot, t->snapshot));
	if (rc == 0 && u->snapshot && u->snapshot_resets_log)
		rc = drop_log(txn, t, u->snapshot->index + 1);
	if (rc == 0 && u->truncate_from)
		rc = truncate_log(txn, t, u->truncate_from);
	for (size_t i = 0; rc == 0 && i < u->n_entries; i++)
		rc = append_entry(s, txn, t, &u->entries[i]);
	if (rc == 0 && u->trim_to)
		rc = trim_log(txn, t, u->trim_to);
	return rc;
}

static enum status write_error(const struct store *s, int rc, char *err)
{
	if (rc == MDB_MAP_FULL)
		return refuse(ERR_IO, err,
			      "the store in %s is full (%llu MiB): make it larger, or find out why "
			      "no snapshot could be taken",
			      s->dir, (unsigned long long)(s->map_bytes >> 20));
	return refuse(ERR_IO, err, "writing to the store in %s failed: %s%s", s->dir,
		      mdb_strerror(rc), rc == ENOSPC ? "; make room on that disk" : "");
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
		rc = update_write(s, txn, &t, updates[i]);
	if (rc == 0 && identity)
		rc = put_record(txn, RECORD_IDENTITY,
				record_identity_create(&s->key, identity, t.identity));
	t.counter++;
	if (rc == 0)
		rc = put_record(txn, RECORD_TIP, record_tip_create(&s->key, &t));
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

static enum status lock_take(struct store *s, char *err)
{
	char path[PATH_MAX + 32], pid[32] = "";
	ssize_t n;

	if (mkdir(s->dir, 0700) && errno != EEXIST)
		return refuse(ERR_IO, err, "data_dir %s cannot be created: %s", s->dir,
			      strerror(errno));
	path_join(s, "lock", path);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return refuse(ERR_IO, err,
			      "data_dir %s is not writable: %s; give it to the user that baton "
			      "runs as",
			      s->dir, strerror(errno));
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
	if (ftruncate(s->lock_fd, 0) || pwrite(s->lock_fd, pid, strlen(pid), 0) < 0)
		return refuse(ERR_IO, err, "data_dir %s is not writable: %s", s->dir,
			      strerror(errno));
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
		rc = put_record(txn, RECORD_HEADER,
				record_header_create(&s->key, &s->header, s->tip.header));
	if (rc == 0)
		rc = put_record(txn, RECORD_TIP, record_tip_create(&s->key, &s->tip));
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
		rc = rename(temporary, final) ? errno : sync_path(s->dir);
	if (rc)
		return refuse(ERR_IO, err, "a store cannot be made in data_dir %s: %s", s->dir,
			      mdb_strerror(rc));
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
	s->previous_incarnation = s->tip.incarnation;
	return OK;
}

enum status store_begin(struct store *s, uint64_t incarnation, char err[STORE_ERR_LEN])
{
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

uint64_t store_previous_incarnation(const struct store *s)
{
	return s->previous_incarnation;
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
