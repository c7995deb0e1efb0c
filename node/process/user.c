/* SPDX-License-Identifier: Apache-2.0 */
/* Root is needed only to read secrets and to give the data directory away: interfaces, sockets and
 * BPF programs need capabilities, which are kept (PR_SET_KEEPCAPS). So the change comes right after
 * the secrets are read, while there is one thread, and the rest of the start runs as under a unit
 * with User= and AmbientCapabilities=.
 *
 * Which user: [cluster] user, or "baton", or, on a host without that one, an unused number from the
 * range of systemd's dynamic users. It depends only on data_dir, so two nodes of one host have two;
 * if a number in that range already owns the data, it stays. A container that maps only root stays
 * root, and says so.
 *
 * The data is given away once. A file that is not ours by name, or has a second name (a hard link
 * that somebody put there), keeps its owner: nobody may borrow root's chown. */
#include "node/process/user.h"

#include "node/process/space.h"
#include "xdp/thread/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define USER_DEFAULT "baton"
#define DYNAMIC_FIRST 61184u /* systemd.exec(5), DynamicUser= */
#define DYNAMIC_LAST 65519u
#define DYNAMIC_COUNT (DYNAMIC_LAST - DYNAMIC_FIRST + 1)

static enum status __attribute__((format(printf, 2, 3))) fail(char *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, USER_ERR_LEN, format, ap);
	va_end(ap);
	return ERR_IO;
}

/* ---- Who ---- */

struct user_ids {
	uid_t uid;
	gid_t gid;
	bool dynamic;
};

static bool is_dynamic(uid_t uid)
{
	return uid >= DYNAMIC_FIRST && uid <= DYNAMIC_LAST;
}

/* FNV-1a: any spread will do. */
static uint32_t hash_text(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

/* Does the user namespace have it? user_namespaces(7): first here, first there, how many. */
static bool is_mapped(uid_t uid)
{
	FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned long long first, there, count;
	bool found = f == NULL;

	while (f && fscanf(f, "%llu %llu %llu", &first, &there, &count) == 3)
		found |= uid >= first && uid - first < count;
	if (f)
		fclose(f);
	return found;
}

static bool choose_dynamic(const char *data_dir, struct user_ids *who)
{
	uint32_t start = hash_text(data_dir) % DYNAMIC_COUNT;
	struct stat st;

	who->dynamic = true;
	if (stat(data_dir, &st) == 0 && is_dynamic(st.st_uid) && !getpwuid(st.st_uid)) {
		who->uid = who->gid = st.st_uid;
		return true;
	}
	for (uint32_t i = 0; i < DYNAMIC_COUNT; i++) {
		who->uid = who->gid = DYNAMIC_FIRST + (start + i) % DYNAMIC_COUNT;
		if (!getpwuid(who->uid) && !getgrgid(who->gid))
			return true;
	}
	return false;
}

static enum status choose(const struct node_config *c, struct user_ids *who, char *err)
{
	const char *name = c->user[0] ? c->user : USER_DEFAULT;
	const struct passwd *p = getpwnam(name);

	memset(who, 0, sizeof(*who));
	if (p) {
		who->uid = p->pw_uid;
		who->gid = p->pw_gid;
		return OK;
	}
	if (c->user[0])
		return fail(err, "%.512s: user = \"%s\": there is no such user; make it, or leave the key out",
			    c->file, c->user);
	return choose_dynamic(c->node[c->cluster.self].data_dir, who)
		       ? OK
		       : fail(err, "no user id is free: make a system user \"%s\"", USER_DEFAULT);
}

/* ---- The data ---- */

/* Looked at and given by the same descriptor, and never through a symbolic link. */
static int give_at(int dir, const char *name, const struct user_ids *who)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), error = 0;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : errno;
	if (fstat(fd, &st))
		error = errno;
	else if (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1))
		error = fchownat(fd, "", who->uid, who->gid, AT_EMPTY_PATH) ? errno : 0;
	close(fd);
	return error;
}

/* A folder of ours: made root's first, who need not have CAP_DAC_OVERRIDE; then its contents are
 * given away, then the folder itself, so that an interrupted start gives again. */
static int give_folder(int dir, const char *name, const char *const *files,
		       const struct user_ids *who)
{
	const struct user_ids root = {0};
	int error = give_at(dir, name, &root), fd;

	if (error)
		return error;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : errno;
	for (; *files && !error; files++)
		error = give_at(fd, *files, who);
	close(fd);
	return error ? error : give_at(dir, name, who);
}

