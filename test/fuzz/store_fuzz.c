/* SPDX-License-Identifier: Apache-2.0 */
/* The store of a node, its file damaged on disk. The input is a list of what happened to
 * it since it was written: operation, page, place in the page (2 octets), value:
 *   FLIP   the octet there is changed by the value (1)
 *   PUT2   two octets, PUT8 eight: LMDB's own numbers
 *   OLD    the page is one of an older version of the file: version (1), page (1)
 *   CUT    the file ends there
 *   TIP    an octet of the file beside it is changed by the value (1)
 *   TIPOLD that file is of an older version: version (1)
 *   ZERO   so many octets are zero (2)
 * What must hold: a store that store_check() passes, in a child that may die of it, can be read and
 * written by this process, equals what was written, to the last bit, and stays so. It is the last
 * version, unless the file beside is older. A refusal has a reason. */
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int fuzz_time(struct timespec *t);
static void fuzz_child_ends(int status) __attribute__((noreturn));
#define clock_gettime(id, t) fuzz_time(t)
#define alarm(seconds) alarm(10) /* Ten: the machine may be busy. */
#define _exit(status) fuzz_child_ends(status)
#include "node/store/store_check.c" /* For these, and ... */
#include "node/store/store_lmdb.c"  /* ... for what is a store. */
#undef _exit
#undef alarm

#include <openssl/bytestring.h>
#include <openssl/sha.h>

/* runs: 100 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FILE_MAX (256u << 10)
#define MAP_BYTES (1u << 20)
#define PAGE 4096u
#define VERSIONS 4u
#define COUNTERS_MAX 65536u

enum { FLIP, PUT2, PUT8, OLD, CUT, TIP, TIPOLD, ZERO, OPERATIONS };

static const uint8_t store_id[STORE_ID_LEN] = "fuzzed store id";
static struct record_key key;
static struct record_header names;
static struct {
	uint8_t data[FILE_MAX], tip[256], digest[SHA256_DIGEST_LENGTH];
	size_t len, tip_len;
	uint64_t counter;
} version[VERSIONS];
static int data_fd, tip_fd;
static char data_path[64];

static int fuzz_time(struct timespec *t)
{
	*t = (struct timespec){.tv_sec = 1000000};
	return 0;
}

/* ---- What the child reaches, libFuzzer counts here ---- */

extern uint8_t __start___sancov_cntrs[] __attribute__((weak));
extern uint8_t __stop___sancov_cntrs[] __attribute__((weak));
extern int __llvm_profile_write_file(void) __attribute__((weak));
__attribute__((section("__libfuzzer_extra_counters"), aligned(4096))) static uint8_t child_counters[COUNTERS_MAX];

static void fuzz_child_ends(int status)
{
	size_t n = (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);

	if (__start___sancov_cntrs)
		memcpy(child_counters, __start___sancov_cntrs, n < COUNTERS_MAX ? n : COUNTERS_MAX);
	if (__llvm_profile_write_file)
		__llvm_profile_write_file();
	_exit(status);
}