static int give_data(int data, const struct user_ids *who)
{
	static const char *const inside[] = {"data.mdb", "tip", NULL};
	struct stat st;
	int error, fd;

	if (fstat(data, &st))
		return errno;
	if (st.st_uid == who->uid && st.st_gid == who->gid)
		return 0;
	if (fchownat(data, "", 0, 0, AT_EMPTY_PATH))
		return errno;
	fd = openat(data, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (!(error = give_at(fd, "lock", who)) && !(error = give_folder(fd, "store", inside, who)))
		error = give_folder(fd, "store.new", inside, who);
	close(fd);
	if (!error && fchownat(data, "", who->uid, who->gid, AT_EMPTY_PATH))
		error = errno;
	return error;
}

/* ---- The change ---- */

static int change(const struct user_ids *who)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* Nobody else may raise it. */
	privilege_bound();
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) ||
	    setresgid(who->gid, who->gid, who->gid) || setresuid(who->uid, who->uid, who->uid))
		return errno;
	(void)prctl(PR_SET_DUMPABLE, 0); /* The kernel has set it to fs.suid_dumpable. */
	return 0;
}

static enum status fail_data(const struct node_config *c, int error, const char *what, char *err)
{
	bool full = space_is_wanting(error);

	(void)fail(err, "data_dir %.512s cannot be %s: %s%s", c->node[c->cluster.self].data_dir, what,
		   strerror(error), full ? SPACE_ADVICE : "");
	return full ? ERR_NO_SPACE : ERR_IO;
}

static enum status give(const struct node_config *c, int data, const struct user_ids *who, char *err)
{
	int error = give_data(data, who);
	char what[48];

	snprintf(what, sizeof(what), "given to user id %u", who->uid);
	return error ? fail_data(c, error, what, err) : OK;
}

static enum status stay(const struct node_config *c, struct events *events, int data, const char *why,
			char *err)
{
	const struct user_ids root = {0};
	enum status status = give(c, data, &root, err);

	if (!status)
		events_add(events, CONFIG_LOG_WARNING, "guard", "runs as root%s", why);
	return status;
}

static enum status become(const struct node_config *c, struct events *events, int data, char *err)
{
	struct user_ids who;
	enum status status;
	int error;

	if (strcmp(c->user, "root") == 0)
		return stay(c, events, data, ", as [cluster] user says", err);
	if ((status = choose(c, &who, err)))
		return status;
	if (who.uid == 0)
		return fail(err, "%.512s: user = \"%s\" is root by another name", c->file, c->user);
	if (who.dynamic && !is_mapped(who.uid))
		return stay(c, events, data, ": this container has no other user", err);
	if ((status = give(c, data, &who, err)))
		return status;
	error = change(&who);
	if (error)
		return fail(err, "cannot become user id %u: %s; it needs CAP_SETUID and CAP_SETGID, or "
			    "start as that user with the capabilities of deploy/baton@.service",
			    who.uid, strerror(error));
	events_add(events, CONFIG_LOG_INFO, "guard", "user id %u%s", who.uid,
		   who.dynamic ? ": there is no user \"" USER_DEFAULT "\" here" : "");
	return OK;
}

/* Makes the folders above it too: on a new machine there is not even /var/lib/baton. They are open
 * to others, the last one is not. */
static int make_folder(const char *dir)
{
	char path[CONFIG_PATH_MAX];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) == 0)
			(void)chmod(path, 0755);
		else if (errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -1 : 0;
}

enum status user_become(const struct node_config *c, struct events *events, char err[USER_ERR_LEN])
{
	const char *dir = c->node[c->cluster.self].data_dir;
	enum status status = OK;
	int data;

	if (make_folder(dir) != 0)
		return fail_data(c, errno, "created", err);
	data = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (data < 0)
		return fail_data(c, errno, "opened", err);
	if (getuid() == 0)
		status = become(c, events, data, err);
	if (status == ERR_NO_SPACE) { /* Still root, who will be asked again. */
		close(data);
		return status;
	}
	(void)privilege_keep(PRIVILEGE_START);
	if (!status && fchdir(data))
		status = fail(err, "data_dir %.512s is not open to user id %u: %s; give it to that user", dir,
			      getuid(), strerror(errno));
	close(data);
	return status;
}