static void share_counters(void)
{
	void *at = mmap(child_counters, sizeof(child_counters), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	assert(at == child_counters);
}

/* ---- What is in a store ---- */

static void add(SHA256_CTX *c, const struct blob *b)
{
	uint64_t len = b ? b->len : UINT64_MAX;

	SHA256_Update(c, &len, sizeof(len));
	if (b)
		SHA256_Update(c, b->data, b->len);
}

static void digest_of(const struct store_content *c, uint8_t out[SHA256_DIGEST_LENGTH])
{
	const struct store_image *i = &c->image;
	uint64_t numbers[] = {i->term, i->voted_for, i->n_entries, i->snapshot ? i->snapshot->index : 0};
	SHA256_CTX sha;

	SHA256_Init(&sha);
	SHA256_Update(&sha, numbers, sizeof(numbers));
	for (size_t k = 0; k < i->n_entries; k++) {
		SHA256_Update(&sha, &i->entries[k].index, sizeof(i->entries[k].index));
		SHA256_Update(&sha, &i->entries[k].term, sizeof(i->entries[k].term));
		add(&sha, i->entries[k].data);
	}
	add(&sha, c->identity);
	add(&sha, i->snapshot ? i->snapshot->configuration : NULL);
	add(&sha, i->snapshot ? i->snapshot->data : NULL);
	SHA256_Final(out, &sha);
}

static struct blob *filled(size_t len, uint8_t octet)
{
	struct blob *b = blob_new(NULL, len);

	memset(b->data, octet, len);
	return b;
}

/* ---- The versions ---- */

static struct store_update *update_new(uint64_t first, size_t n, size_t len)
{
	struct store_update *u = calloc(1, sizeof(*u));

	u->vote = true;
	u->term = u->voted_for = first;
	u->entries = calloc(n, sizeof(*u->entries));
	u->n_entries = n;
	for (size_t i = 0; i < n; i++)
		u->entries[i] = (struct log_entry){.index = first + i, .term = first, .type = 1,
						   .data = filled(len + i, (uint8_t)(first + i))};
	return u;
}

static void commit(struct store *s, struct store_update *u, const struct blob *identity)
{
	char err[STORE_ERR_LEN] = "";

	if (store_commit(s, &u, 1, identity, err)) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	store_update_free(u);
}

static void keep(struct store *s, unsigned v)
{
	struct store_content c;
	char why[STORE_WHY_LEN] = "";
	enum status status = store_read(s->env, &key, &names, tip_fd, &c, why);
	ssize_t n = pread(data_fd, version[v].data, FILE_MAX, 0), m = pread(tip_fd, version[v].tip, 256, 0);

	assert(status == OK && n > 0 && n < (ssize_t)FILE_MAX && m > 0);
	version[v].len = (size_t)n;
	version[v].tip_len = (size_t)m;
	version[v].counter = s->tip.counter;
	digest_of(&c, version[v].digest);
	store_content_fini(&c);
}

/* Entries enough for branches, a snapshot of several pages, pages that became free. */
static void tell(struct store *s)
{
	struct blob *identity = filled(100, 1);
	struct store_update *u = update_new(1, 30, 600);

	commit(s, u, identity);
	keep(s, 0);
	u = update_new(31, 20, 700);
	u->snapshot = calloc(1, sizeof(*u->snapshot));
	*u->snapshot = (struct store_snapshot){.index = 20, .term = 1, .configuration_index = 1,
					       .configuration = filled(60, 2), .data = filled(9000, 3)};
	u->trim_to = 20;
	commit(s, u, NULL);
	keep(s, 1);
	u = update_new(45, 10, 900);
	u->truncate_from = 45;
	commit(s, u, NULL);
	keep(s, 2);
	u = update_new(55, 3, 3000);
	u->trim_to = 30;
	commit(s, u, identity);
	keep(s, 3);
	blob_unref(identity);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct store s;
	int rc;

	(void)argc;
	(void)argv;
	share_counters();
	data_fd = memfd_create("data", MFD_CLOEXEC);
	tip_fd = memfd_create("tip", MFD_CLOEXEC);
	snprintf(data_path, sizeof(data_path), "/proc/self/fd/%d", data_fd);
	record_key_init(&key, (const uint8_t *)"a key of thirty-two octets here", 32, "fuzz");
	names.raft_id = 7;
	memcpy(names.store_id, store_id, STORE_ID_LEN);
	memcpy(names.key_id, key.id, STORE_KEY_ID_LEN);
	strcpy(names.cluster, "fuzz");
	strcpy(names.node, "n1");
	s = (struct store){.lock_fd = -1, .tip_fd = tip_fd, .key = key, .header = names,
			   .map_bytes = MAP_BYTES};
	rc = store_env_open(data_path, MAP_BYTES, 0, &s.env);
	if (rc == 0)
		rc = first_commit(&s);
	assert(rc == 0);
	tell(&s);
	mdb_env_close(s.env);
	return 0;
}

/* ---- What happened to it ---- */

static uint8_t file[FILE_MAX], tip[256];
static size_t file_len, tip_len;

static size_t write_at(size_t at, CBS *in, size_t n)
{
	CBS value;

	if (CBS_get_bytes(in, &value, n) && at + n <= file_len)
		memcpy(file + at, CBS_data(&value), n);
	return n;
}

static void operate(uint8_t operation, uint8_t page, size_t at, CBS *in)
{
	size_t pages = file_len / PAGE, place = pages ? page % pages * PAGE + at % PAGE : 0;
	uint8_t a = 0, b = 0;
	uint16_t n;

	switch (operation % OPERATIONS) {
	case FLIP:
		if (CBS_get_u8(in, &a) && place < file_len)
			file[place] ^= a;
		break;
	case PUT2:
		write_at(place, in, 2);
		break;
	case PUT8:
		write_at(place, in, 8);
		break;
	case OLD:
		if (CBS_get_u8(in, &a) && CBS_get_u8(in, &b) && pages)
			memcpy(file + place / PAGE * PAGE,
			       version[a % VERSIONS].data + b % (version[a % VERSIONS].len / PAGE) * PAGE, PAGE);
		break;
	case CUT:
		file_len = place;
		break;
	case TIP:
		if (CBS_get_u8(in, &a))
			tip[at % tip_len] ^= a;
		break;
	case TIPOLD:
		if (CBS_get_u8(in, &a))
			memcpy(tip, version[a % VERSIONS].tip, tip_len = version[a % VERSIONS].tip_len);
		break;
	case ZERO:
		if (CBS_get_u16(in, &n) && place + n <= file_len)
			memset(file + place, 0, n);
		break;
	default:
		break;
	}
}

static void damage(const uint8_t *data, size_t len)
{
	uint8_t operation, page;
	uint16_t at;
	ssize_t n;
	CBS in;
	int rc;

	file_len = version[VERSIONS - 1].len;
	tip_len = version[VERSIONS - 1].tip_len;
	memcpy(file, version[VERSIONS - 1].data, file_len);
	memcpy(tip, version[VERSIONS - 1].tip, tip_len);
	CBS_init(&in, data, len);
	while (CBS_get_u8(&in, &operation) && CBS_get_u8(&in, &page) && CBS_get_u16(&in, &at))
		operate(operation, page, at, &in);
	rc = ftruncate(data_fd, 0) | ftruncate(tip_fd, 0);
	assert(rc == 0);
	n = pwrite(data_fd, file, file_len, 0);
	assert(n == (ssize_t)file_len);
	n = pwrite(tip_fd, tip, tip_len, 0);
	assert(n == (ssize_t)tip_len);
}

/* ---- What must hold ---- */

static unsigned version_of(const struct store_content *c)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	unsigned v = VERSIONS;

	digest_of(c, digest);
	while (v-- > 0)
		if (version[v].counter == c->tip.counter)
			break;
	assert(v < VERSIONS && memcmp(digest, version[v].digest, sizeof(digest)) == 0);
	return v;
}

/* Goes on with it as a node does, twice, and reads it anew. */
static void go_on(struct store *s)
{
	uint64_t last = s->tip.last, first = s->tip.first;
	struct store_content c;
	char why[STORE_WHY_LEN] = "";
	enum status status;

	for (unsigned i = 0; i < 2; i++) {
		struct store_update *u = update_new(last + 1 + 8 * i, 8, 2000);

		u->trim_to = first + 3 * i;
		commit(s, u, NULL);
	}
	mdb_env_close(s->env);
	status = store_check(data_path, MAP_BYTES, &key, &names, tip_fd, why);
	assert(status == OK);
	status = store_env_open(data_path, MAP_BYTES, 0, &s->env) ? ERR_IO : OK;
	assert(status == OK);
	status = store_read(s->env, &key, &names, tip_fd, &c, why);
	assert(status == OK && c.tip.last == last + 16 && c.image.entries[0].index == c.tip.first);
	store_content_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct store s = {.lock_fd = -1, .tip_fd = tip_fd, .key = key, .map_bytes = MAP_BYTES};
	struct store_content c;
	char why[STORE_WHY_LEN] = "";
	enum status status;
	int rc;

	damage(data, len);
	status = store_check(data_path, MAP_BYTES, &key, &names, tip_fd, why);
	assert(status == OK || ((status == ERR_DAMAGED || status == ERR_FOREIGN) && why[0]));
	if (status)
		return 0;
	rc = store_env_open(data_path, MAP_BYTES, 0, &s.env);
	assert(rc == 0);
	status = store_read(s.env, &key, &names, tip_fd, &c, why);
	assert(status == OK);
	s.header = c.header;
	s.tip = c.tip;
	rc = (int)version_of(&c);
	assert((unsigned)rc == VERSIONS - 1 || memcmp(tip, version[VERSIONS - 1].tip, tip_len) != 0);
	store_content_fini(&c);
	go_on(&s);
	mdb_env_close(s.env);
	return 0;
}
